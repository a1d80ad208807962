"""Crash-safe staging: what is left to fetch and what has been fetched, in one file.

A *listing* is one resource of one workspace. A *unit* is what can be fetched again
alone: a chain of pages, a directory, one object's ACL. What fetching a unit gave (its
records, the units it led to, where its page chain stands) is committed in one
transaction, so a run that was killed goes on where it was, without loss or duplicates.

The file is SQLite with a write-ahead log and ``synchronous=NORMAL``: nothing flushed is
lost when the process dies; after a power cut the last moments are fetched again.
"""

import sqlite3
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Any, Self

from asyncdbx.inventory.rows import Row
from asyncdbx.inventory.spool_file import connect, discard, explained, now, open_file
from asyncdbx.inventory.spool_listing import (
    FAILED,
    Failure,
    Listing,
    Outcome,
    State,
    Summary,
    Unit,
)

__all__ = ["Failure", "Spool", "State", "Summary", "Unit", "discard"]

FLUSH_ROWS = 2_000  # about 10 ms of work
FLUSH_SECONDS = 0.25  # what a killed run has to fetch again, at most
BATCH_ROWS = 5_000
BATCH_BYTES = 2**20
SHOWN_FAILURES = 5

REOPEN_LISTINGS = """
    UPDATE listing SET ended_at = NULL, published_at = NULL WHERE id IN
    (SELECT listing FROM unit WHERE state IN ('partial', 'denied', 'unavailable'))"""
REOPEN_UNITS = """
    UPDATE unit SET state = 'pending', error = ''
    WHERE state IN ('partial', 'denied', 'unavailable')"""
UNSTAGE = """
    INTO record SELECT listing, id, name, parent, body, fetched_at
    FROM staged WHERE unit = ? ORDER BY number"""


