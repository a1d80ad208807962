"""A simulated fleet in a process of its own, for ``demo`` and ``simulate``."""

import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from pathlib import Path

from asyncdbx.errors import UsageError

START_WITHIN = 30.0  # seconds
LOOK_EVERY = 0.05  # seconds


@contextlib.contextmanager
def local_fleet(options: Sequence[str]) -> Generator[Path]:
    """Start a simulated fleet and give its profile file; end it with the block.

    A process of its own, so that neither shares a core's time nor memory with the other.

    Args:
        options: Of ``python -m asyncdbx.simulator``.

    Raises:
        UsageError: it did not start; says what it said.
    """
    with tempfile.TemporaryDirectory(prefix="asyncdbx-") as folder:
        config, ready = Path(folder, "databrickscfg"), Path(folder, "ready")
        command = [sys.executable, "-m", "asyncdbx.simulator", *options]
        files = ["--config-out", str(config), "--ready-file", str(ready)]
        with subprocess.Popen([*command, *files], stderr=subprocess.PIPE) as process:  # noqa: S603 - our own module
            try:
                _wait_for(ready, process)
                yield config
            finally:
                process.send_signal(signal.SIGTERM)


def _wait_for(ready: Path, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_WITHIN
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            said = process.stderr.read().decode().strip() if process.stderr else ""
            raise UsageError(f"the simulated fleet did not start: {said[-500:]}")
        time.sleep(LOOK_EVERY)
