"""How much a client wants to do."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from benchmarks.rate_sim.calls import Call
from benchmarks.rate_sim.world import World

__all__ = ["Demand", "DemandSpec", "Endless", "OnOff", "Poisson"]

ON = 10.0  # seconds, and off for as long


class Demand(Protocol):
    """Where a client's fresh calls come from."""

    def start(self, world: World, wake: Callable[[], None]) -> None:
        """Begin; ``wake`` is called when there is something to do again."""
        ...

    def is_there(self, now: float) -> bool:
        """Return whether a call is wanted."""
        ...

    def take(self, now: float) -> Call:
        """Return the next call; one is there."""
        ...


class Endless:
    """There is always more."""

    __slots__ = ()

    def start(self, world: World, wake: Callable[[], None]) -> None:
        wake()

    def is_there(self, now: float) -> bool:
        return True

    def take(self, now: float) -> Call:
        return Call(now)


class OnOff(Endless):
    """Ten seconds of endless demand, ten seconds of none."""

    __slots__ = ()

    def start(self, world: World, wake: Callable[[], None]) -> None:
        super().start(world, wake)
        world.at(world.now + 2 * ON, self.start, world, wake)

    def is_there(self, now: float) -> bool:
        return now % (2 * ON) < ON


class Poisson:
    """Calls that come independently of each other.

    Args:
        rate: How many a second, on average.
    """

    __slots__ = ("_calls", "_rate")

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._calls: deque[Call] = deque()

    def start(self, world: World, wake: Callable[[], None]) -> None:
        self._calls.append(Call(world.now))
        wake()
        pause = world.random.expovariate(self._rate)
        world.at(world.now + pause, self.start, world, wake)

    def is_there(self, now: float) -> bool:
        return bool(self._calls)

    def take(self, now: float) -> Call:
        return self._calls.popleft()


@dataclass(frozen=True, slots=True)
class DemandSpec:
    """Which demand there is.

    Attributes:
        kind: How it comes.
        rate: Of Poisson's, calls per second.
    """

    kind: Literal["endless", "on/off", "poisson"] = "endless"
    rate: float = 0.0

    @property
    def share_of_time(self) -> float:
        """Return for how much of the time there is any."""
        return 0.5 if self.kind == "on/off" else 1.0

    def make(self) -> Demand:
        if self.kind == "poisson":
            return Poisson(self.rate)
        return OnOff() if self.kind == "on/off" else Endless()
