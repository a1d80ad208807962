"""The rate control, event by event: time is an argument, so nothing waits."""

import math
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncdbx.rate_control import (
    CONTROL_NUMBERS,
    GROUPS,
    Departures,
    Gate,
    Mode,
    RateControl,
    dump,
    load,
)
from asyncdbx.rate_control.control import BELOW
from asyncdbx.rate_control.credit import BUDGET, Credit
from asyncdbx.rate_control.darkness import Darkness
from asyncdbx.rate_control.departures import SPAN
from asyncdbx.rate_control.growth import Growth
from asyncdbx.rate_control.measure import FEW_CUT, SLOWEST, let_through
from asyncdbx.rate_control.residue import Residue
from asyncdbx.rate_control.sharing import DECREASE, Sharing
from asyncdbx.rate_control.strays import Strays


def control(
    prior: float = 30.0, *, most: float = math.inf, limit: float = 0.0
) -> RateControl:
    return RateControl(prior, most, limit, Random(1))  # noqa: S311 - reproducible


def evenly(found: RateControl, start: float, calls: int) -> list[float]:
    """Send so many calls at the control's pace, without answers; return when."""
    times = [start + n / found.rate for n in range(calls)]
    for time in times:
        found.send(time)
    return times


def holding(limit: float = 30.0) -> tuple[RateControl, float]:
    """Return a control that has held its rate for some time, and when it is."""
    found = control(limit, limit=limit)
    times = evenly(found, 0.0, int(3 * limit))
    return found, times[-1]


# --- departures -------------------------------------------------------------------------


def departures(times: Sequence[float]) -> Departures:
    found = Departures()
    for time in times:
        found.add(time)
    return found


@given(
    st.lists(st.floats(SPAN * 1.001, 1.0), min_size=1, max_size=GROUPS - 1),
    st.floats(0, 20),
    st.floats(0, 20),
)
def test_calls_that_are_apart_are_counted_one_by_one(
    gaps: list[float], start: float, length: float
) -> None:
    """Up to 32 calls a second there is nothing to estimate."""
    times = [sum(gaps[:n]) for n in range(len(gaps))]
    expected = sum(start < time < start + length for time in times)

    assert departures(times).within(start, start + length) == expected


@given(
    st.lists(st.floats(0.04, 0.5), min_size=1, max_size=GROUPS - 1),
    st.lists(st.integers(0, 8), min_size=GROUPS, max_size=GROUPS),
)
def test_calls_of_another_process_are_told_late(
    gaps: list[float], delays: list[int]
) -> None:
    """In whatever order they become known, each has left when it did."""
    times = [sum(gaps[: n + 1]) for n in range(len(gaps))]
    told = [times[n] for n in sorted(range(len(times)), key=lambda n: n + delays[n])]
    late, in_order = departures(told), departures(times)

    for end in times:
        assert late.within(end - 1, end) == in_order.within(end - 1, end)


def test_what_is_told_too_late_is_forgotten() -> None:
    """It is older than all that is remembered."""
    found = departures([n / 10 for n in range(1, GROUPS + 1)])
    found.add(0.05)

    assert found.within(0, 100) == GROUPS
    assert found.within(0, 0.1) == 0


@pytest.mark.parametrize("rate", [40, 64, 100, 1000, 5000])
def test_fast_calls_are_counted_to_a_group(rate: int) -> None:
    """An even second holds the rate, give or take what lies in one group at each end."""
    found = departures([n / rate for n in range(4 * rate)])

    assert found.within(2.0, 3.0) == pytest.approx(rate, abs=1 + rate * SPAN)
    assert found.within(3.0, 4.0) == pytest.approx(rate, rel=0.02, abs=1)


def test_a_refused_call_is_taken_back() -> None:
    """It was not let through, whenever it turns out."""
    found = departures([0.0, 0.1, 0.2, 0.3])
    found.refuse(0.2)
    assert found.within(-1, 1) == 3
    found.refuse(0.2)
    found.refuse(5.0)  # the newest before it, and no number falls below 0
    found.refuse(-1.0)
    assert found.within(-1, 1) == 2
    assert found.within(0.05, 0.15) == 1


def test_old_departures_make_room() -> None:
    """Memory does not grow, and what is left is exact."""
    found = departures([n / 10 for n in range(10_000)])

    assert found.within(0, 1000) == GROUPS
    assert found.within(998.95, 1000) == 10


