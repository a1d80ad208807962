"""The command line in this process, and a small fleet in a thread for it to talk to."""

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cli_ran import Asyncdbx, Ran
from inventoried import IMPATIENT, UNLIMITED, in_thread

from asyncdbx.cli.app import run
from asyncdbx.fleet import Fleet
from asyncdbx.simulator import Simulator
from asyncdbx.transport import Timeouts


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
    with in_thread(Simulator(2, scale=0.03, limits=False, names=("prod", "dev"))) as fleet:
        yield fleet


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of this environment's profiles, still to be written; no limits."""
    profiles, limits = tmp_path / "profiles", tmp_path / "limits.toml"
    limits.write_text(UNLIMITED)
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(profiles))
    monkeypatch.setenv("ASYNCDBX_LIMITS", str(limits))
    return profiles


@pytest.fixture
def fleet(simulator: Simulator, profiles: Path) -> Iterator[Simulator]:
    """The fleet, with its profiles in this environment, and no fault left behind."""
    profiles.write_text(simulator.databrickscfg())
    yield simulator
    for workspace in simulator.everyone:
        workspace.faults.clear()


StartAccount = Callable[..., Simulator]


@pytest.fixture
def start_account(profiles: Path) -> Iterator[StartAccount]:
    """Start an account of workspaces by these names, and have profiles of all, by OAuth.

    ``dark``: those to which connecting times out; else options of ``Simulator``.
    """
    with ExitStack() as stack:

        def start(*names: str, dark: Sequence[str] = (), **options: Any) -> Simulator:
            simulator = Simulator(names=names, scale=0.02, limits=False, **options)
            fleet = stack.enter_context(in_thread(_lit(simulator, dark)))
            profiles.write_text(fleet.databrickscfg("oauth-m2m"))
            return fleet

        yield start


@asynccontextmanager
async def _lit(simulator: Simulator, dark: Sequence[str]) -> AsyncIterator[Simulator]:
    async with simulator:
        for name in dark:
            await simulator[name].go_dark()
        yield simulator


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is dead is given up at once, in this process."""
    defaults = Fleet.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "retry", IMPATIENT)
    monkeypatch.setitem(defaults, "timeouts", Timeouts(connect=1.0))
