"""The client under test: the only file here that knows it."""

import math
from collections import deque
from collections.abc import Callable

from asyncdbx.rate_control import Gate, RateControl
from benchmarks.rate_sim.calls import Call, Refusal
from benchmarks.rate_sim.policies import Policy
from benchmarks.rate_sim.world import World

__all__ = ["Host", "Learned", "Seat"]

# A call may leave so much before it is due; the next one is due as if it had not, so that
# timers that are late do not make the lane slower.
EARLY = 0.010  # seconds


class Learned(Policy):
    """An even pace at the rate that a control has learned.

    Args:
        world: Its time, and chance.
        prior: The rate as expected, calls per second.
        limit: The rate as an earlier run has measured it; 0 if there was none.
        bursty: That run has found a bucket.
        at_once: How many calls the server is expected to take at once; None if it is only
            known to count calls per second.
    """

    __slots__ = ("_gate", "_left_at", "control", "world")

    def __init__(
        self,
        world: World,
        prior: float,
        *,
        limit: float = 0.0,
        bursty: bool = False,
        at_once: int | None = None,
    ) -> None:
        self.control = RateControl(prior, limit=limit, bursty=bursty, rng=world.random)
        self.world = world
        self._gate = Gate(at_once) if at_once else None
        self._left_at = -math.inf

    def earliest(self, now: float, in_flight: int) -> float:
        control, gate = self.control, self._gate
        if in_flight and control.one_by_one:
            return math.inf
        if gate and in_flight >= gate.limit:
            return math.inf
        open_at = max(now, control.paused_until)
        due = self._left_at + 1 / control.rate - EARLY
        if due <= open_at:
            return open_at
        control.hold_back()
        return due

    def sent(self, now: float) -> None:
        self._left_at = max(now, self._left_at + 1 / self.control.rate)
        self.control.send(now)

    def accepted(self, call: Call, in_flight: int, now: float) -> None:
        self.control.accept(call.sent_at, now)
        if self._gate:
            self._gate.accept(in_flight, now)

    def refused(self, call: Call, refusal: Refusal, now: float) -> float:
        if refusal.is_rate:
            self.control.refuse(call.sent_at, now, refusal.retry_after)
        elif self._gate:
            self._gate.refuse(refusal.named, call.sent_at, now)
        return 0.0


class Host:
    """What clients on one host share: one control, one pace, and a line to take turns in.

    Attributes:
        shared: The control and its pace.
        in_flight: Calls of all of them that are on their way.
        line: Who waits for a turn; the first one has it.
    """

    __slots__ = ("_world", "in_flight", "line", "shared")

    def __init__(self, shared: Learned) -> None:
        self.shared = shared
        self.in_flight = 0
        self.line: deque[Seat] = deque()
        self._world = shared.world

    def has_changed(self) -> None:
        """Let whose turn it is look again, once this moment's answer is dealt with."""
        self._world.at(self._world.now, self._wake_first)

    def _wake_first(self) -> None:
        if self.line:
            self.line[0].wake()


class Seat(Policy):
    """One client's place on a host. Who has lined up must have calls until his turn comes.

    Attributes:
        wake: Makes its client look again.
    """

    __slots__ = ("_host", "wake")
    wake: Callable[[], None]

    def __init__(self, host: Host) -> None:
        self._host = host

    def attach(self, wake: Callable[[], None]) -> None:
        self.wake = wake

    def earliest(self, now: float, in_flight: int) -> float:
        host = self._host
        if self not in host.line:
            host.line.append(self)
        if host.line[0] is not self:
            return math.inf
        return host.shared.earliest(now, host.in_flight)

    def sent(self, now: float) -> None:
        host = self._host
        host.line.popleft()
        host.in_flight += 1
        host.shared.sent(now)
        host.has_changed()

    def accepted(self, call: Call, in_flight: int, now: float) -> None:
        host = self._host
        host.shared.accepted(call, host.in_flight, now)
        host.in_flight -= 1
        host.has_changed()

    def refused(self, call: Call, refusal: Refusal, now: float) -> float:
        host = self._host
        wait = host.shared.refused(call, refusal, now)
        host.in_flight -= 1
        host.has_changed()
        return wait
