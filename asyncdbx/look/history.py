"""The runs of an inventory, and what its tables were after each of them."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

import orjson

from asyncdbx.errors import StoreError
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.ledger import LISTINGS as TABLE
from asyncdbx.inventory.store import explained
from asyncdbx.look.duck import Duck
from asyncdbx.look.moment import Run, choose, names_run
from asyncdbx.look.tables import (
    Table,
    delta_table,
    has_table,
    read_table,
    scan,
    table_names,
)

__all__ = ["History", "Key", "Listings"]

LISTINGS = TABLE.name
Key = tuple[str, str]  # workspace and resource
COLUMNS = {
    **dict.fromkeys(("run_id", "workspace", "resource", "status"), "VARCHAR"),
    **dict.fromkeys(("started_at", "ended_at"), "TIMESTAMPTZ"),
}
RUNS = "SELECT run_id, min(started_at), max(ended_at) FROM _listings GROUP BY run_id"
STATUS = "SELECT workspace, resource, status FROM _listings WHERE run_id = ?"
LAST = """
    SELECT
        workspace,
        resource,
        max_by(run_id, place) FILTER (status = 'complete'),
        max_by(run_id, place)
    FROM _listings
    JOIN (SELECT unnest($1::VARCHAR[]) AS run_id, unnest(range(len($1))) AS place)
    USING (run_id)
    WHERE status = 'complete' OR published = 'merged'
    GROUP BY ALL"""


class Listings(NamedTuple):
    """What was listed by a run, and what had been by then.

    Attributes:
        run: The run.
        status: How each listing of the run ended.
        whole: The last run, up to this one, that had a listing complete.
        held: The last one that had it complete, or merged what came of it with the last.
    """

    run: Run
    status: Mapping[Key, str]
    whole: Mapping[Key, str]
    held: Mapping[Key, str]


class Commit(NamedTuple):
    """A version of a table; ``run`` is None where no run made it (an OPTIMIZE)."""

    version: int
    run: str | None


class History:
    """The runs of an inventory.

    Attributes:
        folder: The inventory's.
        duck: Reads its tables.
        runs: Those that have ended, in the order in which they did.
    """

    def __init__(self, folder: Folder, duck: Duck) -> None:
        """Read the table of listings, which can be large, in ``duck``.

        Raises:
            StoreError: It cannot be read.
        """
        self.folder = folder
        self.duck = duck
        self.runs = _runs(folder, duck)
        self._tables: dict[tuple[str, str], Table | None] = {}
        self._places: dict[str, float] = {run.id: at for at, run in enumerate(self.runs)}

    def find(self, what: str) -> Run:
        """Return the run that is meant; see :func:`asyncdbx.look.moment.choose`.

        A run that has not ended is found by its id.

        Raises:
            UsageError: There is none.
            StoreError: A table cannot be read.
        """
        runs = self.runs
        if names_run(what) and not any(run.id.startswith(what) for run in runs):
            runs = [*runs, *self._unfinished()]
        return choose(what, runs, datetime.now(UTC))

    def before(self, run: Run) -> Run | None:
        """Return the run before another; None if it is the first."""
        earlier = [each for each in self.runs if self.is_before(each, run)]
        return earlier[-1] if earlier else None

    def is_before(self, one: Run, other: Run) -> bool:
        """Return whether a run ended before another did."""
        return self._place(one.id) < self._place(other.id)

    def table(self, name: str, run: Run) -> Table | None:
        """Return a table as it was after a run; None if there was none yet.

        Its files may be gone; see :meth:`check`.

        Raises:
            StoreError: It cannot be read, or its log does not reach back so far.
        """
        key = name, run.id
        if key not in self._tables:
            self._tables[key] = self._table(name, run)
        return self._tables[key]

    def _table(self, name: str, run: Run) -> Table | None:
        try:
            version = self._version(name, run)
            return None if version is None else read_table(self.folder, name, version)
        except StoreError as error:
            read_table(self.folder, name)  # what is wrong with it today is said as it is
            raise self._gone(name, run) from error

    def check(self, name: str, run: Run, files: Sequence[str]) -> None:
        """Make sure that files of a table are still there.

        Raises:
            StoreError: Somebody has vacuumed them.
        """
        if not all(Path(file).exists() for file in files):
            raise self._gone(name, run)

    def listings(self, run: Run) -> Listings:
        """Return what a run had listed."""
        place = self._place(run.id)
        known = [each.id for each in self.runs if self._place(each.id) <= place]
        last = [*self.duck.run(LAST, [known]).rows()]
        whole = {(name, resource): of for name, resource, of, _ in last if of is not None}
        held = {(name, resource): of for name, resource, _, of in last}
        return Listings(run, self._status(run), whole, held)

    def _status(self, run: Run) -> dict[Key, str]:
        rows = self.duck.run(STATUS, [run.id]).rows()
        return {(workspace, resource): status for workspace, resource, status in rows}

    def _place(self, run_id: str) -> tuple[float, str]:
        """Return where a run stands among the others.

        One that has not ended stands behind those whose ids sort before its own.
        """
        place = self._places.get(run_id)
        if place is None:
            earlier = (at for each, at in self._places.items() if each < run_id)
            place = max(earlier, default=-1) + 0.5
        return place, run_id

    def _version(self, name: str, run: Run) -> int | None:
        """Return the last version before the first one of a later run; None if none."""
        version = last = delta_table(self.folder, name).version()
        for commit in _commits(self.folder, name, last):
            if commit.run is None:
                continue
            if self._place(commit.run) <= self._place(run.id):
                return version
            version = commit.version - 1
        if version == last:
            return last  # nothing has changed since, however short the log is
        if version >= 0:
            raise StoreError("the log does not reach back so far")
        return None

    def _gone(self, name: str, run: Run) -> StoreError:
        """Return an error that names the oldest run whose state of a table is whole."""
        runs = self.runs
        at = bisect_left(runs, True, key=lambda each: self._is_whole(name, each))
        oldest = f"the oldest one that can is {runs[at].id}" if runs[at:] else "none can"
        return StoreError(
            f"table {name} in {self.folder.path} can no longer be read as it was after run"
            f" {run.id}: it has been vacuumed, or its log cut; {oldest}"
        )

    def _is_whole(self, name: str, run: Run) -> bool:
        with suppress(StoreError):
            version = self._version(name, run)
            if version is None:
                return False
            table = read_table(self.folder, name, version)
            return all(Path(file.path).exists() for file in table.files)
        return False

    def _unfinished(self) -> list[Run]:
        """Return the runs that have published and not ended: under way, or given up."""
        found: set[str] = set()
        for name in table_names(self.folder):
            last = delta_table(self.folder, name).version()
            commits = _commits(self.folder, name, last)
            found.update(commit.run for commit in commits if commit.run is not None)
        return [Run(run) for run in sorted(found - self._places.keys())]


def _runs(folder: Folder, duck: Duck) -> list[Run]:
    duck.run(f"CREATE OR REPLACE TEMP VIEW {LISTINGS} AS {_listings(folder)}")
    runs = [Run(*row) for row in duck.run(RUNS).rows()]
    last = _last_commits(folder) if runs else {}
    # A clock that was set back must not change the order; ids decide where the log is cut.
    return sorted(runs, key=lambda run: (last.get(run.id, -1), run.id))


def _listings(folder: Folder) -> str:
    """Return a SELECT of how listings ended; without rows before any did."""
    if not has_table(folder, LISTINGS):
        return scan(COLUMNS | {"published": "VARCHAR"}, [])
    table = read_table(folder, LISTINGS)
    if not COLUMNS.keys() <= table.columns.keys():
        raise StoreError(f"table {LISTINGS} in {folder.path} was not made by asyncdbx")
    # Tables of earlier versions do not say what was published.
    later = "" if "published" in table.columns else "NULL::VARCHAR AS published, "
    return f"SELECT {later}* FROM ({table.sql()})"  # noqa: S608 - no name of anybody's


def _last_commits(folder: Folder) -> dict[str, int]:
    last: dict[str, int] = {}
    version = delta_table(folder, LISTINGS).version()
    for commit in _commits(folder, LISTINGS, version):
        if commit.run is not None:
            last.setdefault(commit.run, commit.version)
    return last


def _commits(folder: Folder, name: str, version: int) -> Iterator[Commit]:
    """Yield a table's commits down from a version, as far as the log reaches.

    They are read one by one: most often the answer is among the last ones, and deltalake
    finds none in a folder that has a # in its name.
    """
    log = folder.table(name) / "_delta_log"
    with explained(f"the log of table {name} in {folder.path} cannot be read"):
        for each in range(version, -1, -1):
            file = log / f"{each:020}.json"
            if not file.exists():
                return
            yield Commit(each, _run_of(file))


def _run_of(file: Path) -> str | None:
    """Return the run that a commit names; None if it names none."""
    try:
        for line in file.read_bytes().splitlines():
            action: Any = orjson.loads(line)
            if "commitInfo" in action:
                return cast("str | None", action["commitInfo"].get("run_id"))
    except (ValueError, TypeError, AttributeError) as error:
        raise StoreError(f"{file} is damaged") from error
    return None
