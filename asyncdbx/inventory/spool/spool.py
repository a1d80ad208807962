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
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Any, Self

from asyncdbx.inventory.rows import Block, Row
from asyncdbx.inventory.spool.batch import Batch, grouped, merged
from asyncdbx.inventory.spool.file import connect, explained, now, open_file
from asyncdbx.inventory.spool.listing import (
    FAILED,
    Failure,
    Listing,
    Outcome,
    Sample,
    State,
    Summary,
    Unit,
)
from asyncdbx.inventory.spool.repeats import Repeats

__all__ = ["Spool"]

FLUSH_RECORDS = 5_000  # that wait, at most
FLUSH_SECONDS = 0.005  # that something waits which many commits follow
SHOWN_FAILURES = 5
SOME = 1_000  # rows read at once

# One that is published is complete though a service it may also come from is unavailable;
# what else failed of it has come since.
REOPEN_UNITS = """
    UPDATE unit SET state = 'pending', error = ''
    WHERE state IN ('partial', 'denied', 'unavailable') AND (state != 'unavailable'
    OR listing IN (SELECT id FROM listing WHERE published_at IS NULL))"""
REOPEN_LISTINGS = """
    UPDATE listing SET ended_at = NULL
    WHERE id IN (SELECT listing FROM unit WHERE state = 'pending')"""
NEW_UNIT = "INSERT OR IGNORE INTO unit (listing, step, key, cursor) VALUES (?, ?, ?, ?)"
NEW_BATCH = """
    INSERT INTO batch (listing, unit, whole, records, ids, rest)
    VALUES (?, ?, ?, ?, ?, ?)"""
NEW_SAMPLE = "INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
FAILURES = """
    SELECT id, step, key, state, pages, error FROM unit
    WHERE listing = ? AND state IN ('partial', 'denied', 'unavailable') AND id > ?
    ORDER BY id LIMIT ?"""
# Of an object the cursor holds all pages so far; nobody asks for it once they are whole.
OUTCOME = """
    UPDATE unit SET state = ?1, pages = pages + ?3, error = ?4,
    cursor = iif(?1 IN ('done', 'gone'), NULL, coalesce(?2, cursor))
    WHERE id = ?5"""


