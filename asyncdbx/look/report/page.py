"""The page: one file of HTML that loads nothing, and that nothing in a name can change.

Every text is escaped, and what a screen would obey in it is made visible. The page's own
style and script are the only ones that its Content-Security-Policy lets in, by their
hashes, and it lets nothing be fetched.
"""

import base64
import hashlib
import shlex
from collections.abc import Iterable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from asyncdbx.look.duck import text
from asyncdbx.look.report.gather import Report
from asyncdbx.look.report.lane_chart import FRAME, draw
from asyncdbx.look.report.listings import (
    FleetFacts,
    Listing,
    WorkspaceFacts,
    by_workspace,
    verdict_of,
)
from asyncdbx.look.report.pace import FIRST
from asyncdbx.look.report.words import FILTERS, shown

__all__ = ["render"]

HERE = Path(__file__).parent


def render(report: Report) -> str:
    """Return the page about a run."""
    page = _environment().get_template("page.html")
    return page.render(_facts(report))


def _facts(report: Report) -> Mapping[str, Any]:
    """Return what the template knows by name."""
    fleet = FleetFacts.of(report.listings)
    workspaces = sorted(by_workspace(report.listings), key=_worst_first)
    folder = shlex.quote(str(report.folder))
    pace = report.pace
    seconds = pace.seconds if pace else 0
    if not seconds and fleet.duration:
        seconds = fleet.duration.total_seconds()
    changes = report.changes
    return {
        "report": report,
        "folder": folder,
        "style": _own("page.css"),
        "script": _own("page.js"),
        "verdict": verdict_of(report.listings),
        "tone": _tone(fleet, workspaces),
        "fleet": fleet,
        "seconds": seconds,
        "workspaces": workspaces,
        "missing": fleet.listings - fleet.complete,
        "older": sum(each.block.listings for each in report.stand_ins),
        "moves": sum(each.moved for each in changes.totals) if changes else 0,
        "diff": _diff(report, folder),
        "noted": any(each.note for each in changes.tallies) if changes else False,
        "totals": sorted(changes.totals, key=lambda each: -each.moved) if changes else [],
        "charts": [draw(each, pace.stretches) for each in pace.stories] if pace else [],
        "frame": FRAME,
        "shown": FIRST,
        "missing_query": partial(_missing_query, folder, report.run.id),
        "lanes_query": _query(folder, _of_lanes(report.run.id)),
    }


def _diff(report: Report, folder: str) -> str:
    """Return the command that shows each change."""
    since = report.changes.since if report.changes else None
    if report.is_last or since is None:
        return f"asyncdbx diff {folder}"
    return f"asyncdbx diff {folder} --from {since.id} --to {report.run.id}"


def _tone(fleet: FleetFacts, workspaces: Iterable[WorkspaceFacts]) -> str:
    """Return the status whose colour the verdict has."""
    if not any(each.lacking for each in workspaces):
        return "complete" if fleet.complete == fleet.listings else "unavailable"
    return "partial" if fleet.complete else "denied"


def _worst_first(workspace: WorkspaceFacts) -> tuple[int, int, str]:
    return -workspace.lacking, -len(workspace.missing), workspace.name


def _missing_query(folder: str, run_id: str, listing: Listing) -> str:
    return _query(
        folder,
        "SELECT kind, what, pages, status, error FROM _missing"  # noqa: S608 - quoted
        f" WHERE run_id = {text(run_id)} AND workspace = {text(listing.workspace)}"
        f" AND resource = {text(listing.resource)}",
    )


def _of_lanes(run_id: str) -> str:
    return (
        "SELECT workspace, lane, sum(calls), sum(throttled) FROM _lanes"  # noqa: S608
        f" WHERE run_id = {text(run_id)} GROUP BY ALL ORDER BY ALL"
    )


def _query(folder: str, sql: str) -> str:
    return f"asyncdbx query {folder} {shlex.quote(sql)}"


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        finalize=shown,
        loader=FileSystemLoader(HERE),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    filters: dict[str, Any] = environment.filters
    filters.update(FILTERS, hash=_hash)
    return environment


@cache
def _own(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    """Return what a Content-Security-Policy knows a style or script by."""
    digest = hashlib.sha256(source.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
