"""A crawl while it runs, on stderr: live bars on a terminal, plain lines otherwise."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from dataclasses import asdict, dataclass

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from asyncdbx.cli.log import LogFormat, log_line
from asyncdbx.escape import visible
from asyncdbx.inventory.crawl import Crawl, Listing
from asyncdbx.quantity import rate_text, seconds_text

__all__ = ["watching"]

LIVE_EVERY = 0.25  # seconds
LINE_EVERY = 10.0  # seconds
WINDOW = 5.0  # seconds over which a rate is averaged
BUSIEST = 12  # listings shown one by one


@dataclass(frozen=True, slots=True)
class WorkspaceProgress:
    """Where one workspace stands.

    Attributes:
        workspace: Its name.
        ended: Listings that have ended.
        listings: Listings in all.
        incomplete: Those that ended otherwise than complete.
        records: Records fetched.
        calls: Requests sent.
        per_second: Requests per second, lately.
        throttled: How many requests were answered with 429.
        left: Units that are known and not yet done.
        seconds_left: Estimate; it grows while trees and lists turn out to be larger.
    """

    workspace: str
    ended: int
    listings: int
    incomplete: int
    records: int
    calls: int
    per_second: float
    throttled: int
    left: int
    seconds_left: float


class Rate:
    """Counts per second over the last few seconds.

    Args:
        now: When counting begins, at 0; seconds, of any monotonic clock.
    """

    def __init__(self, now: float) -> None:
        self._seen = deque([(now, 0)])

    def of(self, count: int, now: float) -> float:
        """Note a count and return how fast it has grown.

        Args:
            count: Of all so far.
            now: Seconds, of the same clock.
        """
        self._seen.append((now, count))
        while now - self._seen[0][0] > WINDOW and len(self._seen) > 2:
            self._seen.popleft()
        then, before = self._seen[0]
        return (count - before) / (now - then) if now > then else 0.0


class Progress:
    """Measures a crawl.

    Args:
        crawl: The crawl.
        now: When it begins; loop time, seconds.
    """

    def __init__(self, crawl: Crawl, now: float) -> None:
        self.crawl = crawl
        self._by_workspace: dict[str, list[Listing]] = {}
        for listing in crawl.listings.values():
            self._by_workspace.setdefault(listing.workspace.name, []).append(listing)
        self._rates = {name: Rate(now) for name in self._by_workspace}

    def workspaces(self, now: float) -> list[WorkspaceProgress]:
        """Return where each workspace stands.

        Args:
            now: Loop time, seconds.
        """
        return [
            self._workspace(name, listings, now)
            for name, listings in self._by_workspace.items()
        ]

    def _workspace(
        self, name: str, listings: list[Listing], now: float
    ) -> WorkspaceProgress:
        wanted = [each for each in listings if each.wanted]
        ended = [each.ended for each in wanted if each.ended is not None]
        calls = sum(each.calls for each in listings)
        running = [each for each in listings if each.ended is None]
        return WorkspaceProgress(
            name,
            len(ended),
            len(wanted),
            sum(each.status != "complete" for each in ended),
            sum(each.records for each in listings),
            calls,
            self._rates[name].of(calls, now),
            sum(each.throttled for each in listings),
            sum(self.crawl.left(each) for each in running),
            max((self.seconds_left(each, now) for each in running), default=0.0),
        )

    def busiest(self, now: float) -> list[tuple[Listing, int]]:
        """Return the listings that will take longest, with their units left.

        Args:
            now: Loop time, seconds.
        """
        running = [
            (each, self.crawl.left(each))
            for each in self.crawl.listings.values()
            if each.ended is None
        ]
        at_work = [
            (each, left)
            for each, left in running
            if left > 1 or (left and each.lane.paused_until > now)
        ]
        at_work.sort(key=lambda pair: self.seconds_left(pair[0], now), reverse=True)
        return at_work[:BUSIEST]

    def seconds_left(self, listing: Listing, now: float) -> float:
        """Return how long the units of a listing will take, if no more turn up.

        Args:
            listing: Of this crawl.
            now: Loop time, seconds.
        """
        left = self.crawl.left(listing)
        if not left:
            return 0.0
        lane = listing.lane
        return max(0.0, lane.paused_until - now) + left / (lane.rate or 1_000.0)


@contextlib.asynccontextmanager
async def watching(crawl: Crawl, log_format: LogFormat) -> AsyncGenerator[None]:
    """Show a crawl until the block is left.

    Args:
        crawl: The crawl.
        log_format: ``"json"`` prints plain lines as JSON, on a terminal too.
    """
    console = Console(stderr=True)
    progress = Progress(crawl, time.monotonic())
    live = console.is_terminal and log_format == "text"
    show = _show_live(progress, console) if live else _show_lines(progress, log_format)
    task = asyncio.create_task(show)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _show_live(progress: Progress, console: Console) -> None:
    started = time.monotonic()
    with Live(console=console, auto_refresh=False, transient=True) as live:
        try:
            while True:
                live.update(_screen(progress, started), refresh=True)
                await asyncio.sleep(LIVE_EVERY)
        finally:
            live.update(_screen(progress, started), refresh=True)


def _screen(progress: Progress, started: float) -> RenderableType:
    now = time.monotonic()
    workspaces = progress.workspaces(now)
    left = max((each.seconds_left for each in workspaces), default=0.0)
    head = Text(
        f"{seconds_text(now - started)} gone, about {seconds_text(left)} left", style="bold"
    )
    return Group(head, _workspaces_table(workspaces), _busiest_table(progress, now))


def _workspaces_table(workspaces: Iterable[WorkspaceProgress]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("workspace")
    table.add_column("listings")
    for title in ("", "records", "calls", "calls/s", "429", "left"):
        table.add_column(title, justify="right")
    for each in workspaces:
        table.add_row(
            Text(visible(each.workspace)),
            ProgressBar(total=each.listings, completed=each.ended, width=24),
            f"{each.ended}/{each.listings}",
            f"{each.records:,}",
            f"{each.calls:,}",
            f"{each.per_second:.0f}",
            f"{each.throttled:,}",
            "done" if each.ended == each.listings else seconds_text(each.seconds_left),
        )
    return table


def _busiest_table(progress: Progress, now: float) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", style="dim", expand=True)
    table.add_column("at work")
    for title in ("records", "to do", "rate/s", "429", "left"):
        table.add_column(title, justify="right")
    # What a narrow terminal has no room for is cut off here, and nowhere else.
    table.add_column("doing", ratio=1, no_wrap=True, overflow="ellipsis")
    for listing, left in progress.busiest(now):
        table.add_row(
            Text(visible(f"{listing.workspace.name} {listing.resource.name}")),
            f"{listing.records:,}",
            f"{left:,}",
            rate_text(listing.lane.rate),
            f"{listing.throttled:,}",
            seconds_text(progress.seconds_left(listing, now)),
            listing.lane.why(now),
        )
    return table


async def _show_lines(progress: Progress, log_format: LogFormat) -> None:
    while True:
        await asyncio.sleep(LINE_EVERY)
        for each in progress.workspaces(time.monotonic()):
            if each.ended < each.listings:
                click.echo(_line(each, log_format), err=True)


def _line(each: WorkspaceProgress, log_format: LogFormat) -> str:
    if log_format == "json":
        return log_line("progress", asdict(each))
    return (
        f"{visible(each.workspace)}: {each.ended} of {each.listings} listings,"
        f" {each.records:,} records, {each.calls:,} calls ({each.per_second:.0f}/s,"
        f" {each.throttled} throttled), {each.left:,} to do, about"
        f" {seconds_text(each.seconds_left)} left"
    )
