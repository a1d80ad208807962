"""What ``asyncdbx diff`` costs between runs of a million records, and whether it is true.

    python benchmarks/bench_diff.py [--rows 1000000]

Three runs of five workspaces are published, as an inventory does it: 85 % are files of DBFS
with bodies of 130 bytes, the others jobs of 1 kB. Between the first two some records are
added, removed and changed, and some bodies are only written in another way; between the
last two every record has changed in one field, which is then left out: nothing is the same,
and nothing has changed.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import MB, Targets, output, print_table, run, script

WORKSPACES = ("prod", "staging", "dev", "a b%", "ü")
RUNS = ("20261124T020000Z-aa", "20261125T020000Z-bb", "20261126T020000Z-cc")
JOBS = 0.15  # of all records
EACH = 10_000  # of so many records, one is added, one removed, one changed, one respelled
NOON = 1_795_600_000_000  # milliseconds since 1970
Found = Counter[tuple[str, str]]  # by resource and what has happened


@dataclass(frozen=True, slots=True)
class Kind:
    """Records of one resource.

    Attributes:
        resource: Its name.
        columns: Its typed columns.
        record: Of a number: the record.
        setting: A field that somebody changes.
        ignored: A field that is left out.
    """

    resource: str
    columns: dict[str, str]
    record: Callable[[int], dict[str, Any]]
    setting: str
    ignored: str


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make is not None:
        make(options.make, options.rows)
        return 0
    targets = Targets()
    with tempfile.TemporaryDirectory(prefix="asyncdbx-") as name:
        folder = Path(name, "inventory")
        # Elsewhere, because a large parent counts as its children's peak memory.
        planted = output(script("bench_diff.py", "--rows", options.rows, "--make", folder))
        expected = Counter({(each[0], each[1]): each[2] for each in json.loads(planted)})
        first = ("--from", RUNS[0], "--to", RUNS[1])
        show(
            f"{options.rows:,} records, a few of which have changed",
            measured(folder, first, expected, targets, seconds=10),
        )
        ignored = [f"--ignore={kind.resource}.{kind.ignored}" for kind in KINDS]
        last = ("--from", RUNS[1], "--to", RUNS[2], *ignored)
        show(
            "All of them differ, in a field that is left out",
            measured(folder, last, Counter(), targets),
        )
    return targets.exit_code


def measured(
    folder: Path,
    options: Sequence[str],
    expected: Found,
    targets: Targets,
    seconds: float | None = None,
) -> list[tuple[str, str, str]]:
    """Return rows of a table: what a diff took, and what it found."""
    log = folder.with_suffix(".jsonl")
    command = [sys.executable, "-m", "asyncdbx", "diff", str(folder), *options]
    usage = run([*command, "-o", "jsonl"], log=log)
    found = counted(log)
    if usage.code != 0:
        print(log.read_text(encoding="utf-8")[-2000:])
    wrong = sum(abs(expected[each] - found[each]) for each in {*expected, *found})
    peak = usage.peak / MB
    soon = targets.at_most(usage.wall, seconds) if seconds is not None else ""
    return [
        ("exit code", str(usage.code), targets.at_most(usage.code, 0)),
        ("wall seconds", f"{usage.wall:.1f}", soon),
        ("CPU seconds", f"{usage.cpu:.1f}", ""),
        ("peak memory, MB", f"{peak:.0f}", targets.at_most(peak, 500)),
        *(
            (what, f"{sum(n for (_, did), n in found.items() if did == what):,}", "")
            for what in ("added", "removed", "changed")
        ),
        ("too many or too few of these", str(wrong), targets.at_most(wrong, 0)),
    ]


def show(title: str, rows: Sequence[tuple[str, str, str]]) -> None:
    print_table(title, ("what", "value", "target"), rows)


def counted(log: Path) -> Found:
    """Return what a diff printed; the last line is for people."""
    found: Found = Counter()
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("{"):
                change = json.loads(line)
                found[change["resource"], change["change"]] += 1
    return found


def file_of_dbfs(number: int) -> dict[str, Any]:
    table = f"/mnt/lake/sales_{number // 1000:04}"
    path = f"{table}/part-{number % 1000:05}-{number * 2654435761 % 2**32:08x}.parquet"
    times = {"modification_time": 1_700_000_000_000 + number}
    return {"path": path, "is_dir": False, "file_size": 1_000 + 7 * number, **times}


def job(number: int) -> dict[str, Any]:
    cluster = {
        "spark_version": "15.4.x-scala2.12",
        "node_type_id": "i3.xlarge",
        "num_workers": number % 9,
        "spark_conf": {"spark.databricks.delta.preview.enabled": "true"},
    }
    tasks = [
        {
            "task_key": f"step_{each}",
            "run_if": "ALL_SUCCESS",
            "notebook_task": {
                "notebook_path": f"/Workspace/etl/step_{number}_{each}",
                "source": "WORKSPACE",
            },
            "job_cluster_key": "main",
            "timeout_seconds": 0,
            "email_notifications": {},
        }
        for each in range(3)
    ]
    settings = {
        "name": f"nightly {number}",
        "email_notifications": {},
        "timeout_seconds": 0,
        "max_concurrent_runs": 1,
        "tasks": tasks,
        "job_clusters": [{"job_cluster_key": "main", "new_cluster": cluster}],
        "format": "MULTI_TASK",
    }
    return {
        "job_id": 1_000_003 * number,
        "creator_user_name": f"user{number % 300}@example.com",
        "settings": settings,
        "created_time": 1_690_000_000_000 + number,
    }


KINDS = (
    Kind(
        "dbfs",
        {"path": "str", "file_size": "int64", "modification_time": "int64"},
        file_of_dbfs,
        "file_size",
        "modification_time",
    ),
    Kind(
        "jobs",
        {"job_id": "int64", "creator_user_name": "str", "created_time": "int64"},
        job,
        "creator_user_name",
        "created_time",
    ),
)


def make(folder: Path, rows: int) -> None:
    """Publish the runs, and print how much was planted between the first two."""
    from asyncdbx.inventory.folder import Folder
    from asyncdbx.inventory.ledger import LISTINGS, listing_rows
    from asyncdbx.inventory.rows import Block, Columns
    from asyncdbx.inventory.store import Store

    store = Store(Folder.open(folder))
    planted: Found = Counter()
    for turn, run_id in enumerate(RUNS):
        for kind, share in zip(KINDS, (1 - JOBS, JOBS), strict=True):
            size = round(rows * share / len(WORKSPACES))
            for at, workspace in enumerate(WORKSPACES):
                numbers = range(at * size, (at + 1) * size)
                blocks = map(Block.of, batched(kind, numbers, turn, planted))
                columns = Columns(kind.columns)
                store.publish(kind.resource, {workspace: blocks}, columns, run_id=run_id)
        store.replace_run(LISTINGS, run_id, listing_rows(run_id, ended(turn), ()))
    print(json.dumps([[*key, count] for key, count in planted.items()]))


def batched(kind: Kind, numbers: range, turn: int, planted: Found) -> Iterator[list[Any]]:
    """Yield rows of a listing as one run has it."""
    for start in range(numbers.start, numbers.stop, 2_000):
        some = range(start, min(start + 2_000, numbers.stop))
        rows = (row(kind, number, turn, planted) for number in some)
        yield [each for each in rows if each is not None]


def row(kind: Kind, number: int, turn: int, planted: Found) -> Any:
    """Return a record as it is after a run, None if it is not there; count what changed."""
    from asyncdbx.inventory.rows import Row

    plant = {0: "added", 1: "removed", 2: "changed", 3: "respelled"}.get(number % EACH)
    if plant in {"added", "removed", "changed"} and turn == 1:
        planted[kind.resource, plant] += 1
    if (plant == "added" and turn == 0) or (plant == "removed" and turn > 0):
        return None
    record = kind.record(number)
    name = next(iter(record))
    if plant == "changed" and turn > 0:
        record[kind.setting] = "somebody else"
    if turn == 2:
        record[kind.ignored] += 1
    if plant == "respelled" and turn > 0:
        record = dict(reversed(record.items()))
    spaces = (", ", ": ") if plant == "respelled" and turn > 0 else (",", ":")
    body = json.dumps(record, separators=spaces).encode()
    return Row(str(record[name]), None, None, body, NOON)


def ended(turn: int) -> Iterator[Any]:
    from asyncdbx.inventory.verdict import Ended

    start = NOON + 86_400_000 * turn
    for workspace in WORKSPACES:
        for kind in KINDS:
            yield Ended(
                workspace,
                kind.resource,
                "complete",
                records=1,
                calls=1,
                throttled=0,
                lane="lane",
                rate=None,
                waited=None,
                paused=None,
                started_at=start,
                ended_at=start + 600_000,
                error="",
            )


if __name__ == "__main__":
    sys.exit(main())
