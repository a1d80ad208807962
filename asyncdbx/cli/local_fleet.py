"""A simulated fleet in a process of its own, for ``demo`` and ``simulate``."""

import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import click

from asyncdbx.errors import UsageError

WORKSPACES = click.IntRange(1, 1_000)
SCALE = click.FloatRange(0, 100, min_open=True)

START_WITHIN = 30.0  # seconds
LOOK_EVERY = 0.05  # seconds


@contextlib.contextmanager
def simulator(
    options: Sequence[str], stderr: int | None = None
) -> Generator["subprocess.Popen[bytes]"]:
    """Start the simulator; end it with the block.

    A process of its own, so that neither shares a core's time nor memory with the other.
    It ends with its stdin, so that it does not outlive us even if we are killed.

    Args:
        options: Of ``python -m asyncdbx.simulator``.
        stderr: Where what it says goes.
    """
    command = [sys.executable, "-m", "asyncdbx.simulator", "--while-stdin", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=stderr) as process:  # noqa: S603 - our own module
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)


@contextlib.contextmanager
def local_fleet(options: Sequence[str]) -> Generator[Path]:
    """Start a simulated fleet and give its profile file; end it with the block.

    Args:
        options: Of ``python -m asyncdbx.simulator``.

    Raises:
        UsageError: it did not start; says what it said.
    """
    with tempfile.TemporaryDirectory(prefix="asyncdbx-") as folder:
        config, ready = Path(folder, "databrickscfg"), Path(folder, "ready")
        files = ["--config-out", str(config), "--ready-file", str(ready)]
        with simulator([*options, *files], stderr=subprocess.PIPE) as process:
            _wait_for(ready, process)
            yield config


def _wait_for(ready: Path, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_WITHIN
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            said = process.stderr.read().decode().strip() if process.stderr else ""
            raise UsageError(f"the simulated fleet did not start: {said[-500:]}")
        time.sleep(LOOK_EVERY)
