"""What the benchmarks share: processes to measure, servers, tables, targets."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from asyncdbx.cli.local_fleet import local_fleet

HERE = Path(__file__).parent
MB = 2**20


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process took.

    Attributes:
        code: Exit code.
        wall: Seconds.
        cpu: Seconds, user and system.
        peak: Bytes of memory at the most. Linux counts what the parent had when it made
            the process, so a parent that measures must be the smaller one.
    """

    code: int
    wall: float
    cpu: float
    peak: int


def run(
    command: Sequence[str], env: Mapping[str, str] | None = None, log: Path | None = None
) -> Usage:
    """Run a command to its end and return what it took.

    Args:
        command: Program and arguments.
        env: Changes to the environment.
        log: File for what it prints; forgotten if not given.
    """
    started = time.perf_counter()
    with Path(log or os.devnull).open("wb") as printed:
        process = subprocess.Popen(
            command, env={**os.environ, **(env or {})}, stdout=printed, stderr=printed
        )
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    return Usage(process.returncode, wall, cpu, usage.ru_maxrss * 1024)


def output(command: Sequence[str], env: Mapping[str, str] | None = None) -> str:
    """Run a command that must succeed and return what it printed."""
    done = subprocess.run(
        command,
        env={**os.environ, **(env or {})},
        check=True,
        stdout=subprocess.PIPE,
    )
    return done.stdout.decode().strip()


def script(name: str, *arguments: object) -> list[str]:
    """Return the command that runs another file of this folder."""
    return [sys.executable, str(HERE / name), *map(str, arguments)]


@dataclass(frozen=True, slots=True)
class Cpu:
    """Seconds of CPU up to now, or between two moments.

    Attributes:
        own: Of this process.
        children: Of processes that it started and that have ended.
        machine: Of all processes there are; None where /proc is not.
    """

    own: float
    children: float
    machine: float | None

    @classmethod
    def now(cls) -> "Cpu":
        times = os.times()
        children = times.children_user + times.children_system
        return cls(times.user + times.system, children, _machine_seconds())

    def since(self, start: "Cpu") -> "Cpu":
        machine = None
        if self.machine is not None and start.machine is not None:
            machine = self.machine - start.machine
        return Cpu(self.own - start.own, self.children - start.children, machine)

    @property
    def others(self) -> float:
        """Seconds that neither this process nor its children took."""
        return 0.0 if self.machine is None else self.machine - self.own - self.children


def _machine_seconds() -> float | None:
    try:
        line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    except OSError:
        return None
    user, nice, system, _idle, _wait, *interrupts = map(int, line.split()[1:9])
    ticks: int = os.sysconf("SC_CLK_TCK")
    return (user + nice + system + sum(interrupts)) / ticks


@contextlib.contextmanager
def serving(name: str, *arguments: object) -> Generator[int]:
    """Run a server of this folder beside the block, and give the port that it prints."""
    command = script(name, *arguments)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


@dataclass(frozen=True, slots=True)
class SimulatedFleet:
    """A simulated fleet in a process of its own.

    Attributes:
        config: A ``.databrickscfg`` with its profiles.
        control: URL of the port that looks behind its answers.
        workspaces: Their names, the account's too.
    """

    config: Path
    control: str
    workspaces: tuple[str, ...]

    def ask(self, what: str, **query: str) -> Any:
        """Ask the control port: ``fleet``, ``stats``, ``truth``."""
        port = http.client.HTTPConnection(urlsplit(self.control).netloc, timeout=60)
        with contextlib.closing(port):
            port.request("GET", f"/_simulator/{what}?{urlencode(query)}")
            answer = port.getresponse()
            assert answer.status == 200, answer.read()
            return json.load(answer)  # keeps every digit of an integer

    def accepted(self) -> int:
        """Return how many calls all workspaces have accepted so far."""
        return sum(each["accepted"] for each in self.ask("calls").values())

    def limit(self, workspace: str, group: str, calls: int) -> None:
        """Let so many calls of a limit group through in a second, from now on."""
        port = http.client.HTTPConnection(urlsplit(self.control).netloc, timeout=60)
        with contextlib.closing(port):
            body = json.dumps({"group": group, "calls": calls})
            port.request("POST", f"/_simulator/quota?workspace={workspace}", body)
            answer = port.getresponse()
            assert answer.status == 200, answer.read()

    def truth(self, workspace: str, resource: str) -> list[dict[str, Any]]:
        """Return the records of a resource."""
        rows = self.ask("truth", workspace=workspace, resource=resource)
        return [row["record"] for row in rows]


@contextlib.contextmanager
def simulated_fleet(*options: object) -> Generator[SimulatedFleet]:
    """Run a simulated fleet beside the block.

    Args:
        options: Of ``python -m asyncdbx.simulator``.
    """
    with local_fleet([*map(str, options)]) as config:
        facts = json.loads(config.with_name("ready").read_bytes())
        yield SimulatedFleet(config, facts["control"], tuple(facts["workspaces"]))


@dataclass(slots=True)
class Targets:
    """Judges numbers as they are printed, and remembers whether one was missed."""

    missed: list[str] = field(default_factory=list[str])

    def at_most(self, value: float, limit: float, unit: str = "") -> str:
        """Return the target and whether it is reached, to stand beside the number."""
        return self._judged(f"<= {limit:g}{unit}", reached=value <= limit)

    def at_least(self, value: float, limit: float, unit: str = "") -> str:
        """Return the target and whether it is reached, to stand beside the number."""
        return self._judged(f">= {limit:g}{unit}", reached=value >= limit)

    def _judged(self, target: str, *, reached: bool) -> str:
        if not reached:
            self.missed.append(target)
        return f"{target}  {'ok' if reached else 'MISSED'}"

    @property
    def exit_code(self) -> int:
        """1 if any target was missed."""
        return int(bool(self.missed))


def print_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns; those of numbers to the right, the first one to the left."""
    first, *others = zip(heads, *rows, strict=True)
    widths = [max(map(len, column)) for column in (first, *others)]
    numeric = [False, *(any(cell[:1].isdigit() for cell in each[1:]) for each in others)]
    print(f"\n{title}")
    for row in (heads, *rows):
        cells = zip(row, widths, numeric, strict=True)
        line = "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in cells
        )
        print(line.rstrip(), flush=True)


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"
