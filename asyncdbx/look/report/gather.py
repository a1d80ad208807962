"""All that a page tells about a run, out of the inventory's tables."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from asyncdbx.errors import AsyncdbxError, UsageError
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.ledger import LANES, MISSING
from asyncdbx.inventory.resources import RESOURCES
from asyncdbx.look.changing import Changing
from asyncdbx.look.compare import compare_runs
from asyncdbx.look.duck import Duck, identifier, opened
from asyncdbx.look.history import History, Key, Listings
from asyncdbx.look.moment import Run
from asyncdbx.look.plan import by_workspace
from asyncdbx.look.report.changes import Changes, changes_of
from asyncdbx.look.report.directories import Directories, directories_of
from asyncdbx.look.report.lacking import Lacking, lacking_of
from asyncdbx.look.report.listings import Listing, listings_of
from asyncdbx.look.report.pace import Pace, pace_of
from asyncdbx.look.report.stand_ins import StandIn, stand_ins
from asyncdbx.look.report.support import COLUMN, TABLES, Support, support_of
from asyncdbx.look.report.words import moment_text
from asyncdbx.look.tables import Table, count, has_table, read_table, scan

__all__ = ["Report", "gather"]

T = TypeVar("T")

# Enough for the join of a comparison and for the directories of millions of files; what is
# more spills to disk. Each thread takes memory of its own.
MEMORY = "256MB"
THREADS = 4


@dataclass(frozen=True, slots=True)
class Report:
    """All that is told about a run.

    Attributes:
        folder: The inventory's, as it was named.
        run: The run.
        is_last: No run has ended after it.
        can_retry: What it lacks can be fetched alone.
        made_at: The day and time of the page.
        listings: How each ended, by workspace and resource.
        stand_ins: What stands in the tables for what the run lacks.
        lacking: What is not complete, and why.
        changes: Since the run before.
        support: Runtimes out of support.
        directories: Those of DBFS; None if it was never listed, or cannot be read.
        pace: Of the lanes, over time.
        problems: Why a part is not there, each of which is None then.
    """

    folder: Path
    run: Run
    is_last: bool
    can_retry: bool
    made_at: datetime
    listings: Sequence[Listing]
    stand_ins: Sequence[StandIn] = ()
    lacking: Lacking | None = None
    changes: Changes | None = None
    support: Support | None = None
    directories: Directories | None = None
    pace: Pace | None = None
    problems: Mapping[str, str] = field(default_factory=dict[str, str])


def gather(folder: Path, at: str, now: datetime) -> Report:
    """Return all that is to be told about a run.

    A part that cannot be told, because a table is damaged or has been vacuumed, or because
    it needs more memory than it may have, is left out and named in ``problems``.

    Args:
        folder: The inventory's.
        at: Which run, as :func:`asyncdbx.look.moment.choose` takes it.
        now: The day and time of the page.

    Raises:
        UsageError: There is no such run, or it has not ended.
        StoreError: The folder is no inventory, or its runs cannot be read.
    """
    place = Folder.open(folder, create=False)
    with opened(MEMORY, THREADS) as duck:
        history = History(place, duck)
        run = history.find(at)
        if run.ended_at is None:
            raise UsageError(
                f"run {run.id} has not ended, and how its listings end is not known yet;"
                " asyncdbx query and diff read what it has published"
            )
        return _Gathering(place, duck, history, run).report(folder, now)


class _Gathering:
    """One run's view of the tables."""

    def __init__(self, folder: Folder, duck: Duck, history: History, run: Run) -> None:
        self._folder = folder
        self._duck = duck
        self._history = history
        self._run = run
        self._runs = {each.id: each for each in history.runs}
        self._problems: dict[str, str] = {}

    def report(self, named: Path, now: datetime) -> Report:
        listings = listings_of(self._duck, self._run.id)
        known = self._history.listings(self._run)
        is_last = self._run.id == self._history.runs[-1].id
        return Report(
            named,
            self._run,
            is_last,
            is_last and self._folder.last_spool.exists(),
            now,
            listings,
            stand_ins(known, self._history.runs),
            self._try("lacking", lambda: self._lacking(listings, known)),
            self._try("changes", lambda: self._changes(known)),
            self._try("support", lambda: self._support(now)),
            self._try("directories", self._directories),
            self._try("pace", self._pace),
            self._problems,
        )

    def _try(self, part: str, work: Callable[[], T]) -> T | None:
        try:
            return work()
        except AsyncdbxError as error:
            self._problems[part] = str(error)
            return None

    def _lacking(self, listings: Sequence[Listing], known: Listings) -> Lacking:
        if not self._see(self._now(MISSING.name)):
            nothing = scan(dict.fromkeys(MISSING.columns, "VARCHAR"), [])
            self._view(MISSING.name, nothing)
        whole, held = (
            {key: self._runs[run] for key, run in runs.items() if run in self._runs}
            for runs in (known.whole, known.held)
        )
        return lacking_of(self._duck, self._run.id, listings, whole, held)

    def _changes(self, known: Listings) -> Changes:
        records = self._records(known)
        before = self._history.before(self._run)
        if before is None:
            return changes_of(records, None, self._when)
        runs, changing = (before, self._run), Changing.known()
        comparison = compare_runs(self._history, runs, None, changing)
        return changes_of(records, comparison, self._when)

    def _records(self, known: Listings) -> Mapping[Key, int]:
        """Return how many rows the tables have, a complete listing without any too."""
        found: Counter[Key] = Counter()
        for name in RESOURCES:
            if not has_table(self._folder, name):
                continue
            found.update({key: 0 for key in sorted(known.whole) if key[1] == name})
            table = self._history.table(name, self._run)
            for workspace, files in by_workspace(table).items():
                found[workspace, name] += count(self._duck, files)
        return found

    def _when(self, run_id: str) -> str:
        run = self._runs.get(run_id)
        if run is None or run.ended_at is None:
            return f"run {run_id}"
        return moment_text(run.ended_at)

    def _support(self, now: datetime) -> Support:
        tables = [self._then(name) for name in TABLES]
        used = [
            table.name
            for table in tables
            if table and COLUMN in table.columns and self._see(table)
        ]
        return support_of(self._duck, used, now.date())

    def _directories(self) -> Directories | None:
        return directories_of(self._duck) if self._see(self._then("dbfs")) else None

    def _pace(self) -> Pace:
        if not self._see(self._now(LANES.name)):
            return Pace()
        return pace_of(self._duck, self._run.id)

    def _then(self, name: str) -> Table | None:
        """Return a resource's table as it was after the run; None if there was none."""
        if not has_table(self._folder, name):
            return None
        table = self._history.table(name, self._run)
        if table is not None:
            self._history.check(name, self._run, [file.path for file in table.files])
        return table

    def _now(self, name: str) -> Table | None:
        """Return a table that has rows of every run; None if there is none yet."""
        return read_table(self._folder, name) if has_table(self._folder, name) else None

    def _see(self, table: Table | None) -> bool:
        """Make a view of a table, and return whether there is one."""
        if table is not None:
            self._view(table.name, table.sql())
        return table is not None

    def _view(self, name: str, sql: str) -> None:
        self._duck.run(f"CREATE OR REPLACE TEMP VIEW {identifier(name)} AS {sql}")
