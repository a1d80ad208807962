"""The axes of a chart: where a value stands, and which round values are named. Pure.

Coordinates are those of the drawing: x to the right, y downwards.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

__all__ = ["Gap", "Stretch", "Tick", "TimeScale", "ValueScale", "stretches"]

LEAST_GAP = 5.0  # seconds; whoever sleeps less between two samples has not been away
SHARE_OF_GAP = 1 / 50  # of all the time that is drawn: a shorter gap cannot be seen

GAP_WIDTH = 14.0
MOST_GAPS = 1 / 3  # of the width
LEAST_SHARE = 1 / 40  # of the width, that even the shortest stretch gets

APART = 62.0  # between the middles of two names of moments
EDGE = 14.0  # from the right one, nearer to which a name would be cut off
MINUTE, HOUR, DAY = 60, 3600, 86_400
STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(each * MINUTE for each in (1, 2, 5, 10, 15, 30)),
    *(each * HOUR for each in (1, 2, 3, 6, 12)),
    *(each * DAY for each in (1, 2, 7, 14, 28)),
)


class Stretch(NamedTuple):
    """A time in which something went on, in seconds since 1970."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.begin


class Gap(NamedTuple):
    """A time in which nothing went on, and where it is drawn."""

    left: float
    right: float
    seconds: float


class Tick(NamedTuple):
    """A round value, where it stands and what it is called."""

    place: float
    name: str


def stretches(intervals: Iterable[tuple[float, float]]) -> list[Stretch]:
    """Return when something went on: intervals that touch, nearly, as one."""
    joined = _joined(sorted(intervals), LEAST_GAP)
    total = sum(each.seconds for each in joined)
    return _joined(joined, total * SHARE_OF_GAP)


def _joined(intervals: Iterable[tuple[float, float]], apart: float) -> list[Stretch]:
    found: list[Stretch] = []
    for begin, end in intervals:
        if found and begin - found[-1].end <= apart:
            found[-1] = Stretch(found[-1].begin, max(found[-1].end, end))
        else:
            found.append(Stretch(begin, end))
    return found


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch, and where it is drawn, to scale."""

    stretch: Stretch
    left: float
    right: float

    @property
    def per_second(self) -> float:
        return (self.right - self.left) / max(self.stretch.seconds, 1e-9)

    def x(self, at: float) -> float:
        return self.left + (at - self.stretch.begin) * self.per_second


class TimeScale:
    """Time from left to right; what lies between two stretches takes little room.

    Attributes:
        right: Where it ends.
        gaps: Between the stretches.

    Args:
        of: The stretches that are drawn, in their order; at least one.
    """

    def __init__(self, of: Sequence[Stretch], left: float, right: float) -> None:
        self.right = right
        self._pieces = _pieces(of, left, right)
        self.gaps = [
            Gap(one.right, two.left, two.stretch.begin - one.stretch.end)
            for one, two in pairwise(self._pieces)
        ]

    def x(self, at: float) -> float:
        """Return where a moment stands: within a stretch, or at the nearer end of one."""
        for piece in self._pieces:
            if at <= piece.stretch.end:
                return piece.x(max(at, piece.stretch.begin))
        return self.right

    def ticks(self) -> list[Tick]:
        """Return round moments, in UTC, none of which is in another one's way."""
        step = self._step()
        found: list[Tick] = []
        for piece in self._pieces:
            for at in _multiples(piece.stretch, step):
                x = piece.x(at)
                free = not found or x - found[-1].place >= APART
                if free and x <= self.right - EDGE:
                    found.append(Tick(x, _name(at, step)))
        return found

    def _step(self) -> int:
        finest = max(piece.per_second for piece in self._pieces)
        return next((each for each in STEPS if each * finest >= APART), STEPS[-1])


def _pieces(of: Sequence[Stretch], left: float, right: float) -> list[_Piece]:
    width = right - left
    gaps = max(len(of) - 1, 0)
    gap = min(GAP_WIDTH, MOST_GAPS * width / max(gaps, 1))
    total = sum(each.seconds for each in of)
    weights = [max(each.seconds, total * LEAST_SHARE, 1e-9) for each in of]
    per_weight = (width - gaps * gap) / sum(weights)
    pieces: list[_Piece] = []
    at = left
    for stretch, weight in zip(of, weights, strict=True):
        pieces.append(_Piece(stretch, at, at + weight * per_weight))
        at = pieces[-1].right + gap
    return pieces


def _multiples(stretch: Stretch, step: int) -> Iterator[int]:
    first = math.ceil(stretch.begin / step)
    last = math.floor(stretch.end / step)
    return (each * step for each in range(first, last + 1))


def _name(at: int, step: int) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    if at % DAY == 0:
        return f"{moment.day} {moment:%b}"
    return f"{moment:%H:%M:%S}" if step < MINUTE else f"{moment:%H:%M}"


class ValueScale:
    """Values from 0 upwards.

    Attributes:
        top: The largest value that has room.

    Args:
        most: The largest value that is to have room.
        bottom: Where 0 stands.
        top: Where the largest stands.
    """

    def __init__(self, most: float, bottom: float, top: float) -> None:
        self._step = _round_step(max(most, 1e-9))
        self.top = self._step * math.ceil(max(most, 1e-9) / self._step)
        self._bottom, self._top = bottom, top

    def y(self, value: float) -> float:
        """Return where a value stands, at the edge if it has no room."""
        share = min(max(value / self.top, 0.0), 1.0)
        return self._bottom - share * (self._bottom - self._top)

    def ticks(self) -> list[Tick]:
        """Return round values, 0 among them."""
        values = [each * self._step for each in range(round(self.top / self._step) + 1)]
        return [Tick(self.y(each), f"{each:,.10g}") for each in values]


def _round_step(most: float) -> float:
    """Return 1, 2 or 5 times a power of ten, two to four of which reach ``most``."""
    power = 10.0 ** math.floor(math.log10(most))
    for step in (power / 5, power / 2, power, 2 * power, 5 * power):
        if most / step <= 4:
            return step
    return 10 * power
