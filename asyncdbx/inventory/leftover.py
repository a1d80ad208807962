"""What runs leave behind in the folder: one that was interrupted, one that lacks something.

An interrupted run leaves its spool, and the next run goes on with it. One that ended but
lacks something puts its spool away: its failed units can be tried again, and the next
run that ends takes its place.
"""

from collections.abc import Sequence
from pathlib import Path

from asyncdbx.errors import UsageError
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.spool import discard, explained, read_plan

__all__ = ["put_away", "resources_left", "take_up"]


def resources_left(folder: Folder) -> Sequence[str] | None:
    """Return the resources of the run whose failed units can be tried again, if any.

    Raises:
        UsageError: There was no run yet.
        StoreError: What is left cannot be read.
    """
    for file in (folder.spool, folder.last_spool):
        if file.exists():
            resources: Sequence[str] = read_plan(file)["resources"]
            return resources
    if not folder.table("_listings").exists():
        raise UsageError(f"there was no run yet in {folder.path}: nothing can be missing")
    return None


def take_up(folder: Folder) -> None:
    """Make the last run an interrupted one, to go on with it, unless there is one."""
    if not folder.spool.exists():
        _move(folder.last_spool, folder.spool)


def put_away(folder: Folder, *, complete: bool) -> None:
    """Leave behind what can be tried again of a run that has ended; nobody has it open.

    Args:
        folder: The inventory's.
        complete: Nothing can.
    """
    if complete:
        discard(folder.spool)
        discard(folder.last_spool)
    else:
        _move(folder.spool, folder.last_spool)


def _move(source: Path, target: Path) -> None:
    # Closed, all of it is in the one file, so that it moves in one step.
    with explained(source):
        source.replace(target)
