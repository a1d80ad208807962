"""How records are printed: which columns they have, and what is said of those missing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import click

from asyncdbx import catalog
from asyncdbx.cli.app import FAILED, INCOMPLETE, complain
from asyncdbx.cli.json_text import envelope
from asyncdbx.cli.output import Column, Sheet
from asyncdbx.errors import UsageError
from asyncdbx.fleet import Fleet
from asyncdbx.inventory.rows import Row
from asyncdbx.inventory.sources import Resource, Source
from asyncdbx.inventory.stream import Found, Missing, stream
from asyncdbx.json_stream import parse_document

__all__ = [
    "Record",
    "record_json",
    "sheet_of",
    "show_records",
    "skip_bad_records_option",
]

# What people look for first, in this order; a table has the first of them that there are.
WELL_KNOWN = (
    "state",
    "status",
    "life_cycle_state",
    "lifecycle_state",
    "enabled",
    "active",
    "object_type",
    "language",
    "is_dir",
    "file_size",
    "permission",
    "spark_version",
    "node_type_id",
    "num_workers",
    "cluster_size",
    "catalog_type",
    "table_type",
    "volume_type",
    "version",
    "owner",
    "owner_user_name",
    "creator",
    "creator_user_name",
    "creator_name",
    "created_by",
    "created_by_username",
)
WELL_KNOWN_SHOWN = 4


@dataclass(frozen=True)
class Record:
    """One record to print."""

    workspace: str
    resource: str
    row: Row

    @cached_property
    def value(self) -> dict[str, Any]:
        """The record as a JSON object."""
        value: dict[str, Any] = parse_document(self.row.body)
        return value

    def field(self, name: str) -> Any:
        """Return a field's value; None if there is none."""
        return self.value.get(name)


async def show_records(
    fleet: Fleet,
    resources: Sequence[Resource],
    show: Callable[[Iterator[Record]], None],
    *,
    limit: int | None = None,
    skip_bad_records: bool = False,
) -> int:
    """Show records as they come, say on stderr what is missing; return the exit code.

    Raises:
        UsageError: no workspace of the fleet has any of the resources.
    """
    _refuse_nobodys(fleet, resources)
    missing = 0
    items_of = stream(fleet, resources, limit=limit, skip_bad_records=skip_bad_records)
    async with fleet, items_of as items:
        async for item in items:
            if isinstance(item, Missing):
                missing += 1
                complain(_sentence(item))
            else:
                show(_records(item))
    if items.gone:
        complain(f"{items.gone:,} of what was listed had been deleted when its turn came")
    if not missing:
        return 0
    return INCOMPLETE if items.succeeded else FAILED


skip_bad_records_option = click.option(
    "--skip-bad-records",
    is_flag=True,
    help="Leave out records that are not JSON, name each on stderr, and go on; else the"
    " listing ends there. The exit code is 3 all the same.",
)

_A = {"account": "an account", "workspace": "a workspace"}


def _records(found: Found) -> Iterator[Record]:
    return (Record(found.workspace, found.resource, row) for row in found.rows)


def _sentence(missing: Missing) -> str:
    error = missing.error
    if not error.workspace:  # the call went well, but not what was made of its answer
        error.of(endpoint=missing.resource, workspace=missing.workspace)
    about = ", ".join(f"{name} {value}" for name, value in missing.arguments.items())
    return f"{error} ({about})" if about else str(error)


def _refuse_nobodys(fleet: Fleet, resources: Sequence[Resource]) -> None:
    scopes = {workspace.config.scope for workspace in fleet}
    for resource in resources:
        if resource.scope not in scopes:
            raise UsageError(
                f"{resource.name} is listed of {_A[resource.scope]}, and none was chosen;"
                f" give a profile of {_A[resource.scope]} with -p"
            )


def record_json(record: Record) -> bytes:
    """Return a record in its envelope, on one line."""
    about = {"workspace": record.workspace, "resource": record.resource}
    return envelope(record.row.body, **about, id=record.row.id)


LEADING: Sequence[Column[Record]] = (
    Column("workspace", lambda record: record.workspace),
    Column("resource", lambda record: record.resource),
    Column("id", lambda record: record.row.id),
    Column("name", lambda record: record.row.name),
)
FIXED = frozenset(column.title for column in LEADING)


def sheet_of(resources: Sequence[Resource]) -> Sheet[Record]:
    """Return how records of these resources are printed.

    CSV has the scalar fields of all of them; a table those that people look for first,
    if there is one resource only.
    """
    fields = list(dict.fromkeys(each for one in resources for each in _fields(one)))
    typed = [_field_column(each) for each in fields if each not in FIXED]
    if len(resources) > 1:
        return Sheet(record_json, LEADING, [*LEADING, *typed])
    known = map(_field_column, _well_known(resources[0], fields))
    table = [each for each in LEADING if each.title != "resource"]
    return Sheet(record_json, [*table, *known], [*LEADING, *typed])


def _field_column(name: str) -> Column[Record]:
    return Column(name, lambda record: record.field(name))


def _well_known(resource: Resource, fields: Sequence[str]) -> list[str]:
    shown = {
        part
        for source in resource.sources
        for field in (source.id, source.name)
        if field is not None
        for part in field.parts
    }
    known = [name for name in WELL_KNOWN if name in fields and name not in shown]
    return known[:WELL_KNOWN_SHOWN]


def _fields(resource: Resource) -> Iterator[str]:
    """Yield the scalar fields that records of a resource are known to have."""
    for source in resource.sources:
        for endpoint in _endpoints(source):
            yield from catalog.endpoint(endpoint, resource.scope).fields


def _endpoints(source: Source) -> Iterator[str]:
    yield source.endpoint
    if source.fetch is not None:
        yield source.fetch.endpoint
