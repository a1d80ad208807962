"""How servers count: the ways in which a rate can be enforced."""

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from random import Random

__all__ = ["Bucket", "FixedWindow", "Limit", "Shards", "Sliding"]

WINDOW = 1.0  # seconds
ROUNDING = 1e-9


class Limit(ABC):
    """A rate that is enforced.

    Attributes:
        rate: Calls per second; may change at any time.
    """

    __slots__ = ("rate",)

    def __init__(self, rate: float) -> None:
        self.rate = rate

    @property
    def burst(self) -> float:
        """Return how many calls it lets through besides its rate."""
        return 0.0

    @abstractmethod
    def ask(self, now: float) -> float:
        """Let a call through and return 0, or return the seconds until there is room."""

    def is_kept(self, accepted: list[float]) -> bool:
        """Return whether the last of these calls was rightly let through, if it knows."""
        return True


class Sliding(Limit):
    """At most ``rate`` calls in any second.

    Args:
        rate: Calls per second.
        count_refusals: Refused calls take a place, too.
    """

    __slots__ = ("_count_refusals", "_log")

    def __init__(self, rate: float, *, count_refusals: bool = False) -> None:
        super().__init__(rate)
        self._count_refusals = count_refusals
        self._log: deque[float] = deque()

    def ask(self, now: float) -> float:
        log = self._log
        while log and log[0] <= now - WINDOW:
            log.popleft()
        if len(log) < self.rate:
            log.append(now)
            return 0.0
        if self._count_refusals:
            log.append(now)
        first_to_leave = log[len(log) - math.ceil(self.rate)]
        return max(ROUNDING, first_to_leave + WINDOW - now)

    def is_kept(self, accepted: list[float]) -> bool:
        """Count again, in another way than the one that decides."""
        places = math.ceil(self.rate)
        if len(accepted) <= places:
            return True
        return accepted[-1] - accepted[-1 - places] >= WINDOW - ROUNDING


class Bucket(Limit):
    """A token bucket, full at first.

    Args:
        rate: Tokens per second.
        burst: Tokens it holds; a second's worth if not given.
    """

    __slots__ = ("_asked_at", "_burst", "_tokens")

    def __init__(self, rate: float, burst: float | None = None) -> None:
        super().__init__(rate)
        self._burst = burst
        self._tokens = self.burst
        self._asked_at = 0.0

    @property
    def burst(self) -> float:
        return max(1.0, self.rate) if self._burst is None else self._burst

    def ask(self, now: float) -> float:
        tokens = self._tokens + (now - self._asked_at) * self.rate
        self._tokens = min(self.burst, tokens)
        self._asked_at = now
        if self._tokens < 1 - ROUNDING:
            return (1 - self._tokens) / self.rate
        self._tokens -= 1
        return 0.0


class FixedWindow(Limit):
    """At most ``rate`` calls in each second of the server's clock."""

    __slots__ = ("_calls", "_second")

    def __init__(self, rate: float) -> None:
        super().__init__(rate)
        self._second = -1
        self._calls = 0

    def ask(self, now: float) -> float:
        second = int(now)
        if second != self._second:
            self._second, self._calls = second, 0
        if self._calls >= self.rate:
            return second + 1 - now
        self._calls += 1
        return 0.0


class Shards(Limit):
    """A quota that several nodes enforce, each its part, each call by any of them."""

    __slots__ = ("_choose", "_nodes")

    def __init__(self, rate: float, random: Random, nodes: int = 4) -> None:
        super().__init__(rate)
        self._nodes = [Sliding(rate / nodes) for _ in range(nodes)]
        self._choose: Callable[[list[Sliding]], Sliding] = random.choice

    def ask(self, now: float) -> float:
        node = self._choose(self._nodes)
        node.rate = self.rate / len(self._nodes)
        return node.ask(now)
