"""The command line as a process, for signals, terminals and what ``ps`` shows."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncdbx

# A shell's background jobs ignore SIGINT, and a test may be run in one.
START = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
PROGRAM = [sys.executable, "-c", f"{START} from asyncdbx.cli import main; main()"]

Process = subprocess.Popen[bytes]

__all__ = ["Process", "children", "is_gone", "started", "until"]


@contextmanager
def started(*arguments: str, folder: Path, **options: Any) -> Iterator[Process]:
    """Start a command line with this process's environment; kill it in the end."""
    source = str(Path(asyncdbx.__file__).parents[1])
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    with subprocess.Popen(  # noqa: S603 - our own program
        [*PROGRAM, *arguments],
        env={**os.environ, "PYTHONPATH": source},
        cwd=folder,
        **streams,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    """Wait until another process has come so far."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.002)


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in text.split()]


def is_gone(pid: int) -> bool:
    """Return whether a process has ended, whether or not anybody has taken note of it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"
