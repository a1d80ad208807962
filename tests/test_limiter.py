"""A lane on virtual time: its pace, its pauses and its gate."""

import asyncio
import math
from collections.abc import Callable
from contextvars import Context
from random import Random
from typing import TypeVarTuple

import pytest
from virtual_time import VirtualTimeLoop

from asyncdbx.limiter import Lane
from asyncdbx.limiter.lane import FIRST_PAUSE, LONGEST_PAUSE
from asyncdbx.rate_control import RateControl

Ts = TypeVarTuple("Ts")


def now() -> float:
    return asyncio.get_running_loop().time()


def lane(rate: float | None = 10.0, most: int = 1000) -> Lane:
    """Return a lane that knows its limit and keeps 2 % below it; of None, without one."""
    found = Lane("group", "workspace", most)
    if rate is not None:
        found = Lane.limited("group", "workspace", most, rate, learned=rate)
        assert isinstance(found.control, RateControl)
        found.control.rng = Random(1)  # noqa: S311 - reproducible pauses
    found.gate.limit = most
    return found


async def depart(lane: Lane) -> float:
    """Leave as the engine does, and come back at once; return when it was."""
    await lane.wait_turn(now)
    lane.enter(now())
    lane.leave()
    return now()


async def departures(lane: Lane, seconds: float) -> list[float]:
    """Leave as often as the lane allows."""
    start, times = now(), [await depart(lane)]
    while times[-1] < start + seconds:
        times.append(await depart(lane))
    return times[:-1]


class LateLoop(VirtualTimeLoop):
    """Virtual time on which every timer is late by up to 8 ms, as on a busy machine."""

    def __init__(self) -> None:
        super().__init__()
        self._random = Random(7)  # noqa: S311 - reproducible lateness

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        late = when + self._random.uniform(0, 0.008)
        return super().call_at(late, callback, *args, context=context)


def most_within(times: list[float], window: float) -> int:
    """Return the most events in any half-open window of so many seconds."""
    most = first = 0
    for last, time in enumerate(times):
        while times[first] <= time - window:
            first += 1
        most = max(most, last - first + 1)
    return most


RATES = [(2.0, 1.0), (4.25, 4.0), (7.0, 1.0), (18.33, 100.0), (30.0, 1.0), (100.0, 1.0)]


@pytest.mark.parametrize("loop", [VirtualTimeLoop, LateLoop])
@pytest.mark.parametrize(("rate", "window"), RATES)
def test_the_pace_is_kept_and_used(
    rate: float, window: float, loop: type[VirtualTimeLoop]
) -> None:
    """No window of the server holds more than its limit, and 97 % of the limit is used."""
    seconds = max(60.0, 3 * window)
    with asyncio.Runner(loop_factory=loop) as runner:
        times = runner.run(departures(lane(rate), seconds))

    assert most_within(times, window) <= rate * window
    assert most_within(times, 1.0) <= math.ceil(rate)
    assert len(times) >= 0.97 * rate * seconds


@pytest.mark.parametrize(("rate", "window"), RATES)
def test_ten_milliseconds_of_network_do_not_break_the_pace(
    rate: float, window: float
) -> None:
    """Calls arrive up to 10 ms after they left, each its own; the limit holds."""
    random = Random(3)  # noqa: S311 - reproducible lateness
    with asyncio.Runner(loop_factory=LateLoop) as runner:
        times = runner.run(departures(lane(rate), max(60.0, 3 * window)))
    arrived = sorted(time + random.uniform(0, 0.010) for time in times)

    assert most_within(arrived, window) <= rate * window


@pytest.mark.parametrize("rate", [2.0, 4.25, 7.0, 30.0, 100.0])
@pytest.mark.parametrize("stall", [0.03, 0.3])
async def test_a_call_that_leaves_late_does_not_crowd_those_after_it(
    rate: float, stall: float
) -> None:
    """Every 20th call has its token, but the loop is busy before it leaves."""
    busy, left = lane(rate), list[float]()
    for number in range(400):
        await busy.wait_turn(now)
        if number % 20 == 10:
            await asyncio.sleep(stall)
        busy.enter(now())
        busy.leave()
        left.append(now())

    assert most_within(left, 1.0) <= math.ceil(rate)
    # A stall of the loop costs its own time at the most, and nothing is waited for twice.
    assert left[-1] <= 400 / (0.98 * rate) + 20 * stall