@pytest.mark.parametrize("rate", [2.0, 10.0, 30.0, 100.0])
@pytest.mark.parametrize("faster", [1.5, 2.0, 10.0])
def test_an_emptied_bucket_tells_its_rate(rate: float, faster: float) -> None:
    """Whatever the pace was, when it is found empty the tightest line is its rate."""
    tokens, found, time = rate, Departures(), 0.0
    while tokens >= 1:
        found.add(time)
        tokens -= 1
        step = 1 / (rate * faster)
        tokens = min(rate, tokens + rate * step)
        time += step

    assert found.refilled(time) == pytest.approx(rate, rel=0.02, abs=0.6)


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=30, unique=True),
    st.floats(0.5, 1.0),
)
def test_an_even_pace_finds_room_for_every_call(times: list[float], share: float) -> None:
    """From next_start on no second holds more calls than the one that was full."""
    times = sorted(times)
    limit = len(times)
    start = departures(times).next_start(share * limit, 1.0 + 1e-6, 0.0)
    left = times + [start + n / (share * limit) for n in range(limit)]
    window = 1.0 - SPAN  # calls closer than that are one group, spread evenly

    for first in range(len(left) - limit):
        assert left[first + limit] - left[first] >= window - 1e-9


# --- a refusal is a measurement ---------------------------------------------------------


@pytest.mark.parametrize("limit", [2, 5, 10, 30, 100, 400])
def test_one_refusal_tells_the_limit(limit: int) -> None:
    """So many calls were let through in the second before."""
    found = departures([n / (1.1 * limit) for n in range(int(1.1 * limit) * 3)])
    last = 2.5
    for n in range(int(1.1 * limit) * 3):
        time = n / (1.1 * limit)
        if n % 11 == 10:  # a server that lets ten of eleven through
            found.refuse(time)

    measured = let_through(found, last, 1.1 * limit, 0.0)

    assert measured == pytest.approx(limit, rel=0.05, abs=1)


def test_nothing_is_measured_above_the_pace() -> None:
    """More was not tried: calls that came close together say nothing about a second."""
    assert let_through(departures([0.0, 0.01, 0.02]), 0.03, 1.0, -10.0) == 1.0


def test_the_first_refusals_of_a_life_are_no_measure() -> None:
    """Nothing was let through, because others had taken all: begin far below."""
    assert let_through(Departures(), 0.0, 15.0, 0.0) == pytest.approx(15 * FEW_CUT)
    assert let_through(Departures(), 0.0, 0.2, -10.0) == SLOWEST


def test_a_rate_that_grew_is_cut_to_what_was_let_through() -> None:
    """2 % below it, and it holds there."""
    found = control(30)
    found.rate = 60.0
    times = evenly(found, 0.0, 31)
    found.refuse(times[-1], times[-1] + 0.04)

    assert found.mode == Mode.HOLD
    assert found.limit == pytest.approx(30, abs=2)
    assert found.rate == pytest.approx((1 - BELOW) * found.limit)


def test_calls_that_left_before_the_cut_teach_nothing_new() -> None:
    """One event, one cut, however many were in flight."""
    found = control(100)
    found.rate = 300.0
    times = evenly(found, 0.0, 150)
    found.refuse(times[100], 0.5)
    rate = found.rate
    for time in times[101:]:
        found.refuse(time, 0.51)

    assert found.rate == rate
    assert found.mode == Mode.HOLD


def test_a_lane_that_knows_its_limit_begins_below_it() -> None:
    """What an earlier run has learned is held at once."""
    found = control(30, limit=90)

    assert found.mode == Mode.HOLD
    assert found.rate == pytest.approx(88.2)


def test_a_user_s_limit_is_never_exceeded() -> None:
    """Whatever the server lets through."""
    found = control(10, most=10)
    time = 0.0
    for _ in range(2000):
        time += 1 / found.rate
        found.hold_back()
        found.send(time)
        found.accept(time, time + 0.05)
        assert found.rate <= 10


def test_a_rate_grows_only_if_it_was_the_brake() -> None:
    """A lane with little to do proves nothing about the limit."""
    found, time = control(30, limit=30), 0.0
    for _ in range(1000):
        time += 0.1
        found.send(time)
        found.accept(time, time + 0.05)

    assert found.rate == pytest.approx(29.4)


