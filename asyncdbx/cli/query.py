"""``asyncdbx query``: SQL over the tables of an inventory."""

import sys
from pathlib import Path
from typing import Any

import click
import orjson

from asyncdbx.cli.app import INCOMPLETE, complain
from asyncdbx.cli.options import examples
from asyncdbx.cli.output import Column, Output, Sheet, output_options
from asyncdbx.cli.runs import MOMENTS, run_text
from asyncdbx.cli.sql_values import sheet_of
from asyncdbx.errors import StoreError, UsageError
from asyncdbx.look import Table, Tables, open_tables

EPILOG = examples(
    ("What tables there are, their columns and rows", "asyncdbx query ./inventory"),
    (
        "Clusters by their runtime",
        "asyncdbx query ./inventory 'SELECT runtime, count(*) FROM clusters GROUP BY ALL'",
    ),
    (
        "Schedules of jobs, out of the record as the server sent it",
        "asyncdbx query ./inventory 'SELECT name, body.settings.schedule FROM jobs'",
    ),
    (
        "A longer query from a file, over the tables of a week ago, for a spreadsheet",
        "asyncdbx query ./inventory -f who_manages.sql --at 7d -o csv > managers.csv",
    ),
    (
        "How listings ended, over all runs",
        "asyncdbx query ./inventory 'SELECT status, count(*) FROM _listings GROUP BY ALL'",
    ),
)


@click.command(epilog=EPILOG)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("sql", required=False)
@click.option(
    "-f",
    "--file",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Read the SQL from a file; - for stdin.",
)
@click.option(
    "--at",
    metavar="RUN|TIME",
    help="Tables as they were after an earlier run: last, previous, the beginning of its"
    f" id; or after the last run that had ended by {MOMENTS}.",
)
@output_options
def command(
    output: Output, folder: Path, sql: str | None, file: Path | None, at: str | None
) -> int:
    """Ask the tables of the inventory in DIR, in SQL as DuckDB speaks it.

    Each resource is a table, with the columns that stand in README and the record itself,
    body, as JSON: body->>'$.settings.name', or json_each(body->'tags'). _listings says how
    each listing of each run ended. Times are in UTC. Without SQL, the tables are listed.

    It is one statement, and it only reads: nothing can be written, no other file read, and
    the network is out of reach. Data leaves through stdout: -o csv > file. JSON has every
    digit of a number; so has body, but numbers with a fraction that are taken out of it by
    SQL have the digits of a double.
    """
    text = _sql(sql, file)
    tables = open_tables(folder, at)
    if tables.run is not None:
        click.echo(f"as of {run_text(tables.run)}", err=True)
    if text is None:
        return _show_tables(tables, output)
    with tables.query(text) as result, output.printer(sheet_of(result.columns)) as printer:
        for rows in result.batches():
            printer.write(rows)
    return 0


def _sql(sql: str | None, file: Path | None) -> str | None:
    if sql is not None and file is not None:
        raise UsageError("give the SQL or a file of it, not both")
    return sql if file is None else _read(file)


def _read(file: Path) -> str:
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return data.decode()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is no UTF-8: {error.reason}") from error


def _show_tables(tables: Tables, output: Output) -> int:
    """List the tables; one that cannot be read is named on stderr, with exit code 3."""
    damaged = 0
    with output.printer(SHEET) as printer:
        for name in tables.names:
            try:
                table = tables.table(name)
            except StoreError as error:
                complain(str(error))
                damaged += 1
            else:
                printer.write([table] if table else [])
    return INCOMPLETE if damaged else 0


def _facts(table: Table) -> dict[str, Any]:
    return {"table": table.name, "rows": table.rows, "columns": table.columns}


COLUMNS: tuple[Column[Table], ...] = (
    Column("table", lambda table: table.name),
    Column("rows", lambda table: table.rows, right=True),
    Column("columns", lambda table: ", ".join(table.columns)),
)
SHEET: Sheet[Table] = Sheet(lambda table: orjson.dumps(_facts(table)), COLUMNS, COLUMNS)
