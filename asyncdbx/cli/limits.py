"""``asyncdbx limits``: how often each lane may be called, who says so, what was learned."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click
import orjson

from asyncdbx.catalog.limits import Limit, Limits
from asyncdbx.cli.lanes import Memory, is_used
from asyncdbx.cli.lanes import forget as forget_lanes
from asyncdbx.cli.options import examples, selection_options
from asyncdbx.cli.output import Column, Output, Sheet, output_options
from asyncdbx.cli.selection import Selection, usable_lanes
from asyncdbx.config import WorkspaceConfig
from asyncdbx.limiter import Learned
from asyncdbx.quantity import age_text, rate_text

EPILOG = examples(
    ("The published limits, and where they stand", "asyncdbx limits"),
    (
        "What holds for a workspace, and what it has taught so far",
        "asyncdbx limits -p prod",
    ),
    ("The same with limits of your own", "asyncdbx limits -p prod --limits my-limits.toml"),
    ("The slowest groups first", "asyncdbx limits -o csv | sort -t, -k3 -n"),
    (
        "A limit has been raised: find out anew how far",
        "asyncdbx limits --forget -p prod",
    ),
)


@click.command(epilog=EPILOG)
@output_options
@selection_options
@click.option(
    "--forget",
    is_flag=True,
    help="Forget what the lanes of the chosen workspaces have learned, of all if none is"
    " chosen: they begin as published. A run under way keeps what it knows.",
)
def command(selection: Selection, output: Output, *, forget: bool) -> None:
    """Show how many calls a second, and how many at once, each limit group is held to.

    A published number (per_second) is where a lane begins: from the answers it learns what
    the server really lets through, and this host remembers that for the next run. A number
    in a file of yours, which source names, is never exceeded.

    An endpoint in no group has a lane of its own with the numbers of "default". A row
    without a workspace holds for all. With profiles there is a row for each of their lanes
    that this host has used: learned is what the server was last seen to let through in a
    second, age how long ago the lane was used, now its rate if a run is using it. What a
    file of yours says of one workspace has a row too.
    """
    limits = selection.limits()
    chosen = selection.profiles or selection.all_profiles
    configs = selection.configs() if chosen else []
    if forget:
        _forget(limits, configs)
    else:
        output.printer(SHEET).print(_rows(limits, configs))


def _forget(limits: Limits, configs: Sequence[WorkspaceConfig]) -> None:
    count = forget_lanes(usable_lanes(make=False), configs, _names(limits))
    click.echo(f"{count} {'lane' if count == 1 else 'lanes'} forgotten", err=True)


@dataclass(frozen=True, slots=True)
class Row:
    """The limit of a group, on one workspace or on all that have no other."""

    workspace: str | None
    limit: Limit
    known: Learned | None = None

    @property
    def learned(self) -> float | None:
        """Calls per second as last measured, if a lane of this limit would go by it."""
        said = self.known
        if said is None:
            return None
        return _rounded(self.limit.measured(said.limit))

    @property
    def age(self) -> int | None:
        """Seconds since the lane was used."""
        return None if self.known is None else round(self.known.age())

    @property
    def now(self) -> float | None:
        """Calls per second of a lane that is in use."""
        said = self.known
        return _rounded(said.rate) if said and is_used(said) else None

    @property
    def facts(self) -> dict[str, Any]:
        """Names and values; a rate of None is unlimited."""
        return {
            "workspace": self.workspace,
            **asdict(self.limit),
            "learned": self.learned,
            "age": self.age,
            "now": self.now,
        }


def _rounded(rate: float | None) -> float | None:
    """Return a rate with the digits that a measure has."""
    return None if rate is None else float(f"{rate:.4g}")


def _names(limits: Limits) -> set[str]:
    return {limit.group for limit in limits.groups()}


def _rows(limits: Limits, configs: Sequence[WorkspaceConfig]) -> Iterator[Row]:
    general = limits.groups()
    yield from (Row(None, limit) for limit in general)
    memory = Memory(usable_lanes(make=False) if configs else None)
    for config in configs:
        known = memory.of(config, _names(limits))
        own = (limit for limit in limits.groups(config.name) if limit not in general)
        for name in sorted({*(limit.group for limit in own), *known}):
            limit = limits.of_lane(name, config.name)
            yield Row(config.name, limit, known.get(name))


def _per_second(row: Row) -> str:
    rate = row.limit.per_second
    return "unlimited" if rate is None else f"{rate:g}"


def _measure(rate: float | None) -> str:
    return "" if rate is None else rate_text(rate)


def _columns(
    per_second: Callable[[Row], Any],
    measure: Callable[[float | None], Any],
    age: Callable[[int], Any],
) -> Sequence[Column[Row]]:
    return (
        Column("workspace", lambda row: row.workspace),
        Column("group", lambda row: row.limit.group),
        Column("per_second", per_second, right=True),
        Column("learned", lambda row: measure(row.learned), right=True),
        Column("age", lambda row: None if row.age is None else age(row.age), right=True),
        Column("now", lambda row: measure(row.now), right=True),
        Column("in_flight", lambda row: row.limit.in_flight, right=True),
        Column("source", lambda row: row.limit.source),
    )


SHEET: Sheet[Row] = Sheet(
    lambda row: orjson.dumps(row.facts),
    _columns(_per_second, _measure, age_text),
    _columns(lambda row: row.limit.per_second, lambda rate: rate, lambda age: age),
)
