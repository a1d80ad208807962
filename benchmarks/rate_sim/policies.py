"""How clients deal with a limit: what they have in common, and the peers to compare with.

Each is written from its source, without its machinery; ``tests/test_rate_sim.py`` holds two
of them against the real ones. None gives up: a call is sent until it is accepted.
"""

import math
from collections.abc import Callable
from random import Random

from benchmarks.rate_sim.calls import Call, Refusal

__all__ = ["Aimd", "Backoff", "BotocoreCubic", "LeakyBucket", "Policy", "SdkRetry"]


class Policy:
    """When a client may send, and how long a refused call waits. Times are seconds."""

    __slots__ = ()

    def attach(self, wake: Callable[[], None]) -> None:
        """Take what makes the client ask again when somebody else has changed something."""

    def earliest(self, now: float, in_flight: int) -> float:
        """Return when the next call may leave; it is asked again after each answer."""
        return now

    def sent(self, now: float) -> None:
        """Note that a call leaves."""

    def accepted(self, call: Call, in_flight: int, now: float) -> None:
        """Note that a call was let through; it still counts as in flight."""

    def refused(self, call: Call, refusal: Refusal, now: float) -> float:
        """Note that a call was refused, and return how long it waits by itself."""
        return refusal.retry_after or 0.0


class Backoff(Policy):
    """backoff.expo with full_jitter and nothing else; Retry-After is the least."""

    __slots__ = ("_random",)
    LONGEST = 60.0  # seconds

    def __init__(self, random: Random) -> None:
        self._random = random

    def refused(self, call: Call, refusal: Refusal, now: float) -> float:
        longest = min(self.LONGEST, 2.0 ** (call.sends - 1))
        return max(refusal.retry_after or 0.0, self._random.uniform(0, longest))


class LeakyBucket(Backoff):
    """aiolimiter.AsyncLimiter(rate, 1), and backoff for what is refused all the same.

    Args:
        rate: Calls per second. Below one, its bucket holds one call all the same: the real
            one would raise an error.
    """

    __slots__ = ("_capacity", "_leaked_at", "_level", "_rate")

    def __init__(self, rate: float, random: Random) -> None:
        super().__init__(random)
        self._rate = rate
        self._capacity = max(1.0, rate)
        self._level = 0.0
        self._leaked_at = 0.0

    def earliest(self, now: float, in_flight: int) -> float:
        self._leak(now)
        needed = 1 - self._capacity + self._level
        return now if needed <= 1e-12 else now + needed / self._rate

    def sent(self, now: float) -> None:
        self._leak(now)
        self._level += 1

    def _leak(self, now: float) -> None:
        self._level = max(0.0, self._level - (now - self._leaked_at) * self._rate)
        self._leaked_at = now


class SdkRetry(Policy):
    """databricks-sdk-py: waits for Retry-After, a second without it, and up to one more."""

    __slots__ = ("_random",)

    def __init__(self, random: Random) -> None:
        self._random = random

    def refused(self, call: Call, refusal: Refusal, now: float) -> float:
        asked = 1.0 if refusal.retry_after is None else refusal.retry_after
        return asked + self._random.random()


class BotocoreCubic(Policy):
    """botocore's "adaptive" mode: CUBIC over a token bucket, from the first 429 on.

    Attributes:
        rate: Tokens per second.
    """

    __slots__ = (
        "_answers",
        "_capacity",
        "_counted_from",
        "_cut_at",
        "_enabled",
        "_filled_at",
        "_measured",
        "_plateau",
        "_random",
        "_tokens",
        "_zero",
        "rate",
    )
    SCALE = 0.4
    BETA = 0.7
    SMOOTHING = 0.8
    HALF_SECOND = 0.5
    LEAST_RATE = 0.5
    LONGEST = 20.0  # seconds

    def __init__(self, random: Random) -> None:
        self.rate = 1.0
        self._random = random
        self._enabled = False
        self._plateau = 0.0  # the rate at the last 429 ...
        self._zero = 0.0  # ... which is reached again so many seconds after it
        self._cut_at = 0.0
        self._capacity = 1.0
        self._tokens = 0.0
        self._filled_at = 0.0
        self._measured = 0.0
        self._answers = 0
        self._counted_from = 0.0

    def earliest(self, now: float, in_flight: int) -> float:
        if not self._enabled:
            return now
        self._fill(now)
        missing = 1 - self._tokens
        return now if missing <= 1e-9 else now + missing / self.rate

    def sent(self, now: float) -> None:
        if self._enabled:
            self._fill(now)
            self._tokens -= 1

    def accepted(self, call: Call, in_flight: int, now: float) -> None:
        measured = self._measure(now)
        since_zero = now - self._cut_at - self._zero
        self._set_rate(self.SCALE * since_zero**3 + self._plateau, measured, now)

    def refused(self, call: Call, refusal: Refusal, now: float) -> float:
        measured = self._measure(now)
        self._plateau = min(measured, self.rate) if self._enabled else measured
        self._zero = (self._plateau * (1 - self.BETA) / self.SCALE) ** (1 / 3)
        self._cut_at = now
        self._enabled = True
        self._set_rate(self._plateau * self.BETA, measured, now)
        return self._random.random() * min(self.LONGEST, 2.0 ** (call.sends - 1))

    def _measure(self, now: float) -> float:
        """Return the answers per second, smoothed over half seconds."""
        self._answers += 1
        bucket = math.floor(now / self.HALF_SECOND) * self.HALF_SECOND
        if bucket > self._counted_from:
            rate = self._answers / (bucket - self._counted_from)
            smoothing = self.SMOOTHING
            self._measured = rate * smoothing + self._measured * (1 - smoothing)
            self._answers = 0
            self._counted_from = bucket
        return self._measured

    def _set_rate(self, rate: float, measured: float, now: float) -> None:
        self._fill(now)
        rate = min(rate, 2 * measured)
        self.rate = max(rate, self.LEAST_RATE)
        self._capacity = max(1.0, rate)
        self._tokens = min(self._tokens, self._capacity)

    def _fill(self, now: float) -> None:
        filled = self._tokens + (now - self._filled_at) * self.rate
        self._tokens = min(self._capacity, filled)
        self._filled_at = now


class Aimd(Policy):
    """Textbook AIMD: an even pace, faster by 5 % of the prior a second, x 0.7 per event.

    Attributes:
        rate: Calls per second.
    """

    __slots__ = ("_cut_at", "_increase", "_next_at", "_raised_at", "rate")
    INCREASE = 0.05  # of the prior, each second
    DECREASE = 0.7
    SLOWEST = 0.1  # calls per second

    def __init__(self, prior: float) -> None:
        self.rate = prior
        self._increase = self.INCREASE * prior
        self._next_at = 0.0
        self._raised_at = 0.0
        self._cut_at = -1.0

    def earliest(self, now: float, in_flight: int) -> float:
        return max(now, self._next_at)

    def sent(self, now: float) -> None:
        self._next_at = max(self._next_at, now) + 1 / self.rate

    def accepted(self, call: Call, in_flight: int, now: float) -> None:
        self.rate += self._increase * (now - self._raised_at)
        self._raised_at = now

    def refused(self, call: Call, refusal: Refusal, now: float) -> float:
        self._raised_at = now
        if call.sent_at > self._cut_at:
            self.rate = max(self.SLOWEST, self.rate * self.DECREASE)
            self._cut_at = now
        return refusal.retry_after or 0.0