def test_growth_does_not_run_ahead_of_its_own_evidence() -> None:
    """Three calls a second prove nothing about more than nine."""
    found, time = control(30), 0.0
    for _ in range(30):
        found.hold_back()
        found.send(time)
        found.accept(time, time + 0.05)
        time += 1 / 3

    assert found.mode == Mode.GROW
    assert found.rate == 30


def test_a_lane_that_is_expected_to_be_slow_is_tried_at_one_call_a_second() -> None:
    """Or its first answers would take half a minute; unless the user wants it slow."""
    assert control(0.2).rate == 1
    assert control(0.2, most=0.2).rate == 0.2


def test_a_limit_that_has_risen_is_found() -> None:
    """Ten times as much is let through, after a hold of 4 s and some doublings."""
    found, time = control(30, limit=30), 0.0
    while time < 12 and found.rate < 300:
        time += 1 / found.rate
        found.hold_back()
        found.send(time)
        found.accept(time, time + 0.05)

    assert found.rate >= 300
    assert time < 8


# --- Retry-After ------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [1.0, 7.0, 60.0])
def test_retry_after_stops_the_lane(seconds: float) -> None:
    """For that time, and up to a tenth more, so that not everybody comes back at once."""
    found, now = holding()
    found.refuse(now, now + 0.05, seconds)

    assert seconds <= found.paused_until - now - 0.05 <= 1.1 * seconds


@pytest.mark.parametrize("seconds", [None, 0.0])
def test_a_429_that_does_not_say_how_long_stops_nothing(seconds: float | None) -> None:
    """A refusal out of the blue makes the pace a little slower."""
    found, now = holding(100)
    rate = found.rate
    found.refuse(now, now + 0.05, seconds)

    assert found.paused_until == 0.0
    assert found.rate == pytest.approx(0.99 * rate)


def test_where_looking_stops_the_lane_it_is_done_rarely() -> None:
    """60 times as long between two looks as one costs."""
    found = control(30)
    found.rate = 60.0
    times = evenly(found, 0.0, 60)
    found.refuse(times[-1], times[-1] + 0.04, 1.0)
    held = time = found.paused_until
    while found.mode == Mode.HOLD and time < 100:
        time += 1 / found.rate
        found.hold_back()
        found.send(time)
        found.accept(time, time + 0.05)

    assert 60 <= time + 0.05 - held <= 61


# --- what is left of an event, and full buckets -----------------------------------------


def test_what_is_left_over_is_stepped_aside_for() -> None:
    """One refusal right after a cut moves the calls by some milliseconds, not the rate."""
    found = control(30)
    found.rate = 60.0
    times = evenly(found, 0.0, 60)
    found.refuse(times[-1], times[-1] + 0.04)
    rate, start = found.rate, max(found.paused_until, times[-1] + 0.05)
    found.send(start)
    found.refuse(start, start + 0.04)

    assert found.rate == rate
    assert found.paused_until == pytest.approx(start + 0.06)


def test_on_a_slow_lane_what_is_left_over_comes_late() -> None:
    """For eight calls nobody else is suspected, though that takes seconds."""
    found = control(2)
    found.rate = 4.0
    for n in range(5):
        found.send(n / 4)
    found.refuse(1.0, 1.05)
    assert found.mode == Mode.HOLD
    late = found.paused_until + 1.5
    found.accept(late - 0.2, late - 0.1)
    found.send(late)
    found.refuse(late, late + 0.05)

    assert found.mode == Mode.HOLD
    assert found.strays.count == 0


def test_a_full_bucket_is_recognised() -> None:
    """It lets twice its rate through in a second; what follows shows its true rate."""
    found, tokens, time = control(30), 30.0, 0.0
    found.rate = 60.0
    while tokens >= 1:
        found.send(time)
        tokens += 0.5 - 1
        time += 1 / 60
    found.send(time)
    found.refuse(time, time + 0.04)
    assert found.limit > 50
    time, tokens = found.paused_until, 0.0
    while found.limit > 50 and time < 5:
        found.send(time)
        tokens += 30 / found.rate
        if tokens >= 1:
            tokens -= 1
            found.accept(time, time + 0.04)
        else:
            found.refuse(time, time + 0.04)
        time = max(time + 1 / found.rate, found.paused_until)

    assert found.limit == pytest.approx(30, rel=0.1)


