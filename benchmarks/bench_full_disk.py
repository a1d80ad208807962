"""An inventory on a disk that fills up: it stops clearly, loses nothing, and goes on.

    python benchmarks/bench_full_disk.py [--step 1000] [--fine 15]

A simulated workspace is taken into a folder on a small tmpfs, whole. Then, again and again,
the disk is left only so much room and the inventory is taken anew: one step more each time
until it fits, then in fine steps below that, where its tables are written. While it does
not fit it must end with exit code 1 and a sentence, all tables must still hold what they
held, and with room again the same command must end with all of it.
The tmpfs is mounted in a namespace of the benchmark's own, which needs no privileges where
the system lets users make one.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.common import Targets, print_table, simulated_fleet

RESOURCES = ("dbfs", "jobs", "permissions", "secrets", "tables", "users")
LARGE = 512 * 1024  # KiB
NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
FLEET = ("--workspaces", 1, "--no-account", "--no-limits", "--scale", 0.3, "--speed", 0)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--step", type=int, default=1000, help="KiB")
    parser.add_argument("--fine", type=int, default=15, help="of one step")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside is not None:
        Disk(options.inside).fill_up(options.step, options.fine)
        return 0
    targets = Targets()
    rows = measure(options.step, options.fine)
    stopped = [row for row in rows if row["code"] != 0]
    print_table(
        "An inventory with so much room on its disk, and once more with enough",
        ("KiB", "exit", "stopped at", "tables changed", "then exit", "wrong", "calls"),
        [
            (
                f"{row['room']:,}",
                str(row["code"]),
                row["at"],
                str(row["changed"]),
                str(row["then"]),
                str(row["wrong"]),
                f"{row['calls']:,}",
            )
            for row in rows
        ],
    )
    odd = sum(row["code"] not in {0, 1} for row in rows)
    unsaid = sum("the disk is full; make room" not in row["said"] for row in stopped)
    print_table(
        "Sums",
        ("what", "value", "target"),
        [
            ("runs that did not fit", str(len(stopped)), targets.at_least(len(stopped), 1)),
            ("exit codes but 0 and 1", str(odd), targets.at_most(odd, 0)),
            ("without the sentence", str(unsaid), targets.at_most(unsaid, 0)),
            *(
                (words, str(count), targets.at_most(count, 0))
                for words, count in (
                    ("tables changed by a run that failed",
                     sum(row["changed"] for row in stopped)),
                    ("not resumed", sum(row["then"] != 0 for row in rows)),
                    ("records wrong afterwards", sum(row["wrong"] for row in rows)),
                )
            ),
        ],
    )  # fmt: skip
    return targets.exit_code


def measure(step: int, fine: int) -> list[dict[str, Any]]:
    """Return what happened at each step; needs a system that lets us mount a tmpfs."""
    with (
        tempfile.TemporaryDirectory(prefix="asyncdbx-") as folder,
        simulated_fleet(*FLEET) as fleet,
    ):
        truth = {name: fleet.truth("prod", name) for name in RESOURCES}
        Path(folder, "truth.json").write_text(json.dumps(truth))
        arguments = ("--inside", folder, "--step", str(step), "--fine", str(fine))
        done = subprocess.run(
            [*NAMESPACE, sys.executable, "-m", "benchmarks.bench_full_disk", *arguments],
            env={
                **os.environ,
                "DATABRICKS_CONFIG_FILE": str(fleet.config),
                "ASYNCDBX_LANES": "off",
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            check=True,
            stdout=subprocess.PIPE,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]


def can_mount() -> bool:
    """Return whether this system lets us mount a tmpfs of our own."""
    mount = [*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    try:
        return subprocess.run(mount, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


class Disk:
    """A small disk in a folder, inside the namespace."""

    def __init__(self, folder: Path) -> None:
        self._truth = json.loads((folder / "truth.json").read_text())
        self._disk = folder / "disk"
        self._inventory = self._disk / "inventory"

    def fill_up(self, step: int, fine: int) -> None:
        """Print what happened at each step, as a line of JSON."""
        self._disk.mkdir()
        self._mount("-t", "tmpfs", "-o", f"size={LARGE}k", "tmpfs")
        assert self._run("--fresh").returncode == 0
        room = 0
        while self._show(room) != 0:
            room += step
        for number in range(1, fine):
            self._show(room - number * step // fine)

    def _show(self, room: int) -> int:
        happened = self._step(room)
        print(json.dumps(happened), flush=True)
        code: int = happened["code"]
        return code

    def _step(self, room: int) -> Mapping[str, Any]:
        before = self._tables()
        used = os.statvfs(self._disk)
        taken = (used.f_blocks - used.f_bfree) * used.f_frsize // 1024
        self._mount("-o", f"remount,size={taken + room}k")
        tight = self._run()
        changed = sum(
            known != found
            for known, found in zip(before.values(), self._tables().values(), strict=True)
        )
        self._mount("-o", f"remount,size={LARGE}k")
        again = self._run()
        return {
            "room": room,
            "code": tight.returncode,
            "said": tight.stderr[-500:],
            "at": stopped_at(tight.stderr),
            "changed": changed if tight.returncode else 0,
            "then": again.returncode,
            "wrong": self._wrong(),
            "calls": self._calls(),
        }

    def _mount(self, *options: str) -> None:
        subprocess.run(["mount", *options, str(self._disk)], check=True)

    def _run(self, *more: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "asyncdbx", "inventory", *RESOURCES, "-p", "prod"]
        return subprocess.run(
            [*command, "--to", str(self._inventory), *more],
            check=False,
            capture_output=True,
            text=True,
        )

    def _tables(self) -> Mapping[str, Any]:
        """Return what each table holds; a run may publish one whole before it fails."""
        return {name: self._rows(name, ("id", "body")) for name in RESOURCES}

    def _wrong(self) -> int:
        wrong = 0
        for name, truth in self._truth.items():
            bodies = [json.loads(body) for (body,) in self._rows(name, ("body",))]
            found = sorted(json.dumps(body, sort_keys=True) for body in bodies)
            expected = sorted(json.dumps(record, sort_keys=True) for record in truth)
            wrong += found != expected
        return wrong

    def _calls(self) -> int:
        listings = self._rows("_listings", ("run_id", "calls"))
        last = max(run_id for run_id, _ in listings)
        return sum(calls for run_id, calls in listings if run_id == last)

    def _rows(self, table: str, columns: tuple[str, ...]) -> list[tuple[Any, ...]]:
        from asyncdbx.inventory.folder import Folder
        from asyncdbx.inventory.store import Store

        store = Store(Folder.open(self._inventory, create=False))
        return sorted(tuple(row.values()) for row in store.read(table, columns))


def stopped_at(said: str) -> str:
    """Return what could not be written, as the last line says."""
    said = said.splitlines()[-1] if said.strip() else ""
    words = said.partition(" could not be written")[0]
    if not words or words == said:
        return "-" if "disk is full" not in said else "its folder"
    name = words.removeprefix("asyncdbx: ").split(" in /")[0]
    return Path(name).name if name.startswith("/") else name


if __name__ == "__main__":
    sys.exit(main())
