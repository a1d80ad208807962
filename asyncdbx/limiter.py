"""One lane: when the next call of one limit group of one workspace may leave.

Three things hold a call back, and they are three different limits of the server: the rate
(calls per second), the *gate* (calls in flight at once) and a *pause* (a 429 was the answer
to an earlier call). Waiting calls live in the engine; a lane knows only numbers.

The rate is kept twice. The *bucket* paces: it says when the next call is due. The
*window* remembers when calls really left: a call that left late, because the loop was busy
between its token and its departure, has moved closer to those after it, and only a record
of departures knows that.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from aiolimiter import AsyncLimiter

__all__ = ["Lane", "LaneStats"]

# The pace: 2.5 % below the limit, so that a window that is kept never has to slow it down.
HEADROOM = 0.975

# A server counts what arrives, and the network shifts arrivals by some milliseconds: its
# second is kept as one that is longer by this.
GUARD = 0.024  # seconds; shorter than the 1/39 s that the pace leaves free

# Timers fire late (a millisecond of epoll's clock, and what the loop is busy with). Calls
# that are late by less than this may catch up, or lateness would eat 5-10 % of a fast lane.
SLACK = 0.010  # seconds

# Without Retry-After: 0.25 s, then twice as long for each 429 that is fresh.
FIRST_PAUSE = 0.25  # seconds
LONGEST_PAUSE = 30.0  # seconds


def bucket_for(per_second: float) -> AsyncLimiter:
    """Return a bucket that paces calls evenly, without a burst after a quiet spell.

    aiolimiter lets its whole capacity through at once and then the rate besides, so the
    capacity is one call plus the slack; with ``AsyncLimiter(30, 1)`` 59 calls leave in the
    first second.
    """
    rate = per_second * HEADROOM
    capacity = 1 + SLACK * rate
    return AsyncLimiter(capacity, capacity / rate)


@dataclass(slots=True)
class Window:
    """At most so many departures in any stretch of time; the server's window, mirrored.

    Attributes:
        seconds: Length of the stretch.
        departures: When the last calls left, at most as many as the stretch may hold.
    """

    seconds: float
    departures: deque[float]

    @classmethod
    def of(cls, per_second: float) -> "Window":
        """Return the window of a rate: about a second, holding a whole number of calls."""
        calls = max(1, int(per_second))
        return cls(calls / per_second + GUARD, deque(maxlen=calls))

    def open_at(self) -> float:
        """Return the loop time from which a call may leave."""
        departures = self.departures
        if len(departures) < (departures.maxlen or 0):
            return 0.0
        return departures[0] + self.seconds


@dataclass(slots=True)
class LaneStats:
    """What happened on a lane, for progress and reports.

    Attributes:
        sent: Requests that left.
        accepted: Answers other than 429 and lost connections.
        throttled: 429s.
        failed: Requests without an answer.
        waited: Seconds that calls spent between asking and leaving, summed.
        paused: Seconds of pause ordered by 429s, summed (overlaps counted once).
    """

    sent: int = 0
    accepted: int = 0
    throttled: int = 0
    failed: int = 0
    waited: float = 0.0
    paused: float = 0.0


@dataclass(slots=True, eq=False)
class Lane:
    """When the next call of a lane may leave.

    Attributes:
        group: Name of the limit group.
        workspace: Name of the workspace.
        per_second: The rate, calls per second; None if unlimited.
        in_flight_limit: Calls at the server at once.
        in_flight: Calls at the server now.
        paused_until: Loop time before which nothing leaves.
        refused_since: Loop time of the first 429 since the last other answer; None if the
            last answer was no 429.
    """

    group: str
    workspace: str
    per_second: float | None
    in_flight_limit: int
    in_flight: int = 0
    paused_until: float = 0.0
    refused_since: float | None = None
    stats: LaneStats = field(default_factory=LaneStats)
    _bucket: AsyncLimiter | None = None
    _window: Window | None = None
    _pauses: int = 0
    _paused_at: float = 0.0
    _place_free: asyncio.Future[None] | None = None

    def __post_init__(self) -> None:
        if self.per_second is not None:
            self._bucket = bucket_for(self.per_second)
            self._window = Window.of(self.per_second)

    def is_open(self, now: float) -> bool:
        """Return whether a call may leave at once, with nothing to wait for."""
        return (
            self._bucket is None
            and self.in_flight < self.in_flight_limit
            and now >= self.paused_until
        )

    def may_leave(self, now: float) -> bool:
        """Return whether nothing but a token is missing for a call to leave."""
        if self.in_flight >= self.in_flight_limit or now < self.paused_until:
            return False
        return self._window is None or now >= self._window.open_at()

    def _open_at(self) -> float:
        """Return the loop time at which neither a pause nor the window is in the way."""
        if self._window is None:
            return self.paused_until
        return max(self.paused_until, self._window.open_at())

    async def wait_turn(self, clock: Callable[[], float]) -> None:
        """Wait until a call may leave, and take its token. One waiter at a time.

        A pause or a full gate can come while the token is awaited, so they are looked at
        again. A token held meanwhile is stale: the bucket has drained behind it, and two
        calls would leave at once. So another one is taken for it.

        Args:
            clock: Gives the loop time, in seconds.
        """
        await self._wait_open(clock)
        if self._bucket is not None:
            await self._bucket.acquire()
            while await self._wait_open(clock):
                await self._bucket.acquire()

    async def _wait_open(self, clock: Callable[[], float]) -> bool:
        """Wait for the end of the pause and a place in the gate; return if it took time."""
        waited = False
        while not self.may_leave(now := clock()):
            waited = True
            if (seconds := self._open_at() - now) > 0:
                await asyncio.sleep(seconds)
            else:
                self._place_free = asyncio.get_running_loop().create_future()
                await self._place_free
        return waited

    def enter(self, now: float) -> None:
        """Count a call that leaves now."""
        self.in_flight += 1
        self.stats.sent += 1
        if self._window is not None:
            self._window.departures.append(now)

    def come_back(self) -> None:
        """Count a call that had left its place to others and goes on, without a turn.

        The server has had it all the while, so there may be one too many now.
        """
        self.in_flight += 1

    def leave(self) -> None:
        """Count a call that came back, whatever became of it."""
        self.in_flight -= 1
        free = self._place_free
        if free is not None and not free.done() and self.in_flight < self.in_flight_limit:
            free.set_result(None)

    def accept(self) -> None:
        """Learn from an answer that is no 429: the server lets calls through again."""
        self.stats.accepted += 1
        self._pauses = 0
        self.refused_since = None

    def throttle(self, retry_after: float | None, *, sent_at: float, now: float) -> None:
        """Learn from a 429: hold the whole lane back.

        A 429 to a call that left before the last pause began says nothing new: it belongs
        to the event that was already answered.

        Args:
            retry_after: Seconds the server asked for, clamped; None if it did not say. 0
                says nothing: obeyed, it would make a lane without a rate spin.
            sent_at: Loop time at which the refused call left.
            now: Loop time.
        """
        self.stats.throttled += 1
        if self.refused_since is None:
            self.refused_since = now
        if retry_after:
            self._pause(retry_after, now)
        elif sent_at >= self._paused_at:
            self._pause(min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**self._pauses), now)
            self._pauses += 1

    def _pause(self, seconds: float, now: float) -> None:
        until = max(self.paused_until, now + seconds)
        self.stats.paused += until - max(self.paused_until, now)
        self.paused_until = until
        self._paused_at = now

    def crowd(
        self, limit: int, retry_after: float | None, *, sent_at: float, now: float
    ) -> None:
        """Learn from "exceeded the concurrent limit": fewer at once, at the same rate.

        If the gate is as narrow already, others use up the limit, and it is a 429 like any.

        Args:
            limit: What the server said it lets in at once.
            retry_after: As of ``throttle``.
            sent_at: As of ``throttle``.
            now: Loop time.
        """
        limit = max(1, limit)
        if limit >= self.in_flight_limit:
            self.throttle(retry_after, sent_at=sent_at, now=now)
            return
        self.stats.throttled += 1
        self.in_flight_limit = limit
        self._pause(retry_after or 0.0, now)
