"""``asyncdbx diff``: what has changed between two runs of an inventory."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import orjson

from asyncdbx.cli.app import complain
from asyncdbx.cli.notes import note_lines
from asyncdbx.cli.options import examples
from asyncdbx.cli.output import Column, Output, Sheet, cell, output_options
from asyncdbx.cli.runs import MOMENTS, run_text
from asyncdbx.look import (
    ABSENT,
    Change,
    Changing,
    Comparison,
    Count,
    Entry,
    FieldChange,
    compare,
)

WHAT = ("added", "removed", "changed", "unchanged")
SHOWN_FIELDS = 3  # of a record, in a table
READABLE = 24  # characters of a value that is shown there

EPILOG = examples(
    ("What the last run found otherwise than the one before", "asyncdbx diff ./inventory"),
    (
        "Which job settings were changed within a week, before and after",
        "asyncdbx diff ./inventory jobs --from 7d -o jsonl | jq -c '.id, .fields[]'",
    ),
    (
        "How much was added, removed and changed, between two runs by their ids",
        "asyncdbx diff ./inventory --from 20261124 --to 20261126T07 --counts",
    ),
    (
        "Without what a tool of yours touches every night",
        "asyncdbx diff ./inventory --ignore jobs.settings.tags.deployed_at",
    ),
    ("Which fields are left out, and why", "asyncdbx diff --show-ignored"),
)


@click.command(epilog=EPILOG)
@click.argument("folder", metavar="DIR", required=False, type=click.Path(path_type=Path))
@click.argument("resources", nargs=-1, metavar="[RESOURCE]...")
@click.option(
    "--from",
    "since",
    metavar="RUN|TIME",
    help="The older run: last, previous, or the beginning of its id; or the last one that"
    f" had ended by {MOMENTS}. The one before --to, if not given.",
)
@click.option(
    "--to", "until", default="last", metavar="RUN|TIME", help="The newer run. [last]"
)
@click.option(
    "--counts",
    is_flag=True,
    help="Only how many were added, removed, changed and unchanged, of each listing.",
)
@click.option(
    "--ignore",
    "ignored",
    multiple=True,
    metavar="RESOURCE.FIELD",
    help="Leave out a field too, *.FIELD of all resources: jobs.settings.tags,"
    " 'jobs.settings.tasks[*].timeout_seconds'; repeatable.",
)
@click.option(
    "--ignore-file",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help='The same from TOML: [jobs] and, below it, field = "why"; repeatable.',
)
@click.option("--all-fields", is_flag=True, help="Leave out only what you name.")
@click.option("--show-ignored", is_flag=True, help="Print what is left out, and why.")
@output_options
def command(  # noqa: PLR0913 - one for each option
    output: Output,
    folder: Path | None,
    resources: tuple[str, ...],
    *,
    since: str | None,
    until: str,
    counts: bool,
    ignored: tuple[str, ...],
    files: tuple[Path, ...],
    all_fields: bool,
    show_ignored: bool,
) -> int:
    """Show which records were added, removed and changed between two runs, field by field.

    Of the inventory in DIR, all its resources or those named. Fields that change without
    anybody changing the object (what state it is in, when it was last used) are left out.
    The order of an object's keys and the spelling of a number mean nothing; elements of
    lists are compared by their place.

    What cannot be compared is named on stderr. Where a listing of one of the runs was not
    complete, the last complete one before it stands for it. Where there is none before the
    older run, its records are new in the inventory: they are not counted as added, since
    nobody knows how long they have been there.

    The exit code is 0 whether or not anything differs.
    """
    changing = _changing(ignored, files, all_fields=all_fields)
    if show_ignored:
        output.printer(ENTRIES).print(changing.entries)
        return 0
    if folder is None:
        raise click.UsageError("Missing argument 'DIR'.", click.get_current_context())
    with compare(folder, since, until, resources, changing=changing) as found:
        for line in note_lines(found):
            complain(line)
        if counts:
            _show_counts(found, output)
        else:
            output.printer(CHANGES).print(found.changes())
        click.echo(_summary(found), err=True)
    return 0


def _changing(
    fields: Sequence[str], files: Sequence[Path], *, all_fields: bool
) -> Changing:
    changing = Changing() if all_fields else Changing.known()
    for file in files:
        changing = changing.with_file(file)
    return changing.with_fields(fields)


def _show_counts(found: Comparison, output: Output) -> None:
    output.printer(COUNTS).print(found.counts())


def _summary(found: Comparison) -> str:
    counts = found.counts()
    numbers = (f"{sum(getattr(count, what) for count in counts):,} {what}" for what in WHAT)
    runs = f"from {run_text(found.since)}, to {run_text(found.until)}"
    return f"{', '.join(numbers)}: {runs}"


def _facts(change: Change) -> dict[str, Any]:
    return {
        "workspace": change.workspace,
        "resource": change.resource,
        "id": change.id,
        "name": change.name,
        "change": change.change,
        "fields": [dict(_sides(field)) for field in change.fields],
    }


def _sides(field: FieldChange) -> Iterator[tuple[str, Any]]:
    """Yield what is known of a field: a side on which it is absent is left out."""
    yield "field", field.field
    for side, value in (("before", field.before), ("after", field.after)):
        if value is not ABSENT:
            yield side, value


def _json(change: Change) -> bytes:
    facts = _facts(change)
    try:
        return orjson.dumps(facts)
    except orjson.JSONEncodeError:  # an integer beyond 64 bits, or nested deep
        return json.dumps(facts, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _fields(change: Change) -> str:
    """Return which fields of a record differ, and how, as far as people can read it."""
    shown = ", ".join(map(_field, change.fields[:SHOWN_FIELDS]))
    more = len(change.fields) - SHOWN_FIELDS
    return f"{shown}, and {more} more" if more > 0 else shown


def _field(field: FieldChange) -> str:
    before, after = _value(field.before), _value(field.after)
    if max(len(before), len(after)) > READABLE:
        return field.field
    return f"{field.field}: {before} → {after}"


def _value(value: Any) -> str:
    if value is ABSENT:
        return "(none)"
    return "null" if value is None else cell(value)


def _count(name: str) -> Column[Count]:
    return Column(name, lambda count: getattr(count, name), right=True)


CHANGES: Sheet[Change] = Sheet(
    _json,
    (
        Column("workspace", lambda change: change.workspace),
        Column("resource", lambda change: change.resource),
        Column("change", lambda change: change.change),
        Column("id", lambda change: change.id),
        Column("name", lambda change: change.name),
        Column("fields", _fields),
    ),
    (
        Column("workspace", lambda change: change.workspace),
        Column("resource", lambda change: change.resource),
        Column("id", lambda change: change.id),
        Column("name", lambda change: change.name),
        Column("change", lambda change: change.change),
        Column("fields", lambda change: _facts(change)["fields"]),
    ),
)
COUNT: tuple[Column[Count], ...] = (
    Column("workspace", lambda count: count.workspace),
    Column("resource", lambda count: count.resource),
    *map(_count, WHAT),
)
COUNTS: Sheet[Count] = Sheet(orjson.dumps, COUNT, COUNT)
ENTRY: tuple[Column[Entry], ...] = (
    Column("resource", lambda entry: entry.resource),
    Column("field", lambda entry: entry.field),
    Column("why", lambda entry: entry.why),
)
ENTRIES: Sheet[Entry] = Sheet(orjson.dumps, ENTRY, ENTRY)
