"""Options that commands share, and the numbered examples below each help."""

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

from asyncdbx.cli.selection import CONNECTIONS, Selection

P = ParamSpec("P")
R = TypeVar("R")

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
