"""What lanes have learned: shown by ``asyncdbx limits``, forgotten, done without."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_process import started, until
from cli_ran import Asyncdbx
from inventoried import in_thread
from lanes import remember, remembered

from asyncdbx.config import lanes_path
from asyncdbx.simulator import Simulator

PROFILES = """
[dev]
host = https://dev.example.com
token = dapiCANARY
[prod]
host = https://prod.example.com
token = dapiCANARY
[prod-again]
host = https://prod.example.com
token = dapiCANARY
[account]
host = https://accounts.cloud.databricks.com
account_id = acc
token = dapiCANARY
"""
MINE = """
[groups.dbfs]
per_second = 10
[workspace.prod.groups."clusters.list"]
per_second = 5
"""
PROD, DEV = "https://prod.example.com", "https://dev.example.com"
ACCOUNT = "https://accounts.cloud.databricks.com acc"


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    """Where this host's memory is, in a home with profiles."""
    (tmp_path / ".databrickscfg").write_text(PROFILES)
    path = lanes_path({}, tmp_path)
    assert path is not None
    return path


def gone() -> int:
    """Return the id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


def of_workspaces(lines: list[Any]) -> list[tuple[Any, ...]]:
    """Return the rows that are of a workspace, those facts that change."""
    names = ("workspace", "group", "per_second", "learned", "age", "now", "firm")
    rows = [tuple(line[name] for name in names) for line in lines]
    return [row for row in rows if row[0] is not None]


def test_every_lane_that_is_known_has_a_row(asyncdbx: Asyncdbx, memory: Path) -> None:
    """Groups, single endpoints, an account's; what was learned, when, and the pace now."""
    remember(memory, f"{PROD} dbfs", limit=41.237, rate=40.5, ago=3)
    remember(memory, f"{PROD} jobs.list", limit=0.0)
    remember(memory, f"{PROD} clusters.list", limit=12.5, ago=40, writer=gone())
    remember(memory, f"{DEV} dbfs", limit=7.0)
    remember(memory, f"{ACCOUNT} account:workspaces.list", limit=20.0)
    ran = asyncdbx("limits", "-p", "prod", "-p", "account")

    assert of_workspaces(ran.lines) == [
        ("prod", "clusters.list", 15.0, 12.5, 40, None, False),
        ("prod", "dbfs", 30.0, 41.24, 3, 40.5, False),
        ("prod", "jobs.list", 15.0, None, 7200, None, False),
        ("account", "account:workspaces.list", 15.0, 20.0, 7200, None, False),
    ]
    general = [line for line in ran.lines if line["workspace"] is None]
    assert [line for line in general if line["learned"] or line["age"]] == []
    assert "CANARY" not in ran.out + ran.err


def test_without_workspaces_nothing_learned_is_shown(
    asyncdbx: Asyncdbx, memory: Path
) -> None:
    """The general table is of no workspace."""
    remember(memory, f"{PROD} dbfs", limit=41.0)
    assert of_workspaces(asyncdbx("limits").lines) == []


def test_two_profiles_of_one_host_have_one_memory(asyncdbx: Asyncdbx, memory: Path) -> None:
    """The server counts both as one."""
    remember(memory, f"{PROD} dbfs", limit=41.0)
    rows = of_workspaces(asyncdbx("limits", "--all-profiles").lines)
    assert [row[:4] for row in rows] == [
        ("prod", "dbfs", 30.0, 41.0),
        ("prod-again", "dbfs", 30.0, 41.0),
    ]


def test_numbers_of_ones_own_stand_beside_what_was_learned(
    asyncdbx: Asyncdbx, memory: Path, tmp_path: Path
) -> None:
    """They are firm, and the source says whose they are; an exception has one row."""
    mine = tmp_path / "mine.toml"
    mine.write_text(MINE)
    for group in ("dbfs", "clusters.list", "jobs.list"):
        remember(memory, f"{PROD} {group}", limit=41.0)
    ran = asyncdbx("limits", "-p", "prod", "--limits", str(mine))

    assert of_workspaces(ran.lines) == [
        ("prod", "clusters.list", 5.0, 41.0, 7200, None, True),
        ("prod", "dbfs", 10.0, 41.0, 7200, None, True),
        ("prod", "jobs.list", 15.0, 41.0, 7200, None, False),
    ]
    assert [str(mine) in line["source"] for line in ran.lines if line["workspace"]] == [
        True,
        True,
        False,
    ]


