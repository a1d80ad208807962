"""A token bucket that paces calls evenly, at a rate that may change at any time."""

import asyncio
from collections.abc import Callable

from aiolimiter import AsyncLimiter

__all__ = ["SLACK", "Bucket"]

# Timers fire late (a millisecond of epoll's clock, and what the loop is busy with). Calls
# that are late by less than this may catch up, or lateness would eat 5-10 % of a fast lane.
SLACK = 0.010  # seconds


class Bucket:
    """Gives out tokens one by one, to one waiter at a time.

    aiolimiter lets its whole capacity through at once and then the rate besides (with
    ``AsyncLimiter(30, 1)`` 59 calls leave in the first second), so its capacity here is one
    call plus the slack. A new rate takes a new limiter, which is first filled as far as the
    call that left last demands: the next one leaves when it would have, had the rate always
    been so. A quiet spell earns nothing.

    Args:
        rate: Calls per second.
        clock: Gives the loop time, in seconds.
    """

    __slots__ = ("_clock", "_fresh", "_granted", "_limiter", "_waiting", "rate")

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._granted = float("-inf")
        self._waiting: asyncio.Timeout | None = None
        self.rate = rate
        self._fresh = True
        self._renew()

    def set_rate(self, rate: float) -> None:
        """Change the rate; who waits waits on, as long as the new rate demands."""
        if rate == self.rate:
            return
        self.rate = rate
        self._renew()
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(0.0)  # now

    def has_token(self) -> bool:
        """Return whether a token can be had without waiting."""
        return self._missing() == 0 if self._fresh else self._limiter.has_capacity()

    async def take(self) -> None:
        """Wait for a token. One waiter at a time, who must run in a task."""
        while not await self._take():
            pass
        self._granted = self._clock()

    async def _take(self) -> bool:
        """Wait for a token, and return whether it was got at a rate that still holds."""
        limiter = self._limiter
        try:
            async with asyncio.timeout(None) as self._waiting:  # ended by a new rate
                if self._fresh:
                    self._fresh = False
                    await limiter.acquire(self._used())
                await limiter.acquire()
        except TimeoutError:
            return False
        finally:
            self._waiting = None
        return limiter is self._limiter

    def leave(self, now: float) -> None:
        """Note that the call with the last token leaves now.

        If it is late, those after it are, too, or they would be too close to it.
        """
        if now - self._granted > SLACK:
            self._granted = now
            self._renew()

    def _renew(self) -> None:
        capacity = 1 + SLACK * self.rate
        self._limiter = AsyncLimiter(capacity, capacity / self.rate)
        self._fresh = True

    def _missing(self) -> float:
        """Return the seconds until the next token, counted from the last one."""
        return max(0.0, self._granted + 1 / self.rate - self._clock())

    def _used(self) -> float:
        """Return how full a new limiter is, so that the next token comes in its time."""
        missing = self._missing()
        if not missing:
            return 0.0
        return min(self._limiter.max_rate, (SLACK + missing) * self.rate)
