"""When calls left during the last seconds, and which of them were refused. Pure."""

from array import array
from collections.abc import Iterator
from typing import Protocol

__all__ = ["GROUPS", "SPAN", "Departures"]

# Calls that leave within this belong to one group: up to 32 calls a second are remembered
# one by one, faster ones as a number spread over the group, and any lane costs 2 kB.
SPAN = 1 / 32  # seconds
GROUPS = 128  # at least four seconds


class Numbers(Protocol):
    """Room for numbers: an array, or a part of a file."""

    def __getitem__(self, place: int, /) -> float: ...
    def __setitem__(self, place: int, value: float, /) -> None: ...


class Departures:
    """The departures of one lane, without those the server is known to have refused.

    What remains was let through, or is still in flight. Times are loop time in seconds.

    Args:
        starts: Room for ``GROUPS`` times; a lane shared by processes keeps it in a file.
        counts: Room for ``GROUPS`` numbers of calls.
        made: Groups made so far; the newest is at ``(made - 1) % GROUPS``.
    """

    __slots__ = ("_counts", "_starts", "made")

    def __init__(
        self,
        starts: Numbers | None = None,
        counts: Numbers | None = None,
        made: int = 0,
    ) -> None:
        self._starts: Numbers = starts or array("d", bytes(8 * GROUPS))
        self._counts: Numbers = counts or array("d", bytes(8 * GROUPS))
        self.made = made

    def add(self, now: float) -> None:
        """Note a call that leaves."""
        if self.made:
            newest = (self.made - 1) % GROUPS
            start = self._starts[newest]
            if start <= now < start + SPAN:
                self._counts[newest] += 1
                return
            if now < start:
                self._add_late(now)
                return
        place = self.made % GROUPS
        self._starts[place] = now
        self._counts[place] = 1
        self.made += 1

    def _add_late(self, now: float) -> None:
        """Note a call that left before others: another process tells what it did late."""
        newer = 0
        for place in self._places():
            start = self._starts[place]
            if start <= now < start + SPAN:
                self._counts[place] += 1
                return
            if start <= now:
                break
            newer += 1
        if newer == GROUPS:
            return  # older than all that is remembered
        self.made += 1
        for back in range(1, newer + 1):
            self._copy((self.made - back - 1) % GROUPS, (self.made - back) % GROUPS)
        place = (self.made - newer - 1) % GROUPS
        self._starts[place] = now
        self._counts[place] = 1

    def _copy(self, source: int, target: int) -> None:
        self._starts[target] = self._starts[source]
        self._counts[target] = self._counts[source]

    def refuse(self, sent_at: float) -> None:
        """Take back a call that turned out to be refused."""
        for place in self._places():
            if self._starts[place] <= sent_at:
                self._counts[place] = max(0.0, self._counts[place] - 1)
                return

    def within(self, start: float, end: float) -> float:
        """Return how many calls left after ``start`` and before ``end``."""
        calls = 0.0
        for place in self._places():
            first, count = self._starts[place], self._counts[place]
            if first + SPAN <= start:
                break
            if count <= 1:
                calls += count if start < first < end else 0
            elif first < end:
                calls += count * _share(first, start, end)
        return calls

    def refilled(self, end: float) -> float:
        """Return the rate of the token bucket that these calls would just have emptied.

        A bucket that holds a second's worth of calls lets through, from any moment on, at
        most its rate times the elapsed time plus one second. The tightest such line is the
        rate, because it touches the moment when the bucket was last full.

        Args:
            end: When the bucket was found empty.
        """
        calls = best = 0.0
        for place in self._places():
            first = self._starts[place]
            if first >= end:
                continue
            calls += self._counts[place]
            best = max(best, (calls + 0.5) / (end - first + 1))
        return best

    def next_start(self, rate: float, end: float, margin: float) -> float:
        """Return from when on an even pace meets a sliding second with room for each call.

        The k-th next call needs the place of the k-th one of the last second, which is free
        a second after that one arrived.

        Args:
            rate: The pace, calls per second.
            end: When the window was found full.
            margin: Seconds by which arrivals may be shifted on the way.
        """
        groups = [
            (self._starts[place], self._counts[place])
            for place in self._places()
            if end - 1 < self._starts[place] < end
        ]
        start, ahead = 0.0, 0.0
        for first, count in reversed(groups):
            if count > 0:
                last = first + SPAN * (count - 1) / count
                start = max(start, first - ahead / rate, last - (ahead + count - 1) / rate)
            ahead += count
        return start + 1 + margin

    def _places(self) -> Iterator[int]:
        """Yield the places of all groups, the newest first."""
        for back in range(1, min(self.made, GROUPS) + 1):
            yield (self.made - back) % GROUPS


def _share(first: float, start: float, end: float) -> float:
    """Return how much of a group lies between two times."""
    return max(0.0, min(1.0, (end - first) / SPAN) - max(0.0, (start - first) / SPAN))
