"""``--stats``: what happened on each lane, on stderr when all is over."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import click
import orjson

from asyncdbx.cli.log import LogFormat, log_line
from asyncdbx.cli.output import Column, ErrorTable, Sheet
from asyncdbx.fleet import Fleet
from asyncdbx.limiter import Lane
from asyncdbx.quantity import rate_text

__all__ = ["show_lanes"]


@dataclass(frozen=True, slots=True)
class LaneFacts:
    """What happened on one lane.

    Attributes:
        workspace: Name of the workspace.
        lane: Name of the limit group.
        sent: Requests that left.
        accepted: Answers other than 429 and lost connections.
        throttled: 429s.
        failed: Requests without an answer.
        waited: Seconds that a call waited for its turn, on average; None if none was sent.
        paused: Seconds for which 429s stopped the lane.
        rate: Calls per second at the end; None if unlimited.
        limit: Calls per second that the server was last measured to let through.
        doing: What the lane was doing at the end, in words.
    """

    workspace: str
    lane: str
    sent: int
    accepted: int
    throttled: int
    failed: int
    waited: float | None
    paused: float
    rate: float | None
    limit: float | None
    doing: str


def show_lanes(fleet: Fleet, log_format: LogFormat) -> None:
    """Show what happened on every lane that was used; nothing if none was.

    Args:
        fleet: The fleet, left.
        log_format: ``"json"`` for a line of a log for each lane, rather than a table.
    """
    lanes = [
        _facts(fleet, lane) for lane, waiting in fleet.lanes() if _is_used(lane, waiting)
    ]
    lanes.sort(key=lambda each: (each.workspace, -each.sent, each.lane))
    if log_format == "json":
        for each in lanes:
            click.echo(log_line("lane", asdict(each)), err=True)
    elif lanes:
        ErrorTable(SHEET).print(lanes)


def _is_used(lane: Lane, waiting: int) -> bool:
    return bool(lane.stats.sent or waiting)


def _facts(fleet: Fleet, lane: Lane) -> LaneFacts:
    stats, control = lane.stats, lane.control
    limit = fleet.limits.of_lane(lane.group, lane.workspace)
    believed = 0.0 if control is None else control.limit
    return LaneFacts(
        lane.workspace,
        lane.group,
        stats.sent,
        stats.accepted,
        stats.throttled,
        stats.failed,
        stats.waited / stats.sent if stats.sent else None,
        stats.paused,
        lane.rate,
        limit.measured(believed),
        lane.why(time.monotonic()),
    )


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.2f} s"


COLUMNS: Sequence[Column[LaneFacts]] = (
    Column("workspace", lambda each: each.workspace),
    Column("lane", lambda each: each.lane),
    Column("sent", lambda each: each.sent, right=True),
    Column("accepted", lambda each: each.accepted, right=True),
    Column("429", lambda each: each.throttled, right=True),
    Column("failed", lambda each: each.failed, right=True),
    Column("waited", lambda each: _seconds(each.waited), right=True),
    Column("paused", lambda each: _seconds(each.paused), right=True),
    Column("rate/s", lambda each: rate_text(each.rate), right=True),
    Column("limit/s", lambda each: each.limit and rate_text(each.limit), right=True),
    Column("doing", lambda each: each.doing),
)
SHEET: Sheet[LaneFacts] = Sheet(orjson.dumps, COLUMNS, COLUMNS)
