"""What runs leave behind in the folder: one that was interrupted, one that lacks something.

An interrupted run leaves its spool, and the next run goes on with it. One that ended but
lacks something puts its spool away: its failed units can be tried again, until another
run has ended.
"""

from collections.abc import Sequence
from pathlib import Path

from asyncdbx.errors import UsageError
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.spool import discard, explained, read_plan

__all__ = ["last_run", "put_away"]


def last_run(folder: Folder) -> tuple[Path, Sequence[str]] | None:
    """Return the spool of the last run, if it lacks something, and what it lists.

    Raises:
        UsageError: There was no run yet.
        StoreError: What is left cannot be read.
    """
    for file in (folder.spool, folder.last_spool):
        if file.exists() and (plan := read_plan(file)) is not None:
            resources: Sequence[str] = plan["resources"]
            return file, resources
    if not folder.table("_listings").exists():
        raise UsageError(f"there was no run yet in {folder.path}: nothing can be missing")
    return None


def put_away(folder: Folder, file: Path, *, complete: bool) -> None:
    """Leave behind what can be tried again of a run that has ended; nobody has it open.

    Args:
        folder: The inventory's.
        file: Its spool: a new one, or that of the run that was tried again.
        complete: Nothing can.
    """
    if file != folder.last_spool:
        # First, and with its log if a retry was killed: SQLite would read that log into
        # whatever lies beside it. And what came before must not outlive what comes now.
        discard(folder.last_spool)
    if complete:
        discard(file)
    elif file != folder.last_spool:
        # Closed, all of it is in the one file, so that it moves in one step.
        with explained(file):
            file.replace(folder.last_spool)