@pytest.mark.parametrize("rate", [0.0833, 0.5, 2.0, 30.0, 100.0])
async def test_a_quiet_spell_earns_no_burst(rate: float) -> None:
    """After an hour without calls the pace is what it was."""
    busy = lane(rate)
    await departures(busy, 30)
    await asyncio.sleep(3600)

    assert most_within(await departures(busy, max(5, 5 / rate)), 1) <= math.ceil(rate)


async def test_the_first_calls_leave_at_these_moments() -> None:
    """2 % below the limit, evenly, 10 ms of slack: exact."""
    busy = lane(2.0)
    expected = [max(0.0, n / 1.96 - 0.010) for n in range(6)]

    assert [await depart(busy) for _ in range(6)] == pytest.approx(expected, abs=1e-6)


async def test_a_lane_without_a_rate_has_nothing_to_wait_for() -> None:
    """Ten thousand calls leave in no time."""
    free = lane(None)

    assert free.is_open(now())
    assert [await depart(free) for _ in range(10_000)] == [0.0] * 10_000


async def test_a_lane_with_a_rate_is_never_open_without_waiting() -> None:
    """Its token must be taken first."""
    assert not lane(10.0).is_open(now())


# --- pauses -----------------------------------------------------------------------------


async def test_a_pause_moves_the_call_that_waits_already() -> None:
    """A 429 that comes while a call waits for its token holds that call back, exactly."""
    busy = lane(1.0)
    await depart(busy)
    waiting = asyncio.create_task(depart(busy))
    await asyncio.sleep(0.5)
    busy.throttle(30.0, sent_at=0.4, now=0.5)

    assert 30.5 <= await waiting <= 33.5


async def test_after_a_pause_no_second_call_leaves_with_the_first() -> None:
    """The token that was held through the pause is stale, and buys nothing besides."""
    busy = lane(2.0)
    await depart(busy)
    waiting = asyncio.create_task(departures(busy, 12.0))
    await asyncio.sleep(0.2)
    busy.throttle(10.0, sent_at=0.1, now=0.2)
    times = await waiting

    assert 10.2 <= times[0] <= 11.2
    assert most_within(times, 1.0) == 2


@pytest.mark.parametrize("seconds", [1.0, 7.0, 60.0])
async def test_retry_after_is_obeyed_exactly(seconds: float) -> None:
    """Not earlier, and not later."""
    busy = lane(None)
    busy.throttle(seconds, sent_at=0.0, now=0.0)

    assert not busy.is_open(seconds - 0.001)
    assert await depart(busy) == seconds


async def test_a_shorter_retry_after_does_not_shorten_a_pause() -> None:
    """The longest wish counts, and overlapping pauses are counted once."""
    busy = lane(None)
    busy.throttle(10.0, sent_at=0.0, now=0.0)
    busy.throttle(2.0, sent_at=0.0, now=0.0)
    busy.throttle(12.0, sent_at=0.0, now=0.0)

    assert (busy.paused_until, busy.stats.paused) == (12.0, 12.0)
    assert busy.stats.throttled == 3


async def test_pauses_double_while_nothing_gets_through() -> None:
    """0.25 s, 0.5 s, … 30 s; each after a call that left when the last pause was over."""
    busy, pauses = lane(None), list[float]()
    for _ in range(10):
        await depart(busy)
        start = now()
        busy.throttle(None, sent_at=start, now=start)
        pauses.append(busy.paused_until - start)

    assert pauses == pytest.approx([0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 30])
    assert (FIRST_PAUSE, LONGEST_PAUSE) == (0.25, 30.0)
    assert busy.stats.paused == pytest.approx(sum(pauses))


async def test_an_accepted_call_ends_the_doubling() -> None:
    """The next 429 begins with the shortest pause."""
    busy = lane(None)
    for _ in range(5):
        busy.throttle(None, sent_at=await depart(busy), now=now())
    await depart(busy)
    busy.accept(now(), now())
    start = now()
    busy.throttle(None, sent_at=start, now=start)

    assert busy.paused_until - start == 0.25


async def test_one_event_is_one_pause() -> None:
    """429s to calls that left before the pause began teach nothing new."""
    busy = lane(None)
    for answered in (1.00, 1.01, 1.20, 1.24):
        busy.throttle(None, sent_at=0.9, now=answered)

    assert (busy.paused_until, busy.stats.throttled, busy.stats.paused) == (1.25, 4, 0.25)
    busy.throttle(None, sent_at=1.26, now=1.3)
    assert busy.paused_until == 1.8


