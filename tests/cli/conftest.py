"""The command line in this process, and a small fleet in a thread for it to talk to."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from cli_ran import Asyncdbx, Ran

from asyncdbx.cli.app import run
from asyncdbx.simulator import Simulator


@pytest.fixture(autouse=True)
def bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home without profiles, and an environment that says nothing."""
    for name in os.environ:
        if name.startswith(("DATABRICKS_", "ASYNCDBX_")):
            monkeypatch.delenv(name)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def asyncdbx(capsysbinary: pytest.CaptureFixture[bytes]) -> Asyncdbx:
    """Run a command line."""

    def ran(*arguments: str) -> Ran:
        code = run(arguments)
        out, err = capsysbinary.readouterr()
        return Ran(code, out.decode(), err.decode())

    return ran


@pytest.fixture
def terminal(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stdout is looked at."""
    # Of the class, because the object is another one when the test runs.
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True)


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """Two workspaces and their account, without limits."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    fleet = Simulator(2, scale=0.03, limits=False, names=("prod", "dev"))
    asyncio.run_coroutine_threadsafe(fleet.__aenter__(), loop).result(10)
    yield fleet
    asyncio.run_coroutine_threadsafe(fleet.__aexit__(None, None, None), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


UNLIMITED = """
[default]
per_second = "unlimited"
in_flight = 100
"""


@pytest.fixture
def fleet(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Simulator]:
    """The fleet, with its profiles in this environment, and no fault left behind."""
    profiles, limits = tmp_path / "profiles", tmp_path / "limits.toml"
    profiles.write_text(simulator.databrickscfg())
    limits.write_text(UNLIMITED)
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(profiles))
    monkeypatch.setenv("ASYNCDBX_LIMITS", str(limits))
    yield simulator
    for workspace in simulator.everyone:
        workspace.faults.clear()