def test_a_bucket_that_was_measured_too_low_is_measured_again() -> None:
    """From one moment at which it was empty to the next, as its refill: no rise is seen."""
    found = control(30, limit=28)
    found.bursty = True
    tokens, time, refused = 0.0, 0.0, 0
    while time < 20:
        found.hold_back()
        found.send(time)
        if tokens >= 1:
            tokens -= 1
            found.accept(time, time)
        else:
            refused += 1
            found.refuse(time, time)
        later = max(time + 1 / found.rate, found.paused_until)
        tokens = min(30.0, tokens + 30 * (later - time))
        time = later

    assert found.limit == pytest.approx(30, rel=0.02)
    assert refused <= 6


def test_a_verdict_needs_two_refusals_and_a_share() -> None:
    """Half of what a wrong measure would cause is proof; a full window proves nothing."""
    residue = Residue()
    assert residue.note(1.0)
    assert not residue.convicts(0, 60, 30)
    residue.shifted_at = 1.1
    assert not residue.note(1.05)  # it left before the lane stepped aside
    assert residue.note(1.2)
    assert residue.refused == 3
    assert residue.convicts(5, 60, 30)
    assert not residue.convicts(100, 60, 30)
    assert not residue.convicts(0, 60, 30)  # all of them: not a bucket running dry
    assert not residue.convicts(100, 30, 30)  # nothing to correct, and few are left over


# --- strangers --------------------------------------------------------------------------


def test_a_refusal_out_of_the_blue_is_an_accident_at_first() -> None:
    """Of many calls a few are; among few calls the first is; then there is somebody."""
    strays = Strays()
    assert strays.is_accident(0.0, 2.0)
    assert not strays.is_accident(1.0, 2.0)
    fast = Strays()
    assert all(fast.is_accident(n / 10, 1000.0) for n in range(29))
    assert not all(fast.is_accident(3 + n / 10, 1000.0) for n in range(10))


def test_an_accident_is_forgotten() -> None:
    """After a minute the next one is the first again."""
    strays = Strays()
    assert strays.is_accident(0.0, 2.0)
    assert strays.is_accident(60.0, 2.0)


def test_who_shares_gives_way_and_comes_back() -> None:
    """A refusal costs a share; then the rate grows by itself, slowly."""
    found, now = holding(30)
    for late in (0.0, 0.1):
        found.send(now + late)
        found.refuse(now + late, now + late + 0.05)
    assert found.mode == Mode.SHARE
    given_way = found.rate
    assert given_way <= (1 - DECREASE) * 29.4
    time = found.settled_at
    for _ in range(200):
        time += 1 / found.rate
        found.hold_back()
        found.send(time)
        found.accept(time, time + 0.05)

    assert given_way < found.rate < 1.5 * given_way


def test_whoever_shares_adds_the_same() -> None:
    """Not in proportion to what he has, or shares would never become equal."""
    small, big = Sharing(peak=6.0), Sharing(peak=30.0)

    assert small.increase(30, 0) == pytest.approx(big.increase(30, 0))
    assert big.increase(30, 16) == pytest.approx(4 * big.increase(30, 0))


def test_a_prior_that_is_far_too_high_makes_nobody_greedy() -> None:
    """Six times what was ever seen is the most that counts."""
    assert Sharing(peak=6.0).increase(1000, 0) == Sharing(peak=6.0).increase(36, 0)


def test_three_measures_that_agree_mean_that_nobody_shares() -> None:
    """A stranger's doing would differ."""
    sharing = Sharing()
    assert [sharing.is_alone(30.0, 30.5) for _ in range(3)] == [False, False, True]
    assert not sharing.is_alone(20.0, 30.0)
    assert sharing.agreeing == 0


def test_a_lane_with_little_to_do_is_no_measure() -> None:
    """Refused out of the blue after a pause: half of what was known is still believed."""
    found, now = holding(30)
    for later in (100.0, 101.0, 102.0):
        found.accept(now + later - 1, now + later - 0.9)
        found.send(now + later)
        found.refuse(now + later, now + later + 0.05)

    assert found.rate >= 30 / 8


# --- darkness ---------------------------------------------------------------------------


