"""The listings of bench_json_stream: generated, the same each time, in pieces.

python benchmarks/json_documents.py flat 1000 > flat.json
"""

import itertools
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

# Quotes, escapes, braces and what looks like the end of a record, inside of a string.
TRICKY = 'a "quoted" {name}, C:\\new\\\\ ]},{"cluster_id":"x"}],"y":[{ \t Übung 集群 😀'


@dataclass(frozen=True, slots=True)
class Listing:
    """One kind of listing.

    Attributes:
        key: Of its list.
        records: Yields as many as are asked for.
        count: How many the benchmark takes.
        rest: What stands behind the list.
        indent: Pretty-printed.
    """

    key: str
    records: Callable[[int], Iterator[dict[str, Any]]]
    count: int
    rest: bytes = b""
    indent: bool = False

    def chunks(self, count: int) -> Iterator[bytes]:
        """Yield the document, some records at a time."""
        yield b'{"%s":[' % self.key.encode()
        between = b""
        records = self.records(count)
        while some := list(itertools.islice(records, 500)):
            yield between + self._text(some)
            between = b","
        yield b"]" + self.rest + b"}"

    def _text(self, records: list[dict[str, Any]]) -> bytes:
        if not self.indent:
            return orjson.dumps(records)[1:-1]
        # As deep as inside of the document's list.
        nested = orjson.dumps([[each] for each in records], option=orjson.OPT_INDENT_2)
        pieces = nested.split(b"\n  [\n")[1:]
        bare = [piece[: piece.rindex(b"\n  ]")] for piece in pieces]
        return b",".join(b"\n" + each for each in bare)


def files(count: int) -> Iterator[dict[str, Any]]:
    """Yield entries of one DBFS directory."""
    rng = random.Random(1)
    for number in range(count):
        yield {
            "path": f"/mnt/landing/2026/11/{number % 30:02d}"
            f"/part-{number:05d}-{rng.getrandbits(32):08x}.snappy.parquet",
            "is_dir": False,
            "file_size": rng.randrange(10**9),
            "modification_time": 1_700_000_000_000 + number,
        }


def clusters(count: int) -> Iterator[dict[str, Any]]:
    """Yield clusters, with all that a running one has."""
    rng = random.Random(2)
    for number in range(count):
        start = 1_700_000_000_000 + number
        yield {
            "cluster_id": f"1123-{number:06d}-{rng.getrandbits(32):08x}",
            "cluster_name": f"{TRICKY} {number}",
            "spark_version": "15.4.x-scala2.12",
            "spark_conf": {f"spark.key{k}": f"{k} {TRICKY}" for k in range(8)},
            "aws_attributes": {"availability": "SPOT", "zone_id": "us-west-2a"},
            "node_type_id": "i3.xlarge",
            "driver": _node(rng, start),
            "executors": [_node(rng, start + k) for k in range(8)],
            "custom_tags": {f"tag{k}": f"größe-{k}" for k in range(10)},
            "init_scripts": [{"workspace": {"destination": "/Users/a@b.c/init.sh"}}],
            "spark_env_vars": {"JSON": '{"a": [1, {"b": "\\n"}]}'},
            "autotermination_minutes": 60,
            "state": "RUNNING",
            "state_message": "",
            "start_time": start,
            "cluster_memory_mb": 65_536,
            "cluster_cores": 32.0,
            "default_tags": {"Vendor": "Databricks", "ClusterId": f"{number}"},
            "num_workers": 8,
        }


def _node(rng: random.Random, start: int) -> dict[str, Any]:
    return {
        "node_id": f"{rng.getrandbits(128):032x}",
        "private_ip": f"10.0.{start % 250}.7",
        "start_timestamp": start,
        "host_private_ip": "10.1.2.3",
    }


def jobs(count: int) -> Iterator[dict[str, Any]]:
    """Yield jobs with loops in loops."""
    rng = random.Random(3)
    for number in range(count):
        loop: dict[str, Any] = {"notebook_path": "/Repos/x", "source": "WORKSPACE"}
        for level in range(12):
            inner = {"task_key": f"t{level}", "task": [loop, {"level": level}]}
            loop = {"for_each_task": {"inputs": "[1, 2]", "task": inner}}
        yield {
            "job_id": rng.randrange(10**15),
            "settings": {
                "name": f"job {number}",
                "tasks": [*(_task(key) for key in range(12)), loop],
                "schedule": {"quartz_cron_expression": "0 0 * * * ?"},
            },
            "created_time": 1_700_000_000_000 + number,
        }


def _task(key: int) -> dict[str, Any]:
    return {
        "task_key": f"t{key}",
        "depends_on": [
            {"task_key": f"t{before}"} for before in range(max(0, key - 2), key)
        ],
        "notebook_task": {
            "notebook_path": f"/Repos/x/{key}",
            "base_parameters": {"a": "b"},
        },
        "libraries": [{"pypi": {"package": "x==1"}}],
    }


TOKEN = b',"has_more":true,"next_page_token":"CAEQ"'
LISTINGS = {
    "flat": Listing("files", files, 1_000_000),
    "nested": Listing("clusters", clusters, 20_000),
    "deep": Listing("jobs", jobs, 5_000, TOKEN),
    "flat, pretty": Listing("files", files, 1_000_000, indent=True),
    "nested, pretty": Listing("clusters", clusters, 20_000, indent=True),
    "deep, pretty": Listing("jobs", jobs, 5_000, TOKEN, indent=True),
}


def main() -> None:
    """Write a document to stdout."""
    name, count = sys.argv[1:3]
    for chunk in LISTINGS[name].chunks(int(count)):
        sys.stdout.buffer.write(chunk)


if __name__ == "__main__":
    main()
