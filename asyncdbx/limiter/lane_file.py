"""One small file per host: what lanes have learned, and what they are doing right now.

It is an array of records, one for each lane, mapped into memory by every process that uses
it. A record is changed under a lock of its own, which the system takes back from a process
that dies; its version is odd while it is being written, so that what a killed process left
half-written is not believed.
"""

import contextlib
import mmap
import os
import struct
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asyncdbx.errors import ConfigError
from asyncdbx.rate_control import GROUPS, Departures

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows: every process for itself
    fcntl = None  # type: ignore[assignment]

__all__ = ["NUMBERS", "LaneFile", "Record", "opened"]

MAGIC = b"asyncdbx lanes 1"
HEADER = 4096  # bytes

# A record: key, version, numbers, when calls left, how many.
KEY = 512  # bytes, UTF-8, padded with zeros
VERSION = struct.Struct("<Q")
NUMBERS = 56
NUMBER = struct.Struct("<d")
FIELDS = struct.Struct(f"<{NUMBERS}d")
STARTS = KEY + VERSION.size + FIELDS.size
COUNTS = STARTS + 8 * GROUPS
RECORD = COUNTS + 8 * GROUPS
GROW_BY = 64  # records

WALL = 1  # which number says when the record was written, in seconds since 1970
FORGET = 30 * 86_400.0  # seconds after which a record makes room for another lane
SWEEP = 3600.0  # seconds after which such records are looked for again

# A lock is held for microseconds, unless its holder has been stopped: then it is done
# without, rather than wait.
TRIES = 5
PATIENCE = 0.0002  # seconds between them


@dataclass(frozen=True, slots=True)
class Record:
    """One lane's place in the file.

    Attributes:
        file: The file.
        key: Whose it is.
        offset: Where it begins, in bytes.
    """

    file: "LaneFile"
    key: str
    offset: int

    @contextlib.contextmanager
    def locked(self) -> Generator[bool]:
        """Hold the record; give whether that was possible within a millisecond.

        A record of which nothing was heard for so long that it has been given to another
        lane cannot be held any more.
        """
        with self.file.locked(self.offset) as held:
            yield held and self.file.key_at(self.offset) == self.key

    def read(self) -> tuple[float, ...] | None:
        """Return the numbers of the record; None if there are none, or not whole ones."""
        view = self.file.view
        (version,) = VERSION.unpack_from(view, self.offset + KEY)
        if version == 0 or version % 2:
            return None
        return FIELDS.unpack_from(view, self.offset + KEY + VERSION.size)

    def number(self, place: int) -> float:
        """Return one number of the record, whole or not."""
        start = self.offset + KEY + VERSION.size + NUMBER.size * place
        (number,) = NUMBER.unpack_from(self.file.view, start)
        return float(number)

    def write(self, numbers: Sequence[float]) -> None:
        """Write the numbers of the record, ``NUMBERS`` of them."""
        view = self.file.view
        place = self.offset + KEY
        (version,) = VERSION.unpack_from(view, place)
        version |= 1
        VERSION.pack_into(view, place, version)
        FIELDS.pack_into(view, place + VERSION.size, *numbers)
        VERSION.pack_into(view, place, version + 1)

    def forget(self) -> None:
        """Make the record say nothing, as that of a new lane."""
        with self.locked():
            self.write((0.0,) * NUMBERS)

    def departures(self) -> Departures:
        """Return room for what left, in the file."""
        doubles = self.file.view.cast("d")
        starts = (self.offset + STARTS) // 8
        counts = (self.offset + COUNTS) // 8
        return Departures(
            doubles[starts : starts + GROUPS], doubles[counts : counts + GROUPS]
        )