def test_what_would_not_be_used_is_not_shown(
    asyncdbx: Asyncdbx, memory: Path, tmp_path: Path
) -> None:
    """A lane that has no limit any more."""
    mine = tmp_path / "mine.toml"
    mine.write_text('[groups.dbfs]\nper_second = "unlimited"\n')
    remember(memory, f"{PROD} dbfs", limit=41.0)
    ran = asyncdbx("limits", "-p", "prod", "--limits", str(mine))
    assert [row[:5] for row in of_workspaces(ran.lines)] == [
        ("prod", "dbfs", None, None, 7200),
    ]


def test_a_limit_per_minute_is_shown_per_second(asyncdbx: Asyncdbx, memory: Path) -> None:
    """And what is only believed, as it is published, is not called learned."""
    remember(memory, f"{PROD} scim-groups-read", limit=255 / 60, rate=4.1, ago=1)
    remember(memory, f"{PROD} secret-acls", limit=9.0, rate=8.8, ago=1)
    rows = of_workspaces(asyncdbx("limits", "-p", "prod").lines)
    assert [(row[1], row[3], row[5]) for row in rows] == [
        ("scim-groups-read", None, 4.1),
        ("secret-acls", 9.0, 8.8),
    ]


def test_as_people_read_it(asyncdbx: Asyncdbx, memory: Path) -> None:
    """A table has ages in one unit and three digits; CSV has seconds and numbers."""
    remember(memory, f"{PROD} dbfs", limit=41.237, ago=3 * 3600 + 60)
    remember(memory, f"{PROD} jobs.list", limit=0.0, ago=2.5 * 86_400)
    table = asyncdbx("limits", "-p", "prod", "-o", "table").out.splitlines()
    assert table[-2].split()[:7] == ["prod", "dbfs", "30", "41.2", "3", "h", "20"]
    assert table[-1].split()[:6] == ["prod", "jobs.list", "15", "2", "d", "20"]
    text = asyncdbx("limits", "-p", "prod", "-o", "csv").out
    (row, _) = [each for each in csv.DictReader(io.StringIO(text)) if each["workspace"]]
    assert list(row.values())[:-1] == [
        "prod",
        "dbfs",
        "30.0",
        "41.24",
        "10860",
        "",
        "20",
    ]
    named = "workspace group per_second learned age now in_flight source"
    assert " ".join(row) == named


@pytest.mark.parametrize("arguments", [("-p", "prod"), ("--forget",)])
def test_looking_makes_no_file(
    asyncdbx: Asyncdbx, memory: Path, arguments: tuple[str, ...]
) -> None:
    """Neither the file nor its folder."""
    ran = asyncdbx("limits", *arguments)
    assert ran.code == 0
    assert of_workspaces(ran.lines) == []
    assert not (memory.parents[1]).exists()


# --- forgetting -------------------------------------------------------------------------

KNOWN = {
    "prod dbfs": f"{PROD} dbfs",
    "prod a b": f"{PROD} a b",
    "dev dbfs": f"{DEV} dbfs",
    "gone dbfs": "https://gone.example.com dbfs",
}


@pytest.mark.parametrize(
    ("arguments", "said", "left"),
    [
        ("-p prod", "2 lanes forgotten\n", {"dev dbfs", "gone dbfs"}),
        ("-p account", "0 lanes forgotten\n", {*KNOWN}),
        ("-p dev", "1 lane forgotten\n", {"prod dbfs", "prod a b", "gone dbfs"}),
        ("--all-profiles", "3 lanes forgotten\n", {"gone dbfs"}),
        ("", "4 lanes forgotten\n", set[str]()),
    ],
)
def test_what_was_learned_can_be_forgotten(
    asyncdbx: Asyncdbx, memory: Path, arguments: str, said: str, left: set[str]
) -> None:
    """Of the chosen workspaces, or of all that were ever used; the second time nothing."""
    mine = memory.with_name("mine.toml")
    mine.parent.mkdir(parents=True)
    mine.write_text('[groups."a b"]\nendpoints = ["jobs.*"]\nper_second = 5\n')
    for key in KNOWN.values():
        remember(memory, key, limit=41.0)
    line = ("limits", "--forget", "--limits", str(mine), *arguments.split())
    ran = asyncdbx(*line)
    assert (ran.code, ran.out, ran.err) == (0, "", said)
    assert set(remembered(memory)) == {KNOWN[name] for name in left}
    assert asyncdbx(*line).err == "0 lanes forgotten\n"


