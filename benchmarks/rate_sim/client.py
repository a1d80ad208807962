"""A client process: it has calls to make, some slots to make them in, and a policy."""

import math
from collections import deque

from benchmarks.rate_sim.calls import Call, Refusal
from benchmarks.rate_sim.demand import Demand
from benchmarks.rate_sim.policies import Policy
from benchmarks.rate_sim.server import Server

__all__ = ["Client"]

# A call that has been refused so often lets a fresh one go ahead of it, or on a server that
# lets nothing through it would be the canary for ever.
REFUSALS = 4
ROUNDING = 1e-12  # seconds


class Client:
    """Makes calls as its policy allows, and each again until it is accepted.

    A call keeps its slot until then. Refused ones wait first-in-first-out, ahead of fresh
    ones.

    Attributes:
        in_flight: Calls that are on their way.
        answered_at: When each accepted call was heard of.
        latencies: Seconds from a call's birth to that.
        most_sends: How often the unluckiest call was sent.

    Args:
        slots: How many calls may be begun and not accepted yet.
        starts_at: When it begins, seconds.
    """

    __slots__ = (
        "_again",
        "_demand",
        "_free",
        "_policy",
        "_server",
        "_wakes_at",
        "_world",
        "answered_at",
        "in_flight",
        "latencies",
        "most_sends",
    )

    def __init__(
        self,
        server: Server,
        policy: Policy,
        demand: Demand,
        slots: int,
        starts_at: float = 0.0,
    ) -> None:
        self.in_flight = 0
        self.answered_at: list[float] = []
        self.latencies: list[float] = []
        self.most_sends = 0
        self._world = server.world
        self._server = server
        self._policy = policy
        self._demand = demand
        self._free = slots
        self._again: deque[Call] = deque()
        self._wakes_at = math.inf
        policy.attach(self.pump)
        server.world.at(starts_at, demand.start, server.world, self.pump)

    def pump(self) -> None:
        """Send what may be sent now, and wake up when the next one may be."""
        now = self._world.now
        while self._again or self._has_fresh(now):
            at = self._policy.earliest(now, self.in_flight)
            if at > now + ROUNDING:
                self._sleep_until(at)
                return
            self._send(self._again.popleft() if self._again else self._fresh(now))

    def _has_fresh(self, now: float) -> bool:
        return self._free > 0 and self._demand.is_there(now)

    def _fresh(self, now: float) -> Call:
        self._free -= 1
        return self._demand.take(now)

    def _sleep_until(self, time: float) -> None:
        if time < self._wakes_at:  # an earlier one will look again
            self._wakes_at = time
            self._world.at(time, self._wake, time)

    def _wake(self, time: float) -> None:
        if time >= self._wakes_at:
            self._wakes_at = math.inf
        self.pump()

    def _send(self, call: Call) -> None:
        call.sent_at = self._world.now
        call.sends += 1
        self.in_flight += 1
        self._policy.sent(call.sent_at)
        self._server.send(call, self)

    def accepted(self, call: Call) -> None:
        """Hear of a call that was let through."""
        now = self._world.now
        self._policy.accepted(call, self.in_flight, now)
        self.in_flight -= 1
        self._free += 1
        self.most_sends = max(self.most_sends, call.sends)
        self.answered_at.append(now)
        self.latencies.append(now - call.born_at)
        self.pump()

    def refused(self, call: Call, refusal: Refusal) -> None:
        """Hear of a call that was not let through."""
        now = self._world.now
        wait = self._policy.refused(call, refusal, now)
        self.in_flight -= 1
        if wait > 0:
            self._world.at(now + wait, self._queue, call)
            self.pump()
        else:
            self._queue(call)

    def _queue(self, call: Call) -> None:
        now = self._world.now
        if call.sends >= REFUSALS and self._has_fresh(now):
            self._again.append(self._fresh(now))
        self._again.append(call)
        self.pump()
