"""A server with a limit, and the network in front of it."""

import math
from dataclasses import dataclass
from typing import Literal

from benchmarks.rate_sim.calls import Call, Caller, Refusal
from benchmarks.rate_sim.limits import Bucket, FixedWindow, Limit, Shards, Sliding
from benchmarks.rate_sim.world import World

__all__ = ["Kind", "Server", "ServerSpec"]

SHORTEST_TRIP = 0.001  # seconds, whatever the jitter
SPREAD = 0.5  # standard deviation of the logarithm of the service time

Kind = Literal["sliding", "bucket", "fixed", "strict", "shards"]


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """What a server is like; times are seconds.

    Attributes:
        kind: How it counts.
        rate: Calls per second.
        burst: Of a bucket; a second's worth if not given.
        changes: Times from which on it has another rate.
        count_refusals: Refused calls take a place of a sliding window, too.
        concurrency: How many calls it serves at once.
        names_limit: A refusal for concurrency says how many.
        retry_after: What a refusal says: nothing, the true wait in whole seconds, a number.
        service: Mean time that a call takes.
        trip: Mean time from client to server, and back.
        jitter: Standard deviation of that.
        refusal: Time that a refused call takes.
    """

    kind: Kind
    rate: float
    burst: float | None = None
    changes: tuple[tuple[float, float], ...] = ()
    count_refusals: bool = False
    concurrency: int | None = None
    names_limit: bool = True
    retry_after: Literal["int"] | float | None = None
    service: float = 0.060
    trip: float = 0.015
    jitter: float = 0.004
    refusal: float = 0.005

    def limit(self, world: World) -> Limit:
        """Return a fresh limit of this kind."""
        if self.kind == "sliding":
            return Sliding(self.rate, count_refusals=self.count_refusals)
        if self.kind == "fixed":
            return FixedWindow(self.rate)
        if self.kind == "shards":
            return Shards(self.rate, world.random)
        return Bucket(self.rate, 1 if self.kind == "strict" else self.burst)


class Server:
    """Lets calls through or refuses them, and remembers when.

    Attributes:
        world: Where it takes place.
        accepted_at: Times at which calls were let through.
        refused_at: Times at which calls were refused.
        in_service: Calls it is serving; counted only if there is a limit to that.
        burst: Calls that it lets through at the start, besides its rate.
    """

    __slots__ = (
        "_gauss",
        "_jitter",
        "_limit",
        "_service",
        "_spec",
        "_trip",
        "accepted_at",
        "burst",
        "in_service",
        "refused_at",
        "world",
    )

    def __init__(self, world: World, spec: ServerSpec) -> None:
        self.world = world
        self.accepted_at: list[float] = []
        self.refused_at: list[float] = []
        self.in_service = 0
        self._spec = spec
        self._gauss = world.random.gauss
        self._trip, self._jitter = spec.trip, spec.jitter
        self._service = math.log(spec.service) - SPREAD**2 / 2  # so that the mean is right
        self._limit = spec.limit(world)
        self.burst = self._limit.burst
        for time, rate in spec.changes:
            world.at(time, self._change, rate)

    def send(self, call: Call, caller: Caller) -> None:
        """Take a call from the client; the caller hears what became of it."""
        self.world.at(self._after_trip(self.world.now), self._arrive, call, caller)

    def _change(self, rate: float) -> None:
        self._limit.rate = rate

    def _after_trip(self, start: float) -> float:
        return start + max(SHORTEST_TRIP, self._gauss(self._trip, self._jitter))

    def _arrive(self, call: Call, caller: Caller) -> None:
        now = self.world.now
        most = self._spec.concurrency
        if most is not None and self.in_service >= most:
            named = most if self._spec.names_limit else None
            self._refuse(call, caller, Refusal(is_rate=False, named=named))
        elif wait := self._limit.ask(now):
            self._refuse(call, caller, Refusal(self._retry_after(wait)))
        else:
            self._accept(call, caller)

    def _retry_after(self, wait: float) -> float | None:
        asked = self._spec.retry_after
        return float(max(1, math.ceil(wait))) if asked == "int" else asked

    def _accept(self, call: Call, caller: Caller) -> None:
        world = self.world
        self.accepted_at.append(world.now)
        assert self._limit.is_kept(self.accepted_at), "the server broke its own limit"
        done_at = world.now + math.exp(self._gauss(self._service, SPREAD))
        if self._spec.concurrency is not None:
            self.in_service += 1
            world.at(done_at, self._finish)
        world.at(self._after_trip(done_at), caller.accepted, call)

    def _finish(self) -> None:
        self.in_service -= 1

    def _refuse(self, call: Call, caller: Caller, refusal: Refusal) -> None:
        world = self.world
        self.refused_at.append(world.now)
        answered_at = self._after_trip(world.now + self._spec.refusal)
        world.at(answered_at, caller.refused, call, refusal)
