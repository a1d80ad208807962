"""What a call costs with limits off: against bare aiohttp and against the official SDK.

    python benchmarks/bench_engine.py [--rounds 5]

Instructions are counted by valgrind over whole client processes, for two numbers of calls;
their difference leaves start-up out. Requests per second are measured in interleaved
rounds, and only their ratios mean anything on a shared machine.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from benchmarks.common import Targets, output, print_table, script, serving

FEW, MANY = 300, 1_300
CALLS = {"bare": 6_000, "asyncdbx": 6_000, "sdk": 800}  # a round: one to three seconds


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    targets = Targets()
    with serving("load_server.py") as port:
        show_instructions(port, targets)
        show_requests(port, rounds, targets)
    return targets.exit_code


def show_instructions(port: int, targets: Targets) -> None:
    if shutil.which("valgrind") is None:
        print("valgrind is not installed: instructions are not counted (apt: valgrind)")
        targets.missed.append("instructions")
        return
    counted = instructions(port)
    ratio = counted["asyncdbx"] / counted["bare"]
    rows = [
        ("bare aiohttp", f"{counted['bare'] / 1000:.0f}", "1.00", ""),
        (
            "asyncdbx",
            f"{counted['asyncdbx'] / 1000:.0f}",
            f"{ratio:.2f}",
            targets.at_most(ratio, 1.15),
        ),
    ]
    print_table(
        f"CPU instructions a call (callgrind, {MANY:,} calls less {FEW})",
        ("client", "thousand", "to bare", "target"),
        rows,
    )


def instructions(port: int) -> dict[str, float]:
    """Return each client's instructions a call."""
    runs = [(client, count) for client in ("bare", "asyncdbx") for count in (FEW, MANY)]
    with ThreadPoolExecutor(2) as pool:
        totals = list(pool.map(lambda run: counted_by_valgrind(port, *run), runs))
    few_and_many = dict(zip(runs, totals, strict=True))
    return {
        client: (few_and_many[client, MANY] - few_and_many[client, FEW]) / (MANY - FEW)
        for client in ("bare", "asyncdbx")
    }


def counted_by_valgrind(port: int, client: str, count: int) -> int:
    """Return all instructions of a client that makes ``count`` calls."""
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    done = subprocess.run(
        [*valgrind, *script("engine_client.py", client, port, count)],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        check=True,
        capture_output=True,
        text=True,
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1])


def show_requests(port: int, rounds: int, targets: Targets) -> None:
    rates: dict[str, list[float]] = {client: [] for client in CALLS}
    for _ in range(rounds):
        for client, count in CALLS.items():
            rates[client].append(
                float(output(script("engine_client.py", client, port, count)))
            )
    to_bare = median_ratio(rates["asyncdbx"], rates["bare"])
    to_sdk = median_ratio(rates["asyncdbx"], rates["sdk"])
    sdk_to_bare = median_ratio(rates["sdk"], rates["bare"])
    middle = {client: f"{median(found):,.0f}" for client, found in rates.items()}
    print_table(
        f"Requests a second (medians of {rounds} interleaved rounds, 64 in flight)",
        ("client", "a second", "to bare", "to SDK", "target"),
        [
            ("bare aiohttp", middle["bare"], "1.00", f"{to_sdk / to_bare:.1f}", ""),
            (
                "asyncdbx",
                middle["asyncdbx"],
                f"{to_bare:.2f}",
                f"{to_sdk:.1f}",
                targets.at_least(to_sdk, 5, " x SDK"),
            ),
            ("SDK, 64 threads", middle["sdk"], f"{sdk_to_bare:.2f}", "1.0", ""),
        ],
    )


def median_ratio(ours: list[float], theirs: list[float]) -> float:
    """Return the median of the ratios within each round."""
    return median(our / their for our, their in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    sys.exit(main())
