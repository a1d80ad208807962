"""What is asked of a spool's file, and written to it: all SQL but that of its tables."""

import sqlite3
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager

from asyncdbx.inventory.rows import Row
from asyncdbx.inventory.spool.batch import Batch, grouped
from asyncdbx.inventory.spool.listing import Failure, Listing, Sample, Unit

PENDING = """
    SELECT id, step, key, cursor FROM unit
    WHERE listing = ? AND state = 'pending' AND id > ? ORDER BY id LIMIT ?"""
NEW_UNIT = "INSERT OR IGNORE INTO unit (listing, step, key, cursor) VALUES (?, ?, ?, ?)"
NEW_BATCH = """
    INSERT INTO batch (listing, unit, whole, records, ids, rest)
    VALUES (?, ?, ?, ?, ?, ?)"""
NEW_SAMPLE = "INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
# Of an object the cursor holds all pages so far; nobody asks for it once they are whole.
OUTCOME = """
    UPDATE unit SET state = ?1, pages = pages + ?3, error = ?4,
    cursor = iif(?1 IN ('done', 'gone'), NULL, coalesce(?2, cursor))
    WHERE id = ?5"""
LISTING = "REPLACE INTO listing VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
FAILURES = """
    SELECT id, step, key, state, pages, error FROM unit
    WHERE listing = ? AND state IN ('partial', 'denied', 'unavailable') AND id > ?
    ORDER BY id LIMIT ?"""
SAMPLES = "SELECT * FROM sample ORDER BY at, rowid"
NEWEST_BATCH = """
    SELECT id, records, ids, rest FROM batch
    WHERE listing = ? AND whole AND id < ? ORDER BY id DESC LIMIT 1"""
STATES = "SELECT listing, state, count(*) FROM unit GROUP BY listing, state"
LISTINGS = "SELECT * FROM listing ORDER BY id"
HOLDS = "SELECT EXISTS (SELECT 1 FROM batch WHERE listing = ? AND whole)"
OF_UNIT = "SELECT coalesce(sum(records), 0) FROM batch WHERE unit = ?"
# One that is published is complete though a service it may also come from is unavailable;
# what else failed of it has come since.
REOPEN_UNITS = """
    UPDATE unit SET state = 'pending', error = ''
    WHERE state IN ('partial', 'denied', 'unavailable') AND (state != 'unavailable'
    OR listing IN (SELECT id FROM listing WHERE published_at IS NULL))"""
REOPEN_LISTINGS = """
    UPDATE listing SET ended_at = NULL
    WHERE id IN (SELECT listing FROM unit WHERE state = 'pending')"""


@contextmanager
def transaction(db: sqlite3.Connection) -> Generator[None]:
    """Write all of the block, or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # SQLite ends it itself on a full disk
            db.execute("ROLLBACK")
        raise


def read_listings(db: sqlite3.Connection) -> Iterator[Listing]:
    """Read every listing, in the order they were begun."""
    states: dict[int, Counter[str]] = {}
    for listing, state, count in db.execute(STATES):
        states.setdefault(listing, Counter())[state] = count
    for row in db.execute(LISTINGS).fetchall():
        listing = Listing(*row)
        listing.states.update(states.get(listing.id, {}))
        yield listing


def read_pending(
    db: sqlite3.Connection, listing: Listing, limit: int
) -> list[tuple[int, Unit]]:
    """Read the next units to fetch that were never handed out, each with its id."""
    found = db.execute(PENDING, (listing.id, listing.handed_out, limit))
    return [
        (unit, Unit(listing.workspace, listing.resource, *rest)) for unit, *rest in found
    ]


def read_failures(
    db: sqlite3.Connection, listing: int, after: int, limit: int
) -> list[tuple[int, Failure]]:
    """Read the next units that failed, each with its id, in the order they were found."""
    found = db.execute(FAILURES, (listing, after, limit))
    return [(unit, Failure(*rest)) for unit, *rest in found]


def read_samples(db: sqlite3.Connection) -> Iterator[Sample]:
    """Read what lanes did, in the order of time, one by one."""
    return map(Sample._make, db.execute(SAMPLES))


def read_batches(db: sqlite3.Connection, listing: int) -> Iterator[Batch]:
    """Read a listing's batches, the newest first.

    Each by a statement of its own: a transaction that stayed open would keep the
    write-ahead log from being emptied while others write.
    """
    last = 2**63 - 1
    while found := db.execute(NEWEST_BATCH, (listing, last)).fetchone():
        last, *batch = found
        yield Batch._make(batch)


def holds_records(db: sqlite3.Connection, listing: int) -> bool:
    """Return whether there are records of a listing."""
    (found,) = db.execute(HOLDS, (listing,)).fetchone()
    return bool(found)


def write_listing(db: sqlite3.Connection, listing: Listing) -> int:
    """Write what waits of a listing; return how many units were new."""
    units = db.executemany(NEW_UNIT, listing.new_units).rowcount
    for unit, kept in listing.settled:
        settle(db, unit, kept=kept)
    for whose, records in listing.new_records.items():
        write_records(db, listing.id, whose, records, whole=True)
    db.executemany(OUTCOME, listing.outcomes.values())
    db.execute(LISTING, listing.row(units))
    return units


def write_records(
    db: sqlite3.Connection,
    listing: int,
    unit: int | None,
    records: Sequence[Row],
    *,
    whole: bool,
) -> None:
    """Write records in batches; those that are not whole are put aside."""
    batches = map(Batch.of, grouped(records))
    db.executemany(NEW_BATCH, ((listing, unit, whole, *batch) for batch in batches))


def write_samples(db: sqlite3.Connection, samples: Iterable[Sample]) -> None:
    """Write what lanes did."""
    db.executemany(NEW_SAMPLE, samples)


def settle(db: sqlite3.Connection, unit: int, *, kept: bool) -> None:
    """Make what was put aside of a unit its listing's, or forget it."""
    what = "UPDATE batch SET whole = 1" if kept else "DELETE FROM batch"
    db.execute(f"{what} WHERE unit = ? AND NOT whole", (unit,))


def restart_unit(db: sqlite3.Connection, listing: int, unit: int) -> int:
    """Forget all that a unit has brought; return how many whole records that were."""
    settle(db, unit, kept=False)
    (count,) = db.execute(OF_UNIT, (unit,)).fetchone()
    db.execute("DELETE FROM batch WHERE unit = ?", (unit,))
    db.execute("UPDATE unit SET cursor = NULL, pages = 0 WHERE id = ?", (unit,))
    forget = "UPDATE listing SET records = records - ? WHERE id = ?"
    db.execute(forget, (count, listing))
    return int(count)


def drop_records(db: sqlite3.Connection, listing: int) -> None:
    """Forget the records of a listing."""
    db.execute("DELETE FROM batch WHERE listing = ?", (listing,))


def reopen_failed(db: sqlite3.Connection) -> int:
    """Make the units that failed pending again; return how many they are."""
    count = db.execute(REOPEN_UNITS).rowcount
    db.execute(REOPEN_LISTINGS)
    return count
