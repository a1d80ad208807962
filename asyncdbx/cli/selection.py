"""Which workspaces a command works on, and the fleet that this makes."""

import contextlib
import os
import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asyncdbx.catalog.limits import Limits
from asyncdbx.cli.log import LogFormat, warn
from asyncdbx.cli.loop import run_async
from asyncdbx.config import LANES, WorkspaceConfig, lanes_path, resolve
from asyncdbx.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from asyncdbx.fleet import Fleet

CONNECTIONS = 256
ENVIRONMENT = "-"  # in the place of an account's profile


@dataclass(frozen=True, slots=True)
class Selection:
    """The workspaces that were chosen, and how hard they may be worked.

    Attributes:
        profiles: Names of profiles, in the order given.
        all_profiles: Every profile with a host.
        netrc: Take logins from ``.netrc`` where a host comes with none.
        account: Profile of an account, whose workspaces are taken, or ``-`` for what the
            environment says; None for profiles.
        match: Of all these, take those in whose names it is found.
        limit_files: Limits on top of the package's, the last one the strongest.
        connections: Requests in flight at once, over all workspaces.
        stats: Show in the end what happened on each lane.
    """

    profiles: tuple[str, ...] = ()
    all_profiles: bool = False
    netrc: bool = False
    account: str | None = None
    match: re.Pattern[str] | None = None
    limit_files: tuple[Path, ...] = ()
    connections: int = CONNECTIONS
    stats: bool = False

    def configs(self, **options: Any) -> list[WorkspaceConfig]:
        """Return the workspaces; an account is asked for its own.

        Args:
            options: Of the ``Fleet`` that asks.

        Raises:
            ConfigError: a profile or a credential is missing or cannot be used.
            UsageError: Options exclude each other, or nothing is left.
            CallError: The account cannot be asked.
        """
        found = self._resolved() if self.account is None else self._of_account(options)
        if self.match is None:
            return found
        chosen = [config for config in found if self.match.search(config.name)]
        if not chosen:
            raise UsageError(
                f"--match {self.match.pattern!r} is found in none of {len(found)} names:"
                f" {some_of([config.name for config in found])}"
            )
        return chosen

    def _resolved(self) -> list[WorkspaceConfig]:
        return resolve(
            self._names(),
            all_profiles=self.all_profiles,
            netrc=self.netrc,
            environ=os.environ,
            home=Path.home(),
        )

    def _names(self) -> tuple[str, ...]:
        if self.account is None:
            return self.profiles
        return () if self.account == ENVIRONMENT else (self.account,)

    def _of_account(self, options: Mapping[str, Any]) -> list[WorkspaceConfig]:
        if self.profiles or self.all_profiles:
            raise UsageError("--account takes an account's workspaces; leave out profiles")
        from asyncdbx.fleet import Fleet, find_workspaces  # noqa: PLC0415 - as in fleet

        account = Fleet(self._resolved(), limits=self.limits(), **options)
        found = run_async(find_workspaces(account))
        if not found:
            raise UsageError(f"account {self.account} has no workspace")
        return found

    def limits(self) -> Limits:
        """Return the limits.

        Raises:
            ConfigError: a file cannot be read or used; file and line are named.
        """
        return Limits.load(*self.limit_files)

    def fleet(self, log_format: LogFormat = "text", **options: Any) -> "Fleet":
        """Return the fleet, to be entered.

        Args:
            log_format: Of a warning.
            options: Of ``Fleet``.

        Raises:
            ConfigError: as ``configs``, ``limits`` and ``usable_lanes``.
        """
        from asyncdbx.fleet import Fleet  # noqa: PLC0415 - aiohttp takes 0.2 s to import

        options["lanes"] = usable_lanes(log_format)
        return Fleet(
            self.configs(**options),
            limits=self.limits(),
            connections=self.connections,
            **options,
        )

    @contextlib.contextmanager
    def at_work(self, log_format: LogFormat = "text", **options: Any) -> Generator["Fleet"]:
        """Give the fleet, to be entered; however the block ends, show ``stats`` then.

        Args:
            log_format: Of what is said on stderr.
            options: Of ``Fleet``.

        Raises:
            ConfigError: as ``fleet``.
        """
        from asyncdbx.cli.stats import show_lanes  # noqa: PLC0415 - as in fleet

        fleet = self.fleet(log_format, **options)
        try:
            yield fleet
        finally:
            if self.stats:
                show_lanes(fleet, log_format)


def usable_lanes(log_format: LogFormat = "text", *, make: bool = True) -> Path | None:
    """Return the file of what lanes have learned; None if there is none.

    A home that cannot be written costs what would have been learned, and no more. It is
    an error only where the user has named the file.

    Args:
        log_format: Of the warning.
        make: Make the file where it is missing.

    Raises:
        ConfigError: ``ASYNCDBX_LANES`` names a file that cannot be used.
    """
    path = lanes_path(os.environ, Path.home())
    if path is None or not (make or _is_there(path)):
        return None
    from asyncdbx.limiter import opened  # noqa: PLC0415 - takes a while to import

    try:
        with opened(path):
            return path
    except ConfigError as error:
        if os.environ.get(LANES):
            raise
        warn(f"{error}; until then nothing is remembered", log_format)
        return None


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True  # who opens it is told why not
    return True


def some_of(names: Sequence[str], most: int = 5) -> str:
    """Return the first few names."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
