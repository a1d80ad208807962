"""What a host remembers of its lanes, and how processes take turns with them."""

import math
import os
import signal
import struct
import subprocess
import sys
import textwrap
import time
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from asyncdbx.config import lanes_path
from asyncdbx.errors import ConfigError
from asyncdbx.limiter import LaneFile, learned_of, opened
from asyncdbx.limiter.lane_file import FORGET, KEY, NUMBERS, VERSION, WALL, Record
from asyncdbx.limiter.shared import LIVE, MOST_EVENTS, SharedControl
from asyncdbx.rate_control import Mode, RateControl


@pytest.fixture
def file(tmp_path: Path) -> LaneFile:
    return LaneFile(tmp_path / "state" / "lanes")


def shared(file: LaneFile, now: float, prior: float = 200.0) -> SharedControl:
    """Return a process's control of the one lane there is."""
    rng = Random(1)  # noqa: S311 - reproducible
    control = RateControl(prior, rng=rng)
    return SharedControl(file.record("https://prod dbfs"), control, now)


def learn(control: SharedControl, now: float, limit: float = 90.0) -> float:
    """Let a control find out a limit; return when it is."""
    for n in range(int(limit)):
        control.send(now + n / (1.5 * limit))
    last = now + (limit - 1) / (1.5 * limit)
    control.refuse(last, last + 0.05)
    return last + 0.05


# --- the file ---------------------------------------------------------------------------


def test_numbers_come_back(file: LaneFile) -> None:
    """To another who opens the file, and under their own names only."""
    record = file.record("a")
    assert record.read() is None
    numbers = (0.0, time.time(), *(n / 3 for n in range(2, NUMBERS)))
    record.write(numbers)
    other = LaneFile(file.path)

    assert other.record("a").read() == numbers
    assert other.record("b").read() is None
    assert [r.key for r in other.records()] == ["a", "b"]


def test_records_of_two_files_find_each_other(file: LaneFile) -> None:
    """200 lanes, added in turns by two that do not talk, have 200 places."""
    other = LaneFile(file.path)
    offsets = {}
    for n in range(200):
        offsets[n] = (file if n % 2 else other).record(f"lane {n}").offset
    for n in range(200):
        assert (other if n % 2 else file).record(f"lane {n}").offset == offsets[n]

    assert len(set(offsets.values())) == 200
    assert len(list(LaneFile(file.path).records())) == 200


def test_a_record_that_nobody_has_used_makes_room(file: LaneFile) -> None:
    """After a month; whoever still holds it goes alone."""
    old, numbers = file.record("old"), [0.0] * NUMBERS
    numbers[WALL] = time.time() - FORGET - 60
    old.write(numbers)
    other = LaneFile(file.path)
    forgotten = other.record("old")
    later = LaneFile(file.path)  # such records are looked for once an hour
    new = later.record("new")

    assert (new.offset, new.read()) == (old.offset, (0.0,) * NUMBERS)
    with new.locked() as held:
        assert held
    with forgotten.locked() as held:
        assert not held
    assert [r.key for r in LaneFile(file.path).records()] == ["new"]
    assert later.record("old").offset != new.offset


