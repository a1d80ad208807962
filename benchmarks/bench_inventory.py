"""A whole inventory of a simulated fleet: time, memory, quota, and whether it is true.

    python benchmarks/bench_inventory.py [--scale 1] [--workspaces 5]

Five workspaces and an account in a process of their own, with the published limits;
``asyncdbx inventory --all-profiles`` in another. Then every table is compared with what the
simulator says it holds. Its clusters and runs do not change state meanwhile
(``--speed 0``), so truth and tables must be the same to the last digit; and a second
inventory must ask no more than the first did, and differ from it in nothing.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.common import (
    MB,
    SimulatedFleet,
    Targets,
    Usage,
    output,
    percent,
    print_table,
    run,
    simulated_fleet,
)

# The lanes that decide how long an inventory takes.
BINDING = ("dbfs", "permissions.read", "GET /api/2.0/workspace/list")
# What tells the records of a resource apart, where it is not one of IDS; "^" is the record
# they are listed under. Written here once more, so that the client's own table is judged.
KEYS = {
    "instance_profiles": ("instance_profile_arn",),
    "job_runs": ("run_id",),
    "secret_scopes": ("name",),
    "secrets": ("^", "key"),
    "secret_acls": ("^", "principal"),
    "model_versions": ("^", "version"),
    "workspace_objects": ("object_id",),
    "tables": ("full_name",),
    "volumes": ("full_name",),
    "customer_managed_keys": ("customer_managed_key_id",),
    "credentials": ("credentials_id",),
    "networks": ("network_id",),
    "storage_configurations": ("storage_configuration_id",),
}
IDS = (
    "cluster_id", "policy_id", "instance_pool_id", "script_id", "job_id", "pipeline_id",
    "token_id", "list_id", "experiment_id", "dashboard_id", "config_id", "workspace_id",
    "private_access_settings_id", "object_id", "id", "path", "full_name",
)  # fmt: skip
Json = Mapping[str, Any]
MEMORY = 200  # MB, that a few workspaces may take
FEW = 5


@dataclass(slots=True)
class Comparison:
    """Tables against truth, in numbers of records.

    Attributes:
        expected: In the simulator.
        found: In the tables.
        lost: Expected, and in no table.
        doubled: In a table more often than in the simulator.
        strange: Ids that the simulator does not know: a changed digit, too.
        bodies: Bodies that differ from what the simulator holds, in anything.
        columns: Numbers in typed columns that differ from the body.
        where: Resources with a fault.
    """

    expected: int = 0
    found: int = 0
    lost: int = 0
    doubled: int = 0
    strange: int = 0
    bodies: int = 0
    columns: int = 0
    where: set[str] = field(default_factory=set[str])

    @property
    def faults(self) -> int:
        return self.lost + self.doubled + self.strange + self.bodies + self.columns


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--workspaces", type=int, default=5)
    options = parser.parse_args()
    size = ("--scale", options.scale, "--workspaces", options.workspaces)
    targets = Targets()
    with (
        tempfile.TemporaryDirectory(prefix="asyncdbx-") as name,
        simulated_fleet(*size, "--speed", 0) as fleet,
    ):
        folder = Path(name, "inventory")
        usage = inventory(fleet, folder)
        memory = MEMORY if options.workspaces <= FEW else None
        show_run(usage, folder, memory, targets)
        show_lanes(fleet.ask("stats"))
        show_comparison(compare_all(fleet, folder), targets)
        show_second(fleet, folder, targets)
    return targets.exit_code


def inventory(fleet: SimulatedFleet, folder: Path) -> Usage:
    command = [sys.executable, "-m", "asyncdbx", "inventory", "--all-profiles"]
    log = folder.with_suffix(".log")
    usage = run(
        [*command, "--to", str(folder)],
        env={
            "DATABRICKS_CONFIG_FILE": str(fleet.config),
            # As on a host where nothing ran before: what others left there has a size.
            "ASYNCDBX_LANES": str(fleet.config.with_name("lanes")),
        },
        log=log,
    )
    if usage.code != 0:
        print(log.read_text(encoding="utf-8")[-2000:])
    return usage


def show_run(usage: Usage, folder: Path, memory: float | None, targets: Targets) -> None:
    listings = list(read(folder, "_listings"))
    statuses = Counter(listing["status"] for listing in listings)
    calls = sum(listing["calls"] for listing in listings)
    throttled = sum(listing["throttled"] for listing in listings)
    share = throttled / calls
    commits = sum(1 for _ in folder.glob("[!_]*/_delta_log/*.json"))
    incomplete = len(listings) - statuses["complete"]
    print_table(
        "asyncdbx inventory --all-profiles",
        ("what", "value", "target"),
        [
            ("exit code", str(usage.code), targets.at_most(usage.code, 0)),
            ("listings", str(len(listings)), ""),
            ("listings not complete", str(incomplete), targets.at_most(incomplete, 0)),
            ("wall seconds", f"{usage.wall:.1f}", ""),
            ("CPU seconds", f"{usage.cpu:.1f}", ""),
            (
                "peak memory, MB",
                f"{usage.peak / MB:.0f}",
                targets.at_most(usage.peak / MB, memory) if memory else "",
            ),
            ("commits", f"{commits:,}", ""),
            ("calls", f"{calls:,}", ""),
            (
                "429 of them",
                percent(share),
                targets.at_most(100 * share, 2, " %"),
            ),
        ],
    )


def show_lanes(stats: Mapping[str, Mapping[str, Json]]) -> None:
    """Print the lanes that decide; not judged, since one may wait for another's records."""
    lanes = [
        (name, group, lanes[group])
        for name, lanes in stats.items()
        for group in BINDING
        if group in lanes
    ]
    print_table(
        "The lanes that decide how long it takes, as the server saw them",
        ("workspace", "group", "limit/s", "accepted", "429", "seconds", "used"),
        [
            (
                name,
                group,
                f"{lane['per_second']:g}",
                f"{lane['accepted']:,}",
                str(lane["refused"]),
                f"{lane['last'] - lane['first']:.1f}",
                percent(lane["utilisation"]),
            )
            for name, group, lane in lanes
        ],
    )