async def test_a_retry_after_of_nothing_is_no_wish() -> None:
    """0 seconds would make a lane without a rate spin; it is a 429 that does not say."""
    busy = lane(None)
    busy.throttle(0.0, sent_at=0.0, now=0.0)

    assert busy.paused_until == 0.25


async def test_the_pause_of_one_lane_is_its_own() -> None:
    """Another lane of the same workspace leaves when it would have left."""
    refused, other = lane(1.0), lane(1.0)
    refused.throttle(60.0, sent_at=0.0, now=0.0)

    assert await depart(other) == 0.0
    assert 60.0 <= await depart(refused) <= 66.0


# --- the gate ---------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [None, 1000.0])
async def test_the_gate_lets_the_next_in_when_one_comes_back(rate: float | None) -> None:
    """Calls of 1 s through a gate of 3: three a second, and never a fourth inside."""
    narrow, times, inside = lane(rate, 3), list[float](), list[int]()

    async def call() -> None:
        times.append(now())
        await asyncio.sleep(1.0)
        inside.append(narrow.in_flight)
        narrow.leave()

    async with asyncio.TaskGroup() as group:
        for _ in range(9):
            await narrow.wait_turn(now)
            narrow.enter(now())
            group.create_task(call())

    assert max(inside) == 3
    assert [int(time) for time in times] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert (narrow.in_flight, narrow.stats.sent) == (0, 9)


async def test_a_pause_that_begins_while_the_gate_is_full_holds_too() -> None:
    """A free place is not enough."""
    narrow = lane(None, 1)
    narrow.enter(0.0)
    waiting = asyncio.create_task(depart(narrow))
    await asyncio.sleep(1)
    narrow.throttle(5.0, sent_at=0.0, now=1.0)
    narrow.leave()

    assert await waiting == 6.0


async def test_crowding_narrows_the_gate_and_pauses_nothing() -> None:
    """The server said 20: 20 at once from now on, at the same rate, without a pause."""
    busy = lane(None, 30)
    busy.crowd(20, None, sent_at=0.0, now=1.0)
    busy.crowd(20, None, sent_at=0.0, now=1.1)

    assert (busy.gate.limit, busy.paused_until, busy.stats.throttled) == (20, 0.0, 2)


async def test_crowding_in_a_gate_that_is_narrow_already_is_a_429_like_any() -> None:
    """Others use up the limit: fewer, and not at once, which would be hammering."""
    busy = lane(None, 4)
    busy.crowd(4, None, sent_at=0.0, now=2.0)
    assert (busy.gate.limit, busy.paused_until) == (3, 2.25)
    busy.crowd(20, None, sent_at=2.3, now=4.0)
    assert (busy.gate.limit, busy.paused_until) == (2, 4.5)


async def test_crowding_obeys_retry_after() -> None:
    """Whether the gate becomes narrower or not."""
    busy = lane(None, 30)
    busy.crowd(20, 7.0, sent_at=0.0, now=1.0)
    assert (busy.gate.limit, busy.paused_until) == (20, 8.0)
    busy.crowd(20, 9.0, sent_at=8.0, now=9.0)
    assert (busy.gate.limit, busy.paused_until) == (17, 18.0)


async def test_a_gate_is_never_closed() -> None:
    """A limit of 0 would stop the lane for ever."""
    busy = lane(None, 30)
    busy.crowd(0, None, sent_at=0.0, now=0.0)

    assert busy.gate.limit == 1


async def test_a_gate_that_was_narrowed_waits_for_those_inside() -> None:
    """Five are inside and two may be: the next one waits for four to come back."""
    busy = lane(None, 5)
    for _ in range(5):
        busy.enter(0.0)
    busy.crowd(2, None, sent_at=0.0, now=0.0)
    waiting = asyncio.create_task(depart(busy))
    for _ in range(3):
        busy.leave()
        await asyncio.sleep(1)
        assert not waiting.done()
    busy.leave()

    assert await waiting == 3.0


async def test_a_cancelled_wait_takes_no_place_and_no_token() -> None:
    """The next waiter leaves when the cancelled one would have left."""
    busy = lane(1.0)
    await depart(busy)
    waiting = asyncio.create_task(depart(busy))
    await asyncio.sleep(0.5)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    assert await depart(busy) == pytest.approx(1 / 0.98 - 0.010)
    assert busy.in_flight == 0
