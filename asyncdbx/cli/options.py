"""Options that commands share, and the numbered examples below each help."""

import contextlib
import functools
import os
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from asyncdbx.catalog.limits import Limits
from asyncdbx.cli.log import LogFormat, warn
from asyncdbx.cli.loop import run_async
from asyncdbx.config import LANES, WorkspaceConfig, lanes_path, resolve
from asyncdbx.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from asyncdbx.fleet import Fleet

P = ParamSpec("P")
R = TypeVar("R")

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


profile_option = click.option(
    "-p",
    "--profile",
    "profiles",
    multiple=True,
    metavar="NAME",
    help="A profile of ~/.databrickscfg or $DATABRICKS_CONFIG_FILE; repeatable."
    " Without any: $DATABRICKS_HOST and $DATABRICKS_TOKEN, else profile DEFAULT.",
)
all_profiles_option = click.option(
    "--all-profiles", is_flag=True, help="Every profile that names a host."
)
netrc_option = click.option(
    "--netrc", is_flag=True, help="Take logins from ~/.netrc or $NETRC, as curl -n does."
)
limits_option = click.option(
    "--limits",
    "limit_files",
    multiple=True,
    type=click.Path(path_type=Path),
    envvar="ASYNCDBX_LIMITS",
    metavar="FILE",
    help="TOML with limits of your own, on top of the published ones; repeatable."
    " [$ASYNCDBX_LIMITS]",
)
account_option = click.option(
    "--account",
    metavar="PROFILE",
    help="All workspaces of an account, logged in to with the account's service principal;"
    " - for the account that $DATABRICKS_HOST and its like say.",
)


class Regex(click.ParamType[re.Pattern[str]]):
    """A regular expression."""

    name = "regex"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> re.Pattern[str]:
        """Compile it, or say where it is wrong."""
        try:
            return re.compile(value)
        except re.error as error:
            self.fail(f"{value!r} is no regular expression: {error}", param, ctx)


match_option = click.option(
    "--match",
    type=Regex(),
    metavar="REGEX",
    help="Of the chosen workspaces, those in whose names it is found.",
)
connections_option = click.option(
    "--connections",
    type=click.IntRange(1, 10_000),
    default=CONNECTIONS,
    show_default=True,
    metavar="N",
    help="Requests in flight at once, over all workspaces.",
)


stats_option = click.option(
    "--stats",
    is_flag=True,
    help="Show in the end, on stderr, what happened on each lane: calls, 429s, waits, and"
    " what it has learned.",
)


def selection_options(
    function: Callable[Concatenate[Selection, P], R],
) -> Callable[..., R]:
    """Give a command the options that choose workspaces, as one ``Selection``."""
    return _selecting(function, CHOICE)


def work_options(function: Callable[Concatenate[Selection, P], R]) -> Callable[..., R]:
    """Give a command that makes calls the same options, and how it makes them."""
    return _selecting(function, {**CHOICE, **WORK})


CHOICE = {
    "profiles": profile_option,
    "all_profiles": all_profiles_option,
    "netrc": netrc_option,
    "account": account_option,
    "match": match_option,
    "limit_files": limits_option,
}
WORK = {"connections": connections_option, "stats": stats_option}


def _selecting(
    function: Callable[Concatenate[Selection, P], R],
    options: Mapping[str, Callable[[Callable[..., R]], Callable[..., R]]],
) -> Callable[..., R]:
    @functools.wraps(function)
    def command(*args: P.args, **kwargs: P.kwargs) -> R:
        chosen: dict[str, Any] = {name: kwargs.pop(name) for name in options}
        return function(Selection(**chosen), *args, **kwargs)

    decorated: Callable[..., R] = command
    for option in reversed([*options.values()]):
        decorated = option(decorated)
    return decorated


def examples(*pairs: tuple[str, str]) -> str:
    """Return the end of a command's help: what for, and the command line, numbered."""
    lines = (f"  {n}. {what}\n       {line}" for n, (what, line) in enumerate(pairs, 1))
    return "\b\nExamples:\n" + "\n".join(lines)
