"""The fleet: several workspaces and an account, each a server of its own on loopback."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from types import TracebackType
from typing import Self, TypedDict, Unpack

from asyncdbx.simulator.control import ControlPort
from asyncdbx.simulator.desk import Desk, Policy, RetryAfter
from asyncdbx.simulator.faults import Fault
from asyncdbx.simulator.host import Host
from asyncdbx.simulator.quota import LaneStats, LimiterKind
from asyncdbx.simulator.router import Router
from asyncdbx.simulator.services import ACCOUNT, WORKSPACE
from asyncdbx.simulator.words import SEEDED_AT, digits, hexadecimal, uuid
from asyncdbx.simulator.workspace import SimulatedWorkspace
from asyncdbx.simulator.world import Service, World

NAMES = ("prod", "staging", "dev", "analytics", "sandbox")
_SIZES = (1.0, 0.5, 0.3, 0.6, 0.15)  # of prod


class Options(TypedDict, total=False):
    """The optional arguments of ``Simulator``; ``Settings`` describes them."""

    scale: float
    seed: int
    account: bool
    limits: bool
    limiter: LimiterKind
    retry_after: RetryAfter
    latency: float
    gzip: bool
    names: Sequence[str] | None
    faults: Mapping[str, Sequence[Fault]]
    speed: float


@dataclass(frozen=True, slots=True)
class Settings:
    """What a fleet is like.

    Attributes:
        scale: Of the seeded state; at 1 an inventory of everything takes half a minute
            at the published limits.
        account: Whether there is an account host.
        limits: False switches every limit off.
        limiter: ``"sliding"``: at most N in any window; ``"bucket"``: N tokens, refilled.
        retry_after: The header of a 429: whole seconds, an HTTP date, or none.
        latency: Mean time of an answer, in seconds.
        gzip: Whether large answers are compressed for those who accept it.
        names: Of the workspaces; the usual ones if left out.
        faults: What goes wrong, by workspace name (``"account"`` for the account).
        speed: Simulated seconds per second, for clusters and runs that start and end.
    """

    scale: float = 1.0
    seed: int = 7
    account: bool = True
    limits: bool = True
    limiter: LimiterKind = "sliding"
    retry_after: RetryAfter = "seconds"
    latency: float = 0.0
    gzip: bool = True
    names: Sequence[str] | None = None
    faults: Mapping[str, Sequence[Fault]] = field(
        default_factory=dict[str, Sequence[Fault]]
    )
    speed: float = 60.0


class Simulator:
    """A local fleet of Databricks workspaces that enforces their limits.

    ``async with Simulator(3, scale=0.1) as fleet:`` serves until the block is left.

    Attributes:
        workspaces: The workspaces, the first one the largest.
        account: The account they belong to, or None.
        everyone: Workspaces and account.
    """

    def __init__(self, workspaces: int = 5, **options: Unpack[Options]) -> None:
        self.settings = Settings(**options)
        self._started = monotonic()
        random = Random(f"{self.settings.seed}/fleet")
        self.account_id = uuid(random)
        names = self.settings.names or [_name(number) for number in range(workspaces)]
        self._ids = {name: digits(random, 16) for name in names}
        self._facts = {"account_id": self.account_id, "workspaces": self._ids}
        router = Router(WORKSPACE)
        self.workspaces = [
            self._made(name, number, WORKSPACE, router) for number, name in enumerate(names)
        ]
        self.account = self._account() if self.settings.account else None
        self.everyone = [*self.workspaces, *([self.account] if self.account else [])]
        self._control = ControlPort(self.everyone)

    def __getitem__(self, name: str) -> SimulatedWorkspace:
        """Return a workspace by name.

        Raises:
            KeyError: There is none.
        """
        for workspace in self.everyone:
            if workspace.name == name:
                return workspace
        raise KeyError(name)

    @property
    def control_url(self) -> str:
        """Where another process can ask for truth and stats, and switch workspaces off."""
        return self._control.url

    def now(self) -> float:
        """Return simulated time, in seconds since 1970."""
        return SEEDED_AT / 1000 + (monotonic() - self._started) * self.settings.speed

    async def __aenter__(self) -> Self:
        for workspace in self.everyone:
            await workspace.start()
        await self._control.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._control.stop()
        for workspace in self.everyone:
            await workspace.stop()

    def stats(self) -> dict[str, dict[str, LaneStats]]:
        """Return the stats of every lane, by workspace and limit group."""
        return {workspace.name: workspace.stats() for workspace in self.everyone}

    def databrickscfg(self) -> str:
        """Return a profile file with every workspace, and the account as ``account``."""
        return "\n".join(workspace.profile() for workspace in self.everyone)

    def _account(self) -> SimulatedWorkspace:
        account = self._made("account", 0, ACCOUNT, Router(ACCOUNT))
        account.account_id = self.account_id
        return account

    def _made(
        self, name: str, number: int, services: tuple[type[Service], ...], router: Router
    ) -> SimulatedWorkspace:
        settings = self.settings
        size = settings.scale * (_SIZES[number % len(_SIZES)])
        world = World(
            name,
            settings.seed,
            size,
            self._ids.get(name, 0),
            self.now,
            services,
            self._facts,
        )
        faults = list(settings.faults.get(name, ()))
        token = "dapi" + hexadecimal(world.random("token"), 32)
        policy = Policy(settings.limiter if settings.limits else None, settings.retry_after)
        desk = Desk(world, router, token, policy, faults)
        host = Host(desk, world.random("latency"), settings.latency, settings.gzip)
        return SimulatedWorkspace(name, token, world, host, faults)


def _name(number: int) -> str:
    return NAMES[number] if number < len(NAMES) else f"ws{number + 1:03d}"
