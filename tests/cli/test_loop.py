"""How a command's coroutine is run."""

import asyncio
import resource
import sys

import pytest

from asyncdbx.cli.loop import MANY_FILES, run_async
from asyncdbx.cli.records import _sentence
from asyncdbx.errors import BadAnswer, UsageError
from asyncdbx.inventory.stream import Missing


async def _loop_name() -> str:
    return type(asyncio.get_running_loop()).__module__


async def _fail_in_groups() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_fail_in_group())


async def _fail_in_group() -> None:
    async with asyncio.TaskGroup():
        raise UsageError("what")


def test_a_coroutine_runs_on_uvloop() -> None:
    """It is there, wherever tests run."""
    assert run_async(_loop_name()).startswith("uvloop")


def test_a_coroutine_runs_without_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows."""
    monkeypatch.setitem(sys.modules, "uvloop", None)

    assert run_async(_loop_name()).startswith("asyncio")


async def _open_files() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_a_coroutine_may_open_many_files() -> None:
    """As many as the system lets us, whatever the shell says; never fewer than before."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MANY_FILES if hard == resource.RLIM_INFINITY else min(MANY_FILES, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
        assert run_async(_open_files()) == most
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        assert run_async(_open_files()) == most
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_of_a_group_the_first_error_is_raised() -> None:
    """People get one sentence, not a tree."""
    with pytest.raises(UsageError, match="what"):
        run_async(_fail_in_groups())


def test_an_error_in_what_a_call_brought_says_where() -> None:
    """The call itself went well, so nobody has signed it."""
    missing = Missing("prod", "secrets", {"scope": "a"}, BadAnswer("no object"))

    assert _sentence(missing) == "secrets on prod: no object (scope a)"
