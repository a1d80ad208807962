"""One inventory, killed with SIGKILL at 100 random moments: what is repeated or lost.

    python benchmarks/bench_kill.py [--kills 100] [--scale 4] [--seed 1]

A simulated fleet with the published limits, whose answers take 30 ms. ``asyncdbx
inventory`` is started and killed after a random time, again and again, and then left alone
until it is done. The simulator knows which answers nobody was left to hear, and which
were given although they had been heard before: those are repeated calls. In the end every
table is compared with what the simulator holds.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from benchmarks.bench_inventory import Comparison, compare_all, read
from benchmarks.common import SimulatedFleet, Targets, percent, print_table, simulated_fleet

OPTIONS = ("--workspaces", 2, "--speed", 0, "--latency", 0.03)
YOUNGEST = 0.3  # seconds; a process needs more than that to send its first call
LIFE = 2.2  # seconds that a process has at most, of those that are killed
SHARE = 0.01  # of all calls, that may be repeated


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--scale", type=float, default=4)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    targets = Targets()
    with (
        tempfile.TemporaryDirectory(prefix="asyncdbx-") as name,
        simulated_fleet(*OPTIONS, "--scale", options.scale) as fleet,
    ):
        folder = Path(name, "inventory")
        started = time.perf_counter()
        kills = killed(fleet, folder, options.kills, options.seed)
        code = inventory(fleet, folder).wait()
        seconds = time.perf_counter() - started
        show(fleet, folder, kills, code, seconds, options.kills, targets)
    return targets.exit_code


def inventory(fleet: SimulatedFleet, folder: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "asyncdbx", "inventory", "--all-profiles"]
    with folder.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(
            [*command, "--to", str(folder)],
            env={
                **os.environ,
                "DATABRICKS_CONFIG_FILE": str(fleet.config),
                "ASYNCDBX_LANES": str(folder.with_name("lanes")),
            },
            stderr=log,
        )


def killed(fleet: SimulatedFleet, folder: Path, times: int, seed: int) -> Counter[str]:
    """Start it so often and kill it; return how often what was going on."""
    rng = random.Random(seed)
    kills = Counter[str]()
    while kills.total() < times:
        before = published(folder)
        asked = fleet.accepted()
        process = inventory(fleet, folder)
        try:
            process.wait(timeout=rng.uniform(YOUNGEST, LIFE))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        else:
            break  # it was done before: fewer kills than asked for
        if fleet.accepted() == asked:
            kills["before the first call"] += 1
        elif published(folder) != before:
            kills["after a listing was published"] += 1
        else:
            kills["while it listed"] += 1
    return kills


def published(folder: Path) -> int:
    return sum(1 for _ in folder.glob("[!_]*/_delta_log/*.json"))


def show(  # noqa: PLR0913, PLR0917 - one table
    fleet: SimulatedFleet,
    folder: Path,
    kills: Counter[str],
    code: int,
    seconds: float,
    wanted: int,
    targets: Targets,
) -> None:
    calls: Mapping[str, Mapping[str, int]] = fleet.ask("calls")
    sums = {
        what: sum(each[what] for each in calls.values())
        for what in ("accepted", "unheard", "repeated")
    }
    needed = sums["accepted"] - sums["unheard"] - sums["repeated"]
    result: Comparison = compare_all(fleet, folder)
    runs = {row["run_id"] for row in read(folder, "_listings")}
    print_table(
        f"One inventory in {kills.total() + 1} processes, {seconds:.0f} s",
        ("what", "value", "target"),
        [
            ("SIGKILLs", str(kills.total()), targets.at_least(kills.total(), wanted)),
            *((f"  {when}", str(count), "") for when, count in kills.most_common()),
            ("exit code in the end", str(code), targets.at_most(code, 0)),
            ("runs in _listings", str(len(runs)), targets.at_most(len(runs), 1)),
            ("calls that it takes", f"{needed:,}", ""),
            ("in flight at the kills", f"{sums['unheard']:,}", ""),
            (
                "repeated besides",
                f"{sums['repeated']:,} ({percent(sums['repeated'] / needed)})",
                targets.at_most(sums["repeated"], SHARE * needed),
            ),
            ("records in the simulator", f"{result.expected:,}", ""),
            ("lost", str(result.lost), targets.at_most(result.lost, 0)),
            ("doubled", str(result.doubled), targets.at_most(result.doubled, 0)),
            ("strange or changed", str(other := result.strange + result.bodies
             + result.columns), targets.at_most(other, 0)),
        ],
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
