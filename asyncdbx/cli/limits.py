"""``asyncdbx limits``: how often each group of endpoints may be called, and who says so."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click
import orjson

from asyncdbx.catalog.limits import Limit, Limits
from asyncdbx.cli.options import Selection, examples, selection_options
from asyncdbx.cli.output import Column, Output, Sheet, output_options

EPILOG = examples(
    ("The published limits, and where they stand", "asyncdbx limits"),
    ("What holds for a workspace", "asyncdbx limits -p prod --limits my-limits.toml"),
    ("The slowest groups first", "asyncdbx limits -o csv | sort -t, -k3 -n"),
)


@click.command(epilog=EPILOG)
@output_options
@selection_options
def command(selection: Selection, output: Output) -> None:
    """Show how many calls a second, and how many at once, each limit group is held to.

    An endpoint in no group has a lane of its own with the numbers of "default". A row
    without a workspace holds for all; one with a workspace is an exception that a file of
    yours makes for it. Profiles are needed only to see those.
    """
    limits = selection.limits()
    chosen = selection.profiles or selection.all_profiles
    workspaces = [config.name for config in selection.configs()] if chosen else []
    output.printer(SHEET).print(_rows(limits, workspaces))


@dataclass(frozen=True, slots=True)
class Row:
    """The limit of a group, on one workspace or on all that have no other."""

    workspace: str | None
    limit: Limit

    @property
    def facts(self) -> dict[str, Any]:
        """Names and values; a rate of None is unlimited."""
        return {"workspace": self.workspace, **asdict(self.limit)}


def _rows(limits: Limits, workspaces: Sequence[str]) -> Iterator[Row]:
    general = limits.groups()
    yield from (Row(None, limit) for limit in general)
    for workspace in workspaces:
        own = limits.groups(workspace)
        yield from (Row(workspace, limit) for limit in own if limit not in general)


def _rate(row: Row) -> str:
    rate = row.limit.per_second
    return "unlimited" if rate is None else f"{rate:g}"


def _columns(rate: Callable[[Row], Any]) -> Sequence[Column[Row]]:
    return (
        Column("workspace", lambda row: row.workspace),
        Column("group", lambda row: row.limit.group),
        Column("per_second", rate, right=True),
        Column("in_flight", lambda row: row.limit.in_flight, right=True),
        Column("source", lambda row: row.limit.source),
    )


SHEET: Sheet[Row] = Sheet(
    lambda row: orjson.dumps(row.facts),
    _columns(_rate),
    _columns(lambda row: row.limit.per_second),
)
