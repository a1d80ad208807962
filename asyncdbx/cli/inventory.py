"""``asyncdbx inventory``: the whole fleet into Delta tables."""

import dataclasses
import json
import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from pathlib import Path

import click

from asyncdbx.cli.app import INTERRUPTED, complain, exit_code
from asyncdbx.cli.log import LogFormat, log_line
from asyncdbx.cli.loop import run_async
from asyncdbx.cli.options import examples, work_options
from asyncdbx.cli.output import Column, Format, Output, Sheet
from asyncdbx.cli.progress import watching
from asyncdbx.cli.selection import Selection
from asyncdbx.errors import AsyncdbxError, UsageError
from asyncdbx.escape import visible
from asyncdbx.fleet import Fleet
from asyncdbx.inventory.resources import choose
from asyncdbx.inventory.run import Order, take_inventory
from asyncdbx.inventory.sources import Resource
from asyncdbx.inventory.verdict import Ended, Verdict
from asyncdbx.quantity import rate_text


def _column(name: str) -> Column[Ended]:
    return Column(name, lambda ended: getattr(ended, name))


LISTINGS: Sheet[Ended] = Sheet(
    json=lambda ended: json.dumps(dataclasses.asdict(ended), ensure_ascii=False).encode(),
    table=(
        Column("workspace", lambda ended: ended.workspace),
        Column("resource", lambda ended: ended.resource),
        Column("status", lambda ended: ended.status),
        Column("records", lambda ended: ended.records, right=True),
        Column("calls", lambda ended: ended.calls, right=True),
        Column("429", lambda ended: ended.throttled, right=True),
        Column("rate/s", lambda ended: ended.rate and rate_text(ended.rate), right=True),
        Column("error", lambda ended: ended.error),
    ),
    csv=tuple(_column(field.name) for field in dataclasses.fields(Ended)),
)

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LEAST_AGE = timedelta(days=1)
MOST_AGE = timedelta(days=36_500)  # who says more means for ever, and has no such date


@click.command(
    name="inventory",
    epilog=examples(
        (
            "Everything of two workspaces",
            "asyncdbx inventory -p prod -p dev --to ./inventory",
        ),
        (
            "Clusters and jobs of every profile",
            "asyncdbx inventory clusters jobs --all-profiles --to ./inventory",
        ),
        (
            "All but the slow parts, for at most two hours",
            "asyncdbx inventory --except permissions,dbfs --deadline 2h --to ./inventory",
        ),
        (
            "From cron: lines of JSON on stderr, a history of 90 days",
            "asyncdbx inventory -p prod --to ./inventory --keep 90d --log-format json",
        ),
        (
            "In the morning: only what the night's run could not get",
            "asyncdbx inventory --all-profiles --to ./inventory --retry-failed",
        ),
        (
            "And what held it up: calls, 429s and waits of each lane, in the end",
            "asyncdbx inventory -p prod --to ./inventory --stats",
        ),
    ),
)
@work_options
@click.argument("resources", nargs=-1, metavar="[RESOURCE]...")
@click.option(
    "--to",
    "folder",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the tables; made if it does not exist.",
)
@click.option("--only", multiple=True, metavar="NAMES", help="Resources, comma between.")
@click.option(
    "--except", "without", multiple=True, metavar="NAMES", help="Resources to leave out."
)
@click.option(
    "--also",
    multiple=True,
    metavar="NAMES",
    help="Resources that are only taken on request: volume_files.",
)
@click.option(
    "--deadline",
    metavar="TIME",
    help="Stop after 90s, 30m or 2h, to be resumed; exit code 5.",
)
@click.option(
    "--keep",
    metavar="TIME",
    help="Delete versions that were replaced longer ago, e.g. 30d; else all are kept.",
)
@click.option("--fresh", is_flag=True, help="Forget what an interrupted run left.")
@click.option(
    "--retry-failed", is_flag=True, help="Fetch what the last run lacks, and nothing else."
)
@click.option(
    "--accept-partial",
    is_flag=True,
    help="Merge listings that lack something with the last complete ones; still exit 3.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["jsonl", "json", "table", "csv"]),
    help="Print how each listing ended to stdout; nothing if not given.",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    help="Of what is said on stderr.",
)
def command(  # noqa: PLR0913 - one for each option
    selection: Selection,
    resources: tuple[str, ...],
    *,
    folder: Path,
    only: tuple[str, ...],
    without: tuple[str, ...],
    also: tuple[str, ...],
    deadline: str | None,
    keep: str | None,
    fresh: bool,
    retry_failed: bool,
    accept_partial: bool,
    output: Format | None,
    log_format: LogFormat,
) -> int:
    """Take the whole fleet into Delta tables, one for each RESOURCE.

    Without RESOURCE everything is listed, permissions of every object and the trees of
    DBFS and of the workspace too. A listing that is not complete never replaces the last
    complete one; what exactly it lacks is in the table _missing, and --retry-failed
    fetches just that. The run that was interrupted goes on where it was when the same
    command is given again.
    """
    named = (*resources, *_names(only))
    try:
        if retry_failed and (named or without or also or fresh):
            raise UsageError(
                "--retry-failed goes on with the last run: it takes no resources and no"
                " --fresh"
            )
        order = Order(
            folder,
            choose(named, _names(without), _names(also)),
            None if deadline is None else seconds("--deadline", deadline),
            fresh=fresh,
            retry_failed=retry_failed,
            accept_partial=accept_partial,
            keep=None if keep is None else _age(keep),
        )
        return run(selection, order, output, log_format, named=bool(named))
    except (AsyncdbxError, KeyboardInterrupt) as error:
        if log_format == "text":
            raise
        return _log_error(error)