class Spool:
    """The staging file of one run. All methods may be called from any thread.

    Attributes:
        run_id: Names the run; sorts by time.
        started_at: When the run began, in milliseconds since 1970 (UTC).
        resumed: Whether it was begun by an earlier process.
    """

    def __init__(self, file: Path, db: sqlite3.Connection, *, resumed: bool) -> None:
        """Use :meth:`open`."""
        self._file = file
        self._db = db
        self._lock = RLock()
        self._listings = {(at.workspace, at.resource): at for at in _load(db)}
        self._in_hand: dict[int, Listing] = {}
        self._dirty: dict[Listing, None] = {}  # a set that keeps its order
        self._staged: Counter[int] = Counter()  # records of units in hand
        self._waiting = 0
        self._flushed_at = time.monotonic()
        about = dict(db.execute("SELECT name, value FROM run"))
        self.run_id: str = about["run_id"]
        self.started_at = int(about["started_at"])
        self.resumed = resumed

    @classmethod
    def open(cls, file: Path, plan: Mapping[str, Any]) -> Self:
        """Open the spool of ``plan``, or begin one if there is no file.

        Args:
            file: The SQLite file; its folder is made if needed.
            plan: What tells this run from another: fleet, resources, options. JSON.

        Raises:
            StoreError: The spool there belongs to another plan or another version, is
                damaged, or the disk refuses. Nothing is deleted.
        """
        db, resumed = open_file(file, plan)
        try:
            with explained(file):
                return cls(file, db, resumed=resumed)
        except BaseException:
            db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what waits, and close the file."""
        with self._lock, closing(self._db):
            self.flush()

    def discard(self) -> None:
        """Close the file and delete it, with all that was fetched."""
        with self._lock:
            self._db.close()
            self._dirty.clear()
            discard(self._file)

    def add(self, units: Iterable[Unit]) -> None:
        """Add units to fetch. One whose step and key are known is not added again."""
        with self._lock:
            self._add(units)
            self._flush_if_due()

    def pending(self, workspace: str, resource: str, limit: int) -> list[tuple[int, Unit]]:
        """Hand out up to ``limit`` units to fetch, oldest first, each with its id.

        A unit is handed out once in the life of this object, and stays in the caller's
        hand until it is committed as anything but ``"pending"``. Opened again, the
        spool hands out all that is pending.
        """
        with self._lock:
            listing = self._listing(workspace, resource)
            units = self._hand_out(listing, limit)
            if len(units) < limit and listing.new_units:
                self.flush()
                units += self._hand_out(listing, limit - len(units))
            if units and listing.started_at is None:
                listing.started_at = now()
                self._dirty[listing] = None
            return units

    def stage(
        self, unit_id: int, records: Sequence[Row], children: Iterable[Unit] = ()
    ) -> None:
        """Put aside what has come of a page that is not yet whole, to free the memory.

        The records are no one's until the unit's next commit: it makes them the listing's,
        with its own, in one transaction, or forgets them if the unit failed. A spool that
        is opened again has forgotten them. The units they led to are added at once: to
        fetch one too many is harmless.

        Raises:
            KeyError: The unit is in nobody's hand.
            StoreError: The disk refuses.
        """
        with self._lock:
            listing = self._in_hand[unit_id].id
            self._add(children)
            first = self._staged[unit_id]
            rows = [
                (unit_id, number, listing, *row)
                for number, row in enumerate(records, first)
            ]
            with self._transaction():
                self._db.executemany(
                    "INSERT INTO staged VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows
                )
            self._staged[unit_id] += len(rows)
            self._flush_if_due()

    def unstage(self, unit_id: int) -> None:
        """Forget what was put aside of a unit: its page is fetched anew."""
        with self._lock:
            if self._staged.pop(unit_id, 0):
                with self._transaction():
                    self._db.execute("DELETE FROM staged WHERE unit = ?", (unit_id,))

    def commit(  # noqa: PLR0913 - what one answer can mean, all in one transaction
        self,
        unit_id: int,
        *,
        outcome: State,
        records: Sequence[Row] = (),
        children: Iterable[Unit] = (),
        cursor: str | None = None,
        error: str = "",
        calls: int = 1,
        throttled: int = 0,
    ) -> None:
        """Take what fetching a unit gave; all of it reaches the file, or nothing.

        It is written together with its neighbours, after at most 2,000 rows, or with
        the next commit after a quarter of a second; :meth:`flush` does not wait.

        Args:
            unit_id: A unit in the caller's hand.
            outcome: ``"pending"`` if more pages follow, which the caller goes on to
                fetch; otherwise how the unit ended.
            records: Its records; one whose id the listing has replaces the older.
            children: The units it led to, of this listing or another.
            cursor: Where its page chain stands now.
            error: Why it did not end as done.
            calls: Calls made for this commit, those sent again included.
            throttled: How many of them were answered 429.

        Raises:
            KeyError: The unit is in nobody's hand.
            StoreError: The disk refuses. What was committed stays in memory, and
                :meth:`flush` tries again.
        """
        followers = list(children)  # may fail, so before anything is noted
        with self._lock:
            listing = self._in_hand[unit_id]
            if outcome != "pending":
                del self._in_hand[unit_id]
            if staged := self._staged.pop(unit_id, 0):
                listing.settled.append((unit_id, staged, outcome not in FAILED))
            listing.take(Outcome(outcome, cursor, error, unit_id))
            listing.new_records.extend((listing.id, *record) for record in records)
            listing.calls += calls
            listing.throttled += throttled
            listing.touched_at = now()
            self._dirty[listing] = None
            self._waiting += 1 + len(records)
            self._add(followers)
            if staged:
                self.flush()  # the next page's are counted from zero again
            else:
                self._flush_if_due()

    def flush(self) -> None:
        """Write all that waits in one transaction."""
        with self._lock:
            if self._dirty:
                with self._transaction():
                    written = [(at, *self._write(at)) for at in self._dirty]
                for listing, units, records in written:
                    listing.written(units, records)
                self._dirty.clear()
                self._waiting = 0
            self._flushed_at = time.monotonic()

    def open_units(self, workspace: str, resource: str) -> int:
        """Return how many units of a listing are not finished."""
        with self._lock:
            listing = self._listing(workspace, resource)
            if listing.new_units:  # how many of them are new, only the file knows
                self.flush()
            return listing.open_units()

    def summary(self, workspace: str, resource: str) -> Summary:
        """Return how one listing stands, what waits to be written included."""
        with self._lock:
            self.flush()
            return self._summary(self._listing(workspace, resource))

    def summaries(self) -> list[Summary]:
        """Return how every listing stands, in the order they were begun."""
        with self._lock:
            self.flush()
            return [self._summary(listing) for listing in self._listings.values()]

    def rows(self, workspace: str, resource: str) -> Iterator[list[Row]]:
        """Read a listing's records, ordered by id, in batches of up to 5,000 or 1 MiB.

        It reads through a connection of its own, so that it may run in one thread
        while others commit to other listings.
        """
        with self._lock:
            self.flush()
            listing = self._listing(workspace, resource).id
        with explained(self._file), closing(connect(self._file)) as db:
            last: str | None = None
            # Each batch is a transaction of its own: one that stayed open would keep
            # the write-ahead log from being emptied while others write.
            while batch := _batch(db, listing, last):
                yield batch
                last = batch[-1].id

    def mark_published(self, workspace: str, resource: str) -> None:
        """Note, durably, that a listing is published: a resumed run leaves it alone."""
        with self._lock:
            listing = self._listing(workspace, resource)
            listing.published_at = now()
            self._dirty[listing] = None
            self.flush()

    def retry_failed(self) -> int:
        """Make the units that failed pending again, and return how many they are.

        For the beginning of a run, while no unit is in anyone's hand. Their listings
        are neither ended nor published any more.
        """
        if self._in_hand:
            raise RuntimeError("units are in hand; retry the failed ones before")
        with self._lock:
            self.flush()
            with self._transaction():
                self._db.execute(REOPEN_LISTINGS)
                count = self._db.execute(REOPEN_UNITS).rowcount
            self._listings = {(at.workspace, at.resource): at for at in _load(self._db)}
        return count

    def _add(self, units: Iterable[Unit]) -> None:
        for unit in units:
            listing = self._listing(unit.workspace, unit.resource)
            listing.new_units.append((listing.id, unit.step, unit.key, unit.cursor))
            self._dirty[listing] = None
            self._waiting += 1

    def _listing(self, workspace: str, resource: str) -> Listing:
        listing = self._listings.get((workspace, resource))
        if listing is None:
            listing = Listing(len(self._listings) + 1, workspace, resource)
            self._listings[workspace, resource] = listing
            self._dirty[listing] = None
        return listing

    def _hand_out(self, listing: Listing, limit: int) -> list[tuple[int, Unit]]:
        # What waits to be written concerns units already handed out, so the file is
        # right about all those behind them.
        sql = """
            SELECT id, step, key, cursor FROM unit
            WHERE listing = ? AND state = 'pending' AND id > ? ORDER BY id LIMIT ?"""
        with explained(self._file):
            found = self._db.execute(sql, (listing.id, listing.handed_out, max(0, limit)))
            units = [
                (unit_id, Unit(listing.workspace, listing.resource, *rest))
                for unit_id, *rest in found
            ]
        if units:
            listing.handed_out = units[-1][0]
            self._in_hand.update((unit_id, listing) for unit_id, _ in units)
        return units

    def _flush_if_due(self) -> None:
        late = time.monotonic() - self._flushed_at > FLUSH_SECONDS
        if late or self._waiting >= FLUSH_ROWS:
            self.flush()

    @contextmanager
    def _transaction(self) -> Generator[None]:
        with explained(self._file):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite ends it itself on a full disk
                    self._db.execute("ROLLBACK")
                raise

    def _write(self, listing: Listing) -> tuple[int, int]:
        """Write what waits of a listing; return how many units and records were new."""
        units = self._insert_units(listing)
        records = self._insert_records(listing)
        self._db.executemany(
            "UPDATE unit SET state = ?, cursor = ?, error = ? WHERE id = ?",
            listing.outcomes.values(),
        )
        values = listing.row(units, records)
        self._db.execute(
            "REPLACE INTO listing VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values
        )
        return units, records

    def _insert_units(self, listing: Listing) -> int:
        sql = "INSERT OR IGNORE INTO unit (listing, step, key, cursor) VALUES (?, ?, ?, ?)"
        return self._db.executemany(sql, listing.new_units).rowcount

    def _insert_records(self, listing: Listing) -> int:
        new = sum(self._settle(*staged) for staged in listing.settled)
        new += self._insert_new_records(listing)
        return new

    def _settle(self, unit_id: int, count: int, kept: bool) -> int:  # noqa: FBT001 - of a row
        """Make staged records the listing's, or forget them; return how many are new."""
        new = 0
        if kept:
            insert = f"INSERT OR IGNORE {UNSTAGE}"
            new = self._db.execute(insert, (unit_id,)).rowcount
            if new < count:
                self._db.execute(f"REPLACE {UNSTAGE}", (unit_id,))
        self._db.execute("DELETE FROM staged WHERE unit = ?", (unit_id,))
        return new

    def _insert_new_records(self, listing: Listing) -> int:
        new = self._db.executemany(
            "INSERT OR IGNORE INTO record VALUES (?, ?, ?, ?, ?, ?)", listing.new_records
        ).rowcount
        if new < len(listing.new_records):  # rare: some id came again, and newest wins
            self._db.executemany(
                "REPLACE INTO record VALUES (?, ?, ?, ?, ?, ?)", listing.new_records
            )
        return new

    def _summary(self, listing: Listing) -> Summary:
        return listing.summary(self._failures(listing))

    def _failures(self, listing: Listing) -> tuple[Failure, ...]:
        if not any(listing.states[state] for state in FAILED):
            return ()
        sql = """
            SELECT step, key, state, error FROM unit
            WHERE listing = ? AND state IN ('partial', 'denied', 'unavailable')
            ORDER BY id LIMIT ?"""
        with explained(self._file):
            found = self._db.execute(sql, (listing.id, SHOWN_FAILURES))
            return tuple(Failure(*row) for row in found)


def _load(db: sqlite3.Connection) -> Iterator[Listing]:
    states: dict[int, Counter[str]] = {}
    counts = "SELECT listing, state, count(*) FROM unit GROUP BY listing, state"
    for listing, state, count in db.execute(counts):
        states.setdefault(listing, Counter())[state] = count
    for row in db.execute("SELECT * FROM listing ORDER BY id").fetchall():
        listing = Listing(*row)
        listing.states.update(states.get(listing.id, {}))
        yield listing


def _batch(db: sqlite3.Connection, listing: int, last: str | None) -> list[Row]:
    """Return the records behind ``last`` (None: from the first), 5,000 or 1 MiB."""
    behind = "id >= ''" if last is None else "id > ?2"
    sql = f"""
        SELECT id, name, parent, body, fetched_at FROM record
        WHERE listing = ?1 AND {behind} ORDER BY id LIMIT {BATCH_ROWS}"""  # noqa: S608 - our own words
    batch: list[Row] = []
    size = 0
    with closing(db.execute(sql, (listing,) if last is None else (listing, last))) as found:
        while size < BATCH_BYTES and (rows := found.fetchmany(100)):
            batch += map(Row._make, rows)
            size += sum(len(row[3]) for row in rows)
    return batch
