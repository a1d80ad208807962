"""What holds for every command: help, errors, exit codes, closed pipes, signals."""

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen
from types import ModuleType
from typing import IO, Any

import click
import pytest
from cli_ran import Asyncdbx

from asyncdbx import errors
from asyncdbx.cli import app

PROGRAM = [sys.executable, "-m", "asyncdbx"]

LISTS_MODULES = """
import json, sys
from asyncdbx.cli.app import run
code = run(["--help"])
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


def test_help_imports_nothing_heavy() -> None:
    """Neither libraries nor command modules are needed to say what there is."""
    ran = _run(sys.executable, "-c", LISTS_MODULES)
    code, modules = json.loads(ran.stderr)
    libraries = {"aiohttp", "orjson", "rich", "deltalake", "duckdb", "jinja2"}
    heavy = {*libraries, "asyncio", "sqlite3"}
    commands = {entry.module for entry in app.COMMANDS.values()}

    assert code == 0
    assert heavy & set(modules) == set()
    assert commands & set(modules) == set()


def test_help_takes_less_than_a_quarter_second_of_cpu() -> None:
    """The fastest of three, because others use this machine too."""
    assert min(_cpu_of_help() for _ in range(3)) < 0.25


def _cpu_of_help() -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(*PROGRAM, "--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_names_every_command(asyncdbx: Asyncdbx) -> None:
    """The list of commands is the table's."""
    ran = asyncdbx("--help")

    listed = ran.out.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in listed] == list(app.COMMANDS)


@pytest.mark.parametrize("name", app.COMMANDS)
def test_every_command_explains_itself_with_numbered_examples(
    asyncdbx: Asyncdbx, name: str
) -> None:
    """Each help has a first example that calls the command."""
    ran = asyncdbx(name, "--help")

    assert ran.code == 0
    assert "Examples:\n    1. " in ran.out
    assert f"asyncdbx {name}" in ran.out.partition("Examples:")[2]


def test_version(asyncdbx: Asyncdbx) -> None:
    """One line: the name and the number."""
    assert asyncdbx("--version").out.startswith("asyncdbx 0.")


def test_no_command_shows_the_help(asyncdbx: Asyncdbx) -> None:
    """It is a usage error, and the help stands on stderr."""
    ran = asyncdbx()

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Usage: asyncdbx")


def test_an_unknown_command_names_the_near_one(asyncdbx: Asyncdbx) -> None:
    """A typing error costs one look."""
    ran = asyncdbx("lst")

    assert ran.code == 2
    assert ran.err == (
        "asyncdbx: there is no command 'lst'; did you mean 'list'?\n"
        "See 'asyncdbx --help'.\n"
    )


def test_an_unknown_option_is_a_usage_error(asyncdbx: Asyncdbx) -> None:
    """Click's own errors look like ours."""
    ran = asyncdbx("list", "clusters", "--frofile", "x")

    assert ran.code == 2
    assert ran.err.startswith("asyncdbx: No such option '--frofile'.")


def _raising(error: BaseException) -> Any:
    def command() -> None:
        raise error

    module: Any = ModuleType("raising")
    module.command = click.command()(command)
    return module


def _raise(
    asyncdbx: Asyncdbx, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> tuple[int, str]:
    monkeypatch.setitem(sys.modules, "raising", _raising(error))
    monkeypatch.setattr(app, "COMMANDS", {"raise": app.Entry("raising", "Raise it.")})
    ran = asyncdbx("raise")
    return ran.code, ran.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("what"), 2),
        (errors.ConfigError("what"), 2),
        (errors.StoreError("what"), 2),
        (errors.LockHeld("what"), 4),
        (errors.DeadlineReached("what"), 5),
        (errors.BadAnswer("what"), 1),
        (errors.AsyncdbxError("what"), 1),
    ],
)
def test_an_error_is_one_sentence_and_a_code(
    asyncdbx: Asyncdbx,
    monkeypatch: pytest.MonkeyPatch,
    error: errors.AsyncdbxError,
    code: int,
) -> None:
    """Each kind of error has the exit code of the contract, and no traceback."""
    assert _raise(asyncdbx, monkeypatch, error) == (code, "asyncdbx: what\n")


