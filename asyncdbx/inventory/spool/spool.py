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
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Any, Self

from asyncdbx.inventory.rows import Block, Row
from asyncdbx.inventory.spool import statements
from asyncdbx.inventory.spool.batch import merged
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
        self._listings = _by_key(db)
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
                statements.write_records(
                    self._db, unit.listing.id, unit_id, records, whole=False
                )
            unit.staged += len(records)

    def unstage(self, unit_id: int) -> None:
        """Forget what was put aside of a unit: its page is fetched anew."""
        with self._lock:
            unit = self._in_hand[unit_id]
            if unit.staged:
                unit.staged = 0
                with self._transaction():
                    statements.settle(self._db, unit_id, kept=False)

    def restart(self, unit_id: int) -> None:
        """Forget all that a unit has brought: it is fetched anew from its first page."""
        with self._lock:
            unit = self._in_hand[unit_id]
            self.flush()
            with self._transaction():
                count = statements.restart_unit(self._db, unit.listing.id, unit_id)
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
            yield from statements.read_samples(db)

    def flush(self) -> None:
        """Write all that waits in one transaction.

        Raises:
            StoreError: The disk refuses; it waits in memory, and the next call tries again.
        """
        with self._lock:
            if not self._dirty and not self._samples:
                return
            with self._transaction():
                written = [
                    (at, statements.write_listing(self._db, at)) for at in self._dirty
                ]
                statements.write_samples(self._db, self._samples)
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
            for batch in statements.read_batches(db, listing.id):
                repeats.look(batch.read_ids())
            batches = statements.read_batches(db, listing.id)
            yield from merged(repeats.unique(each.read()) for each in batches)

    def failures(self, workspace: str, resource: str) -> Iterator[Failure]:
        """Read all units of a listing that failed, in the order they were found."""
        with self._lock:
            self.flush()
            listing = self._listing(workspace, resource)
        last = 0
        while True:
            with self._lock, explained(self._file):
                found = statements.read_failures(self._db, listing.id, last, SOME)
            if not found:
                return
            last = found[-1][0]
            yield from (failure for _, failure in found)

    def holds(self, workspace: str, resource: str) -> bool:
        """Return whether it has records of a listing that are not published."""
        with self._lock:
            self.flush()
            listing = self._listing(workspace, resource)
            with explained(self._file):
                return statements.holds_records(self._db, listing.id)

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
                statements.drop_records(self._db, listing.id)
                statements.write_listing(self._db, listing)

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
                count = statements.reopen_failed(self._db)
            self._listings = _by_key(self._db)
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
        with explained(self._file):
            units = statements.read_pending(self._db, listing, max(0, limit))
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
        with explained(self._file), statements.transaction(self._db):
            yield

    def _summary(self, listing: Listing) -> Summary:
        return listing.summary(self._failures(listing))

    def _failures(self, listing: Listing) -> tuple[Failure, ...]:
        if not any(listing.states[state] for state in FAILED):
            return ()
        with explained(self._file):
            found = statements.read_failures(self._db, listing.id, 0, SHOWN_FAILURES)
            return tuple(failure for _, failure in found)


def _by_key(db: sqlite3.Connection) -> dict[tuple[str, str], Listing]:
    return {(at.workspace, at.resource): at for at in statements.read_listings(db)}
