"""The fleet: several workspaces and an account, each a server of its own on loopback."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack

from asyncdbx.simulator.control import ControlPort
from asyncdbx.simulator.desk import Desk, Policy, RetryAfter
from asyncdbx.simulator.faults import Fault
from asyncdbx.simulator.generated import GeneratedTree, Size, planted
from asyncdbx.simulator.host import Host
from asyncdbx.simulator.identity import IdentityHost
from asyncdbx.simulator.logins import FOREVER, Federation, Logins, Principal
from asyncdbx.simulator.quota import LaneStats, LimiterKind
from asyncdbx.simulator.router import Router
from asyncdbx.simulator.services import ACCOUNT, WORKSPACE
from asyncdbx.simulator.words import SEEDED_AT, digits, hexadecimal, uuid
from asyncdbx.simulator.workspace import Login, SimulatedWorkspace
from asyncdbx.simulator.world import Service, World

NAMES = ("prod", "staging", "dev", "analytics", "sandbox")
_RESOURCE_ID = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/simulated"
    "/providers/Microsoft.Databricks/workspaces/{}"
)
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
    token_life: float
    statuses: Mapping[str, str]
    identity: bool
    trees: Mapping[str, Sequence[Size]]
    directories: Mapping[str, Sequence[int]]


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
        token_life: Seconds an OAuth token is valid; of real time, like every login.
        statuses: What the account says of a workspace that is not RUNNING, by name.
        identity: Whether there is a host that plays Entra, IMDS and GitHub.
        trees: Generated trees in DBFS, by name: how many directories there are, and how
            many files in each. They are ``/generated``, ``/generated-2``, ...
        directories: Generated directories in DBFS, by name: how many files there are in
            each. They are ``/huge``, ``/huge-2``, ...
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
    token_life: float = 3600.0
    statuses: Mapping[str, str] = field(default_factory=dict[str, str])
    identity: bool = False
    trees: Mapping[str, Sequence[Size]] = field(default_factory=dict[str, Sequence[Size]])
    directories: Mapping[str, Sequence[int]] = field(
        default_factory=dict[str, Sequence[int]]
    )


class Simulator:
    """A local fleet of Databricks workspaces that enforces their limits.

    ``async with Simulator(3, scale=0.1) as fleet:`` serves until the block is left.

    Attributes:
        workspaces: The workspaces, the first one the largest.
        account: The account they belong to, or None.
        everyone: Workspaces and account.
        client_id: Of the one service principal, which every host knows.
        client_secret: Its OAuth secret.
        identity: Who vouches for programs elsewhere; started if the settings say so.
    """

    def __init__(self, workspaces: int = 5, **options: Unpack[Options]) -> None:
        self.settings = Settings(**options)
        self._started = monotonic()
        random = Random(f"{self.settings.seed}/fleet")
        self.account_id = uuid(random)
        names = self.settings.names or [_name(number) for number in range(workspaces)]
        self._ids = {name: digits(random, 16) for name in names}
        self._principal = _principal(self.settings.seed)
        self.client_id, self.client_secret = self._principal
        self._federation = Federation()
        self.identity = IdentityHost(
            self._federation, Random(f"{self.settings.seed}/identity")
        )
        self._facts: dict[str, Any] = {
            "account_id": self.account_id,
            "authorize_url": lambda: self.identity.authorize_url,
        }
        router = Router(WORKSPACE)
        self.workspaces = [
            self._made(name, number, WORKSPACE, router) for number, name in enumerate(names)
        ]
        self._facts["workspaces"] = self.workspaces
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
        if self.settings.identity:
            await self.identity.start()
        await self._control.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._control.stop()
        await self.identity.stop()
        for workspace in self.everyone:
            await workspace.stop()

    def stats(self) -> dict[str, dict[str, LaneStats]]:
        """Return the stats of every lane, by workspace and limit group."""
        return {workspace.name: workspace.stats() for workspace in self.everyone}

    def trust(self, token: str) -> None:
        """Let every host take an identity token in exchange for an access token."""
        self._federation.subjects[token] = FOREVER

    def databrickscfg(self, login: Login = "pat") -> str:
        """Return a profile file with every workspace, and the account as ``account``."""
        return "\n".join(workspace.profile(login) for workspace in self.everyone)

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
            self._logins(name),
            services,
            self._facts,
            trees=self._trees(name),
        )
        faults = list(settings.faults.get(name, ()))
        policy = Policy(settings.limiter if settings.limits else None, settings.retry_after)
        desk = Desk(world, router, policy, faults)
        host = Host(desk, world.random("latency"), settings.latency, settings.gzip)
        status = settings.statuses.get(name, "RUNNING")
        token = world.logins.pat
        return SimulatedWorkspace(name, token, world, host, faults, status=status)

    def _trees(self, name: str) -> list[GeneratedTree]:
        nested = self.settings.trees.get(name, ())
        flat = [(1, files) for files in self.settings.directories.get(name, ())]
        return [*planted("/generated", nested), *planted("/huge", flat)]

    def _logins(self, name: str) -> Logins:
        pat = "dapi" + hexadecimal(Random(f"{self.settings.seed}/{name}/token"), 32)
        random = Random(f"{self.settings.seed}/{name}/logins")
        logins = Logins(pat, self._principal, self._federation, random)
        logins.life = self.settings.token_life
        logins.resource_id = _RESOURCE_ID.format(name)
        return logins


def _principal(seed: int) -> Principal:
    random = Random(f"{seed}/principal")
    return Principal(uuid(random), "dose" + hexadecimal(random, 32))


def _name(number: int) -> str:
    return NAMES[number] if number < len(NAMES) else f"ws{number + 1:03d}"
