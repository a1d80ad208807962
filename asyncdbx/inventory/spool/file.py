"""The SQLite file of a spool: its tables, its marks, and its errors in one sentence."""

import errno
import os
import secrets
import sqlite3
import time
import zlib
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from asyncdbx.errors import StoreError
from asyncdbx.inventory.disk import disk_error

__all__ = ["connect", "discard", "explained", "now", "open_file", "read_plan", "run_moment"]

FORMAT = 3
APPLICATION_ID = 0x61646278  # "adbx", in the header of the file

NO_ROOM = 2**17  # bytes; the index beside the log grows by 32 KiB

PLAN = "SELECT value FROM run WHERE name = 'plan'"

# A commit writes whole pages to the log, and most commits are small: with pages of 8 KiB
# one of a single answer takes a fifth longer, and writes twice as much.
SETTINGS = """
PRAGMA page_size = 4096;
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA cache_size = -4096;
"""

TABLES = """
CREATE TABLE run (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE listing (
  id INTEGER PRIMARY KEY, workspace TEXT NOT NULL, resource TEXT NOT NULL,
  records INTEGER NOT NULL, calls INTEGER NOT NULL, throttled INTEGER NOT NULL,
  started_at INTEGER, ended_at INTEGER, published_at INTEGER,
  UNIQUE (workspace, resource));
CREATE TABLE unit (
  id INTEGER PRIMARY KEY, listing INTEGER NOT NULL, step TEXT NOT NULL,
  key TEXT NOT NULL, cursor TEXT, pages INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL DEFAULT 'pending', error TEXT NOT NULL DEFAULT '',
  UNIQUE (listing, step, key));
CREATE INDEX unit_pending ON unit (listing, id) WHERE state = 'pending';
CREATE INDEX unit_failed ON unit (listing, id)
  WHERE state IN ('partial', 'denied', 'unavailable');
CREATE TABLE batch (
  id INTEGER PRIMARY KEY, listing INTEGER NOT NULL, unit INTEGER,
  whole INTEGER NOT NULL, records INTEGER NOT NULL,
  ids BLOB NOT NULL, rest BLOB NOT NULL);
CREATE TABLE sample (
  workspace TEXT NOT NULL, lane TEXT NOT NULL, at INTEGER NOT NULL, seconds REAL NOT NULL,
  calls INTEGER NOT NULL, throttled INTEGER NOT NULL, rate REAL, waiting INTEGER NOT NULL);
CREATE INDEX batch_listing ON batch (listing, id);
CREATE INDEX batch_unit ON batch (unit) WHERE unit IS NOT NULL;
"""


def now() -> int:
    """Return the time of day in milliseconds since 1970 (UTC)."""
    return time.time_ns() // 1_000_000


def run_moment(moment: datetime) -> str:
    """Return what the id of a run begins with that begins at a moment (UTC); it sorts."""
    return f"{moment:%Y%m%dT%H%M%SZ}"


def connect(file: Path) -> sqlite3.Connection:
    """Return a connection that any one thread at a time may use."""
    return sqlite3.connect(file, isolation_level=None, check_same_thread=False)


