"""The rate control on real sockets: a simulated workspace, processes, loopback.

    python benchmarks/bench_rate_sockets.py [--seconds 60] [--only grid,retry,steps,shared]

Three lanes at once, with limits of 10, 30 and 100 calls a second (the simulator is told
so). The numbers are the server's own: accepted calls over what the limit allows in the
time, refused ones over all. The policies are those of ``rate_client.py``.
"""

import argparse
import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import (
    SimulatedFleet,
    Targets,
    percent,
    print_table,
    script,
    simulated_fleet,
)

FLEET = ("--workspaces", 1, "--no-account", "--scale", 0.05, "--latency", 0.06)
RATES = {"token_management": 10, "dbfs": 30, "permissions.read": 100}
HEADS = tuple(f"R = {rate}" for rate in RATES.values())
POLICIES = ("ours", "fixed", "backoff", "sdk")
GOALS = {10: (95, 2), 30: (97, 0.8), 100: (97, 0.8)}  # with the right prior, per cent


@dataclass(frozen=True, slots=True)
class Seen:
    """What the server has counted on one lane up to now."""

    accepted: int
    refused: int
    each_second: Sequence[int]


@dataclass(frozen=True, slots=True)
class Result:
    """One lane in one run: shares of the limit and of the calls."""

    rate: int
    used: float
    refused: float

    def __str__(self) -> str:
        return f"{percent(self.used)} / {percent(self.refused)}"


def main() -> int:
    parts = {"grid": grid, "retry": retry, "steps": steps, "shared": shared}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--only", default=",".join(parts))
    options = parser.parse_args()
    targets = Targets()
    for part in options.only.split(","):
        parts[part](options.seconds, targets)
    return targets.exit_code


def grid(seconds: float, targets: Targets) -> None:
    """Print ours beside the others: limits are right, and nobody has learned anything."""
    for kind in ("sliding", "bucket"):
        rows: list[tuple[str, ...]] = []
        for policy in POLICIES:
            with workspace(kind, "none") as fleet:
                results = measured(fleet, seconds, [policy], burst=kind == "bucket")
            rows.append((policy, *map(str, results)))
            if policy == "ours":
                rows.append(("", *(judged(result, targets) for result in results)))
        title = f"Used / 429, limiter {kind}, no Retry-After, {seconds:g} s"
        print_table(title, ("policy", *HEADS), rows)


def judged(result: Result, targets: Targets) -> str:
    used, refused = GOALS[result.rate]
    return (
        f"{targets.at_least(100 * result.used, used, ' %')},"
        f" {targets.at_most(100 * result.refused, refused, ' %')}"
    )


def retry(seconds: float, targets: Targets) -> None:
    """Print what Retry-After costs, before and after the limits are known."""
    rows = []
    with workspace("sliding", "seconds") as fleet, lane_file() as file:
        for what in ("first run", "second run"):
            results = measured(fleet, seconds, ["ours"], file)
            rows.append((what, *map(str, results)))
            time.sleep(1.5)  # the server's second is over
    title = f"Used / 429, ours, Retry-After in whole seconds, {seconds:g} s"
    print_table(title, ("", *HEADS), rows)


def shared(seconds: float, targets: Targets) -> None:
    """Print several processes at once, alone and with a file in common."""
    rows: list[tuple[str, ...]] = []
    for kind, processes, one_file in itertools.product(
        ("sliding", "bucket"), (2, 4), (False, True)
    ):
        with workspace(kind, "none") as fleet, lane_file() as file:
            clients, path = ["ours"] * processes, file if one_file else None
            results = measured(fleet, seconds, clients, path, burst=kind == "bucket")
        what = "one file" if one_file else "alone"
        rows.append((kind, str(processes), what, *map(str, results)))
        if one_file:
            rows.append(("", "", "", *(of_one_host(each, targets) for each in results)))
    title = f"Used / 429 of several processes together, no Retry-After, {seconds:g} s"
    print_table(title, ("limiter", "processes", "", *HEADS), rows)


def of_one_host(result: Result, targets: Targets) -> str:
    return targets.at_most(100 * result.refused, 1, " %")


