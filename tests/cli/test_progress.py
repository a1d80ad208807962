"""What is seen of an inventory while it runs."""

import json
import os
import pty
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cli_process import started
from cli_ran import Asyncdbx
from lanes import fixed_lane
from rich.console import Console

from asyncdbx.cli import progress
from asyncdbx.cli.progress import Progress, Rate, WorkspaceProgress
from asyncdbx.inventory.crawl import Crawl
from asyncdbx.limiter import Lane
from asyncdbx.quantity import age_text, rate_text, seconds_text
from asyncdbx.simulator import Simulator

pytestmark = pytest.mark.wire

HOSTILE = "a[/b]\x1b]2;owned\x07[red]"


@pytest.fixture
def slow(fleet: Simulator) -> Iterator[Simulator]:
    """The fleet, each answer of which takes a while."""
    for each in fleet.workspaces:
        each.server.latency = 0.02
    yield fleet
    for each in fleet.workspaces:
        each.server.latency = 0.0


def terminal_output(master: int) -> bytes:
    """Read what a pseudo-terminal shows until nobody writes to it any more."""
    shown = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # Linux says so when the last writer has gone
            return shown
        if not piece:
            return shown
        shown += piece


def test_a_live_table_on_a_terminal(
    slow: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workspaces and listings by name; what a name would make the terminal do is shown."""
    profiles = Path(os.environ["DATABRICKS_CONFIG_FILE"])
    text = profiles.read_text().replace("[dev]", f"[{HOSTILE}]")
    profiles.write_text(text)
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.setenv("TERM", "xterm")
    master, slave = pty.openpty()
    line = ("inventory", "--all-profiles", "--to", "to", "--stats")
    with started(*line, folder=tmp_path, stderr=slave) as process:
        os.close(slave)
        shown = terminal_output(master)
        os.close(master)
        assert process.stdout is not None
        assert process.stdout.read() == b""
        assert process.wait(15) == 0
    lines = shown.decode()
    assert "listings" in lines
    assert "calls/s" in lines
    assert "at work" in lines
    assert "gone, about" in lines
    assert "prod permissions" in lines
    assert "rate/s" in lines
    assert "doing" in lines
    assert "unlimited" in lines
    live, stats = lines.split("limit/s")  # once, when the live table has ended
    assert "gone, about" in live
    assert "gone, about" not in stats
    assert r"a[/b]\x1b]2;owned\x07[red]" in stats
    assert r"a[/b]\x1b]2;owned\x07[red]" in lines
    assert "\x1b]" not in lines
    assert "\x07" not in lines
    assert "Traceback" not in lines


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_lines_where_there_is_no_terminal(
    slow: Simulator,
    asyncdbx: Asyncdbx,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    log_format: str,
) -> None:
    """One for each workspace, now and then; numbers grow, and end at the summary's."""
    monkeypatch.setattr(progress, "LINE_EVERY", 0.05)
    line = ("inventory", "dbfs", "jobs", "-p", "prod", "--to", str(tmp_path / "to"))
    ran = asyncdbx(*line, "--log-format", log_format)
    assert (ran.code, ran.out) == (0, "")
    assert "\x1b" not in ran.err
    if log_format == "text":
        *lines, _, _ = ran.err.splitlines()
        assert lines != []
        assert [each for each in lines if not each.startswith("prod: ")] == []
        assert " of 2 listings, " in lines[0]
        return
    events = [json.loads(each) for each in ran.err.splitlines()]
    seen = [each for each in events if each["event"] == "progress"]
    ended = [each for each in events if each["event"] == "listing"]
    assert len(seen) > 1
    for name in ("records", "calls", "ended"):
        values = [each[name] for each in seen]
        assert values == sorted(values)
    assert 0 < seen[-1]["calls"] <= sum(each["calls"] for each in ended)
    assert 0 < seen[-1]["records"] <= sum(each["records"] for each in ended)
    assert {each["listings"] for each in seen} == {2}
    assert max(each["per_second"] for each in seen) > 0
    assert max(each["left"] for each in seen) > 0
    assert {each["incomplete"] for each in seen} == {0}


def test_a_watcher_that_fails_does_not_end_the_run(
    slow: Simulator, asyncdbx: Asyncdbx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed stderr costs the lines, not the inventory."""
    monkeypatch.setattr(progress, "LINE_EVERY", 0.01)

    def fail(*_: object) -> str:
        raise BrokenPipeError

    monkeypatch.setattr(progress, "_line", fail)
    ran = asyncdbx("inventory", "dbfs", "-p", "prod", "--to", str(tmp_path / "to"))
    assert ran.code == 0


def test_a_rate_is_of_the_last_seconds() -> None:
    """Nothing at first, the mean of a window later, zero when nothing happens."""
    rate = Rate(100.0)
    assert rate.of(0, 100.0) == 0.0
    assert rate.of(50, 101.0) == 50.0
    assert rate.of(100, 102.0) == 50.0
    assert rate.of(100, 106.0) == 10.0
    assert rate.of(100, 112.0) == 0.0
    assert rate.of(100, 112.0) == 0.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (99.4, "99 s"),
        (100, "1:40 min"),
        (185, "3:05 min"),
        (5_999, "99:59 min"),
        (6_000, "1:40 h"),
        (7_800, "2:10 h"),
        (90_000, "25:00 h"),
    ],
)
def test_a_duration_for_people(seconds: float, text: str) -> None:
    """Seconds, minutes, hours; never a fraction."""
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (119.9, "119 s"),
        (120, "2 min"),
        (7_199, "119 min"),
        (3 * 3600 + 59 * 60, "3 h"),
        (48 * 3600 - 1, "47 h"),
        (2.9 * 86_400, "2 d"),
        (29 * 86_400, "29 d"),
    ],
)
def test_an_age_for_people(seconds: float, text: str) -> None:
    """In one unit; never older than it is."""
    assert age_text(seconds) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [(None, "none"), (1 / 6, "0.167"), (14.7, "14.7"), (97.96, "98"), (1234.5, "1234")],
)
def test_a_rate_for_people(rate: float | None, text: str) -> None:
    """Three digits are what a measure is good for."""
    assert rate_text(rate) == text


@dataclass
class FewListings:
    """A crawl with these listings, and as many units to do in each."""

    listings: dict[tuple[str, str], Any]
    units: int = 100

    def left(self, listing: Any) -> int:
        return self.units


def busy_listing(lane: Lane) -> Any:
    return SimpleNamespace(
        workspace=SimpleNamespace(name=HOSTILE),
        resource=SimpleNamespace(name="dbfs"),
        lane=lane,
        ended=None,
        records=1234,
        throttled=5,
    )


def busiest(lane: Lane, width: int) -> str:
    """Return the row of the one listing at work, on a terminal so wide."""
    crawl = cast("Crawl", FewListings({(HOSTILE, "dbfs"): busy_listing(lane)}))
    console = Console(width=width)
    with console.capture() as captured:
        console.print(progress._busiest_table(Progress(crawl, 0.0), 50.0))
    _, row = captured.get().splitlines()
    return row.rstrip()


def test_what_is_at_work_is_shown_with_the_pace_of_its_lane() -> None:
    """Its rate now, and not what is published; how long it takes at that; and why."""
    lane = fixed_lane("dbfs", "prod", 10.0)
    row = busiest(lane, 150)
    assert row.endswith("dbfs    1,234    100      10    5  10 s  at its limit")
    lane.paused_until = 53.0
    assert busiest(lane, 150).endswith("10    5  13 s  paused for 3 s")
    unlimited = busiest(fixed_lane("dbfs", "prod", None), 150)
    assert unlimited.endswith("100    none    5   0 s  unlimited")


def test_who_waits_for_a_pause_is_shown_however_little_is_left() -> None:
    """One call that may not leave for a minute is what a run waits for."""
    lane = fixed_lane("dbfs", "prod", 10.0)
    crawl = cast("Crawl", FewListings({(HOSTILE, "dbfs"): busy_listing(lane)}, 1))
    measured = Progress(crawl, 0.0)
    assert measured.busiest(50.0) == []
    lane.paused_until = 110.0
    ((listing, left),) = measured.busiest(50.0)
    assert left == 1
    assert measured.seconds_left(listing, 50.0) == pytest.approx(60.1)


def test_a_narrow_terminal_cuts_off_why_and_no_number() -> None:
    """And the row stays one line."""
    lane = fixed_lane("dbfs", "prod", 10.0)
    lane.paused_until = 53.0
    assert busiest(lane, 75).endswith("1,234    100      10    5  13 s  paused…")


def test_a_table_shows_names_as_they_are() -> None:
    """Brackets are not markup, and control characters are spelled."""
    each = WorkspaceProgress(HOSTILE, 3, 33, 0, 1234, 99, 12.3, 4, 5, 185.0)
    console = Console(width=150)
    with console.capture() as captured:
        console.print(progress._workspaces_table([each]))
        console.print(
            progress._busiest_table(Progress(cast("Crawl", FewListings({})), 0.0), 0.0)
        )
    row = captured.get().splitlines()[1].split()
    assert row[0] == r"a[/b]\x1b]2;owned\x07[red]"
    assert row[-7:] == ["3/33", "1,234", "99", "12", "4", "3:05", "min"]
