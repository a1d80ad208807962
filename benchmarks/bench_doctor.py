"""What an account of many workspaces costs: the dead ones in time, all of them in tokens.

    python benchmarks/bench_doctor.py [--workspaces 200] [--dark 20] [--timeout 10]

``asyncdbx doctor --account`` over a simulated account, some of whose workspaces are dark;
then calls that wait at every one of another account's for longer than a token lasts.
Requests for tokens are the simulator's own count.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import uvloop

from asyncdbx.catalog.limits import Limits
from asyncdbx.config import resolve
from asyncdbx.fleet import Call, Fleet, find_workspaces
from benchmarks.common import (
    SimulatedFleet,
    Targets,
    print_table,
    run,
    simulated_fleet,
)

ACCOUNT = "account"
CALLS = 50  # of each workspace
PACE = 5  # calls a second there, so that they take ten seconds
LIFE = 8.0  # seconds of a token; the next one is asked for when half of it is over
LIMITS = f"[default]\nper_second = {PACE}\n"
OAUTH = ("--scale", 0.02, "--login", "oauth-m2m")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--workspaces", type=int, default=200)
    parser.add_argument("--dark", type=int, default=20)
    parser.add_argument("--timeout", type=float, default=10)
    options = parser.parse_args()
    targets = Targets()
    show_doctor(options.workspaces, options.dark, options.timeout, targets)
    show_tokens(options.workspaces, targets)
    return targets.exit_code


# --- doctor -------------------------------------------------------------------------------


def show_doctor(workspaces: int, dark: int, timeout: float, targets: Targets) -> None:
    names = [f"ws{number + 1:03d}" for number in range(workspaces - dark, workspaces)]
    off = [word for name in names for word in ("--dark", name)]
    with simulated_fleet("--workspaces", workspaces, *OAUTH, *off) as fleet:
        seconds, states = doctor(fleet, timeout)
        tokens = token_requests(fleet)
        calls = sum(each["requests"] for each in fleet.ask("fleet").values())
    ratio = seconds / timeout
    most = max(tokens.values())
    print_table(
        f"asyncdbx doctor: {workspaces} workspaces, {dark} of them dark, time-out"
        f" {timeout:g} s",
        ("what", "value", "target"),
        [
            ("workspaces that are well", str(states["ok"]), ""),
            ("out of reach", str(states["unreachable"]), ""),
            ("seconds, start of the program included", f"{seconds:.2f}", ""),
            ("of the time-out", f"{ratio:.2f}", targets.at_most(ratio, 1.2)),
            ("requests that arrived", f"{calls:,}", ""),
            ("token requests of one host at most", str(most), targets.at_most(most, 1)),
        ],
    )
    assert states == {"ok": workspaces - dark, "unreachable": dark}, states


def doctor(fleet: SimulatedFleet, timeout: float) -> tuple[float, Counter[str]]:
    """Return the seconds that it took, and how many workspaces are in which state."""
    command = [sys.executable, "-m", "asyncdbx", "doctor", "--account", ACCOUNT]
    with tempfile.TemporaryDirectory() as home:
        env = {"DATABRICKS_CONFIG_FILE": str(fleet.config), "HOME": home}
        log = Path(home) / "log"
        options = ["--timeout", str(timeout), "-o", "csv"]
        usage = run([*command, *options], env, log)
        lines = log.read_text().splitlines()  # what is said on stderr, too
    rows = [line.split(",") for line in lines if ",http://127.0.0.1:" in line]
    return usage.wall, Counter(row[2] for row in rows)


# --- tokens -------------------------------------------------------------------------------


def show_tokens(workspaces: int, targets: Targets) -> None:
    with simulated_fleet(
        "--workspaces", workspaces, *OAUTH, "--no-limits", "--token-life", LIFE
    ) as fleet:
        os.environ["DATABRICKS_CONFIG_FILE"] = str(fleet.config)
        seconds, failed = uvloop.run(make_calls())
        tokens = token_requests(fleet)
    del tokens[ACCOUNT]
    expected = 1 + int(seconds / (LIFE / 2))
    most = max(tokens.values())
    print_table(
        f"{CALLS} calls at each of {workspaces} workspaces, {PACE} a second; a token lasts"
        f" {LIFE:g} s, and is replaced after {LIFE / 2:g}",
        ("what", "value", "target"),
        [
            ("seconds", f"{seconds:.1f}", ""),
            ("calls that failed", str(failed), targets.at_most(failed, 0)),
            ("token requests of a workspace, least", str(min(tokens.values())), ""),
            ("most", str(most), targets.at_most(most, expected)),
            ("of all workspaces", f"{sum(tokens.values()):,}", ""),
        ],
    )


async def make_calls() -> tuple[float, int]:
    """Return the seconds that the calls took, and how many failed."""
    [account] = resolve([ACCOUNT], environ=os.environ, home=Path.home())
    configs = await find_workspaces(Fleet([account]))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "limits.toml"
        file.write_text(LIMITS)
        limits = Limits.load(file)
    failed = 0
    started = time.perf_counter()
    async with Fleet(configs, limits=limits) as fleet:
        window = CALLS * len(fleet)
        async with fleet.map(waiting(fleet), window=window) as outcomes:
            async for outcome in outcomes:
                failed += outcome.error is not None
        seconds = time.perf_counter() - started
    return seconds, failed


def waiting(fleet: Fleet) -> Iterator[Call]:
    for _ in range(CALLS):
        for workspace in fleet:
            yield Call(workspace.name, "clusters.list", {"page_size": 1})


def token_requests(fleet: SimulatedFleet) -> dict[str, int]:
    """Return how often each host was asked for a token."""
    return {
        name: fleet.ask("logins", workspace=name)["requests"] for name in fleet.workspaces
    }


if __name__ == "__main__":
    sys.exit(main())
