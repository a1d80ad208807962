"""``asyncdbx report``: one page about a run of an inventory."""

from datetime import UTC, datetime
from pathlib import Path

import click
from rich.filesize import decimal

from asyncdbx.cli.app import INCOMPLETE, complain
from asyncdbx.cli.options import examples
from asyncdbx.cli.output import write
from asyncdbx.cli.runs import MOMENTS
from asyncdbx.errors import DiskFailed, UsageError
from asyncdbx.escape import visible
from asyncdbx.inventory.disk import disk_error
from asyncdbx.look.report import Report, gather, render

STDOUT = Path("-")

EPILOG = examples(
    ("The last run, as ./inventory/_report.html", "asyncdbx report ./inventory"),
    (
        "From cron, behind the night's inventory, where a web server finds it",
        "asyncdbx report ./inventory --out /srv/www/inventory.html",
    ),
    ("The run of a week ago", "asyncdbx report ./inventory --at 7d --out last-week.html"),
    ("To somewhere else", "asyncdbx report ./inventory --out - | gzip > inventory.html.gz"),
)


@click.command(
    epilog=EPILOG + "\n\n\b\nExit codes:\n  0  the page is written, whatever it tells\n"
    "  1  the disk is full\n"
    "  2  there is no such inventory or run, or no place for the page\n"
    "  3  a part of the page could not be made (named)\n"
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Where to; - for stdout. DIR/_report.html, if not given, or, of an older run,"
    " DIR/_report-RUN.html.",
)
@click.option(
    "--at",
    default="last",
    metavar="RUN|TIME",
    help="Which run: last, previous, the beginning of its id; or the last one that had"
    f" ended by {MOMENTS}. [last]",
)
def command(folder: Path, out: Path | None, at: str) -> int:
    """Write one page of HTML about the last run of the inventory in DIR.

    What the run has and took, by workspace; what is not complete, why, and what exactly is
    missing; what is older than the run; how many records there are and how many are new,
    gone or changed; runtimes out of support; the largest directories; and how fast each
    rate limit let it go, as charts.

    The page is one file. It loads nothing and sends nothing, and can be forwarded.
    """
    report = gather(folder, at, datetime.now(UTC))
    page = render(report).encode()
    for problem in report.problems.values():
        complain(problem)
    if out == STDOUT:
        write(page)
    else:
        file = (out or _place(report)).absolute()
        _write(file, page)
        click.echo(f"Report: {visible(str(file))} ({decimal(len(page))})", err=True)
    return INCOMPLETE if report.problems else 0


def _place(report: Report) -> Path:
    """Return where a page goes: that of an older run not in the place of the last one's."""
    which = "" if report.is_last else f"-{report.run.id}".replace("/", "_")
    return report.folder / f"_report{which}.html"


def _write(file: Path, page: bytes) -> None:
    """Write a page, whole or not at all: somebody may be reading the one that is there.

    Raises:
        UsageError: It cannot be written there.
    """
    try:
        if file.exists() and not file.is_file():  # a device, a pipe
            file.write_bytes(page)
            return
        target = file.resolve()
        unfinished = target.with_name(f"{target.name}.new")
        try:
            unfinished.write_bytes(page)
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        failed = disk_error(f"{file} cannot be written", error.errno, str(error))
        if isinstance(failed, DiskFailed):
            raise failed from error
        raise UsageError(str(failed)) from error
