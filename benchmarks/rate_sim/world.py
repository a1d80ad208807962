"""Virtual time: a heap of events, a clock, and the only source of chance."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

__all__ = ["World"]


class World:
    """What happens, in order.

    Attributes:
        now: Time, seconds.
        random: Everything random comes from here, so that a seed reproduces a run.
    """

    __slots__ = ("_events", "_number", "now", "random")

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.random = Random(seed)
        self._events: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._number = count().__next__

    def at(self, time: float, action: Callable[..., object], *arguments: Any) -> None:
        """Do something at a time that has not passed; what is due first is done first."""
        heappush(self._events, (time, self._number(), action, arguments))

    def run(self, until: float) -> None:
        """Let everything happen that is due by then."""
        events = self._events
        while events and events[0][0] <= until:
            self.now, _, action, arguments = heappop(events)
            action(*arguments)
        self.now = until
