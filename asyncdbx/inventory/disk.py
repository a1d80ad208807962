"""What a disk says no with, as an error that tells what to do. Pure."""

import errno
import os

from asyncdbx.errors import DiskFailed, StoreError

__all__ = ["disk_error"]

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def disk_error(what: str, number: int | None, words: str = "") -> StoreError:
    """Return the error for what a disk refused.

    Args:
        what: Could not be done, e.g. ``"table jobs in /srv could not be written"``.
        number: Of the system's error; None if it did not say.
        words: What was said, where the number says nothing.
    """
    if number in FULL:
        return DiskFailed(
            f"{what}: the disk is full; make room and run the same command again to go on"
        )
    if number:
        words = os.strerror(number)
    return (DiskFailed if number == errno.EIO else StoreError)(f"{what}: {words}")