def steps(seconds: float, targets: Targets) -> None:
    """Print how soon a changed limit is found: dbfs, 30 calls a second."""
    rows = []
    for what, calls, goal in (("drops to 10", 10, 2.5), ("rises to 90", 90, 5.0)):
        with workspace("sliding", "none") as fleet:
            client = start(fleet, "ours", 40, None, ["dbfs"])
            time.sleep(20)
            before = seen(fleet)["dbfs"]
            changed = time.monotonic()
            fleet.limit("prod", "dbfs", calls)
            back = until_used(fleet, calls, changed)
            client.wait()
            refused = seen(fleet)["dbfs"].refused - before.refused
        rows.append(
            (what, f"{back:.1f} s", str(refused), targets.at_most(back, goal, " s"))
        )
    title = "dbfs, 30 calls a second, for 20 s; then its limit changes"
    print_table(title, ("", "90 % of it used after", "429s", "target"), rows)


def until_used(fleet: SimulatedFleet, calls: int, since: float) -> float:
    """Return after how long two seconds began in which 90 % of the limit was used."""
    window = 2.0
    looks = [(time.monotonic(), seen(fleet)["dbfs"])]
    while looks[-1][0] - since < 18:
        time.sleep(0.1)
        looks.append((time.monotonic(), seen(fleet)["dbfs"]))
        now, latest = looks[-1]
        begun = [look for look in looks if now - look[0] >= window and look[0] >= since]
        if not begun:
            continue
        then, first = begun[-1]
        accepted = latest.accepted - first.accepted
        refused = latest.refused - first.refused
        enough = accepted >= 0.9 * calls * (now - then)
        if enough and refused <= 0.1 * (accepted + refused):
            return then - since
    return float("inf")


# --- running clients --------------------------------------------------------------------


@contextlib.contextmanager
def workspace(kind: str, retry_after: str) -> Generator[SimulatedFleet]:
    options = (*FLEET, "--limiter", kind, "--retry-after", retry_after)
    with simulated_fleet(*options) as fleet:
        for group, rate in RATES.items():
            fleet.limit("prod", group, rate)
        yield fleet


@contextlib.contextmanager
def lane_file() -> Generator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "lanes"


def measured(
    fleet: SimulatedFleet,
    seconds: float,
    policies: Sequence[str],
    file: Path | None = None,
    *,
    burst: bool = False,
) -> list[Result]:
    """Let clients run at the same time, and return what became of each lane."""
    before = seen(fleet)
    clients = [start(fleet, policy, seconds, file, list(RATES)) for policy in policies]
    for client in clients:
        assert client.wait() == 0
    after = seen(fleet)
    return [
        result(rate, before.get(group), after[group], seconds + burst)
        for group, rate in RATES.items()
    ]


def result(rate: int, before: Seen | None, after: Seen, seconds: float) -> Result:
    accepted = after.accepted - (before.accepted if before else 0)
    refused = after.refused - (before.refused if before else 0)
    return Result(rate, accepted / (rate * seconds), refused / (accepted + refused))


def start(
    fleet: SimulatedFleet,
    policy: str,
    seconds: float,
    file: Path | None,
    groups: Sequence[str],
) -> "subprocess.Popen[bytes]":
    lanes = {group: (*calls(fleet)[group], RATES[group]) for group in groups}
    client = subprocess.Popen(
        script("rate_client.py", policy, seconds, file or "-"),
        stdin=subprocess.PIPE,
        env={
            **os.environ,
            "DATABRICKS_CONFIG_FILE": str(fleet.config),
            "ASYNCDBX_LIMITS": "",
        },
    )
    assert client.stdin is not None
    client.stdin.write(json.dumps(lanes).encode())
    client.stdin.close()
    return client


def calls(fleet: SimulatedFleet) -> Mapping[str, tuple[str, dict[str, Any]]]:
    cluster = fleet.truth("prod", "clusters")[0]["cluster_id"]
    of_cluster = {"request_object_type": "clusters", "request_object_id": cluster}
    return {
        "token_management": ("token_management.list", {}),
        "dbfs": ("dbfs.get_status", {"path": "/"}),
        "permissions.read": ("permissions.get", of_cluster),
    }


def seen(fleet: SimulatedFleet) -> dict[str, Seen]:
    lanes = fleet.ask("stats")["prod"]
    return {
        group: Seen(lane["accepted"], lane["refused"], lane["accepted_each_second"])
        for group, lane in lanes.items()
    }


if __name__ == "__main__":
    sys.exit(main())
