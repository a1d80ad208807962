"""Whether fleet.map over a million calls holds a few thousand of them.

    python benchmarks/bench_map.py [--calls 1000000]

The transport is replaced by one that answers at once, so that the run ends soon; all that
lies above it is real. What is alive is counted fifty times, from inside the generator that
``fleet.map`` reads the calls from.
"""

import argparse
import asyncio
import gc
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from unittest.mock import patch

import uvloop

from asyncdbx.config import Pat, Secret, WorkspaceConfig
from asyncdbx.engine import Ticket
from asyncdbx.fleet import Call, Fleet
from asyncdbx.transport import Answer, Feed, Request
from benchmarks.common import MB, Targets, print_table
from benchmarks.engine_client import no_limits

LOOKS = 50
WARM = 0.05  # of the calls; what is alive then is compared with the end


class InstantTransport:
    """Stands where the transport stands; lets go of the loop once, as a socket would."""

    def __init__(self, **_: object) -> None:
        pass

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *_: object) -> None:
        pass

    async def send(self, request: Request, *, feed: Feed | None = None) -> Answer:
        await asyncio.sleep(0)
        return Answer(200, {}, b'{"state": "RUNNING"}')


@dataclass(slots=True)
class Watch:
    """The most that was alive at any look."""

    calls: int
    tickets: int = 0
    tasks: int = 0
    memory_at_first: int = 0

    def source(self) -> Iterator[Call]:
        """Yield the calls, looking around now and then."""
        every = max(1, self.calls // LOOKS)
        warm = int(self.calls * WARM)
        for number in range(self.calls):
            if number == warm:
                self.memory_at_first = peak_memory()
            if number % every == 0:
                self.look()
            yield Call("one", "clusters.get", {"cluster_id": f"1123-{number:09d}"})

    def look(self) -> None:
        alive = sum(isinstance(each, Ticket) for each in gc.get_objects())
        self.tickets = max(self.tickets, alive)
        self.tasks = max(self.tasks, len(asyncio.all_tasks()))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=1_000_000)
    watch = Watch(parser.parse_args().calls)
    started = time.perf_counter()
    with patch("asyncdbx.fleet.fleet.Transport", InstantTransport):
        uvloop.run(make(watch))
    seconds = time.perf_counter() - started
    growth = (peak_memory() - watch.memory_at_first) / MB
    targets = Targets()
    print_table(
        f"fleet.map over a generator of {watch.calls:,} calls",
        ("what", "value", "target"),
        [
            (
                "calls alive at most",
                f"{watch.tickets:,}",
                targets.at_most(watch.tickets, 4_000),
            ),
            ("tasks at most", f"{watch.tasks:,}", targets.at_most(watch.tasks, 300)),
            (
                f"memory growth after the first {WARM:.0%}, MB",
                f"{growth:.1f}",
                targets.at_most(growth, 10),
            ),
            ("peak memory, MB", f"{peak_memory() / MB:.0f}", ""),
            ("seconds", f"{seconds:.0f}", ""),
        ],
    )
    return targets.exit_code


async def make(watch: Watch) -> None:
    config = WorkspaceConfig("one", "https://one.example", login=Pat(Secret("dapi0")))
    done = 0
    fleet = Fleet([config], limits=no_limits())
    async with fleet, fleet.map(watch.source()) as outcomes:
        async for outcome in outcomes:
            assert outcome.value == {"state": "RUNNING"}
            done += 1
    assert done == watch.calls, f"{done} outcomes"


def peak_memory() -> int:
    """Return the most memory that this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    sys.exit(main())
