"""Where lines, areas, marks and names of a chart stand."""

from dataclasses import replace
from itertools import pairwise

import pytest

from asyncdbx.look.report.axis import Stretch, TimeScale, ValueScale, stretches
from asyncdbx.look.report.lane_chart import BOTTOM, LEFT, RIGHT, TOP, draw
from asyncdbx.look.report.pace import Interval, Lane, Story, chosen, thinned, touching

NOON = 1_795_694_400.0  # 2026-11-26 12:00 UTC


def interval(begin: float, end: float, calls: int = 0, **facts: float | None) -> Interval:
    numbers = {"throttled": 0, "rate": None, **facts}
    return Interval(NOON + begin, NOON + end, calls, **numbers)  # type: ignore[arg-type]


def lane(name: str, calls: int = 1, throttled: int = 0, held: float = 0) -> Lane:
    return Lane("prod", name, calls, throttled, 10.0, held, 5.0, None)


def story(*intervals: Interval) -> Story:
    return Story(lane("dbfs"), intervals)


# --- axes -------------------------------------------------------------------------------


def test_what_touches_is_one_stretch() -> None:
    """Also what overlaps, in whatever order, and what nobody could see a gap in."""
    assert stretches([(5, 9), (0, 4), (1, 2), (8, 10)]) == [Stretch(0, 10)]
    assert stretches([(0, 1000), (1010, 2000)]) == [Stretch(0, 2000)]


def test_a_gap_is_a_gap() -> None:
    """If it is longer than a pause between samples, and can be seen."""
    assert stretches([(0, 10), (16, 20)]) == [Stretch(0, 10), Stretch(16, 20)]
    assert stretches([]) == []


def test_time_is_to_scale_within_a_stretch() -> None:
    """From the left edge to the right."""
    scale = TimeScale([Stretch(100, 200)], 10, 110)
    assert [scale.x(at) for at in (100, 150, 200)] == [10, 60, 110]
    assert [scale.x(at) for at in (0, 900)] == [10, 110]
    assert scale.gaps == []


def test_a_gap_takes_little_room() -> None:
    """What it is long is said; both stretches have the same scale."""
    scale = TimeScale([Stretch(0, 100), Stretch(5000, 5100)], 0, 214)
    assert [scale.x(at) for at in (0, 100, 5000, 5100)] == [0, 100, 114, 214]
    (gap,) = scale.gaps
    assert gap == (100, 114, 4900)
    assert scale.x(2000) == 114  # at the end of what has no room of its own


def test_the_shortest_stretch_can_be_seen() -> None:
    """Even a second beside eight hours; and many gaps leave room for what happened."""
    scale = TimeScale([Stretch(0, 28_800), Stretch(50_000, 50_001)], 0, 318)
    assert scale.x(50_001) - scale.x(50_000) > 5
    many = TimeScale([Stretch(n * 100, n * 100 + 1) for n in range(50)], 0, 318)
    assert sum(gap.right - gap.left for gap in many.gaps) == pytest.approx(106)


@pytest.mark.parametrize(
    ("seconds", "names"),
    [
        (20, ["12:00:00", "12:00:05", "12:00:10", "12:00:15"]),
        (3600, ["12:00", "12:15", "12:30", "12:45"]),
        (86_400, ["12:00", "18:00", "27 Nov", "06:00"]),
        (10 * 86_400, ["27 Nov", "29 Nov", "1 Dec", "3 Dec", "5 Dec"]),
    ],
)
def test_round_moments_have_names(seconds: int, names: list[str]) -> None:
    """None is in another one's way, and none is cut off at the right."""
    scale = TimeScale([Stretch(NOON, NOON + seconds)], LEFT, RIGHT)
    ticks = scale.ticks()
    assert [each.name for each in ticks] == names
    assert all(LEFT <= each.place <= RIGHT - 10 for each in ticks)


def test_names_keep_apart_across_a_gap() -> None:
    """Two moments that stand near each other are not both named."""
    scale = TimeScale([Stretch(NOON, NOON + 60), Stretch(NOON + 600, NOON + 630)], 34, 352)
    places = [each.place for each in scale.ticks()]
    assert places == sorted(places)
    assert all(two - one >= 62 for one, two in pairwise(places))


@pytest.mark.parametrize(
    ("most", "names"),
    [
        (31, ["0", "10", "20", "30", "40"]),
        (0.4, ["0", "0.1", "0.2", "0.3", "0.4"]),
        (2500, ["0", "1,000", "2,000", "3,000"]),
        (0, ["0"]),
    ],
)
def test_round_values_have_names(most: float, names: list[str]) -> None:
    """The largest value has room below the top one."""
    scale = ValueScale(most, BOTTOM, TOP)
    ticks = scale.ticks()
    assert [each.name for each in ticks][: len(names)] == names
    assert ticks[0].place == BOTTOM
    assert ticks[-1].place == TOP
    assert scale.y(1e12) == TOP