def test_ten_thousand_lanes_are_not_ten_thousand_searches(
    file: LaneFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account of many workspaces is new to a host once: each lane is looked at once."""
    for n in range(200):
        file.record(f"lane {n}")
    later = LaneFile(file.path)
    looked = 0
    number = Record.number

    def counting(record: Record, place: int) -> float:
        nonlocal looked
        looked += 1
        return number(record, place)

    monkeypatch.setattr(Record, "number", counting)
    for n in range(200):
        later.record(f"new {n}")

    assert looked == 200


def test_what_left_is_seen_by_the_other_even_after_the_file_has_grown(
    file: LaneFile,
) -> None:
    """Both look at the same pages."""
    one = file.record("a").departures()
    other = LaneFile(file.path)
    two = other.record("a").departures()
    for n in range(100):
        other.record(f"lane {n}")
    one.add(1.0)
    two.made = one.made

    assert two.within(0, 2) == 1


def test_a_half_written_record_is_not_believed(file: LaneFile) -> None:
    """Its version is odd, because its writer was killed; the next one writes it anew."""
    record = file.record("a")
    record.write((1.0,) * NUMBERS)
    VERSION.pack_into(file.view, record.offset + KEY, 3)
    assert record.read() is None
    record.write((2.0,) * NUMBERS)

    assert record.read() == (2.0,) * NUMBERS


@pytest.mark.parametrize("content", [b"something else, of somebody", b"asyncdbx lanes 0"])
def test_a_foreign_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    """The error says what to do."""
    path = tmp_path / "lanes"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="set ASYNCDBX_LANES to another file or to off"):
        LaneFile(path)

    assert path.read_bytes() == content


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file stands where a folder should be."""
    (tmp_path / "state").write_text("")
    with pytest.raises(ConfigError, match="state/lanes, which keeps"):
        LaneFile(tmp_path / "state" / "lanes")


def test_only_the_user_reads_it(file: LaneFile) -> None:
    """Hosts are nobody else's business."""
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_one_process_opens_it_once(tmp_path: Path) -> None:
    """Closing a second descriptor would drop the locks of the first."""
    path = tmp_path / "lanes"
    with opened(path) as outer:
        with opened(path) as inner:
            assert inner is outer
        outer.record("a").write((1.0,) * NUMBERS)
    with opened(path) as again:
        assert again is not outer


HOLDER = """
    import signal, sys
    from pathlib import Path
    from asyncdbx.limiter import LaneFile
    record = LaneFile(Path(sys.argv[1])).record("a")
    with record.locked() as held:
        print(held, flush=True)
        signal.pause()
"""


def test_a_stopped_process_holds_nobody_up_and_a_dead_one_leaves_no_lock(
    file: LaneFile,
) -> None:
    """A lock that cannot be had within a millisecond is done without."""
    record = file.record("a")
    command = [sys.executable, "-c", textwrap.dedent(HOLDER), str(file.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:  # noqa: S603 - our own
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        started = time.monotonic()
        with record.locked() as held:
            assert not held
        assert time.monotonic() - started < 0.5
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with record.locked() as held:
            assert held


# --- taking turns -----------------------------------------------------------------------


def test_the_next_run_begins_where_the_last_one_ended(file: LaneFile) -> None:
    """After an hour the limit is known, and held at once."""
    first = shared(file, 1000.0)
    first.close(learn(first, 1000.0))
    second = shared(file, 1000.0 + 3600)

    assert (first.mode, second.mode) == (Mode.HOLD, Mode.HOLD)
    assert second.limit == pytest.approx(first.limit) == pytest.approx(90, abs=4)
    assert second.rate == pytest.approx(0.98 * second.limit)
    assert second.paused_until == 0.0


def test_the_next_run_knows_that_there_is_a_bucket(file: LaneFile) -> None:
    """That is learned from refusals, too, and they are not paid for again."""
    first = shared(file, 1000.0)
    now = learn(first, 1000.0)
    first._control.bursty = True
    first.close(now)
    assert shared(file, 1000.0 + 3600)._control.bursty


def test_a_lane_that_learned_nothing_begins_anew(file: LaneFile) -> None:
    """Five calls a night teach nothing."""
    first = shared(file, 1000.0)
    for n in range(5):
        first.send(1000.0 + n)
        first.accept(1000.0 + n, 1000.1 + n)
    first.close(1010.0)
    second = shared(file, 9000.0)

    assert (second.mode, second.limit, second.rate) == (Mode.GROW, 0.0, 100.0)


def test_two_processes_are_one_control(file: LaneFile) -> None:
    """What one hears is the other's news within a moment."""
    one, two = shared(file, 10.0), shared(file, 10.0)
    now = learn(one, 10.1)
    two.catch_up(now + 0.03)

    assert two.limit == one.limit
    assert two.rate == one.rate
    two.refuse(now + 0.03, now + 0.08, 7.0)
    one.catch_up(now + 0.2)
    assert one.paused_until == two.paused_until >= now + 7


def test_departures_of_both_are_one_queue(file: LaneFile) -> None:
    """Each place once, in turns; who is alone needs none."""
    one = shared(file, 10.0)
    assert one.reserve(10.0) == 10.0
    assert one.reserve(10.0) == 10.0
    two = shared(file, 10.0)
    one.catch_up(10.2)
    step = 1 / one.rate
    turns = [(one if n % 2 else two).reserve(10.2) for n in range(10)]

    assert [b - a for a, b in pairwise(turns)] == pytest.approx([step] * 9)


def test_a_clock_that_lags_by_milliseconds_gives_no_place_away_twice(
    file: LaneFile,
) -> None:
    """A loop looks at its clock once a turn, so the other's last news can be of later."""
    one, two = shared(file, 10.0), shared(file, 10.0)
    one.catch_up(10.1)
    first = one.reserve(10.2)
    second = two.reserve(10.198)

    assert second - first == pytest.approx(1 / one.rate)


def test_who_has_ended_is_waited_for_no_more(file: LaneFile) -> None:
    """Two seconds after its last news."""
    one, two = shared(file, 10.0), shared(file, 10.0)
    one.catch_up(10.1)
    two.close(10.2)
    one.catch_up(10.3)
    assert one.reserve(10.3) == 10.3
    assert one.reserve(10.3) > 10.3
    one.catch_up(13.0)

    assert [one.reserve(13.0), one.reserve(13.0)] == [13.0, 13.0]


def writes(file: LaneFile) -> int:
    """Return how often the lane's record has been written."""
    record = file.record("https://prod dbfs")
    (version,) = VERSION.unpack_from(file.view, record.offset + KEY)
    return int(version) // 2


def busy(control: SharedControl, start: float, seconds: float) -> None:
    """Make 1,000 calls a second, which are let through at once."""
    for n in range(int(1000 * seconds)):
        now = start + n / 1000
        control.send(now)
        control.accept(now, now)


def test_a_call_costs_no_lock(file: LaneFile) -> None:
    """What happens within 20 ms is told at once; who is alone tells it twice a second."""
    one = shared(file, 10.0)
    before = writes(file)
    busy(one, 10.0, 4.0)
    assert writes(file) - before == pytest.approx(8, abs=2)

    two = shared(file, 14.0)
    busy(two, 14.0, 0.1)  # hears of one at the end of its first batch
    before = writes(file)
    busy(two, 14.1, 1.0)
    assert writes(file) - before == pytest.approx(50, abs=10)


def test_what_a_stopped_process_holds_up_is_told_later(file: LaneFile) -> None:
    """Not one departure is lost; only if there are too many, each goes on alone."""
    one, two = shared(file, 10.0), shared(file, 10.0)
    one.catch_up(10.1)
    with LaneFile(file.path).record("https://prod dbfs").locked() as held:
        assert held
        for n in range(10):
            two.send(10.1 + n / 10)
            two.catch_up(10.1 + n / 10)
    two.catch_up(11.2)
    one.catch_up(11.3)
    assert one._control.departures.within(10.0, 11.2) == 10

    with LaneFile(file.path).record("https://prod dbfs").locked():
        busy(two, 11.3, 2.0)
        assert len(two._events) <= MOST_EVENTS


def _spoil(file: LaneFile, place: int, value: float) -> None:
    record = file.record("https://prod dbfs")
    numbers = list(record.read() or ())
    numbers[place] = value
    record.write(numbers)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (5, math.nan),
        (5, -1.0),
        (5, 1e9),
        (7, 0.0),  # a rate
        (7, math.inf),
        (6, math.nan),
        (1, 0.0),  # written in 1970
    ],
)
def test_what_cannot_be_true_is_not_believed(
    file: LaneFile, place: int, value: float
) -> None:
    """A lane begins anew instead."""
    first = shared(file, 10.0)
    first.close(learn(first, 10.0))
    _spoil(file, place, value)
    second = shared(file, 12.0)

    assert (second.mode, second.limit) == (Mode.GROW, 0.0)


def test_after_a_restart_of_the_machine_times_mean_nothing(file: LaneFile) -> None:
    """The limit is remembered; a pause that lay in the future is not."""
    first = shared(file, 90_000.0)
    first.refuse(90_000.0, 90_000.1, 60.0)
    first.close(learn(first, 90_001.0))
    _spoil(file, 0, 12345.0)
    second = shared(file, 90_002.0)

    assert second.limit == pytest.approx(first.limit)
    assert second.paused_until == 0.0


def test_a_clock_that_runs_backwards_is_another_machine(file: LaneFile) -> None:
    """A record of the future is a memory."""
    first = shared(file, 90_000.0)
    first.close(learn(first, 90_000.0))
    second = shared(file, 5.0)

    assert second.paused_until == 0.0
    assert second.limit == pytest.approx(first.limit)


def test_what_is_learned_can_be_shown(file: LaneFile) -> None:
    """Limit, age, and whether somebody is there now."""
    assert learned_of(file.record("https://prod dbfs")) is None
    first = shared(file, 10.0)
    now = learn(first, 10.0)
    first.close(now)
    said = learned_of(file.record("https://prod dbfs"))

    assert said is not None
    assert said.limit == pytest.approx(first.limit)
    assert said.is_live(now + 1)
    assert not said.is_live(now + LIVE + 1)
    assert 0 <= said.age() < 5


def test_a_firm_lane_stays_below_what_others_have_found(file: LaneFile) -> None:
    """Whose limit is his own word is held to it, and the others are not."""
    first = shared(file, 10.0)
    now = learn(first, 10.0)
    record = file.record("https://prod dbfs")
    firm = SharedControl(record, RateControl(10.0, 10.0), now)
    assert firm.rate == 10.0
    firm.send(now + 0.1)
    firm.accept(now + 0.1, now + 0.7)
    first.catch_up(now + 1)

    assert first.rate > 80


def test_noise_in_a_file_does_no_harm(file: LaneFile) -> None:
    """Whatever bytes a record has, a lane begins, and its rate is sane."""
    random = Random(5)  # noqa: S311 - reproducible
    record = file.record("https://prod dbfs")
    for _ in range(200):
        record.write([struct.unpack("<d", random.randbytes(8))[0] for _ in range(NUMBERS)])
        control = shared(file, 10.0)
        control.send(10.1)
        control.accept(10.1, 10.2)
        control.refuse(10.1, 10.3)
        assert 0 < control.rate < 1e6


# --- where it is ------------------------------------------------------------------------


def test_where_the_file_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the state folder, with the host's name; elsewhere or nowhere if one says so."""
    monkeypatch.setattr("platform.node", lambda: "night1")
    home = Path("/home/ada")

    assert lanes_path({}, home) == Path("/home/ada/.local/state/asyncdbx/lanes-night1")
    assert lanes_path({"XDG_STATE_HOME": "/var/s"}, home) == Path(
        "/var/s/asyncdbx/lanes-night1"
    )
    assert lanes_path({"XDG_STATE_HOME": "relative"}, home) == lanes_path({}, home)
    assert lanes_path({"ASYNCDBX_LANES": "/tmp/x"}, home) == Path("/tmp/x")  # noqa: S108
    assert lanes_path({"ASYNCDBX_LANES": "off"}, home) is None
    assert os.uname().nodename
