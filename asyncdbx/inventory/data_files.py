"""The Parquet files of a table, written as the rows come, in the memory of a few.

deltalake's own writer gathers 8,192 rows before it writes one, several times over: where
bodies have 100 kB that took 2 GB (measured). This takes 60 MB.
"""

import io
import uuid
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from arro3.core import RecordBatch, RecordBatchReader
from arro3.io import write_parquet

__all__ = ["DataFile", "write_files"]

FILE = 2**28  # bytes of rows, not yet encoded, after which another file is begun
GROUP = 2**25  # bytes of rows that wait, encoded, to be written together
ROWS = 50_000  # that wait at most
COMPRESSION = "zstd(1)"  # what level 3 saves, a tenth, is not worth its time


class DataFile(NamedTuple):
    """A file, its size in bytes, and how many rows it has."""

    path: Path
    size: int
    rows: int


def write_files(folder: Path, batches: Iterator[RecordBatch]) -> Iterator[DataFile]:
    """Write rows into new files, and yield each when it is whole; none without rows.

    The folder is made if it does not exist. Memory: 32 MiB of rows, encoded, if those
    behind are not much larger than the first ones of their file; else 256 MiB.

    Raises:
        OSError: The disk refuses; the file that was begun is deleted.
        Exception: The batches end early; likewise. Of what ended them it has the text.
    """
    for first in batches:
        if not first.num_rows:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"part-{uuid.uuid4()}.parquet"
        try:
            rows = _write(path, first, batches)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        yield DataFile(path, path.stat().st_size, rows)


def _write(path: Path, first: RecordBatch, others: Iterator[RecordBatch]) -> int:
    """Write a file's share of the rows, and return how many they were."""
    with _File(path, "xb") as file:
        share = _Share(chain([first], others), file)
        row = max(first.nbytes // first.num_rows, 1)
        write_parquet(
            RecordBatchReader.from_batches(first.schema, iter(share)),
            file,
            compression=COMPRESSION,
            max_row_group_size=max(1, min(ROWS, GROUP // row)),
        )
        if file.error is not None:
            raise file.error
    return share.rows


class _File(io.FileIO):
    """A file that does not tell its writer when the disk refuses: it would panic.

    Attributes:
        error: What the disk said; nothing is written after it.
    """

    error: OSError | None = None

    def write(self, data: Any, /) -> int:
        if self.error is None:
            try:
                return super().write(data)
            except OSError as error:
                self.error = error
        return memoryview(data).nbytes


class _Share:
    """The rows that go into one file.

    Attributes:
        rows: How many went by.
    """

    def __init__(self, batches: Iterator[RecordBatch], file: _File) -> None:
        self._batches = batches
        self._file = file
        self.rows = 0

    def __iter__(self) -> Iterator[RecordBatch]:
        size = 0
        while size < FILE and self._file.error is None:
            batch = next(self._batches, None)
            if batch is None:
                return
            self.rows += batch.num_rows
            size += batch.nbytes
            yield batch
