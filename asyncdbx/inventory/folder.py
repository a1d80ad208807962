"""The inventory's folder: which one is ours, where things lie in it, and who may write.

DIR/_asyncdbx.json       the marker that says the folder is ours
DIR/<resource>/          a Delta table
DIR/_listings/           a Delta table: one row per listing and run
DIR/_run/spool.sqlite    what an unfinished run has fetched
DIR/_run/last.sqlite     what a run has fetched that ended and lacks something
DIR/_run/lock            held while a run writes
DIR/_report.html         a page about the last run, if there is one
"""

import fcntl
import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any, Self

import orjson

from asyncdbx.errors import LockHeld, StoreError
from asyncdbx.escape import visible
from asyncdbx.inventory.disk import disk_error

__all__ = ["Folder"]

FORMAT = 1
MARKER = "_asyncdbx.json"
UNFINISHED = f"{MARKER}.new"  # left by a process that died while writing the marker
# In a path, delta-rs takes these for something else, or panics (seen with 1.6).
UNREADABLE = re.compile(r"[][^\\\x00-\x1f\ud800-\udfff]|%[0-9A-Fa-f]{2}")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that holds an inventory.

    Attributes:
        path: The folder, absolute.
    """

    path: Path

    @classmethod
    def open(cls, path: Path, *, create: bool = True) -> Self:
        """Return the inventory at ``path``.

        Args:
            path: The folder.
            create: To write into it: a missing or empty folder becomes an inventory.
                Otherwise it is only read, and must be one.

        Raises:
            StoreError: It is not ours, not a folder, of a newer format, not writable,
                or in a path that Delta tables cannot have. Nothing has been created or
                changed then.
        """
        path = path.absolute()
        if odd := UNREADABLE.search(path.as_posix()):
            raise StoreError(
                f"an inventory cannot lie in {visible(str(path))}: Delta tables cannot have"
                f" {visible(odd[0])} in their path; choose another folder"
            )
        try:
            if not _is_ours(path):
                if not create:
                    raise StoreError(f"there is no inventory in {path}")
                _claim(path)
        except OSError as error:
            raise disk_error(f"{path} cannot be used", error.errno, str(error)) from error
        if create and not os.access(path, os.W_OK | os.X_OK):
            raise StoreError(f"{path} is not writable for this user")
        return cls(path)

    @property
    def spool(self) -> Path:
        """The staging file of an unfinished run."""
        return self.path / "_run" / "spool.sqlite"

    @property
    def last_spool(self) -> Path:
        """That of a run that has ended and lacks something."""
        return self.path / "_run" / "last.sqlite"

    @property
    def _unlockable(self) -> str:
        return f"{self.path} cannot be locked"

    def table(self, name: str) -> Path:
        """Return where a resource's table lies, or that of ``"_listings"``."""
        return self.path / name

    def tables(self) -> list[str]:
        """Return the names of the resources that have a table, sorted."""
        logs = self.path.glob("[!_]*/_delta_log")
        return sorted(log.parent.name for log in logs)

    @contextmanager
    def lock(self) -> Generator[None]:
        """Hold the folder, so that no second run writes to it.

        The system itself lets go of the lock when the process ends, however it ends.

        Raises:
            LockHeld: Another run holds it; the message says which.
            StoreError: The disk refuses.
        """
        try:
            file = _open_lock(self.path / "_run" / "lock")
        except OSError as error:
            raise disk_error(self._unlockable, error.errno, str(error)) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LockHeld(f"{self.path} is in use by {_holder(file)}") from None
            except OSError as error:
                raise disk_error(self._unlockable, error.errno, str(error)) from error
            _write(file, _who_we_are())
            try:
                yield
            finally:
                _write(file, b"")


def _is_ours(path: Path) -> bool:
    """Return whether ``path`` has our marker; False if it is missing or empty."""
    if path.exists() and not path.is_dir():
        raise StoreError(f"{path} is a file; an inventory needs a folder")
    try:
        text = (path / MARKER).read_bytes()
    except FileNotFoundError:
        if path.is_dir() and any(each.name != UNFINISHED for each in path.iterdir()):
            message = f"{path} is not an asyncdbx inventory; choose an empty or new folder"
            raise StoreError(message) from None
        return False
    _check_marker(path, text)
    return True


def _check_marker(path: Path, text: bytes) -> None:
    try:
        marker: Any = orjson.loads(text)
        found = int(marker["format"])
        made_by = str(marker["made_by"])
    except (ValueError, TypeError, LookupError) as error:
        message = f"{path / MARKER} is damaged; restore it, or choose another folder"
        raise StoreError(message) from error
    if found > FORMAT:
        raise StoreError(
            f"{path} was made by {made_by} in format {found}, and this asyncdbx knows "
            f"format {FORMAT}: upgrade asyncdbx"
        )


def _claim(path: Path) -> None:
    marker = {"format": FORMAT, "made_by": _made_by()}
    path.mkdir(parents=True, exist_ok=True)
    unfinished = path / UNFINISHED
    unfinished.write_bytes(orjson.dumps(marker) + b"\n")
    unfinished.replace(path / MARKER)  # whole or not at all


def _made_by() -> str:
    try:
        return f"asyncdbx {version('asyncdbx')}"
    except PackageNotFoundError:  # used from its source tree
        return "asyncdbx"


def _open_lock(file: Path) -> IO[bytes]:
    file.parent.mkdir(exist_ok=True)
    return file.open("a+b", buffering=0)


def _write(file: IO[bytes], text: bytes) -> None:
    # Only a message depends on it, so a full disk must not keep a run from starting.
    try:
        file.truncate(0)
        file.write(text)
    except OSError:
        pass


def _who_we_are() -> bytes:
    since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return orjson.dumps({"pid": os.getpid(), "boot_id": _boot_id(), "since": since})


def _holder(file: IO[bytes]) -> str:
    try:
        file.seek(0)
        holder: Any = orjson.loads(file.read())
        elsewhere = "" if holder["boot_id"] == _boot_id() else " on another machine"
        return f"process {holder['pid']}{elsewhere}, since {holder['since']}"
    except (ValueError, TypeError, LookupError):  # it has not written its name yet
        return "another run"


def _boot_id() -> str:
    """Return what tells this boot of this machine from all others; "" if unknown."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""