def show_second(fleet: SimulatedFleet, folder: Path, targets: Targets) -> None:
    first = fleet.accepted()
    usage = inventory(fleet, folder)
    more = fleet.accepted() - 2 * first
    command = [sys.executable, "-m", "asyncdbx", "diff", str(folder), "--all-fields"]
    changes = output([*command, "-o", "jsonl"]).splitlines()
    print_table(
        "A second one of the same fleet",
        ("what", "value", "target"),
        [
            ("exit code", str(usage.code), targets.at_most(usage.code, 0)),
            ("calls of the first that were accepted", f"{first:,}", ""),
            ("more than these", f"{more:,}", targets.at_most(more, 0)),
            ("changes", f"{len(changes):,}", targets.at_most(len(changes), 0)),
        ],
    )


def compare_all(fleet: SimulatedFleet, folder: Path) -> Comparison:
    """Compare every table that an inventory has with the truth of every workspace."""
    total = Comparison()
    listed = {(row["workspace"], row["resource"]) for row in read(folder, "_listings")}
    for workspace, resource in sorted(listed):
        truth = fleet.ask("truth", workspace=workspace, resource=resource)
        rows = list(read(folder, resource, workspace))
        before = total.faults
        compare(truth, rows, resource, total)
        if total.faults > before:
            total.where.add(f"{workspace} {resource}")
    return total


def compare(
    truth: Sequence[Json], rows: Sequence[Json], resource: str, total: Comparison
) -> None:
    """Count what one table of one workspace has otherwise than the truth."""
    expected: dict[str, list[str]] = defaultdict(list)
    for row in truth:
        expected[identity(row["record"], row["parent"], resource)].append(
            canonical(row["record"])
        )
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        body = json.loads(row["body"])
        found[row["id"]].append(canonical(body))
        total.columns += changed_columns(row, body)
    total.expected += len(truth)
    total.found += len(rows)
    for key, bodies in expected.items():
        total.lost += max(0, len(bodies) - len(found[key]))
        total.doubled += max(0, len(found[key]) - len(bodies))
    for key, bodies in found.items():
        if key not in expected:
            total.strange += len(bodies)
        else:
            total.bodies += sum(body not in expected[key] for body in bodies)


def identity(record: Json, parent: str, resource: str) -> str:
    """Return what the id column of a record must be."""
    plain = record.get("registered_model_databricks", record)
    keys = KEYS.get(resource) or next((key,) for key in IDS if key in plain)
    return "/".join(parent if key == "^" else str(plain[key]) for key in keys)


def canonical(record: Json) -> str:
    """Return a text that is the same for the same record; integers keep every digit."""
    return json.dumps(record, sort_keys=True)


def changed_columns(row: Json, body: Json) -> int:
    """Count whole numbers of the typed columns that are not those of the body."""
    return sum(
        str(value) != str(body.get(name))
        for name, value in row.items()
        if isinstance(value, int) and name != "fetched_at" and name in body
    )


def read(folder: Path, table: str, workspace: str | None = None) -> Iterable[Json]:
    # Imported only now: a larger parent would count as the inventory's peak memory.
    from asyncdbx.inventory.folder import Folder
    from asyncdbx.inventory.store import Store

    return Store(Folder.open(folder, create=False)).read(table, workspace=workspace)


def show_comparison(result: Comparison, targets: Targets) -> None:
    faults = {
        "lost": result.lost,
        "doubled": result.doubled,
        "with an unknown id": result.strange,
        "with another body": result.bodies,
        "numbers changed in typed columns": result.columns,
    }
    print_table(
        "Tables against the simulator's state",
        ("records", "value", "target"),
        [
            ("in the simulator", f"{result.expected:,}", ""),
            ("in the tables", f"{result.found:,}", ""),
            *(
                (name, f"{count:,}", targets.at_most(count, 0))
                for name, count in faults.items()
            ),
        ],
    )
    if result.where:
        print(f"Look at: {', '.join(sorted(result.where))}")


if __name__ == "__main__":
    sys.exit(main())
