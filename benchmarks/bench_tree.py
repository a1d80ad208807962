"""Huge listings end to end: simulator → socket → spool → Delta, time and memory.

    python benchmarks/bench_tree.py [--share 1] [--only tree|directory|permissions]

A DBFS tree of 5,000,000 files in 50,000 directories, one directory of 1,000,000 files, and
the permissions of 100,000 objects, from a simulator without limits. Of the generated files
the tables are compared with a digest that the simulator computes; of the rest, with what
it holds.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from benchmarks.common import (
    MB,
    SimulatedFleet,
    Targets,
    Usage,
    print_table,
    run,
    simulated_fleet,
)

PLAIN = ("--workspaces", 1, "--no-account", "--no-limits", "--no-gzip", "--speed", 0)
LIMITS = """
[groups.dbfs]
per_second = "unlimited"
in_flight = 32
[groups.permissions-read]
per_second = "unlimited"
in_flight = 32
[default]
per_second = "unlimited"
in_flight = 32
"""
OBJECTS_AT_1 = 2_230  # with permissions, at scale 1


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--share", type=float, default=1, help="of the sizes")
    parser.add_argument("--only", choices=["tree", "directory", "permissions"])
    options = parser.parse_args()
    share, targets = options.share, Targets()
    directories, files = round(50_000 * share), round(1_000_000 * share)
    for name, arguments in (
        ("tree", ("--scale", 0.01, "--tree", f"prod={directories}*100")),
        ("directory", ("--scale", 0.01, "--directory", f"prod={files}")),
        ("permissions", ("--scale", 100_000 * share / OBJECTS_AT_1)),
    ):
        if options.only in {None, name}:
            measure(name, arguments, targets)
    return targets.exit_code


def measure(name: str, arguments: tuple[object, ...], targets: Targets) -> None:
    resource = "permissions" if name == "permissions" else "dbfs"
    with (
        tempfile.TemporaryDirectory(prefix="asyncdbx-") as folder,
        simulated_fleet(*PLAIN, *arguments) as fleet,
    ):
        usage = inventory(fleet, Path(folder), resource)
        disk = 0
        for file in Path(folder, "inventory").rglob("*"):
            disk += file.stat().st_size if file.is_file() else 0
        checked = compared(fleet, Path(folder, "inventory"), resource)
    records = checked["records"]
    print_table(
        f"{name}: {records:,} records of {resource}",
        ("what", "value", "target"),
        [
            ("exit code", str(usage.code), targets.at_most(usage.code, 0)),
            ("lost, doubled or changed", str(checked["wrong"]),
             targets.at_most(checked["wrong"], 0)),
            ("wall seconds", f"{usage.wall:.1f}", ""),
            ("CPU seconds", f"{usage.cpu:.1f}", ""),
            ("records a second", f"{records / usage.wall:,.0f}",
             "" if resource == "permissions"
             else targets.at_least(records / usage.wall, 100_000)),
            ("peak memory, MB", f"{usage.peak / MB:.0f}",
             targets.at_most(usage.peak / MB, 250)),
            ("tables on disk, MB", f"{disk / MB:.0f}", ""),
        ],
    )  # fmt: skip


def inventory(fleet: SimulatedFleet, folder: Path, resource: str) -> Usage:
    limits = folder / "limits.toml"
    limits.write_text(LIMITS)
    command = [sys.executable, "-m", "asyncdbx", "inventory", resource, "-p", "prod"]
    log = folder / "log"
    usage = run(
        [*command, "--to", str(folder / "inventory"), "--limits", str(limits)],
        env={
            "DATABRICKS_CONFIG_FILE": str(fleet.config),
            "ASYNCDBX_LANES": str(folder / "lanes"),
        },
        log=log,
    )
    if usage.code != 0:
        print(log.read_text(encoding="utf-8")[-2000:])
    return usage


def compared(fleet: SimulatedFleet, folder: Path, resource: str) -> Mapping[str, int]:
    """Return how many records there are, and how many are not as they should be."""
    rows = read(folder, resource)
    truth = fleet.truth("prod", resource)
    if resource == "permissions":
        ids = [row["parent"] for row in rows]
        return {
            "records": len(ids),
            "wrong": abs(len(ids) - len(truth)) + len(ids) - len(set(ids)),
        }
    made = fleet.ask("generated", workspace="prod")
    plain = {record["path"]: record for record in truth}
    count = digest = size = 0
    for row in rows:
        count += 1
        path, length, moment = row["path"], row["file_size"], row["modification_time"]
        if plain.pop(path, None) is None:
            text = f"{path}\0{length}\0{moment}".encode()
            digest += int.from_bytes(blake2b(text, digest_size=8).digest(), "little")
            size += length
    wrong = len(plain) + abs(count - len(truth) - made["entries"])
    wrong += (digest % 2**64 != made["digest"]) + (size != made["bytes"])
    return {"records": count, "wrong": wrong}


def read(folder: Path, table: str) -> Iterator[dict[str, Any]]:
    # Imported only now: a larger parent would count as the inventory's peak memory.
    from asyncdbx.inventory.folder import Folder
    from asyncdbx.inventory.store import Store

    columns = ["parent"]
    if table == "dbfs":
        columns = ["path", "file_size", "modification_time"]
    return Store(Folder.open(folder, create=False)).read(table, columns)


if __name__ == "__main__":
    sys.exit(main())
