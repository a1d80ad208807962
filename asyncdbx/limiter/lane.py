"""One lane: when the next call of one limit group of one workspace may leave.

Three things hold a call back, and they are three different limits of the server: the rate
(calls per second), the *gate* (calls in flight at once) and a *pause* (a 429 was the
answer to an earlier call). Rate and gate are learned (``rate_control``); here is the clock.
Waiting calls live in the engine; a lane knows only numbers.
"""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from asyncdbx.limiter.bucket import Bucket
from asyncdbx.limiter.lane_file import Record
from asyncdbx.limiter.shared import SharedControl
from asyncdbx.rate_control import BELOW, Gate, Mode, RateControl

__all__ = ["Lane", "LaneStats"]

# For a lane without a rate: 0.25 s, then twice as long for each 429 that is fresh.
FIRST_PAUSE = 0.25  # seconds
LONGEST_PAUSE = 30.0  # seconds


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
        most: Calls that may be in flight at once, at most.
        control: Finds the rate; None if the rate is unlimited.
        gate: Finds how many may be in flight.
        in_flight: Calls at the server now.
        paused_until: Loop time before which nothing leaves.
        refused_since: Loop time of the first 429 since the last other answer; None if the
            last answer was no 429.
    """

    group: str
    workspace: str
    most: int
    control: RateControl | SharedControl | None = None
    gate: Gate = field(init=False)
    in_flight: int = 0
    paused_until: float = 0.0
    refused_since: float | None = None
    stats: LaneStats = field(default_factory=LaneStats)
    _bucket: Bucket | None = None
    _pauses: int = 0
    _paused_at: float = 0.0
    _place_free: asyncio.Future[None] | None = None

    def __post_init__(self) -> None:
        # Who has lifted the limit says how many may be in flight: nothing to feel out.
        self.gate = Gate(self.most, self.most if self.control is None else 0)

    @classmethod
    def limited(  # noqa: PLR0913 - two names, two limits and what is known about them
        cls,
        group: str,
        workspace: str,
        most: int,
        per_second: float,
        *,
        firm: bool = False,
        believed: bool = False,
        learned: float = 0.0,
        record: Record | None = None,
    ) -> "Lane":
        """Return a lane with a rate.

        Args:
            group: Name of the limit group.
            workspace: Name of the workspace.
            most: Calls that may be in flight at once, at most.
            per_second: The limit as published or set.
            firm: Never faster: the user has said so.
            believed: Held from the beginning, and never more looked for: what is counted
                over a minute stops a lane for a minute if one has looked too far.
            learned: The limit as an earlier run measured it, calls per second; 0 if none.
            record: The lane's place in the file of this host; None to go alone.
        """
        fastest = math.inf
        if believed:
            fastest = (1 - BELOW) * per_second
            learned = learned or per_second
        elif firm:
            fastest = per_second
        control = RateControl(per_second, fastest, learned)
        lane = cls(group, workspace, most, control)
        if record is not None:
            lane.control = SharedControl(record, control, time.monotonic())
        return lane

    @property
    def rate(self) -> float | None:
        """Calls per second now; None if unlimited."""
        return None if self.control is None else self.control.rate

    @property
    def room(self) -> int:
        """How many calls may be in flight now."""
        if self.control is not None and self.control.one_by_one:
            return 1
        return self.gate.limit

    def is_open(self, now: float) -> bool:
        """Return whether a call may leave at once, with nothing to wait for."""
        return self.control is None and self.may_leave(now)

    def may_leave(self, now: float) -> bool:
        """Return whether nothing but a token is missing for a call to leave."""
        return now >= self.paused_until and self.in_flight < self.room

    async def wait_turn(self, clock: Callable[[], float]) -> None:
        """Wait until a call may leave, and take its token. One waiter at a time.

        A pause or a full gate can come while the token is awaited, so they are looked at
        again. A token held meanwhile is stale: the bucket has drained behind it, and two
        calls would leave at once. So another one is taken for it.

        Args:
            clock: Gives the loop time, in seconds.
        """
        control = self.control
        if isinstance(control, SharedControl):
            control.catch_up(clock())
            self._obey(clock())
        await self._wait_open(clock)
        if control is None:
            return
        if self._bucket is None:
            self._bucket = Bucket(control.rate, clock)
        while True:
            self._note_waiting()
            await self._bucket.take()
            if isinstance(control, SharedControl):
                now = clock()
                if (turn := control.reserve(now)) > now:
                    control.hold_back()
                    await asyncio.sleep(turn - now)
            if not await self._wait_open(clock):
                return

    async def _wait_open(self, clock: Callable[[], float]) -> bool:
        """Wait for the end of the pause and a place in the gate; return if it took time."""
        waited = False
        while not self.may_leave(now := clock()):
            waited = True
            if (seconds := self.paused_until - now) > 0:
                await asyncio.sleep(seconds)
            else:
                self._place_free = asyncio.get_running_loop().create_future()
                await self._place_free
        return waited

    def _note_waiting(self) -> None:
        """Tell the control if the rate is what holds calls back."""
        bucket = self._bucket
        if self.control is not None and bucket is not None and not bucket.has_token():
            self.control.hold_back()

    def enter(self, now: float) -> None:
        """Count a call that leaves now."""
        self.in_flight += 1
        self.stats.sent += 1
        if self.control is not None:
            self.control.send(now)
            if self._bucket is not None:
                self._bucket.leave(now)

    def come_back(self) -> None:
        """Count a call that had left its place to others and goes on, without a turn.

        The server has had it all the while, so there may be one too many now.
        """
        self.in_flight += 1

    def leave(self) -> None:
        """Count a call that came back, whatever became of it."""
        self.in_flight -= 1
        free = self._place_free
        if free is not None and not free.done() and self.in_flight < self.room:
            free.set_result(None)

    # --- what answers teach -------------------------------------------------------------

    def accept(self, sent_at: float, now: float) -> None:
        """Learn from an answer that is no 429: the server lets calls through.

        Args:
            sent_at: Loop time at which the call left.
            now: Loop time.
        """
        self.stats.accepted += 1
        self._pauses = 0
        self.refused_since = None
        gate = self.gate
        if gate.limit < gate.most:
            gate.accept(self.in_flight + 1, now)
        if self.control is not None:
            self._note_waiting()
            self.control.accept(sent_at, now)
            self._obey(now)

    def throttle(self, retry_after: float | None, *, sent_at: float, now: float) -> None:
        """Learn from a 429.

        Args:
            retry_after: Seconds the server asked for, clamped; None if it did not say. 0
                says nothing: obeyed, it would make a lane without a rate spin.
            sent_at: Loop time at which the refused call left.
            now: Loop time.
        """
        self._refused(now)
        if self.control is not None:
            self.control.refuse(sent_at, now, retry_after)
            self._obey(now)
        elif retry_after:
            self._pause(now + retry_after, now)
        else:
            self._pause_longer(sent_at, now)

    def crowd(
        self, limit: int | None, retry_after: float | None, *, sent_at: float, now: float
    ) -> None:
        """Learn from "exceeded the concurrent limit": fewer at once, at the same rate.

        Args:
            limit: What the server said it lets in at once, if it did.
            retry_after: As of ``throttle``.
            sent_at: As of ``throttle``.
            now: Loop time.
        """
        self._refused(now)
        told = limit is not None and limit < self.gate.limit
        news = sent_at > self.gate.cut_at
        self.gate.refuse(limit, sent_at, now)
        if retry_after:
            self._pause(now + retry_after, now)
        elif news and not told:  # others use it up; asking at once would be hammering
            self._pause_longer(sent_at, now)

    def _refused(self, now: float) -> None:
        self.stats.throttled += 1
        if self.refused_since is None:
            self.refused_since = now

    def _obey(self, now: float) -> None:
        """Take over what the control has decided."""
        control = self.control
        if control is None:
            return
        if self._bucket is not None:
            self._bucket.set_rate(control.rate)
        if control.paused_until > max(now, self.paused_until):
            self._pause(control.paused_until, now)

    def _pause_longer(self, sent_at: float, now: float) -> None:
        """Pause, twice as long as the last time; once for each event."""
        if sent_at < self._paused_at:
            return
        seconds = FIRST_PAUSE * 2.0 ** min(60, self._pauses)
        self._pause(now + min(LONGEST_PAUSE, seconds), now)
        self._pauses += 1

    def _pause(self, until: float, now: float) -> None:
        until = max(self.paused_until, until)
        self.stats.paused += until - max(self.paused_until, now)
        self.paused_until = until
        self._paused_at = now

    def close(self, now: float) -> None:
        """Leave behind what has been learned, for the next run."""
        if isinstance(self.control, SharedControl):
            self.control.close(now)

    # --- what is told -------------------------------------------------------------------

    def why(self, now: float) -> str:
        """Return in a few words what the lane is doing."""
        if self.control is not None and self.control.mode == Mode.DARK:
            return "everything is refused, one call asks"
        if now < self.paused_until:
            return f"paused for {self.paused_until - now:.0f} s"
        if self.in_flight >= self.room:
            return "as many in flight as may be"
        if self.control is None:
            return "unlimited"
        return {
            Mode.GROW: "looking for more",
            Mode.HOLD: "at its limit" if self.control.limit else "at its pace",
            Mode.SHARE: "shared with others",
        }[self.control.mode]
