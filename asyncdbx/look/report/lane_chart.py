"""The chart of one lane: where its lines, areas and marks stand. Pure.

What is sent is an area, what is allowed a line above it, and each 429 a mark below. Both
are steps, since all that is known of an interval is how many calls it had.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from asyncdbx.look.report.axis import Gap, Stretch, Tick, TimeScale, ValueScale
from asyncdbx.look.report.pace import Interval, Story
from asyncdbx.quantity import rate_text

__all__ = ["FRAME", "Chart", "Mark", "draw"]


class Frame(NamedTuple):
    """Where things stand in the drawing of a lane.

    Attributes:
        width: Of all of it.
        height: Of all of it.
        left: Where time begins; before it the names of rates.
        right: Where time ends.
        top: The highest rate; above it, what was allowed beyond.
        bottom: No rate.
        marks: Where 429s hang from.
        end: How far they may hang; below it the names of moments.
    """

    width: int = 360
    height: int = 134
    left: int = 34
    right: int = 352
    top: int = 14
    bottom: int = 100
    marks: int = 101
    end: int = 111


FRAME = Frame()
LEFT, RIGHT = float(FRAME.left), float(FRAME.right)
TOP, BOTTOM = float(FRAME.top), float(FRAME.bottom)
STRIP = float(FRAME.end - FRAME.marks)
LEAST_MARK = 3.0  # so that even a single 429 is seen
HEADROOM = 1.5  # of what was ever sent; a limit above that held up nobody


class Mark(NamedTuple):
    """How many 429s there were in an interval, as a bar that hangs from the axis."""

    left: float
    width: float
    height: float


class _Step(NamedTuple):
    """A value in an interval, as it is drawn."""

    left: float
    right: float
    y: float


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn of a lane; paths in the language of SVG.

    Attributes:
        story: The lane and its intervals.
        sent: Area of the calls per second.
        allowed: Line of the calls per second that were allowed; "" if unlimited.
        beyond: The highest rate that was allowed, if it has no room; else None.
        marks: Of the 429s.
        gaps: In which no process was running.
        times: Names of moments.
        values: Names of rates, in calls per second.
        begin: Seconds since 1970; what ``points`` count from.
        points: For the one who points at the chart, an interval each: left and right,
            seconds of begin and end, calls per second, allowed, 429s.
    """

    story: Story
    sent: str
    allowed: str
    beyond: float | None
    marks: Sequence[Mark]
    gaps: Sequence[Gap]
    times: Sequence[Tick]
    values: Sequence[Tick]
    begin: int
    points: str


def draw(story: Story, stretches: Sequence[Stretch]) -> Chart:
    """Draw a lane.

    Args:
        story: The lane and its intervals; at least one.
        stretches: When the run was at work, so that all its charts have one time axis.
    """
    time = TimeScale(stretches, LEFT, RIGHT)
    intervals = story.intervals
    highest = max((each.rate for each in intervals if each.rate is not None), default=0.0)
    peak = max(each.sent for each in intervals)
    value = ValueScale(max(peak, min(highest, HEADROOM * peak)), BOTTOM, TOP)
    begin = int(stretches[0].begin)
    return Chart(
        story,
        sent=area(_steps(intervals, time, value)),
        allowed=line(_allowed(intervals, time, value)),
        beyond=highest if highest > value.top else None,
        marks=_marks(intervals, time),
        gaps=time.gaps,
        times=time.ticks(),
        values=value.ticks(),
        begin=begin,
        points=";".join(_point(each, time, begin) for each in intervals),
    )


def area(steps: Iterable[_Step]) -> str:
    """Return the path of what lies below some steps, with a hole where there is none."""
    shapes = (
        f"M{_number(run[0].left)} {_number(BOTTOM)}"
        + "".join(f"V{_number(each.y)}H{_number(each.right)}" for each in run)
        + f"V{_number(BOTTOM)}Z"
        for run in _runs(steps)
    )
    return "".join(shapes)


def line(steps: Iterable[_Step]) -> str:
    """Return the path along the tops of some steps, broken where there is none."""
    shapes = (
        f"M{_number(run[0].left)} {_number(run[0].y)}"
        + "".join(f"V{_number(each.y)}H{_number(each.right)}" for each in run)
        for run in _runs(steps)
    )
    return "".join(shapes)


def _runs(steps: Iterable[_Step]) -> Iterator[list[_Step]]:
    """Yield steps that touch each other, together; those of equal height as one."""
    run: list[_Step] = []
    for step in steps:
        if run and step.left > run[-1].right + 0.05:
            yield run
            run = []
        if run and _number(step.y) == _number(run[-1].y):
            run[-1] = _Step(run[-1].left, step.right, step.y)
        else:
            run.append(step)
    if run:
        yield run


def _steps(
    intervals: Iterable[Interval], time: TimeScale, value: ValueScale
) -> Iterator[_Step]:
    for each in intervals:
        yield _Step(time.x(each.begin), time.x(each.end), value.y(each.sent))


def _allowed(
    intervals: Iterable[Interval], time: TimeScale, value: ValueScale
) -> Iterator[_Step]:
    """Yield the limits that have room."""
    for each in intervals:
        if each.rate is not None and each.rate <= value.top:
            yield _Step(time.x(each.begin), time.x(each.end), value.y(each.rate))


def _marks(intervals: Sequence[Interval], time: TimeScale) -> list[Mark]:
    most = max(each.throttled for each in intervals)
    return [
        Mark(
            time.x(each.begin),
            max(time.x(each.end) - time.x(each.begin) - 0.5, 1.5),
            LEAST_MARK + (STRIP - LEAST_MARK) * each.throttled / most,
        )
        for each in intervals
        if each.throttled
    ]


def _point(each: Interval, time: TimeScale, begin: int) -> str:
    facts = (
        _number(time.x(each.begin)),
        _number(time.x(each.end)),
        f"{each.begin - begin:.0f}",
        f"{each.end - begin:.0f}",
        rate_text(each.sent),
        "" if each.rate is None else rate_text(each.rate),
        str(each.throttled),
    )
    return ",".join(facts)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
