"""Options that commands share, and the numbered examples below each help."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from asyncdbx.catalog.limits import Limits
from asyncdbx.config import WorkspaceConfig, lanes_path, resolve

if TYPE_CHECKING:
    from asyncdbx.fleet import Fleet

P = ParamSpec("P")
R = TypeVar("R")

CONNECTIONS = 256


@dataclass(frozen=True, slots=True)
class Selection:
    """The workspaces that were chosen, and how hard they may be worked.

    Attributes:
        profiles: Names of profiles, in the order given.
        all_profiles: Every profile with a host.
        netrc: Take logins from ``.netrc`` where a host comes with none.
        limit_files: Limits on top of the package's, the last one the strongest.
        connections: Requests in flight at once, over all workspaces.
    """

    profiles: tuple[str, ...] = ()
    all_profiles: bool = False
    netrc: bool = False
    limit_files: tuple[Path, ...] = ()
    connections: int = CONNECTIONS

    def configs(self) -> list[WorkspaceConfig]:
        """Return the workspaces.

        Raises:
            ConfigError: a profile or a credential is missing or cannot be used.
        """
        return resolve(
            self.profiles,
            all_profiles=self.all_profiles,
            netrc=self.netrc,
            environ=os.environ,
            home=Path.home(),
        )

    def limits(self) -> Limits:
        """Return the limits.

        Raises:
            ConfigError: a file cannot be read or used; file and line are named.
        """
        return Limits.load(*self.limit_files)

    def fleet(self) -> "Fleet":
        """Return the fleet, to be entered.

        Raises:
            ConfigError: as ``configs`` and ``limits``.
        """
        from asyncdbx.fleet import Fleet  # noqa: PLC0415 - aiohttp takes 0.2 s to import

        return Fleet(
            self.configs(),
            limits=self.limits(),
            connections=self.connections,
            lanes=lanes_path(os.environ, Path.home()),
        )


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
connections_option = click.option(
    "--connections",
    type=click.IntRange(1, 10_000),
    default=CONNECTIONS,
    show_default=True,
    metavar="N",
    help="Requests in flight at once, over all workspaces.",
)


def selection_options(
    function: Callable[Concatenate[Selection, P], R],
) -> Callable[..., R]:
    """Give a command the options that choose workspaces, as one ``Selection``."""

    @functools.wraps(function)
    def command(*args: P.args, **kwargs: P.kwargs) -> R:
        chosen: dict[str, Any] = {name: kwargs.pop(name) for name in _NAMES}
        return function(Selection(**chosen), *args, **kwargs)

    options = (
        profile_option,
        all_profiles_option,
        netrc_option,
        limits_option,
        connections_option,
    )
    decorated: Callable[..., R] = command
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


_NAMES = ("profiles", "all_profiles", "netrc", "limit_files", "connections")


def examples(*pairs: tuple[str, str]) -> str:
    """Return the end of a command's help: what for, and the command line, numbered."""
    lines = (f"  {n}. {what}\n       {line}" for n, (what, line) in enumerate(pairs, 1))
    return "\b\nExamples:\n" + "\n".join(lines)
