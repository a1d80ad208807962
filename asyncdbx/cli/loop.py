"""Runs a command's coroutine."""

import asyncio
import contextlib
import gc
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

T = TypeVar("T")

MANY_OBJECTS = 20_000  # made before the young ones are looked at; Python's own is 700
MANY_FILES = 10_240  # what macOS allows a process


def run_async(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, on uvloop if there is one.

    SIGINT cancels it, and what it has opened is closed. It may open many sockets.

    Raises:
        KeyboardInterrupt: after SIGINT.
        Exception: what the coroutine raises; of a group, the first.
    """
    _allow_many_files()
    _collect_seldom()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(coroutine)
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _collect_seldom() -> None:
    """Look for cycles less often: records are in none, and come by the million.

    What has been imported by now stays for good, and is not looked at again.
    """
    gc.freeze()
    gc.set_threshold(MANY_OBJECTS)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error


def _allow_many_files() -> None:
    """Raise the limit on open files as far as we may, as Go's programs do.

    It is low for the sake of programs that use select(): 256 on macOS, fewer than an
    account has workspaces.
    """
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY_FILES if hard == resource.RLIM_INFINITY else min(MANY_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # a system's own limit is lower
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not on Windows
    except ImportError:
        return None
    return uvloop.new_event_loop