@dataclass(slots=True)
class InHand:
    """A unit that somebody is fetching.

    Attributes:
        listing: It belongs to.
        chained: It has more pages than one, so its records are kept apart.
        staged: Records put aside of its present page.
    """

    listing: Listing
    chained: bool
    staged: int = 0


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
        self._in_hand: dict[int, InHand] = {}
        self._dirty: dict[Listing, None] = {}  # a set that keeps its order
        self._waiting = 0  # records
        self._waiting_since: float | None = None
        self._samples: list[Sample] = []
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
        """Write what waits, and close the file, which is whole then without its log."""
        with self._lock, explained(self._file), closing(self._db):
            self.flush()
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def shrink(self) -> None:
        """Give back the room of what is no longer kept, before the file is put away."""
        with self._lock, explained(self._file):
            self.flush()
            with suppress(sqlite3.OperationalError):  # it moves pages, which needs room
                self._db.executescript("PRAGMA incremental_vacuum")  # a step for each page

    def add(self, units: Iterable[Unit]) -> None:
        """Add units to fetch. One whose step and key are known is not added again."""
        with self._lock:
            self._add(units)

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
            unit = self._in_hand[unit_id]
            self._add(children)
            with self._transaction():
                self._insert(unit.listing, unit_id, records, whole=False)
            unit.staged += len(records)

    def unstage(self, unit_id: int) -> None:
        """Forget what was put aside of a unit: its page is fetched anew."""
        with self._lock:
            unit = self._in_hand[unit_id]
            if unit.staged:
                unit.staged = 0
                with self._transaction():
                    self._settle(unit_id, kept=False)

    def restart(self, unit_id: int) -> None:
        """Forget all that a unit has brought: it is fetched anew from its first page."""
        with self._lock:
            unit = self._in_hand[unit_id]
            self.flush()
            with self._transaction():
                self._settle(unit_id, kept=False)
                sql = "SELECT coalesce(sum(records), 0) FROM batch WHERE unit = ?"
                (count,) = self._db.execute(sql, (unit_id,)).fetchone()
                self._db.execute("DELETE FROM batch WHERE unit = ?", (unit_id,))
                self._db.execute(
                    "UPDATE unit SET cursor = NULL, pages = 0 WHERE id = ?", (unit_id,)
                )
                sql = "UPDATE listing SET records = records - ? WHERE id = ?"
                self._db.execute(sql, (count, unit.listing.id))
            unit.listing.records -= count
            unit.staged = 0

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

        It is written together with its neighbours by the next :meth:`flush`, which is up
        to the caller; beyond 5,000 records, or 5 ms behind the first commit, it does not
        wait for that.

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
            unit = self._in_hand[unit_id]
            listing = unit.listing
            unit.chained |= outcome == "pending"
            if outcome != "pending":
                del self._in_hand[unit_id]
            kept = outcome in {"pending", "done"}
            staged, unit.staged = unit.staged, 0
            listing.records += len(records) + (staged if kept else 0)
            if staged:
                listing.settled.append((unit_id, kept))
            if records:
                whose = unit_id if unit.chained else None
                listing.new_records.setdefault(whose, []).extend(records)
                self._waiting += len(records)
            listing.take(Outcome(outcome, cursor, int(kept), error, unit_id))
            listing.calls += calls
            listing.throttled += throttled
            listing.touched_at = now()
            self._dirty[listing] = None
            self._add(followers)
            if staged:
                self.flush()  # what is put aside from now on is the next page's
            else:
                self._flush_if_due()

    def note_calls(self, unit_id: int, calls: int, throttled: int = 0) -> None:
        """Count calls for a unit that brought nothing yet."""
        with self._lock:
            listing = self._in_hand[unit_id].listing
            listing.calls += calls
            listing.throttled += throttled
            self._dirty[listing] = None

    def add_samples(self, samples: Iterable[Sample]) -> None:
        """Keep what lanes did, with the next flush."""
        with self._lock:
            self._samples.extend(samples)

    def samples(self) -> Iterator[Sample]:
        """Read what lanes did in this run, in the order of time, one by one."""
        with self._lock:
            self.flush()
        with explained(self._file), closing(connect(self._file)) as db:
            yield from map(
                Sample._make, db.execute("SELECT * FROM sample ORDER BY at, rowid")
            )

    def flush(self) -> None:
        """Write all that waits in one transaction.

        Raises:
            StoreError: The disk refuses; it waits in memory, and the next call tries again.
        """
        with self._lock:
            if not self._dirty and not self._samples:
                return
            with self._transaction():
                written = [(at, self._write(at)) for at in self._dirty]
                self._db.executemany(NEW_SAMPLE, self._samples)
            for listing, units in written:
                listing.written(units)
            self._dirty.clear()
            self._samples.clear()
            self._waiting = 0
            self._waiting_since = None

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

    def blocks(self, workspace: str, resource: str) -> Iterator[Block]:
        """Read a listing's records, each id once, in blocks of some thousand or 1 MiB.

        It reads through a connection of its own, so that it may run in one thread
        while others commit to other listings. Memory: a block, and 32 bits a record.

        Raises:
            StoreError: The file is damaged, or cannot be read.
        """
        with self._lock:
            self.flush()
            listing = self._listing(workspace, resource)
        repeats = Repeats(listing.records)
        with explained(self._file), closing(connect(self._file)) as db:
            # Each batch is a transaction of its own: one that stayed open would keep
            # the write-ahead log from being emptied while others write.
            for batch in _batches(db, listing.id):
                repeats.look(batch.read_ids())
            unique = (repeats.unique(each.read()) for each in _batches(db, listing.id))
            yield from merged(unique)

    def failures(self, workspace: str, resource: str) -> Iterator[Failure]:
        """Read all units of a listing that failed, in the order they were found."""
        with self._lock:
            self.flush()
            listing = self._listing(workspace, resource)
        last = 0
        while True:
            with self._lock, explained(self._file):
                found = self._db.execute(FAILURES, (listing.id, last, SOME)).fetchall()
            if not found:
                return
            last = found[-1][0]
            yield from (Failure(*row[1:]) for row in found)

    def holds(self, workspace: str, resource: str) -> bool:
        """Return whether it has records of a listing that are not published."""
        sql = "SELECT EXISTS (SELECT 1 FROM batch WHERE listing = ? AND whole)"
        with self._lock:
            self.flush()
            listing = self._listing(workspace, resource)
            with explained(self._file):
                (found,) = self._db.execute(sql, (listing.id,)).fetchone()
        return bool(found)

    def mark_published(self, workspace: str, resource: str, records: int) -> None:
        """Note, durably, that a listing is published: a resumed run leaves it alone.

        Its records are no longer kept.

        Args:
            workspace: Of the listing.
            resource: Of the listing.
            records: How many were published, each id once.
        """
        with self._lock:
            self.flush()
            listing = self._listing(workspace, resource)
            listing.published_at = now()
            listing.records = records
            with self._transaction():
                self._db.execute("DELETE FROM batch WHERE listing = ?", (listing.id,))
                self._write(listing)

    def retry_failed(self) -> int:
        """Make the units that failed pending again, and return how many they are.

        For the beginning of a run, while no unit is in anyone's hand. Their listings
        have not ended any more; what is unavailable of published ones is left alone.
        """
        if self._in_hand:
            raise RuntimeError("units are in hand; retry the failed ones before")
        with self._lock:
            self.flush()
            with self._transaction():
                count = self._db.execute(REOPEN_UNITS).rowcount
                self._db.execute(REOPEN_LISTINGS)
            self._listings = {(at.workspace, at.resource): at for at in _load(self._db)}
        return count

    def _add(self, units: Iterable[Unit]) -> None:
        for unit in units:
            listing = self._listing(unit.workspace, unit.resource)
            listing.new_units.append((listing.id, unit.step, unit.key, unit.cursor))
            self._dirty[listing] = None

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
            for unit_id, unit in units:
                self._in_hand[unit_id] = InHand(listing, unit.cursor is not None)
        return units

    def _flush_if_due(self) -> None:
        at = time.monotonic()
        if self._waiting_since is None:
            self._waiting_since = at
        late = at - self._waiting_since > FLUSH_SECONDS
        if late or self._waiting >= FLUSH_RECORDS:
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

    def _write(self, listing: Listing) -> int:
        """Write what waits of a listing; return how many units were new."""
        units = self._db.executemany(NEW_UNIT, listing.new_units).rowcount
        for unit_id, kept in listing.settled:
            self._settle(unit_id, kept=kept)
        for whose, records in listing.new_records.items():
            self._insert(listing, whose, records, whole=True)
        self._db.executemany(OUTCOME, listing.outcomes.values())
        values = listing.row(units)
        self._db.execute("REPLACE INTO listing VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        return units

    def _insert(
        self, listing: Listing, whose: int | None, records: Sequence[Row], *, whole: bool
    ) -> None:
        batches = map(Batch.of, grouped(records))
        self._db.executemany(
            NEW_BATCH, ((listing.id, whose, whole, *batch) for batch in batches)
        )

    def _settle(self, unit_id: int, *, kept: bool) -> None:
        """Make staged records the listing's, or forget them."""
        what = "UPDATE batch SET whole = 1" if kept else "DELETE FROM batch"
        self._db.execute(f"{what} WHERE unit = ? AND NOT whole", (unit_id,))

    def _summary(self, listing: Listing) -> Summary:
        return listing.summary(self._failures(listing))

    def _failures(self, listing: Listing) -> tuple[Failure, ...]:
        if not any(listing.states[state] for state in FAILED):
            return ()
        with explained(self._file):
            found = self._db.execute(FAILURES, (listing.id, 0, SHOWN_FAILURES))
            return tuple(Failure(*row[1:]) for row in found)


def _load(db: sqlite3.Connection) -> Iterator[Listing]:
    states: dict[int, Counter[str]] = {}
    counts = "SELECT listing, state, count(*) FROM unit GROUP BY listing, state"
    for listing, state, count in db.execute(counts):
        states.setdefault(listing, Counter())[state] = count
    for row in db.execute("SELECT * FROM listing ORDER BY id").fetchall():
        listing = Listing(*row)
        listing.states.update(states.get(listing.id, {}))
        yield listing


def _batches(db: sqlite3.Connection, listing: int) -> Iterator[Batch]:
    """Yield a listing's batches, the newest first."""
    sql = """
        SELECT id, records, ids, rest FROM batch
        WHERE listing = ? AND whole AND id < ? ORDER BY id DESC LIMIT 1"""
    last = 2**63 - 1
    while found := db.execute(sql, (listing, last)).fetchone():
        last, *batch = found
        yield Batch._make(batch)
