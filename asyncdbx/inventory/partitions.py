"""The data files of some workspaces in one table: all of them, or nothing is left."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from arro3.core import RecordBatch

from asyncdbx.inventory.ahead import ahead
from asyncdbx.inventory.data_files import DataFile, write_files

__all__ = ["PARTITION", "Files", "delete_files", "new_files"]

PARTITION = "workspace"
LONG = 200  # bytes of a name; file systems take up to 255

Files = Mapping[str, Sequence[DataFile]]


def new_files(path: Path, batches: Mapping[str, Iterable[RecordBatch]]) -> Files:
    """Write the files of some workspaces.

    Args:
        path: The table's.
        batches: Of each workspace, with a column that names it; the files lack it.

    Raises:
        OSError: The disk refuses.
        Exception: What ends some batches early.
    """
    files: dict[str, list[DataFile]] = {workspace: [] for workspace in batches}
    try:
        for workspace, found in batches.items():
            with ahead(map(_without_workspace, found)) as made:
                for file in write_files(path / directory(workspace), made):
                    files[workspace].append(file)
    except BaseException:
        delete_files(files)
        raise
    return files


def delete_files(files: Files) -> None:
    """Delete files that no commit has."""
    for written in files.values():
        for file in written:
            file.path.unlink(missing_ok=True)


def directory(workspace: str) -> str:
    """Return the name of the directory of a workspace's files.

    It is for people: a reader of the table finds its files, and whose they are, in the
    log. So a name too long for a file system can be cut.
    """
    name = f"{PARTITION}={quote(workspace, safe='')}"
    if len(name) > LONG:
        name = f"{name[: LONG - 17]}-{hashlib.sha256(workspace.encode()).hexdigest()[:16]}"
    return name


def _without_workspace(batch: RecordBatch) -> RecordBatch:
    return batch.remove_column(batch.column_names.index(PARTITION))
