"""``asyncdbx demo``: a newcomer's first command keeps what it promises."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from cli_process import children, is_gone, started, until
from cli_ran import Asyncdbx
from inventoried import table

from asyncdbx.cli import demo
from asyncdbx.inventory.folder import Folder
from asyncdbx.simulator import Simulator

pytestmark = pytest.mark.wire

SMALL = ("demo", "--scale", "0.02", "--workspaces", "1")
TOKEN = re.compile(rb"dapi[0-9a-f]{8}")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the demo says in the environment is forgotten afterwards."""
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("ASYNCDBX_LANES", "")


def query_of(out: str) -> str:
    """Return the command that is printed as the first thing to try."""
    found = re.search(r"read them as well:\n(.*?)\n  2\.", out, re.DOTALL)
    assert found is not None
    return found[1].strip()


def shell(line: str) -> str:
    """Run what was printed, and return what it prints."""
    words = ["/bin/sh", "-c", line]
    return subprocess.run(words, capture_output=True, check=True, text=True).stdout  # noqa: S603 - our own words


def report_of(out: str) -> str:
    """Return the command that makes a page."""
    found = re.search(r"in a browser:\n(.*?)\n  3\.", out, re.DOTALL)
    assert found is not None
    return found[1].strip()


def test_the_demo_again_and_what_it_says_to_try(asyncdbx: Asyncdbx, tmp_path: Path) -> None:
    """Twice into one folder; the query that is printed really runs, whatever its name."""
    folder = tmp_path / 'it\'s "my" demo $HOME'
    line = (*SMALL, "--to", str(folder))
    assert asyncdbx(*line).code == 0
    assert not (tmp_path / ".local").exists()
    ran = asyncdbx(*line)
    assert ran.code == 0
    assert "33 of 33 listings complete" in ran.err
    assert f"Tables: {folder}  (run 20" in ran.err
    assert "\n43 tables, " in ran.out
    rows = table(folder, "clusters")
    assert len(rows) == len(Simulator(1, scale=0.02)["prod"].truth("clusters"))
    counted = [json.loads(line) for line in shell(query_of(ran.out)).splitlines()]
    assert sum(each["n"] for each in counted) == len(rows)
    assert {each["workspace"] for each in counted} == {"prod"}
    shell(report_of(ran.out))
    assert (folder / "_report.html").exists()
    output = (ran.out + ran.err).encode()
    files = [each for each in folder.rglob("*") if each.is_file()]
    assert [TOKEN.findall(text) for text in (output, *map(Path.read_bytes, files))] == [
        [] for _ in range(len(files) + 1)
    ]


def test_the_try_next_commands_are_commands(tmp_path: Path) -> None:
    """Each names this installation's program and takes the options that are shown."""
    from asyncdbx.cli.app import COMMANDS

    text = demo._next(tmp_path)
    lines = [line.split() for line in text.splitlines() if "asyncdbx " in line]
    assert {line[1] for line in lines} <= set(COMMANDS)
    assert len(lines) == 6


def _never(options: Sequence[str]) -> AbstractContextManager[Path]:
    raise AssertionError("the fleet was started")


def test_a_folder_that_is_not_the_demos_is_refused_before_anything_starts(
    asyncdbx: Asyncdbx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's files, and an inventory of somebody's own workspaces."""
    monkeypatch.setattr(demo, "local_fleet", _never)
    theirs, real = tmp_path / "theirs", tmp_path / "real"
    theirs.mkdir()
    (theirs / "thesis.doc").touch()
    Folder.open(real)
    for folder, words in (
        (theirs, "is not an asyncdbx inventory; choose an empty or new folder"),
        (real, "holds an inventory that is no demo's; choose an empty or new folder"),
    ):
        before = sorted(folder.rglob("*"))
        ran = asyncdbx("demo", "--to", str(folder))
        assert (ran.code, ran.out) == (2, "")
        assert ran.err == f"asyncdbx: {folder} {words}\n"
        assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    "arguments",
    [("--workspaces", "0"), ("--scale", "0"), ("--scale", "-1"), ("--scale", "x")],
)
def test_a_size_that_makes_no_sense(
    asyncdbx: Asyncdbx, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Exit code 2, and no folder is made."""
    ran = asyncdbx("demo", *arguments, "--to", str(tmp_path / "to"))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("asyncdbx: Invalid value for '--")
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_simulator_is_left_behind(tmp_path: Path, number: signal.Signals) -> None:
    """However the demo ends, the fleet it started ends too."""
    line = ("demo", "--scale", "1", "--workspaces", "1", "--to", "to")
    with started(*line, folder=tmp_path) as process:
        spool = tmp_path / "to" / "_run" / "spool.sqlite"
        until(spool.exists)
        (simulator,) = children(process.pid)
        assert TOKEN.search(Path(f"/proc/{simulator}/cmdline").read_bytes()) is None
        began = time.monotonic()
        process.send_signal(number)
        process.communicate(timeout=15)
        assert process.returncode == (130 if number is signal.SIGINT else -number)
        until(lambda: is_gone(simulator))
        assert time.monotonic() - began < 10
