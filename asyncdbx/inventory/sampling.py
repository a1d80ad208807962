"""How the lanes of a run went over time, for the report: rates, calls, 429s."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable
from typing import NamedTuple

from asyncdbx.fleet import Fleet
from asyncdbx.inventory.spool import Sample, Spool
from asyncdbx.inventory.spool.file import now
from asyncdbx.limiter import Lane

__all__ = ["Sampler", "sampling"]

FIRST = 1.0  # seconds between the first samples
SHARE = 60  # of the time that has passed, between later ones: 430 samples in eight hours


class _Counts(NamedTuple):
    calls: int
    throttled: int


class Sampler:
    """Says what each lane did since it was last asked.

    Args:
        start: When it begins; loop time, seconds.
    """

    def __init__(self, start: float) -> None:
        self._start = self._before = start
        self._counts: dict[tuple[str, str], _Counts] = {}

    def pause(self) -> float:
        """Return the seconds until the next sample: a long run has coarser ones."""
        return max(FIRST, (self._before - self._start) / SHARE)

    def sample(
        self, lanes: Iterable[tuple[Lane, int]], at: float, wall: int
    ) -> list[Sample]:
        """Return a sample of each lane that did something or has calls that wait.

        Args:
            lanes: Each with the number of its waiting calls.
            at: Loop time, seconds.
            wall: Milliseconds since 1970.
        """
        seconds, self._before = at - self._before, at
        samples: list[Sample] = []
        for lane, waiting in lanes:
            key = lane.workspace, lane.group
            then = self._counts.get(key, _Counts(0, 0))
            counts = _Counts(lane.stats.sent, lane.stats.throttled)
            self._counts[key] = counts
            if counts != then or waiting:
                calls = counts.calls - then.calls
                throttled = counts.throttled - then.throttled
                samples.append(
                    Sample(*key, wall, seconds, calls, throttled, lane.rate, waiting)
                )
        return samples


@contextlib.asynccontextmanager
async def sampling(fleet: Fleet, spool: Spool) -> AsyncGenerator[None]:
    """Put samples into the spool while the block lasts, the last at its end."""
    loop = asyncio.get_running_loop()
    sampler = Sampler(loop.time())

    def take() -> None:
        spool.add_samples(sampler.sample(fleet.lanes(), loop.time(), now()))

    async def sample() -> None:
        while True:
            await asyncio.sleep(sampler.pause())
            take()

    task = asyncio.create_task(sample())
    try:
        yield
    finally:
        task.cancel()
        take()