# --- a real fleet -----------------------------------------------------------------------


@pytest.fixture
def limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A workspace that enforces its limits, with its profile in this environment."""
    options: dict[str, Any] = {"account": False, "names": ("prod",), "retry_after": "none"}
    with in_thread(Simulator(1, scale=0.12, **options)) as fleet:
        profiles = tmp_path / "profiles"
        profiles.write_text(fleet.databrickscfg())
        monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(profiles))
        yield fleet


def row_of(asyncdbx: Asyncdbx, group: str) -> Any:
    lines = asyncdbx("limits", "-p", "prod").lines
    return next(x for x in lines if (x["workspace"], x["group"]) == ("prod", group))


@pytest.mark.wire
def test_a_run_begins_with_what_the_last_one_learned(
    limited: Simulator, asyncdbx: Asyncdbx, tmp_path: Path
) -> None:
    """The first meets the limit; the second, hours later, holds it from its first call."""
    first = asyncdbx("list", "dbfs", "-p", "prod", "--stats")
    assert first.code == 0
    learned = row_of(asyncdbx, "dbfs")["learned"]
    assert learned == pytest.approx(30, rel=0.25)  # measured on a busy machine
    path = lanes_path({}, tmp_path)
    assert path is not None
    ((key, said),) = remembered(path).items()
    assert key == f"{limited['prod'].host} dbfs"
    remember(path, key, limit=said.limit, rate=said.rate)
    second = asyncdbx("api", "dbfs.list", "-d", "path=/", "-p", "prod", "--stats")
    assert second.code == 0
    row = re.split("  +", second.err.splitlines()[-1])
    assert row[:6] == ["prod", "dbfs", *"1100"]
    assert 0.93 * learned < float(row[8]) < learned, row
    assert float(row[9]) == pytest.approx(learned, rel=0.01)


@pytest.mark.wire
def test_a_lane_in_use_shows_its_pace(
    limited: Simulator, asyncdbx: Asyncdbx, tmp_path: Path
) -> None:
    """While a process is at it; not when it has just ended."""
    with started("list", "dbfs", "-p", "prod", folder=tmp_path) as process:
        until(lambda: limited["prod"].requests > 5)
        assert row_of(asyncdbx, "dbfs")["now"] > 0
        process.kill()
        process.wait()
    assert row_of(asyncdbx, "dbfs")["now"] is None


@pytest.mark.wire
def test_two_processes_at_once_are_as_one(limited: Simulator, tmp_path: Path) -> None:
    """Each gets everything, they know the same limit, and the server refuses few calls."""
    line = "list", "dbfs", "-p", "prod"
    with started(*line, folder=tmp_path) as one, started(*line, folder=tmp_path) as two:
        both = [sorted(process.communicate()[0].splitlines()) for process in (one, two)]
        assert (one.returncode, two.returncode) == (0, 0)
    assert both[0] == both[1] != []
    path = lanes_path({}, tmp_path)
    assert path is not None
    ((_, said),) = remembered(path).items()
    assert said.limit == pytest.approx(30, rel=0.25)  # measured on a busy machine
    lane = limited["prod"].stats()["dbfs"]
    assert 0 < lane.refused < 0.1 * lane.accepted


@pytest.mark.wire
@pytest.mark.usefixtures("limited")
def test_an_inventory_says_how_fast_each_lane_was(
    asyncdbx: Asyncdbx, tmp_path: Path
) -> None:
    """In the table of how listings ended, and as data."""
    line = ("inventory", "clusters", "-p", "prod", "--to", str(tmp_path / "to"), "-o")
    heading, row = asyncdbx(*line, "table").out.splitlines()
    assert heading.split()[-3:] == ["429", "rate/s", "error"]
    assert float(row.split()[-1]) >= 7.5
    (ended,) = asyncdbx(*line, "jsonl").lines
    assert ended["lane"] == "clusters.list"
    assert ended["rate"] >= 7.5
    assert ended["waited"] >= 0


@pytest.mark.wire
def test_nothing_is_remembered_if_one_says_so(
    limited: Simulator, asyncdbx: Asyncdbx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file; and one that is there is neither read nor changed."""
    monkeypatch.setenv("ASYNCDBX_LANES", "off")
    assert asyncdbx("list", "clusters", "-p", "prod").code == 0
    assert not (tmp_path / ".local").exists()
    path = lanes_path({}, tmp_path)
    assert path is not None
    remember(path, f"{limited['prod'].host} clusters.list", limit=41.0)
    before = path.read_bytes()
    assert of_workspaces(asyncdbx("limits", "-p", "prod").lines) == []
    assert asyncdbx("limits", "--forget").err == "0 lanes forgotten\n"
    assert asyncdbx("list", "clusters", "-p", "prod").code == 0
    assert path.read_bytes() == before