class LaneFile:
    """The file; made where it is missing. One for each path and process: see ``opened``.

    Args:
        path: Where it is.

    Raises:
        ConfigError: it cannot be used; it says why and what to do.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.view = memoryview(b"")
        self._records: dict[str, Record] = {}
        self._seen = 0
        self._old: list[Record] = []
        self._swept = 0.0
        self._mutex = threading.Lock()
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o600)
            self._begin()
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from error

    def close(self) -> None:
        """Give the file back; records must not be used any more."""
        _open.pop(self.path, None)
        os.close(self._descriptor)

    def record(self, key: str) -> Record:
        """Return the record of a lane; a new one where there was none."""
        found = self._records.get(key)
        if found is None:
            with self.locked(0):
                self._look()
                found = self._records.get(key) or self._add(key)
        return found

    def records(self) -> Iterator[Record]:
        """Yield every record there is."""
        self._look()
        yield from self._records.values()

    @contextlib.contextmanager
    def locked(self, offset: int) -> Generator[bool]:
        """Hold the record at an offset (0: the header) against other processes."""
        with self._mutex:
            held = self._lock(offset)
            try:
                yield held
            finally:
                if held and fcntl is not None:
                    fcntl.lockf(self._descriptor, fcntl.LOCK_UN, RECORD, offset)

    def _lock(self, offset: int) -> bool:
        if fcntl is None:  # pragma: no cover - Windows
            return True
        for tried in range(TRIES):
            try:
                how = fcntl.LOCK_EX | fcntl.LOCK_NB
                fcntl.lockf(self._descriptor, how, RECORD, offset)
            except OSError:
                if tried + 1 < TRIES:
                    time.sleep(PATIENCE)
            else:
                return True
        return False

    def _begin(self) -> None:
        """Map the file; write the header of a new one, refuse one of another kind."""
        with self.locked(0):
            size = os.fstat(self._descriptor).st_size
            if size == 0:
                os.pwrite(self._descriptor, MAGIC, 0)
            elif os.pread(self._descriptor, len(MAGIC), 0) != MAGIC:
                raise self._unusable("it is not a file of lanes of this version")
            self._map(max(size, HEADER + GROW_BY * RECORD))

    def _map(self, size: int) -> None:
        if os.fstat(self._descriptor).st_size < size:
            os.ftruncate(self._descriptor, size)
        # Views of the old map live on: both show the same file.
        self.view = memoryview(mmap.mmap(self._descriptor, size))

    def _look(self) -> None:
        """Find the records that other processes have added."""
        size = os.fstat(self._descriptor).st_size
        if size > len(self.view):
            self._map(size)
        while key := self.key_at(offset := self._next()):
            self._records[key] = Record(self, key, offset)
            self._seen += 1

    def _next(self) -> int:
        return HEADER + RECORD * self._seen

    def key_at(self, offset: int) -> str:
        """Return whose record is there; "" if it is nobody's."""
        key = bytes(self.view[offset : offset + KEY])
        return key.rstrip(b"\0").decode("utf-8", "replace")

    def _add(self, key: str) -> Record:
        old = self._oldest()
        if old is not None:
            old.write((0.0,) * NUMBERS)
            del self._records[old.key]
            offset = old.offset
        else:
            offset = self._next()
            self._seen += 1
        if offset + RECORD > len(self.view):
            self._map(len(self.view) + GROW_BY * RECORD)
        self.view[offset : offset + KEY] = key.encode()[:KEY].ljust(KEY, b"\0")
        record = self._records[key] = Record(self, key, offset)
        return record

    def _oldest(self) -> Record | None:
        """Return a record that nobody has written for so long that it may be another's."""
        now = time.time()
        if now > self._swept + SWEEP:  # not for each of an account's ten thousand lanes
            self._swept = now
            self._old = [each for each in self._records.values() if _is_old(each, now)]
        while self._old:
            if _is_old(record := self._old.pop(), now):
                return record
        return None

    def _unusable(self, why: str) -> ConfigError:
        return ConfigError(
            f"{self.path}, which keeps what lanes have learned, cannot be used: {why};"
            " move it away, or set ASYNCDBX_LANES to another file or to off"
        )


def _is_old(record: Record, now: float) -> bool:
    return 0 < record.number(WALL) < now - FORGET


_open: dict[Path, LaneFile] = {}


@contextlib.contextmanager
def opened(path: Path) -> Generator[LaneFile]:
    """Give the file of lanes at a path, for the time of a block.

    A process that closes any descriptor of a file loses all of its locks on it, so there
    is only one, which the outermost block closes.

    Raises:
        ConfigError: as ``LaneFile``.
    """
    if (found := _open.get(path)) is not None:
        yield found
        return
    found = _open[path] = LaneFile(path)
    try:
        yield found
    finally:
        found.close()
