"""``asyncdbx list``: the records of resources, from all chosen workspaces, as they come."""

import textwrap

import click

from asyncdbx.cli.loop import run_async
from asyncdbx.cli.options import examples, work_options
from asyncdbx.cli.output import Output, output_options
from asyncdbx.cli.records import sheet_of, show_records, skip_bad_records_option
from asyncdbx.cli.selection import Selection
from asyncdbx.inventory.resources import RESOURCES, choose

EPILOG = examples(
    ("All clusters of one workspace", "asyncdbx list clusters -p prod"),
    (
        "Every job and cluster of every workspace, as JSON lines",
        "asyncdbx list jobs clusters --all-profiles -o jsonl > fleet.jsonl",
    ),
    (
        "Who may do what: the permissions of every object, one call for each",
        "asyncdbx list permissions -p prod | jq .record",
    ),
    (
        "A spreadsheet of users, with names that are no formulas",
        "asyncdbx list users -p prod -o csv --csv-safe > users.csv",
    ),
)

NAMES = textwrap.indent(textwrap.fill(", ".join(RESOURCES), 76), "  ")


@click.command(epilog=f"\b\nResources:\n{NAMES}\n\n{EPILOG}")
@click.argument("resources", nargs=-1, required=True, metavar="RESOURCE...")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="The first N records of each resource and workspace, whichever come first.",
)
@skip_bad_records_option
@output_options
@work_options
def command(
    selection: Selection,
    output: Output,
    resources: tuple[str, ...],
    limit: int | None,
    *,
    skip_bad_records: bool,
) -> int:
    """Print the records of RESOURCEs, of all chosen workspaces, as they come.

    What could not be listed is named on stderr; the rest is printed, and the exit code is
    3. JSON holds the record as the server sent it; CSV its scalar fields.
    """
    chosen = choose(resources)
    with selection.at_work() as fleet, output.printer(sheet_of(chosen)) as printer:
        return run_async(
            show_records(
                fleet,
                chosen,
                printer.write,
                limit=limit,
                skip_bad_records=skip_bad_records,
            )
        )
