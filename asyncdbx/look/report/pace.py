"""How the lanes of a run went over time: which of them matter, and their intervals."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from asyncdbx.look.duck import Duck
from asyncdbx.look.report.axis import Stretch, stretches

__all__ = ["Interval", "Lane", "Pace", "Story", "pace_of", "thinned"]

FIRST = 12  # charts that are seen at once
FOLDED = 24  # and those that are one click away
ROWS = 600  # lanes in the table
POINTS = 120  # of a chart; its width is hardly three times that

LANES = """
SELECT
    workspace,
    lane,
    sum(calls)::BIGINT,
    sum(throttled)::BIGINT,
    sum(seconds),
    coalesce(sum(seconds) FILTER (WHERE waiting > 0), 0),
    coalesce(max(calls / nullif(seconds, 0)), 0),
    arg_max_null(rate, "at")
FROM _lanes WHERE run_id = ?
GROUP BY ALL
ORDER BY 6 DESC, 4 DESC, 3 DESC, 1, 2"""
TIMES = """
SELECT DISTINCT epoch("at") - seconds, epoch("at") FROM _lanes WHERE run_id = ?"""
INTERVALS = """
SELECT workspace, lane, epoch("at") - seconds, epoch("at"), calls, throttled, rate
FROM _lanes
JOIN (SELECT unnest(?::VARCHAR[]) AS workspace, unnest(?::VARCHAR[]) AS lane)
USING (workspace, lane)
WHERE run_id = ?
ORDER BY workspace, lane, "at" """


@dataclass(frozen=True, slots=True)
class Lane:
    """One limit group of one workspace, over a whole run.

    Attributes:
        workspace: Its workspace.
        name: Its limit group.
        calls: Requests that were sent.
        throttled: How many of them were answered with 429.
        seconds: How long it had something to do.
        held: For how many of these seconds calls waited for their turn.
        peak: Calls per second of the interval in which most were sent.
        rate: Calls per second that were allowed in the end; None if unlimited.
    """

    workspace: str
    name: str
    calls: int
    throttled: int
    seconds: float
    held: float
    peak: float
    rate: float | None


@dataclass(frozen=True, slots=True)
class Interval:
    """What a lane did in some seconds.

    Attributes:
        begin: Seconds since 1970.
        end: Seconds since 1970.
        calls: Requests that were sent.
        throttled: How many of them were answered with 429.
        rate: Calls per second that were allowed in the end; None if unlimited.
    """

    begin: float
    end: float
    calls: int
    throttled: int
    rate: float | None

    @property
    def sent(self) -> float:
        """Requests per second."""
        return self.calls / max(self.end - self.begin, 1e-9)


@dataclass(frozen=True, slots=True)
class Story:
    """A lane over time.

    Attributes:
        lane: The lane.
        intervals: In their order; where one does not begin at the end of the one before,
            nothing was sent and nothing waited, or no process was running.
    """

    lane: Lane
    intervals: Sequence[Interval]


@dataclass(frozen=True, slots=True)
class Pace:
    """How the lanes of a run went.

    Attributes:
        stretches: When the run was at work: more than one, if it was interrupted.
        stories: Of the lanes that matter, those first that matter most.
        lanes: Those that calls waited for longest, then the others.
        more: How many lanes there are besides.
    """

    stretches: Sequence[Stretch] = ()
    stories: Sequence[Story] = ()
    lanes: Sequence[Lane] = field(default_factory=list[Lane])
    more: int = 0

    @property
    def seconds(self) -> float:
        """How long the run was at work."""
        return sum(each.seconds for each in self.stretches)


def pace_of(duck: Duck, run_id: str) -> Pace:
    """Return how the lanes of a run went, out of the view ``_lanes``."""
    lanes = [Lane(*row) for row in duck.run(LANES, [run_id]).rows()]
    if not lanes:
        return Pace()
    times = [(begin, end) for begin, end in duck.run(TIMES, [run_id]).rows()]
    shown = chosen(lanes, FIRST + FOLDED)
    return Pace(
        stretches(times), _stories(duck, run_id, shown), lanes[:ROWS], len(lanes[ROWS:])
    )


def chosen(lanes: Sequence[Lane], most: int) -> list[Lane]:
    """Return the lanes that matter, those first that matter most.

    That is the one that calls waited for longest, the one with most 429s, the second of
    each, and so on. If no lane ever held up a call, it is those with most calls.
    """
    longest = sorted(lanes, key=lambda lane: -lane.held)
    refused = sorted(lanes, key=lambda lane: -lane.throttled)
    matter: dict[Lane, None] = {}
    for by_time, by_number in zip(longest, refused, strict=True):
        if by_time.held:
            matter.setdefault(by_time)
        if by_number.throttled:
            matter.setdefault(by_number)
    return [*(matter or sorted(lanes, key=lambda lane: -lane.calls))][:most]


def _stories(duck: Duck, run_id: str, lanes: Sequence[Lane]) -> list[Story]:
    keys = [(lane.workspace, lane.name) for lane in lanes]
    columns = [list(column) for column in zip(*keys, strict=True)]
    found: dict[tuple[Any, Any], list[Interval]] = {key: [] for key in keys}
    for workspace, name, *facts in duck.run(INTERVALS, [*columns, run_id]).rows():
        found[workspace, name].append(Interval(*facts))
    return [
        Story(lane, thinned([*touching(found[key])], POINTS))
        for lane, key in zip(lanes, keys, strict=True)
    ]


def touching(intervals: Iterable[Interval]) -> Iterator[Interval]:
    """Yield intervals, each beginning where the last one ended if it nearly does.

    Their lengths are of a clock that nobody sets, and their ends are of the wall's.
    """
    last = float("-inf")
    for each in intervals:
        slack = max(0.5, (each.end - each.begin) / 4)
        near = abs(each.begin - last) <= slack and last < each.end
        yield replace(each, begin=last) if near else each
        last = each.end


def thinned(intervals: Sequence[Interval], most: int) -> list[Interval]:
    """Return intervals with the same calls, neighbours as one: about ``most`` of them.

    What is shorter than one of them cannot be seen, nor can a pause that is.
    """
    if len(intervals) <= most:
        return [*intervals]
    least = sum(each.end - each.begin for each in intervals) / most
    found = [intervals[0]]
    for each in intervals[1:]:
        if each.end - found[-1].begin <= least:
            found[-1] = _as_one(found[-1], each)
        else:
            found.append(each)
    return found


def _as_one(one: Interval, two: Interval) -> Interval:
    return Interval(
        one.begin,
        two.end,
        one.calls + two.calls,
        one.throttled + two.throttled,
        two.rate,
    )