# --- intervals --------------------------------------------------------------------------


def test_intervals_that_nearly_touch_do() -> None:
    """Their lengths are of another clock than their ends; a real gap stays one."""
    found = [
        *touching([interval(0, 1), interval(1.004, 2), interval(2.3, 3), interval(9, 10)])
    ]
    assert [(each.begin - NOON, each.end - NOON) for each in found] == [
        (0, 1),
        (1, 2),
        (2, 3),
        (9, 10),
    ]


def test_many_intervals_become_few() -> None:
    """No call and no 429 is lost, and a gap is not bridged."""
    first = [interval(n, n + 1, calls=n, throttled=1, rate=float(n)) for n in range(500)]
    later = [interval(n, n + 1, calls=1, throttled=0, rate=9.0) for n in range(9000, 9500)]
    found = thinned([*first, *later], 100)
    assert 100 <= len(found) <= 200
    assert sum(each.calls for each in found) == sum(range(500)) + 500
    assert sum(each.throttled for each in found) == 500
    assert found[0] == interval(0, 10, calls=45, throttled=10, rate=9.0)
    assert not any(each.begin < NOON + 500 < each.end for each in found)
    assert thinned(first, 500) == first


def test_lanes_that_matter() -> None:
    """By time and by 429s in turn; a lane that held up nobody only if there is no other."""
    slow, slower = lane("slow", held=5), lane("slower", held=9)
    refused, refused_more = lane("refused", throttled=2), lane("more", throttled=3)
    busy, idle = lane("busy", calls=50), lane("idle")
    lanes = [idle, slow, refused, busy, slower, refused_more]
    assert chosen(lanes, 9) == [slower, refused_more, slow, refused]
    assert chosen(lanes, 3) == [slower, refused_more, slow]
    assert chosen([idle, busy], 9) == [busy, idle]


# --- the drawing ------------------------------------------------------------------------


def test_steps_of_what_was_sent_and_allowed() -> None:
    """An area down to the axis and a line; equal neighbours are one step."""
    chart = draw(
        story(
            interval(0, 10, calls=100, rate=20.0),
            interval(10, 20, calls=100, rate=15.0),
            interval(20, 40, calls=400, rate=20.0),
        ),
        [Stretch(NOON, NOON + 40)],
    )
    assert chart.sent == "M34 100V57H193V14H352V100Z"
    assert chart.allowed == "M34 14V14H113.5V35.5H193V14H352"
    assert [each.name for each in chart.values] == ["0", "5", "10", "15", "20"]
    assert chart.beyond is None
    assert chart.marks == []
    assert chart.points.split(";")[1] == "113.5,193,10,20,10,15,0"


def test_a_gap_breaks_lines_and_areas() -> None:
    """Nothing is drawn where nothing is known."""
    chart = draw(
        story(interval(0, 10, calls=10, rate=1.2), interval(990, 1000, calls=10, rate=1.2)),
        [Stretch(NOON, NOON + 10), Stretch(NOON + 990, NOON + 1000)],
    )
    assert chart.sent.count("Z") == 2
    assert chart.allowed.count("M") == 2
    assert [(each.left, each.right, each.seconds) for each in chart.gaps] == [
        (186, 200, 980)
    ]


def test_no_limit_is_no_line() -> None:
    """And its place in the readout is empty."""
    chart = draw(story(interval(0, 10, calls=10)), [Stretch(NOON, NOON + 10)])
    assert chart.allowed == ""
    assert chart.points == "34,352,0,10,1,,0"


def test_a_limit_far_above_is_said_instead() -> None:
    """What was sent would lie flat on the axis otherwise."""
    chart = draw(
        story(
            interval(0, 10, calls=100, rate=500.0), interval(10, 20, calls=100, rate=12.0)
        ),
        [Stretch(NOON, NOON + 20)],
    )
    assert chart.beyond == 500
    assert chart.allowed == "M193 31.2V31.2H352"


def test_each_429_is_marked() -> None:
    """A single one too; where there were most, the mark is longest."""
    one = interval(0, 10, calls=100)
    chart = draw(
        story(
            replace(one, throttled=1),
            replace(one, begin=NOON + 10, end=NOON + 20),
            interval(20, 40, calls=10, throttled=50),
        ),
        [Stretch(NOON, NOON + 40)],
    )
    first, second = chart.marks
    assert (first.left, second.left) == (34, 193)
    assert (round(first.height, 2), second.height) == (3.14, 10)


def test_a_lane_that_sent_nothing_can_be_drawn() -> None:
    """Its calls may all have waited."""
    chart = draw(story(interval(0, 1, rate=3.0)), [Stretch(NOON, NOON + 1)])
    assert chart.sent == "M34 100V100H352V100Z"
    assert chart.beyond == 3