@pytest.mark.wire
def test_another_file_can_be_named(
    limited: Simulator, asyncdbx: Asyncdbx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder that need not be there."""
    path = tmp_path / "state" / "mine"
    monkeypatch.setenv("ASYNCDBX_LANES", str(path))
    assert asyncdbx("list", "clusters", "-p", "prod").code == 0
    assert list(remembered(path)) == [f"{limited['prod'].host} clusters.list"]
    assert not (tmp_path / ".local").exists()


# --- a home that cannot be written ------------------------------------------------------

WITHOUT = (
    ("api", "clusters.list"),
    ("list", "clusters"),
    ("tree", "dbfs:/FileStore", "--du"),
    ("inventory", "clusters", "--to", "to"),
    ("limits",),
)


@pytest.mark.wire
@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("line", WITHOUT, ids=lambda line: line[0])
def test_a_home_that_cannot_be_written_costs_a_line(
    asyncdbx: Asyncdbx,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    line: tuple[str, ...],
) -> None:
    """The command does its work; the line names the file and says what to do."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".local").write_text("")
    ran = asyncdbx(*line, "-p", "prod")
    assert ran.code == 0
    said = [each for each in ran.err.splitlines() if "what lanes have learned" in each]
    assert len(said) == 1
    assert said[0].startswith(f"asyncdbx: {lanes_path({}, tmp_path)}, which keeps")
    assert "set ASYNCDBX_LANES to another file or to off" in said[0]
    assert line[0] in {"inventory", "limits"} or len(ran.err.splitlines()) <= 2


@pytest.mark.wire
@pytest.mark.usefixtures("fleet")
def test_a_json_log_stays_one(asyncdbx: Asyncdbx, tmp_path: Path) -> None:
    """The warning is a line of it."""
    (tmp_path / ".local").write_text("")
    to = str(tmp_path / "to")
    ran = asyncdbx(
        "inventory", "clusters", "-p", "prod", "--to", to, "--log-format", "json"
    )
    events = [json.loads(each) for each in ran.err.splitlines()]
    assert [each["event"] for each in events] == ["warning", "listing", "end"]
    assert str(lanes_path({}, tmp_path)) in events[0]["warning"]


@pytest.mark.wire
@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("line", WITHOUT, ids=lambda line: line[0])
def test_a_named_file_that_cannot_be_used_is_an_error(
    asyncdbx: Asyncdbx,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    line: tuple[str, ...],
) -> None:
    """Exit code 2, before anything is done; somebody's file is left as it was."""
    monkeypatch.chdir(tmp_path)
    theirs = tmp_path / "thesis.doc"
    theirs.write_bytes(b"chapter one")
    monkeypatch.setenv("ASYNCDBX_LANES", str(theirs))
    ran = asyncdbx(*line, "-p", "prod")
    assert ran.code == 2
    assert ran.err.startswith(f"asyncdbx: {theirs}, which keeps what lanes have learned,")
    assert len(ran.err.splitlines()) == 1
    assert theirs.read_bytes() == b"chapter one"
    assert not Path("to").exists()
    assert os.listdir(tmp_path).count(".local") == 0  # noqa: PTH208 - a name
