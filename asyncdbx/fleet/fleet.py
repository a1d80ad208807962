"""The workspaces of one run, and everything they share: connections, lanes, limits."""

import os
import re
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Self

from asyncdbx.auth import Logins
from asyncdbx.catalog.limits import Limits
from asyncdbx.config import (
    WorkspaceConfig,
    check_account,
    lanes_path,
    resolve,
    workspaces_of,
)
from asyncdbx.engine import Engine, RetryPolicy, Site, Ticket
from asyncdbx.errors import UsageError
from asyncdbx.fleet.login_lanes import LoginLanes
from asyncdbx.fleet.outcomes import Call, Outcomes
from asyncdbx.fleet.workspace import Workspace
from asyncdbx.limiter import Lane, opened
from asyncdbx.transport import Timeouts, Transport
from asyncdbx.user_agent import UserAgent

__all__ = ["Fleet", "find_workspaces"]

WINDOW = 2_000  # calls read ahead by map


class Fleet:
    """The workspaces of one run; used as ``async with``.

    Args:
        configs: The workspaces and accounts.
        limits: Rates and in-flight limits by lane; the published ones if left out.
        connections: Requests in flight at once, over all workspaces.
        timeouts: Of one request, seconds.
        retry: How patient a call is.
        lanes: File in which this host keeps what lanes have learned, and which processes
            that overlap share; None to begin anew and go alone.
        user_agent: What requests say of who sends them; what the environment says if
            left out.
    """

    def __init__(  # noqa: PLR0913 - each an option of its own
        self,
        configs: Sequence[WorkspaceConfig],
        *,
        limits: Limits | None = None,
        connections: int = 256,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        lanes: Path | None = None,
        user_agent: UserAgent | None = None,
    ) -> None:
        agent = user_agent or UserAgent.of(os.environ)
        self._transport = Transport(timeouts=timeouts, user_agent=agent.text())
        self._engine = Engine(self._transport, connections=connections, retry=retry)
        self.limits = limits or Limits.load()
        self._lanes = lanes
        self._logins = Logins(LoginLanes(self._engine, self.limits).send, agent)
        self._workspaces = {config.name: self._workspace(config) for config in configs}
        self._stack = AsyncExitStack()

    def _workspace(self, config: WorkspaceConfig) -> Workspace:
        site = Site(config.name, self._logins.credential(config))
        if config.closed:
            site.circuit.shut(config.closed)
        return Workspace(config, site, self._engine, self.limits)

    @classmethod
    def from_profiles(
        cls, *names: str, all_profiles: bool = False, netrc: bool = False
    ) -> "Fleet":
        """Return the fleet of these profiles; of none, what the environment says.

        Args:
            names: Profiles of ``~/.databrickscfg`` or ``$DATABRICKS_CONFIG_FILE``.
            all_profiles: Take every profile there is.
            netrc: Take credentials from ``.netrc`` where there are no others.

        Raises:
            ConfigError: a profile or a credential is missing or cannot be used.
        """
        return cls(
            resolve(
                names,
                all_profiles=all_profiles,
                netrc=netrc,
                environ=os.environ,
                home=Path.home(),
            ),
            lanes=lanes_path(os.environ, Path.home()),
        )

    @classmethod
    async def from_account(cls, profile: str, *, match: str = "") -> "Fleet":
        """Return the fleet of an account's workspaces, as the account lists them.

        Each is logged in to with the account's own service principal. One that does not
        run is in the fleet as well, and its calls say why they are not made.

        Args:
            profile: Of the account.
            match: A regular expression; takes the workspaces in whose names it is found.

        Raises:
            ConfigError: The profile is missing, cannot be used, or is no account's.
            CallError: The account cannot be asked.
        """
        [account] = resolve([profile], environ=os.environ, home=Path.home())
        lanes = lanes_path(os.environ, Path.home())
        found = await find_workspaces(cls([account], lanes=lanes))
        chosen = [config for config in found if re.search(match, config.name)]
        return cls(chosen, lanes=lanes)

    async def __aenter__(self) -> Self:
        if self._lanes is not None:
            lanes = self._stack.enter_context(opened(self._lanes))
            for workspace in self:
                workspace.lanes = lanes
        await self._stack.enter_async_context(self._transport)
        await self._stack.enter_async_context(self._engine)
        self._stack.callback(self._logins.close)
        self._stack.callback(self._keep)
        return self

    def _keep(self) -> None:
        """Leave behind what the lanes have learned."""
        for lane, _ in self.lanes():
            lane.close(time.monotonic())

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def __getitem__(self, name: str) -> Workspace:
        """Return a workspace by its name.

        Raises:
            UsageError: it is not in this fleet.
        """
        try:
            return self._workspaces[name]
        except KeyError:
            known = ", ".join(self._workspaces)
            raise UsageError(f"no workspace {name!r} in this fleet of {known}") from None

    def __iter__(self) -> Iterator[Workspace]:
        return iter(self._workspaces.values())

    def __len__(self) -> int:
        return len(self._workspaces)

    def lanes(self) -> list[tuple[Lane, int]]:
        """Return every lane in use with the number of calls that wait in it."""
        return self._engine.lanes()

    @asynccontextmanager
    async def map(
        self, calls: Iterable[Call] | AsyncIterable[Call], *, window: int = WINDOW
    ) -> AsyncGenerator[Outcomes]:
        """Make any number of calls and stream what became of each.

        ``calls`` is read only as fast as outcomes are taken: at most ``window`` are read
        and not yet finished and taken. Leaving the block forgets what is on its way.

        Args:
            calls: May be endless, may be a generator, may be async.
            window: Calls held at once; a slow lane can fill it, so a source that mixes
                lanes well keeps all of them busy.
        """
        outcomes = Outcomes(self._engine, calls, self._ticket, window)
        try:
            yield outcomes
        finally:
            await outcomes.close()

    def _ticket(self, call: Call) -> Ticket:
        workspace = self._workspaces.get(call.workspace) or self[call.workspace]
        return workspace.ticket(call.endpoint, call.arguments)


async def find_workspaces(account: Fleet) -> list[WorkspaceConfig]:
    """Return the workspaces of the account that is alone in a fleet.

    Args:
        account: Not entered yet; it is left again.

    Raises:
        ConfigError: It is no account, or its login is good for one host only.
        CallError: It cannot be asked.
    """
    [one] = account
    check_account(one.config)
    async with account:
        records = [record async for record in one.list("workspaces.list")]
    return workspaces_of(one.config, records)