def open_file(file: Path, plan: Mapping[str, Any]) -> tuple[sqlite3.Connection, bool]:
    """Open the file of ``plan``, or begin it; return it and whether it was there.

    Raises:
        StoreError: It belongs to another plan or version, is damaged or not a spool,
            or the disk refuses. Nothing is changed then.
    """
    with explained(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        db = connect(file)
        try:
            resumed = _is_begun(db)
            if resumed:
                _check(db, file, plan)
            db.executescript(SETTINGS)
            if resumed:
                db.execute("DELETE FROM batch WHERE NOT whole")  # their page never was
            if not resumed:
                _begin(db, plan)
        except BaseException:
            db.close()
            raise
        return db, resumed


def read_plan(file: Path) -> Mapping[str, Any] | None:
    """Return the plan of the run in a file that is there; None if it was never begun.

    Raises:
        StoreError: It is of another version, damaged, not a spool, or cannot be read.
    """
    with explained(file), closing(connect(file)) as db:
        if not _is_begun(db):
            return None
        _check_marks(db, file)
        plan: Mapping[str, Any] = orjson.loads(_value(db, PLAN))
    return plan


def discard(file: Path) -> None:
    """Delete a spool that nobody has open, with all that was fetched, if it is there.

    Raises:
        StoreError: The disk refuses.
    """
    with explained(file):
        # The log last: SQLite ignores a log without a file, but not a file whose log
        # is missing.
        for suffix in ("", "-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)


@contextmanager
def explained(file: Path) -> Generator[None]:
    """Turn what SQLite and the system say into a StoreError of one sentence."""
    try:
        yield
    except sqlite3.Error as error:
        raise _store_error(file, error) from error
    except zlib.error as error:
        raise StoreError(_damaged(file, str(error))) from error
    except OSError as error:
        what = f"{file} cannot be used"
        raise disk_error(what, error.errno, str(error)) from error


def _store_error(file: Path, error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        full = code == sqlite3.SQLITE_FULL or _is_full(file.parent)
        number = errno.ENOSPC if full else errno.EIO
        return disk_error(f"{file} could not be written", number)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreError(_damaged(file, str(error)))
    if code == sqlite3.SQLITE_BUSY:
        words = f"{file} is in use by another program; end it and run this again"
        return StoreError(words)
    return StoreError(f"{file} cannot be used: {error}")


def _is_full(folder: Path) -> bool:
    """Return whether a disk is full: SQLite says I/O error if its index finds no room."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < NO_ROOM


def _damaged(file: Path, how: str) -> str:
    return (
        f"{file} is damaged ({how}) and cannot be resumed: "
        "move it away to keep it, or start over with --fresh"
    )


def _begin(db: sqlite3.Connection, plan: Mapping[str, Any]) -> None:
    started = now()
    moment = datetime.fromtimestamp(started / 1000, UTC)
    about = {
        "run_id": f"{run_moment(moment)}-{secrets.token_hex(4)}",
        "started_at": str(started),
        "plan": _canonical(plan),
    }
    # One transaction: a process killed here leaves an empty file, which is begun anew.
    marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT};"
    db.executescript(f"BEGIN; {marks} {TABLES}")
    db.executemany("INSERT INTO run VALUES (?, ?)", about.items())
    db.execute("COMMIT")


def _is_begun(db: sqlite3.Connection) -> bool:
    """Return whether there are tables; a process killed before leaves an empty file."""
    return bool(_value(db, "SELECT count(*) FROM sqlite_master"))


def _check_marks(db: sqlite3.Connection, file: Path) -> None:
    if _value(db, "PRAGMA application_id") != APPLICATION_ID:
        raise StoreError(f"{file} is not a spool of asyncdbx; move it away")
    if (version := _value(db, "PRAGMA user_version")) != FORMAT:
        raise StoreError(
            f"{file} has format {version} and this asyncdbx writes format {FORMAT}: "
            "finish the run with the version that began it, or start over with --fresh"
        )


def _check(db: sqlite3.Connection, file: Path, plan: Mapping[str, Any]) -> None:
    _check_marks(db, file)
    # About a second per GB, and the only way to know that nothing is missing.
    if (health := _value(db, "PRAGMA quick_check(1)")) != "ok":
        raise StoreError(_damaged(file, health.splitlines()[-1]))
    begun = _value(db, PLAN)
    if begun != _canonical(plan):
        differing = _differing(orjson.loads(begun), plan)
        raise StoreError(
            f"{file} holds an unfinished run with other {differing}: "
            "finish it with the arguments it was begun with, or start over with --fresh"
        )


def _canonical(plan: Mapping[str, Any]) -> str:
    return orjson.dumps(dict(plan), option=orjson.OPT_SORT_KEYS).decode()


def _differing(begun: Mapping[str, Any], plan: Mapping[str, Any]) -> str:
    asked: Mapping[str, Any] = orjson.loads(_canonical(plan))
    names = {name for name in {*begun, *asked} if begun.get(name) != asked.get(name)}
    return " and ".join(sorted(names)) or "arguments"


def _value(db: sqlite3.Connection, query: str) -> Any:
    return db.execute(query).fetchone()[0]