def run(
    selection: Selection,
    order: Order,
    output: Format | None,
    log_format: LogFormat,
    *,
    named: bool = False,
) -> int:
    """Take an inventory, show it, and return its exit code.

    Args:
        selection: The workspaces.
        order: What is to be taken, and where to.
        output: How each listing's end is printed, if it is.
        log_format: Of what is said on stderr.
        named: The resources were asked for by name, so each must be somebody's.
    """
    with selection.at_work(log_format) as fleet:
        _refuse_nobodys(fleet, order.resources, named=named)
        verdict = run_async(
            take_inventory(fleet, order, lambda crawl: watching(crawl, log_format))
        )
    if output is not None:
        with Output(output).printer(LISTINGS) as printer:
            printer.write(verdict.listings)
    if log_format == "json":
        _log(verdict)
    else:
        _summarise(verdict, order.folder)
    return verdict.exit_code


def _refuse_nobodys(fleet: Fleet, resources: Sequence[Resource], *, named: bool) -> None:
    scopes = {each.config.scope for each in fleet}
    nobodys = [each for each in resources if each.scope not in scopes]
    if nobodys and (named or len(nobodys) == len(resources)):
        raise UsageError(_nothing_to_do(nobodys, scopes))


def _nothing_to_do(resources: Iterable[Resource], scopes: AbstractSet[str]) -> str:
    names = ", ".join(each.name for each in resources)
    other, of_one = ("workspace", "a workspace")
    if scopes == {"workspace"}:
        other, of_one = ("account", "an account")
    return f"{names}: only {of_one} has that, and no {other} is among the profiles"


def _log_error(error: AsyncdbxError | KeyboardInterrupt) -> int:
    """Say what ended a run early as a line of JSON, and return its exit code."""
    if isinstance(error, KeyboardInterrupt):
        words, code = "interrupted", INTERRUPTED
    else:
        words, code = str(error), exit_code(error)
    click.echo(log_line("error", {"error": words, "exit_code": code}), err=True)
    return code


def _log(verdict: Verdict) -> None:
    for ended in verdict.listings:
        click.echo(log_line("listing", dataclasses.asdict(ended)), err=True)
    facts = {"run_id": verdict.run_id, "exit_code": verdict.exit_code}
    click.echo(log_line("end", facts), err=True)


def _summarise(verdict: Verdict, folder: Path) -> None:
    if not verdict.listings:
        click.echo("Nothing is missing in the last run.", err=True)
        return
    by_workspace: dict[str, list[Ended]] = {}
    for ended in verdict.listings:
        by_workspace.setdefault(ended.workspace, []).append(ended)
    width = max(map(len, by_workspace), default=0)
    for name, listings in by_workspace.items():
        complete = sum(each.status == "complete" for each in listings)
        gone = sum(each.gone for each in listings)
        click.echo(
            f"{visible(name):{width}}  {complete} of {len(listings)} listings complete,"
            f" {sum(each.records for each in listings):,} records,"
            f" {sum(each.calls for each in listings):,} calls,"
            f" {sum(each.throttled for each in listings):,} of them throttled"
            + (f"; {gone:,} objects were gone when their turn came" if gone else ""),
            err=True,
        )
    for ended in verdict.missing:
        complain(f"{ended.workspace} {ended.resource}: {ended.status}: {ended.error}")
    click.echo(
        f"Tables: {visible(str(folder.absolute()))}  (run {verdict.run_id})", err=True
    )


def _names(options: Iterable[str]) -> tuple[str, ...]:
    """Return the names in ``--only a,b --only c``."""
    names = (name.strip() for option in options for name in option.split(","))
    return tuple(name for name in names if name)


def _age(text: str) -> timedelta:
    most = MOST_AGE.total_seconds()
    age = timedelta(seconds=min(seconds("--keep", text), most))
    if age < LEAST_AGE:
        raise UsageError(
            f"--keep {text!r} is less than a day: who reads a version that was replaced a"
            " moment ago must be able to finish"
        )
    return age


def seconds(option: str, text: str) -> float:
    """Return the seconds of ``90s``, ``30m``, ``2h``, ``1d`` or ``45``.

    Raises:
        UsageError: it is none of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip())
    if found is None or float(found[1]) == 0:
        raise UsageError(f"{option} {text!r} is no time; write 90s, 30m, 2h or 7d")
    return float(found[1]) * UNITS[found[2] or "s"]
