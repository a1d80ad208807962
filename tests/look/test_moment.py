"""Which run is meant: ids, moments, ages."""

from datetime import UTC, datetime, timedelta

import pytest

from asyncdbx.errors import UsageError
from asyncdbx.look.moment import Run, choose

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def run(day: int, hour: int, tail: str) -> Run:
    start = datetime(2026, 11, day, hour, tzinfo=UTC)
    return Run(f"{start:%Y%m%dT%H%M%SZ}-{tail}", start, start + timedelta(minutes=30))


MONDAY, TUESDAY, EVENING = run(23, 2, "aa"), run(24, 2, "bb"), run(24, 20, "cc")
RUNS = [MONDAY, TUESDAY, EVENING]


@pytest.mark.parametrize(
    ("what", "meant"),
    [
        ("last", EVENING),
        ("previous", TUESDAY),
        ("20261123", MONDAY),
        ("20261124T02", TUESDAY),
        (EVENING.id, EVENING),
        ("2026-11-24", MONDAY),  # its midnight
        ("2026-11-25", EVENING),
        ("2026-11-24T02:30", TUESDAY),  # it had just ended; UTC
        ("2026-11-24T02:29:59.9", MONDAY),
        ("2026-11-24 03:00", TUESDAY),
        ("2026-11-24T02:30+01:00", MONDAY),
        ("2026-11-24T02:30Z", TUESDAY),
        ("1h", EVENING),
        ("2.5d", MONDAY),
        ("57.5h", TUESDAY),
        ("3450m", TUESDAY),
        ("0s", EVENING),
    ],
)
def test_a_run_is_meant(what: str, meant: Run) -> None:
    """By its place, the beginning of its id, or a moment by which it had ended."""
    assert choose(what, RUNS, NOW) == meant


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("20261124", f"20261124 begins several runs: {TUESDAY.id}, {EVENING.id}"),
        ("2025", f"no run begins with '2025'; there are: {MONDAY.id}, {TUESDAY.id}, "),
        ("first", "no run begins with 'first'; there are: "),
        ("", "no run begins with ''; there are: "),
        ("2026-13-01", "'2026-13-01' is no moment; write 2026-11-25, 2026-11-25T07:00Z"),
        ("2026-11-25T7", "'2026-11-25T7' is no moment"),
        ("99999999999w", "'99999999999w' is no moment"),
        ("2026-11-23", f"no run had ended by 2026-11-23; there are: {MONDAY.id}"),
        ("4w", r"no run had ended by 4w (2026-10-29 12:00:00 UTC); there are: "),
    ],
)
def test_no_run_is_meant(what: str, words: str) -> None:
    """The sentence says why, and what runs there are."""
    with pytest.raises(UsageError) as caught:
        choose(what, RUNS, NOW)
    assert str(caught.value).startswith(words)


def test_too_few_runs() -> None:
    """One is not two, and none is none."""
    with pytest.raises(UsageError, match=f"^there is no previous run; .*: {MONDAY.id}$"):
        choose("previous", [MONDAY], NOW)
    for what in ("last", "7d", "2026"):
        with pytest.raises(UsageError, match=r"; there is none$"):
            choose(what, [], NOW)


def test_an_id_that_begins_another_is_itself() -> None:
    """Ids may be of any length."""
    assert choose("a", [Run("ab"), Run("a")], NOW) == Run("a")


def test_a_run_that_has_not_ended_is_found_by_its_id_only() -> None:
    """By no moment had it ended."""
    unfinished = Run("20261125T020000Z-dd")
    assert choose("20261125", [*RUNS, unfinished], NOW) == unfinished
    assert choose("0s", [*RUNS, unfinished], NOW) == EVENING


def test_of_many_runs_the_last_ones_are_named() -> None:
    """An error fits on a screen."""
    many = [Run(f"{number:03}") for number in range(100)]
    with pytest.raises(
        UsageError, match=r"there are: 095, 096, 097, 098, 099, and 95 before"
    ):
        choose("x", many, NOW)
