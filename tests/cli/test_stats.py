"""``--stats``: what happened on each lane, when all is over, however it was over."""

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from cli_process import started, until
from cli_ran import Asyncdbx
from lanes import fixed_lane

from asyncdbx.catalog.limits import Limits
from asyncdbx.cli.stats import show_lanes
from asyncdbx.limiter import Lane
from asyncdbx.simulator import Fault, Simulator

pytestmark = pytest.mark.wire

HEADING = [
    "workspace",
    "lane",
    "sent",
    "accepted",
    "429",
    "failed",
    "waited",
    "paused",
    "rate/s",
    "limit/s",
    "doing",
]
BOTH = ("-p", "prod", "-p", "dev")


@pytest.fixture
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a command may leave something."""
    monkeypatch.chdir(tmp_path)


def rows(err: str) -> list[list[str]]:
    """Return the cells of the table on stderr; it must be there once."""
    lines = [re.split("  +", line) for line in err.splitlines()]
    assert lines.count(HEADING) == 1
    begin = lines.index(HEADING) + 1
    return [line for line in lines[begin:] if len(line) >= len(HEADING) - 1]


@pytest.mark.parametrize(
    ("line", "lanes"),
    [
        ("api secrets.list_scopes", ["secrets.list_scopes"]),
        ("list secrets", ["secrets.list_secrets", "secrets.list_scopes"]),
        ("tree dbfs:/FileStore", ["dbfs"]),
        ("tree dbfs:/FileStore --du", ["dbfs"]),
        ("inventory secrets --to to", ["secrets.list_secrets", "secrets.list_scopes"]),
    ],
)
@pytest.mark.usefixtures("in_a_folder")
def test_a_row_for_each_lane_that_was_used(
    fleet: Simulator, asyncdbx: Asyncdbx, line: str, lanes: list[str]
) -> None:
    """By workspace, the busiest first, on stderr; stdout is as it is without."""
    plain = asyncdbx(*line.split(), *BOTH)
    before = {each.name: each.requests for each in fleet.workspaces}
    ran = asyncdbx(*line.split(), *BOTH, "--stats")
    assert (plain.code, ran.code) == (0, 0)
    assert "workspace  lane" not in plain.err
    assert sorted(ran.out.splitlines()) == sorted(plain.out.splitlines())
    found = rows(ran.err)
    assert [row[:2] for row in found] == [[w, x] for w in ("dev", "prod") for x in lanes]
    for name in ("dev", "prod"):
        sent = sum(int(row[2]) for row in found if row[0] == name)
        assert sent == fleet[name].requests - before[name]
    assert {tuple(row[4:6]) for row in found} == {("0", "0")}


def test_after_an_error(fleet: Simulator, asyncdbx: Asyncdbx) -> None:
    """What failed is counted, and the exit code is what it is without."""
    fleet["prod"].faults.append(Fault("/api/2.1/clusters/list", "deny"))
    ran = asyncdbx("list", "clusters", "-p", "prod", "--stats")
    assert (ran.code, ran.out) == (1, "")
    assert "HTTP 403 PERMISSION_DENIED" in ran.err.splitlines()[0]
    (row,) = rows(ran.err)
    assert row[:4] == ["prod", "clusters.list", "1", "1"]
    assert row[8:] == ["none", "unlimited"]  # nothing was measured


def test_after_a_refusal_and_a_lost_answer(fleet: Simulator, asyncdbx: Asyncdbx) -> None:
    """429s and requests without an answer have columns of their own."""
    fleet["prod"].faults.append(Fault("/api/2.1/clusters/list", "429", times=2))
    fleet["prod"].faults.append(Fault("/api/2.1/clusters/list", "reset", times=1))
    ran = asyncdbx("api", "clusters.list", "-p", "prod", "--stats")
    assert ran.code == 0
    (row,) = rows(ran.err)
    assert row[2:6] == ["4", "1", "2", "1"]
    assert float(row[7].removesuffix(" s")) > 0


def test_after_a_mistake_there_is_nothing_to_show(
    fleet: Simulator, asyncdbx: Asyncdbx
) -> None:
    """No lane was used."""
    ran = asyncdbx("api", "users.delete", "-p", "prod", "--stats")
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("command", ["list dbfs", "inventory dbfs --to to"])
def test_after_ctrl_c(fleet: Simulator, tmp_path: Path, command: str) -> None:
    """The table, then the word that it was interrupted."""
    begin = fleet["prod"].requests
    fleet["prod"].server.latency = 0.05
    try:
        line = (*command.split(), "-p", "prod", "--stats")
        with started(*line, folder=tmp_path) as process:
            until(lambda: fleet["prod"].requests > begin + 5)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=15)
    finally:
        fleet["prod"].server.latency = 0.0
    assert process.returncode == 130
    text = err.decode()
    (row,) = [each for each in text.splitlines() if each.startswith("prod ")]
    assert row.split()[1] == "dbfs"
    assert text.splitlines()[0].split() == HEADING
    assert text.splitlines()[-1] == "asyncdbx: interrupted"


def logged(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_in_a_json_log_it_is_a_line_for_each_lane(
    fleet: Simulator, asyncdbx: Asyncdbx, tmp_path: Path
) -> None:
    """Before the end, which is the last line; numbers are numbers."""
    to = str(tmp_path / "to")
    line = ("inventory", "secrets", "-p", "prod", "--to", to, "--log-format", "json")
    ran = asyncdbx(*line, "--stats")
    events = logged(ran.err)
    assert [each["event"] for each in events] == ["lane", "lane", "listing", "end"]
    first = events[0]
    assert first.pop("time").endswith("Z")
    assert 0 <= first.pop("waited") < 10
    assert first == {
        "event": "lane",
        "workspace": "prod",
        "lane": "secrets.list_secrets",
        "sent": len(fleet["prod"].truth("secret_scopes")),
        "accepted": len(fleet["prod"].truth("secret_scopes")),
        "throttled": 0,
        "failed": 0,
        "paused": 0.0,
        "rate": None,
        "limit": None,
        "doing": "unlimited",
    }


def test_in_a_json_log_of_a_run_that_ended_early(
    fleet: Simulator, asyncdbx: Asyncdbx, tmp_path: Path
) -> None:
    """The error is the last line still."""
    fleet["prod"].server.latency = 0.2
    to = str(tmp_path / "to")
    line = ("inventory", "dbfs", "-p", "prod", "--to", to, "--log-format", "json")
    ran = asyncdbx(*line, "--stats", "--deadline", "0.5s")
    fleet["prod"].server.latency = 0.0
    assert ran.code == 5
    assert [each["event"] for each in logged(ran.err)] == ["lane", "error"]


class Lanes:
    """A fleet with a lane that counts by the minute, one that has learned, one unused."""

    limits = Limits.load()

    def lanes(self) -> list[tuple[Any, int]]:
        minute = Lane.limited("scim-groups-read", "prod", 4, 255 / 60, believed=True)
        learned = fixed_lane("dbfs", "prod", 29.4)
        waiting = fixed_lane("jobs.list", "prod", 15.0)
        for lane in (minute, learned):
            lane.stats.sent = 4
            lane.stats.waited = 3.0
        return [
            (fixed_lane("clusters.list", "prod", 15.0), 0),
            (learned, 0),
            (minute, 0),
            (waiting, 7),
        ]


def test_numbers_are_per_second(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a lane counts in; what is believed is not called measured."""
    fleet: Any = Lanes()
    show_lanes(fleet, "text")
    out, err = capsys.readouterr()
    assert out == ""
    assert [re.split("  +", line) for line in err.splitlines()[1:]] == [
        ["prod", "dbfs", *"4000", "0.75 s", "0.00 s", "29.4", "30", "at its limit"],
        ["prod", "scim-groups-read", *"4000", "0.75 s", "0.00 s", "4.17", "at its limit"],
        ["prod", "jobs.list", *"0000", "0.00 s", "15", "15.3", "at its limit"],
    ]