def test_when_everything_is_refused_one_call_asks() -> None:
    """After pauses that double, up to 30 s."""
    found, now = holding(30)
    found.accept(now, now + 0.05)
    pauses = []
    for _ in range(20):
        now = max(now + 0.05, found.paused_until)
        found.send(now)
        found.refuse(now, now + 0.01)
        if found.one_by_one:
            pauses.append(found.paused_until - now - 0.01)

    assert found.one_by_one
    expected = [min(30.0, 0.1 * 2.0**n) for n in range(len(pauses))]
    for pause, mean in zip(pauses, expected, strict=True):
        assert 0.8 * mean <= pause <= 1.2 * mean


def test_calls_sent_before_it_was_dark_do_not_lengthen_the_pause() -> None:
    """Only the canary counts."""
    found, now = holding(30)
    found.accept(now, now + 0.05)
    late = [now + 0.2, now + 0.3, now + 0.4, now + 0.41]
    for time in late:
        found.send(time)
    for time in late[:3]:
        found.refuse(time, time + 0.05)
    assert found.one_by_one
    until = found.paused_until
    found.refuse(late[3], now + 0.46)

    assert found.paused_until == until


def test_after_the_dark_the_rate_is_searched_anew() -> None:
    """From a quarter of what it was, in doublings."""
    found, now = holding(30)
    found.accept(now, now + 0.05)
    for late in (0.2, 0.3, 0.4):
        found.send(now + late)
        found.refuse(now + late, now + late + 0.05)
    start = found.paused_until
    before = found.rate
    found.send(start)
    found.accept(start, start + 0.05)

    assert found.mode == Mode.GROW
    assert found.rate == pytest.approx(before / 4)


def test_after_long_darkness_a_lane_still_asks_every_few_seconds() -> None:
    """Each dawn begins lower, but a lane that is too slow would never see the day."""
    found, time = control(30), 0.0
    for _ in range(20):
        for _ in range(3):
            found.send(time)
            found.refuse(time, time + 0.05)
            time += 0.2
        time = found.paused_until
        found.send(time)
        found.accept(time, time + 0.05)
        time += 0.1

    assert found.rate == SLOWEST == 0.1


def test_it_is_not_dark_while_something_comes_through() -> None:
    """Three refusals in a row within a tenth of a second are no darkness."""
    darkness = Darkness()
    darkness.accept(1.0)
    assert [darkness.falls(1.0 + n / 100) for n in (1, 2, 3, 4)] == [False] * 4
    assert darkness.falls(1.11)
    darkness.accept(2.0)
    assert not darkness.falls(1.9)


# --- parts ------------------------------------------------------------------------------


def test_looks_are_paid_for_by_what_is_let_through() -> None:
    """0.65 % of the calls; debts are repaid for a minute and then forgiven."""
    credit = Credit()
    assert credit.affords_a_look
    credit.pay(30)
    assert not credit.affords_a_look
    for _ in range(round(1 / BUDGET) + 1):
        credit.earn()
    assert credit.affords_a_look
    for _ in range(10_000):
        credit.earn()
    assert credit.balance == 3.0
    for _ in range(10_000):
        credit.pay(30)
    assert credit.balance == pytest.approx(-60 * BUDGET * 30)


def test_a_step_wants_evidence_from_its_own_time() -> None:
    """An answer to a call of the step before, or one that is too early, is none."""
    growth = Growth(0.02, round_at=10.0, before=30.0, began_at=10.0)
    assert not growth.round_ends(9.9, 10.5, 30)
    assert not growth.round_ends(10.1, 10.2, 30)
    assert growth.round_ends(10.1, 10.3, 30)
    search = Growth(0.25, round_at=10.0)
    assert search.round_ends(10.0, 10.05, 2)  # a slow search waits for nothing more


def test_savings_explain_so_much_and_no_more() -> None:
    """4 % of each second of holding, at most a second's worth, and two calls."""
    growth = Growth(0.02, 10.0, before=30.0, began_at=10.0, held=5.0)
    growth.calls = 30 + 8
    assert growth.is_saved_up(11.0)
    growth.calls = 30 + 9
    assert not growth.is_saved_up(11.0)
    growth.held = 3600.0
    growth.calls = 30 + 32
    assert growth.is_saved_up(11.0)
    growth.calls = 30 + 33
    assert not growth.is_saved_up(11.0)


Event = tuple[float, str, float | None, bool]

