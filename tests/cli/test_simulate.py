"""``asyncdbx simulate``: a fleet to try things on, and nothing of it left afterwards."""

import signal
from pathlib import Path

import pytest
from cli_process import Process, children, is_gone, started, until
from cli_ran import Asyncdbx

from asyncdbx.simulator import Simulator

pytestmark = pytest.mark.wire

SMALL = ("simulate", "--workspaces", "1", "--scale", "0.02", "--no-limits")


def printed(process: Process) -> bytes:
    """Return the profiles that are printed once the fleet serves."""
    assert process.stdout is not None
    text = b""
    while b"account_id" not in text:
        line = process.stdout.readline()
        assert line, "it ended"
        text += line
    return text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_its_profiles_can_be_used_until_it_is_ended(
    asyncdbx: Asyncdbx,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
) -> None:
    """``list`` finds what is simulated; a signal, any signal, leaves no process."""
    with started(*SMALL, folder=tmp_path) as process:
        profiles = tmp_path / "profiles"
        profiles.write_bytes(printed(process))
        monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(profiles))
        ran = asyncdbx("list", "clusters", "-p", "prod")
        truth = Simulator(1, scale=0.02, limits=False)["prod"].truth("clusters")
        found = {each["id"] for each in ran.lines}
        assert found == {each["cluster_id"] for each in truth}
        (simulator,) = children(process.pid)
        process.send_signal(number)
        assert process.wait(15) == (0 if number is signal.SIGINT else -number)
        until(lambda: is_gone(simulator))


def test_its_profiles_in_a_file(tmp_path: Path) -> None:
    """For the owner only; a later fleet's replace an earlier one's."""
    file = tmp_path / "simulated.cfg"
    for _ in range(2):
        with started(*SMALL, "--config", "simulated.cfg", folder=tmp_path) as process:
            until(lambda: file.exists() and b"[prod]" in file.read_bytes())
            assert file.stat().st_mode & 0o777 == 0o600
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=15)
        assert (process.returncode, out, err) == (0, b"", b"")
        file.write_bytes(file.read_bytes().replace(b"[prod]", b"[old]"))


def test_nobodys_profiles_are_overwritten(asyncdbx: Asyncdbx, tmp_path: Path) -> None:
    """A file that no simulated fleet wrote, or none at all can be written, is refused."""
    mine = tmp_path / ".databrickscfg"
    mine.write_text("[prod]\nhost = https://prod.example.com\n")
    before = mine.read_bytes()
    for file, words in (
        (mine, "is there already, and not from asyncdbx simulate; name another file"),
        (tmp_path / "no" / "file", "cannot be written"),
        (mine / "below", "cannot be used: Not a directory"),
    ):
        ran = asyncdbx("simulate", "--config", str(file))
        assert (ran.code, ran.out, ran.err) == (2, "", f"asyncdbx: {file} {words}\n")
    assert mine.read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [("--workspaces", "0"), ("--scale", "0"), ("--latency", "-1"), ("--limiter", "x")],
)
def test_options_that_make_no_sense(asyncdbx: Asyncdbx, arguments: tuple[str, ...]) -> None:
    """Exit code 2 and a sentence, before anything starts."""
    ran = asyncdbx("simulate", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"asyncdbx: Invalid value for '{arguments[0]}'")


def test_a_tree_is_where_it_is_said_to_be(
    asyncdbx: Asyncdbx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """3 directories of 4 files, the uppermost not counted; one of 5 files beside it."""
    options = ("--tree", "prod=3x4", "--directory", "prod=5")
    with started(*SMALL, *options, folder=tmp_path) as process:
        profiles = tmp_path / "profiles"
        profiles.write_bytes(printed(process))
        monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(profiles))
        for path, count in (("dbfs:/generated", 14), ("dbfs:/huge", 5)):
            ran = asyncdbx("tree", path, "-p", "prod", "-o", "jsonl")
            assert (ran.code, len(ran.lines)) == (0, count)


@pytest.mark.parametrize("fuse", ["nobody=5", "prod", "prod=x", "prod=5x"])
def test_a_fuse_that_makes_no_sense(tmp_path: Path, fuse: str) -> None:
    """The simulator says what is wrong with it, and exits with 2."""
    with started(*SMALL, "--stop-after", fuse, folder=tmp_path) as process:
        out, err = process.communicate(timeout=15)
    assert (process.returncode, out) == (2, b"")
    assert b"Traceback" not in err
    assert fuse.partition("=")[0].encode() in err