def test_a_bug_is_one_sentence_too(
    asyncdbx: Asyncdbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says how to see more."""
    assert _raise(asyncdbx, monkeypatch, KeyError("x")) == (
        1,
        "asyncdbx: KeyError: 'x' (ASYNCDBX_DEBUG=1 shows where)\n",
    )


def test_debug_shows_the_traceback(
    asyncdbx: Asyncdbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only if it is asked for."""
    monkeypatch.setenv("ASYNCDBX_DEBUG", "1")
    _, err = _raise(asyncdbx, monkeypatch, KeyError("x"))

    assert err.startswith("Traceback (most recent call last):")


def test_an_interrupt_is_130(asyncdbx: Asyncdbx, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the shell says of a program that SIGINT ended."""
    assert _raise(asyncdbx, monkeypatch, KeyboardInterrupt()) == (
        130,
        "\nasyncdbx: interrupted\n",
    )


def test_control_characters_of_an_error_are_shown(
    asyncdbx: Asyncdbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server's message can neither clear the screen nor fake a line of ours."""
    error = errors.BadAnswer("a\x1b[2Jb\nasyncdbx: all is well\u202e")

    assert _raise(asyncdbx, monkeypatch, error) == (
        1,
        "asyncdbx: a\\x1b[2Jb\\nasyncdbx: all is well\\u202e\n",
    )


def test_several_configuration_problems_keep_their_lines(
    asyncdbx: Asyncdbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in our own words, one a line."""
    error = errors.ConfigError("2 profiles cannot be used\n  a\n  b")

    assert _raise(asyncdbx, monkeypatch, error)[1].splitlines()[1:] == ["  a", "  b"]


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    """``asyncdbx catalog | head -1``: no complaint, and what a shell says of SIGPIPE."""
    with _popen(*PROGRAM, "catalog") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()

        assert process.stderr.read() == b""
        assert process.wait() == 141


def test_a_full_disk_is_said() -> None:
    """Data that could not be written is a failure."""
    with Path("/dev/full").open("wb") as full:
        ran = _run(*PROGRAM, "catalog", stdout=full)

    assert ran.returncode == 1
    assert ran.stderr == b"asyncdbx: [Errno 28] No space left on device\n"


def test_a_closed_stdout_is_said() -> None:
    """``>&-``: the next file opened must not become stdout."""
    ran = _run("/bin/sh", "-c", 'exec "$@" >&-', "sh", *PROGRAM, "catalog")

    assert ran.returncode == 2
    assert ran.stderr == b"asyncdbx: stdout is closed, and data goes nowhere else\n"


def test_sigint_ends_a_coroutine() -> None:
    """It is cancelled, what it has open is closed, and no traceback is shown."""
    with _popen(sys.executable, "-c", WAITS) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"waiting\n"
        process.send_signal(signal.SIGINT)

        assert process.stdout.read() == b"closing\n"
        assert process.stderr.read() == b"\nasyncdbx: interrupted\n"
        assert process.wait() == 130


WAITS = """
import asyncio, sys
from asyncdbx.cli import app, limits
from asyncdbx.cli.loop import run_async

async def wait():
    try:
        print("waiting", flush=True)
        await asyncio.sleep(60)
    finally:
        print("closing", flush=True)

limits.command.callback = lambda **_: run_async(wait())
sys.argv = ["asyncdbx", "limits"]
app.main()
"""


def _run(*command: str, stdout: int | IO[bytes] = PIPE) -> CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - our own program
        command, stdout=stdout, stderr=PIPE, check=False
    )


def _popen(*command: str) -> Popen[bytes]:
    return Popen(command, stdout=PIPE, stderr=PIPE)  # noqa: S603 - our own program