EVENTS = st.lists(
    st.tuples(
        st.floats(0.0, 2.0),
        st.sampled_from(["ok", "429", "wait", "429", "ok", "ok"]),
        st.sampled_from([None, None, 0.0, 1.0, 60.0]),
        st.booleans(),
    ),
    max_size=150,
)


def play(found: RateControl, events: Sequence[Event]) -> None:
    """Let things happen to a control, one after the other."""
    now = 0.0
    for wait, what, retry_after, braked in events:
        now = max(now, found.paused_until) + wait
        if braked:
            found.hold_back()
        found.send(now)
        if what == "ok":
            found.accept(now, now + 0.05)
        elif what == "429":
            found.refuse(now, now + 0.05, retry_after)
        assert SLOWEST <= found.rate <= found.most
        assert math.isfinite(found.rate)
        assert math.isfinite(found.paused_until)
        assert found.paused_until <= now + 0.05 + 66
        now += 0.05


@settings(max_examples=300)
@given(EVENTS, st.sampled_from([0.2, 2.0, 30.0, 1000.0]), st.sampled_from([1.0, 1e6]))
def test_whatever_happens_the_rate_stays_sane(
    events: list[Event], prior: float, most: float
) -> None:
    """Within its bounds, finite, and never paused for more than a Retry-After allows."""
    play(control(prior, most=most), events)


@settings(max_examples=100)
@given(EVENTS, st.integers(0, 150))
def test_a_control_goes_on_from_its_numbers(events: list[Event], cut: int) -> None:
    """What one process has put down another one takes up, and decides the same."""
    first, second = control(), control()
    play(first, events[:cut])
    second.departures = first.departures
    made = first.departures.made
    load(second, dump(first))

    assert second.departures.made == made
    assert dump(second) == dump(first)
    assert len(dump(first)) == CONTROL_NUMBERS


# --- the gate ---------------------------------------------------------------------------


def test_the_server_s_number_is_taken() -> None:
    """It says 20: 20 from now on, and those in flight teach nothing more."""
    gate = Gate(64, 64)
    gate.refuse(20, 1.0, 1.1)
    gate.refuse(20, 1.05, 1.15)

    assert (gate.limit, gate.most) == (20, 20)


def test_a_gate_opens_by_one_for_each_answer() -> None:
    """Doubled with each round trip, but never by more at once than has come back."""
    gate = Gate(64)
    for n in range(48):
        assert gate.limit == 16 + n
        gate.accept(gate.limit, n / 100)
    gate.accept(gate.limit, 1.0)
    assert gate.limit == 64


def test_a_gate_that_was_refused_opens_no_more_at_every_answer() -> None:
    """A limit the server did not name is found once; then a step takes its time."""
    gate = Gate(64)
    for n in range(5):
        gate.accept(gate.limit, n / 100)
    gate.refuse(None, 0.06, 0.07)
    assert gate.limit == 20
    for n in range(100):
        gate.accept(gate.limit, 0.1 + n / 100)
    assert gate.limit == 20


def test_a_gate_that_is_not_full_is_not_the_brake() -> None:
    """Nothing is learned from calls that had room."""
    gate = Gate(64)
    for n in range(1000):
        gate.accept(5, n / 100)

    assert gate.limit == 16


def test_others_take_a_part_and_give_it_back() -> None:
    """Refused below the limit: 15 % fewer, then one more each 2 s while it goes well."""
    gate = Gate(20, 20)
    gate.refuse(20, 1.0, 1.1)
    assert gate.limit == 17
    gate.refuse(20, 1.0, 1.2)  # the same event
    assert gate.limit == 17
    now = 1.1
    while gate.limit < 20 and now < 60:
        now += 0.1
        gate.accept(gate.limit, now)

    assert 6 <= now <= 12


def test_a_step_that_is_refused_is_taken_back_and_waits_longer() -> None:
    """One fewer, and twice as long until the next try."""
    gate = Gate(20, 20)
    gate.refuse(20, 1.0, 1.1)
    now = 1.1
    while gate.limit == 17:
        now += 0.1
        gate.accept(gate.limit, now)
    gate.refuse(None, now, now + 0.1)

    assert (gate.limit, gate.wait) == (17, 4.0)


def test_a_gate_is_never_closed() -> None:
    """One call at least."""
    gate = Gate(20)
    for n in range(50):
        gate.refuse(0 if n % 2 else None, float(n), n + 0.5)

    assert gate.limit == 1
