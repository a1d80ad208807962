"""How often, and how many at once: the limits of one lane. Pure: time is an argument."""

from array import array
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Literal, Protocol

LimiterKind = Literal["sliding", "bucket"]


@dataclass(frozen=True, slots=True)
class Quota:
    """At most ``calls`` in any ``seconds``."""

    calls: int
    seconds: int

    @classmethod
    def per_minute(cls, calls: int) -> "Quota":
        """Return a published per-minute number in its shortest whole window.

        255 a minute become 17 in 4 seconds: the same rate, but a burst shows at once
        and a run of half a minute is limited like one of an hour.
        """
        rate = Fraction(calls, 60)
        return cls(rate.numerator, rate.denominator)

    @property
    def per_second(self) -> float:
        """The rate, in calls per second."""
        return self.calls / self.seconds


class Limiter(Protocol):
    """Decides whether a call may pass now.

    Attributes:
        quota: May be changed at any time; what was let through before still counts.
    """

    quota: Quota

    def admit(self, now: float) -> float:
        """Admit a call (0.0), or return the seconds until one would be admitted."""
        ...


class SlidingWindow:
    """At most N accepted calls in any window. Refused ones do not count."""

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        self._accepted: deque[float] = deque()

    def admit(self, now: float) -> float:
        """Admit a call (0.0), or return the seconds until the window has room again."""
        accepted, quota = self._accepted, self.quota
        while accepted and accepted[0] + quota.seconds <= now:
            accepted.popleft()
        if len(accepted) >= quota.calls:
            in_the_way = accepted[len(accepted) - quota.calls]
            return in_the_way + quota.seconds - now
        accepted.append(now)
        return 0.0


class TokenBucket:
    """N tokens at most, refilled evenly: a quiet lane may burst, a busy one may not."""

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        self._tokens = float(quota.calls)
        self._at = 0.0

    def admit(self, now: float) -> float:
        """Admit a call (0.0), or return the seconds until there is a whole token."""
        rate = self.quota.per_second
        refilled = self._tokens + max(0.0, now - self._at) * rate
        self._tokens, self._at = min(float(self.quota.calls), refilled), now
        if self._tokens < 1:
            return (1 - self._tokens) / rate
        self._tokens -= 1
        return 0.0


@dataclass(frozen=True, slots=True)
class LaneStats:
    """What one lane let through and what it refused.

    Attributes:
        per_second: The limit; None with limits off.
        too_fast: Calls refused for the rate. ``too_many`` were refused because too
            many were in flight.
        accepted_at: When each accepted call came, on the server's monotonic clock in
            seconds; empty with limits off.
    """

    group: str
    per_second: float | None
    in_flight: int
    accepted: int
    too_fast: int
    too_many: int
    first: float
    last: float
    most_in_flight: int
    accepted_at: tuple[float, ...]

    @property
    def refused(self) -> int:
        """Calls answered with a refusal of either kind."""
        return self.too_fast + self.too_many

    def utilisation(self) -> float:
        """Return accepted calls over what the limit allows between first and last."""
        if self.per_second is None or self.last <= self.first:
            return 0.0
        return (self.accepted - 1) / (self.per_second * (self.last - self.first))


class Lane:
    """One limit group of one workspace while the simulator runs."""

    def __init__(
        self, group: str, quota: Quota, in_flight: int, kind: LimiterKind | None
    ) -> None:
        self.group = group
        self.in_flight = in_flight
        self.running = 0
        self._quota = quota
        self._limiter: Limiter | None = kind and _LIMITERS[kind](quota)
        self._times = array("d")
        self._accepted = self._too_fast = self._too_many = self._most = 0
        self._first = self._last = 0.0

    def enter(self, now: float) -> float | None:
        """Begin a call (0.0); else the seconds to wait, or None: too many in flight."""
        if self._limiter is not None:
            if self.running >= self.in_flight:
                self._too_many += 1
                return None
            wait = self._limiter.admit(now)
            if wait > 0:
                self._too_fast += 1
                return wait
            self._times.append(now)
        self._note(now)
        return 0.0

    def _note(self, now: float) -> None:
        if not self._accepted:
            self._first = now
        self._last = now
        self._accepted += 1
        self.running += 1
        self._most = max(self._most, self.running)

    def change(self, quota: Quota) -> None:
        """Let more or fewer calls through from now on."""
        self._quota = quota
        if self._limiter is not None:
            self._limiter.quota = quota

    def leave(self) -> None:
        """End a call that ``enter`` began."""
        self.running -= 1

    def stats(self) -> LaneStats:
        """Return a snapshot."""
        return LaneStats(
            group=self.group,
            per_second=self._quota.per_second if self._limiter else None,
            in_flight=self.in_flight,
            accepted=self._accepted,
            too_fast=self._too_fast,
            too_many=self._too_many,
            first=self._first,
            last=self._last,
            most_in_flight=self._most,
            accepted_at=tuple(self._times),
        )


def retry_after_seconds(wait: float) -> int:
    """Return a wait as Retry-After says it: whole seconds, at least one."""
    return max(1, ceil(wait))


_LIMITERS: dict[LimiterKind, type[SlidingWindow] | type[TokenBucket]] = {
    "sliding": SlidingWindow,
    "bucket": TokenBucket,
}
