"""What learning a rate costs: CPU per call, with many calls and many lanes waiting.

    python benchmarks/bench_lanes.py [--seconds 4]

The transport is replaced by one that answers at once; engine, lanes, buckets and controls
are real, and so is the time. Each pair is measured in turns within one run, and compared.
"""

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import uvloop
from yarl import URL

from asyncdbx.engine import Engine, Site, Ticket
from asyncdbx.limiter import Lane, LaneFile
from asyncdbx.limiter.shared import SharedControl
from asyncdbx.rate_control import RateControl
from asyncdbx.transport import Answer, Feed, Request
from benchmarks.common import Targets, print_table

CALLS = 20_000  # of one control
ROUNDS = 5
RATES = (30, 100, 1000)
FAST = 200  # calls per second, the highest limit that is published
GRANTS = 2_000  # calls per second, of many lanes together


class InstantTransport:
    """Answers at once, and lets go of the loop as a socket would."""

    async def send(self, request: Request, *, feed: Feed | None = None) -> Answer:
        await asyncio.sleep(0)
        return Answer(200, {}, b"{}")


class NoCredential:
    """Nothing to log in with, and nothing to hide."""

    ready: dict[str, str] = {}  # noqa: RUF012 - never changed
    secrets = ()

    async def headers(self) -> dict[str, str]:
        return {}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=4)
    seconds = parser.parse_args().seconds
    targets = Targets()
    print_table(
        "CPU of a rate control per call (held back, sent, let through), best of five",
        ("calls/s", "alone", "in the file of a host", "target"),
        [control_row(rate, targets) for rate in RATES],
    )
    print_table(
        "CPU of the whole engine per call, medians of three rounds",
        ("what", "microseconds", "against", "ratio", "target"),
        engine_rows(seconds, targets),
    )
    return targets.exit_code


def control_row(rate: int, targets: Targets) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory() as folder:
        file = LaneFile(Path(folder) / "lanes")

        def shared() -> SharedControl:
            control = RateControl(rate, limit=rate)
            return SharedControl(file.record("one lane"), control, 0.0)

        alone = best(lambda: drive(RateControl(rate, limit=rate), rate))
        common = best(lambda: drive(shared(), rate))
        file.close()
    return (
        str(rate),
        f"{alone:.1f} µs",
        f"{common:.1f} µs",
        targets.at_most(max(alone, common), 6, " µs"),
    )


def best(measure: Callable[[], float]) -> float:
    return min(measure() for _ in range(ROUNDS))


def drive(control: RateControl | SharedControl, rate: int) -> float:
    """Let a control see calls at its rate; return the microseconds of CPU per call."""
    now = 0.0
    started = time.process_time()
    for _ in range(CALLS):
        control.hold_back()
        control.send(now)
        control.accept(now - 0.09, now)
        now += 1 / rate
    return 1e6 * (time.process_time() - started) / CALLS


def engine_rows(seconds: float, targets: Targets) -> list[tuple[str, ...]]:
    """Compare ten calls that wait in a lane with 100,000, and ten lanes with 10,000."""
    waiting = in_turns(seconds, (1, 10, FAST), (1, 100_000, FAST))
    lanes = in_turns(seconds, (10, 100, GRANTS), (10_000, 10, GRANTS))  # as many calls/s
    rows = (
        ("100,000 calls wait in one lane", "10 calls", waiting, 1.1),
        ("10,000 lanes at 0.2 calls/s", "10 lanes at 200/s", lanes, 2.0),
    )
    return [
        (
            what,
            f"{many:.0f}",
            f"{against}: {few:.0f}",
            f"{many / few:.2f}",
            targets.at_most(many / few, most, ""),
        )
        for what, against, (few, many), most in rows
    ]


def in_turns(seconds: float, *cases: tuple[int, int, int]) -> Sequence[float]:
    """Return the median cost of each case: as the arguments of ``cost``."""
    costs: list[list[float]] = [[] for _ in cases]
    for _ in range(3):
        for case, found in zip(cases, costs, strict=True):
            found.append(uvloop.run(cost(*case, seconds)))
    return [median(each) for each in costs]


async def cost(lanes: int, waiting: int, grants: int, seconds: float) -> float:
    """Return the microseconds of CPU per call.

    Args:
        lanes: How many.
        waiting: Calls that wait in each of them.
        grants: Calls per second that all lanes let through together.
        seconds: How long to measure.
    """
    transport: Any = InstantTransport()
    credential: Any = NoCredential()
    site = Site("w", credential)
    done = 0

    def again(ticket: Ticket) -> None:
        nonlocal done
        done += 1
        if ticket.error is None:
            submit(ticket.queue)

    def submit(queue: Any) -> None:
        url = URL("http://127.0.0.1/x")
        ticket = Ticket(site, "x", "GET", url, queue, safe=True, decode=lambda _: None)
        ticket.done = again
        engine.submit(ticket)

    async with Engine(transport) as engine:
        rate = grants / lanes
        for number in range(lanes):
            if number % 100 == 99:  # one after the other, over the time between two calls
                await asyncio.sleep(100 / grants)
            lane = Lane.limited(f"g{number}", "w", 100, rate, firm=True, learned=2 * rate)
            queue = engine.queue(lane, site)
            for _ in range(waiting):
                submit(queue)
        await asyncio.sleep(1)
        before, done = cpu(), 0
        await asyncio.sleep(seconds)
        spent, calls = cpu() - before, done
    assert calls > 0.8 * grants * seconds, f"only {calls} calls in {seconds} s"
    return 1e6 * spent / calls


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
