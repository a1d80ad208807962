"""The inventory's Delta tables: what is published, whole listings at a time.

Every publish is one Delta commit that replaces one workspace's partition of one table,
so a reader sees the listing of one run or of another, never of both, and the versions
before it can still be read. A commit's metadata names its run.
"""

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, cast

from arro3.core import Array, Field, RecordBatch, RecordBatchReader, Schema
from deltalake import (
    CommitProperties,
    DeltaTable,
    QueryBuilder,
    WriterProperties,
    write_deltalake,
)
from deltalake import Field as DeltaField
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import DeltaError, TableNotFoundError

from asyncdbx.errors import AsyncdbxError, StoreError
from asyncdbx.inventory.ahead import ahead
from asyncdbx.inventory.disk import disk_error
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.rows import (
    DOUBLE,
    LEADING,
    LONG,
    MOMENT,
    TEXT,
    TRAILING,
    Columns,
    Row,
)
from asyncdbx.inventory.verdict import Ended

__all__ = ["Store"]

LISTINGS = "_listings"
PARTITION = "workspace"
# Tables of earlier versions lack these; null is what is not known.
PACE = {"lane": TEXT, "rate": DOUBLE, "waited": DOUBLE, "paused": DOUBLE}
LISTINGS_COLUMNS = {
    "run_id": TEXT,
    "workspace": TEXT,
    "resource": TEXT,
    "status": TEXT,
    "records": LONG,
    "calls": LONG,
    "throttled": LONG,
    **PACE,
    "started_at": MOMENT,
    "ended_at": MOMENT,
    "error": TEXT,
}
LISTINGS_SCHEMA = Schema([Field(name, each) for name, each in LISTINGS_COLUMNS.items()])

# Minima and maxima are kept of the columns one filters by. Those of every column would
# copy bodies into the log, which is read whole each time a table is opened; a checkpoint
# every 10 commits, Delta's own default, keeps that short (deltalake's is 100, and made
# a publish take 25 ms instead of 13, with 200 workspaces).
CONFIGURATION = {
    "delta.dataSkippingStatsColumns": "id,name,parent,fetched_at",
    "delta.checkpointInterval": "10",
}

# Smaller groups take less memory while they are written: with the default of a million
# rows 1,000,000 of them peaked at 200 MB, so at 150, and the file is a third larger.
WRITER = WriterProperties(compression="ZSTD", max_row_group_size=50_000)


class Store:
    """The tables of one folder.

    Any method may be called from any thread, and several at once; those that write to
    one table wait for each other. That no other process writes is the folder's lock's
    to see to. Publishing takes as long as its rows take: from a coroutine, call it
    through ``asyncio.to_thread``.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._guard = Lock()
        self._locks: dict[str, Lock] = {}

    def publish(
        self,
        resource: str,
        workspace: str,
        columns: Columns,
        batches: Iterable[Sequence[Row]],
        *,
        run_id: str,
    ) -> int:
        """Replace a workspace's rows in a resource's table, in one commit.

        ``batches`` is read as it is written, so memory does not depend on its length.
        No rows at all is a listing too: the table is there, the old rows are gone. New
        typed columns are added to the table, and are null in older rows. Published
        twice, it is the same as once.

        Returns:
            How many rows that was.

        Raises:
            StoreError: The table is not ours or has a column of another type, or the
                disk refuses. The table is then as it was before.
        """
        names = {"run_id": run_id, "workspace": workspace, "resource": resource}
        made = columns.batches(batches, workspace=workspace, run_id=run_id)
        with ahead(made) as found, self._writing(resource, source := _Source(found)):
            reader = RecordBatchReader.from_batches(columns.schema, iter(source))
            table = self._open(resource)
            if table is not None:
                _check(table, columns.schema, [PARTITION], self._where(resource))
            write_deltalake(
                table or self._folder.table(resource),
                reader,
                mode="overwrite",
                predicate=_of(workspace),
                schema_mode="merge",
                partition_by=[PARTITION],
                name=resource,
                configuration=CONFIGURATION,
                writer_properties=WRITER,
                commit_properties=CommitProperties(custom_metadata=names),
            )
        return source.rows

    def append_listings(self, run_id: str, listings: Iterable[Ended]) -> None:
        """Add how listings of a run ended, in one commit.

        One row per listing and run: a listing the run has a row of gets the new row in
        its place, so a run that was killed while it wrote may write again. A table of an
        earlier version gets the columns it lacks.

        Raises:
            StoreError: The table is not ours, or the disk refuses.
        """
        where = f"run_id = {_quoted(run_id)}"
        with self._writing(LISTINGS):
            table = self._open(LISTINGS)
            if table is not None:
                _check(table, LISTINGS_SCHEMA, [], self._where(LISTINGS))
            rows = {
                (row["workspace"], row["resource"]): tuple(row.values())
                for row in self._select(LISTINGS, _listings_rows, where)
            }
            for each in listings:
                rows[each.workspace, each.resource] = (run_id, *_ended_row(each))
            if not rows:
                return
            write_deltalake(
                table or self._folder.table(LISTINGS),
                _listings_batch(rows.values()),
                mode="overwrite",
                predicate=where,
                schema_mode="merge",
                name=LISTINGS,
                writer_properties=WRITER,
                commit_properties=CommitProperties(custom_metadata={"run_id": run_id}),
            )

    def tables(self) -> list[str]:
        """Return the names of the resources that have a table, sorted."""
        return self._folder.tables()

    def count(self, table: str, workspace: str | None = None) -> int:
        """Return how many rows a table has, of one workspace or of all; 0 if no table.

        Raises:
            StoreError: The table cannot be read.
        """
        found = list(self._select(table, lambda _: "count(*) AS n", _of(workspace)))
        return found[0]["n"] if found else 0

    def read(
        self, table: str, columns: Sequence[str] = (), *, workspace: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Read a table's rows, in no order, as it goes; nothing if there is no table.

        Args:
            table: A resource, or ``"_listings"``.
            columns: Names of the columns wanted; all of them if none is named.
            workspace: Only its rows.

        Raises:
            StoreError: The table cannot be read.
        """
        lacking = PACE if table == LISTINGS else ()
        return self._select(
            table, lambda found: _wanted(found, columns, lacking), _of(workspace)
        )

    def _select(
        self, name: str, columns: Callable[[DeltaTable], str], where: str
    ) -> Iterator[dict[str, Any]]:
        with _explained(f"{self._where(name)} cannot be read"):
            table = self._open(name)
            if table is None:
                return
            query = f"SELECT {columns(table)} FROM t WHERE {where}"  # noqa: S608 - quoted
            for batch in QueryBuilder().register("t", table).execute(query):
                yield from _dictionaries(batch)

    def _where(self, name: str) -> str:
        return f"table {name} in {self._folder.path}"

    @contextmanager
    def _writing(self, name: str, source: "_Source | None" = None) -> Generator[None]:
        """Write to one table at a time, and explain what goes wrong."""
        with self._guard:
            lock = self._locks.setdefault(name, Lock())
        with lock, _explained(f"{self._where(name)} could not be written", source):
            yield

    def _open(self, name: str) -> DeltaTable | None:
        """Return a table as it is now, or None if there is none yet.

        It is not kept for the next time: one that has been written to knows more about
        itself than one just opened, and writes to it take twice as long (measured).
        """
        path = self._folder.table(name)
        try:
            return DeltaTable(path)
        except TableNotFoundError:
            if path.exists() and not all(map(_leftover, path.iterdir())):
                message = f"{path} is not a table of asyncdbx; move it away"
                raise StoreError(message) from None
            return None


def _leftover(file: Path) -> bool:
    """Return whether ``file`` may stem from a process killed at its first publish."""
    return file.name.startswith(("_delta_log", f"{PARTITION}=", "part-"))


class _Source:
    """Batches on their way to the writer, which keeps of an error only its text.

    Attributes:
        rows: How many went by.
        error: What ended them early.
    """

    def __init__(self, batches: Iterator[RecordBatch]) -> None:
        self._batches = batches
        self.rows = 0
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[RecordBatch]:
        try:
            for batch in self._batches:
                self.rows += batch.num_rows
                yield batch
        except Exception as error:
            self.error = error
            raise


@contextmanager
def _explained(what: str, source: _Source | None = None) -> Generator[None]:
    """Turn what deltalake and the system say into a StoreError of one sentence."""
    try:
        yield
    except AsyncdbxError:
        raise
    except Exception as error:
        if source is not None and source.error is not None:
            raise source.error from None
        # deltalake raises some of its errors as plain Exception.
        if not isinstance(error, DeltaError | OSError) and type(error) is not Exception:
            raise
        text = str(error)
        found = re.search(r"os error (\d+)", text)
        number = int(found[1]) if found else getattr(error, "errno", None)
        raise disk_error(what, number, text.splitlines()[0][:300]) from error


def _check(table: DeltaTable, ours: Schema, partition: list[str], where: str) -> None:
    """Refuse a table that somebody else made, or one with a column of another type.

    The writer would cast such a column, and what cannot be cast would be lost.
    """
    known = {field.name.lower(): field for field in table.schema().fields}
    fields = DeltaSchema.from_arrow(ours).fields
    required = {*LEADING, *TRAILING} if partition else {*LISTINGS_COLUMNS} - {*PACE}
    foreign = table.metadata().partition_columns != partition
    if foreign or not known.keys() >= required:
        raise StoreError(f"{where} was not made by asyncdbx; move it away")
    for field in fields:
        found = known.get(field.name.lower(), field)
        if (found.name, found.type) != (field.name, field.type):
            raise StoreError(
                f"{where} has column {found.name} of type {_type(found)}, and this "
                f"asyncdbx writes {field.name} of type {_type(field)}: move the table "
                "away, or choose a new folder"
            )


def _type(field: DeltaField) -> str:
    return getattr(field.type, "type", str(field.type))


def _dictionaries(batch: RecordBatch) -> list[dict[str, Any]]:
    # Its stub names types of numpy, which need not be installed.
    values = batch.to_struct_array().to_pylist  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return cast("list[dict[str, Any]]", values())


def _of(workspace: str | None) -> str:
    return "true" if workspace is None else f"{PARTITION} = {_quoted(workspace)}"


def _quoted(text: str) -> str:
    """Return ``text`` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def _wanted(table: DeltaTable, columns: Sequence[str], lacking: Iterable[str]) -> str:
    """Return columns for a SELECT, all if none is named; null where a table lacks them."""
    known = {field.name for field in table.schema().fields}
    nulls = {name: f'NULL AS "{name}"' for name in lacking if name not in known}
    if not columns:
        return ", ".join(("*", *nulls.values()))
    return ", ".join(nulls.get(name, f'"{name}"') for name in columns)


def _listings_rows(table: DeltaTable) -> str:
    """Return LISTINGS_COLUMNS for a SELECT, with moments as microseconds."""
    known = {field.name for field in table.schema().fields}
    lacking = PACE.keys() - known
    said = {name: "NULL" if name in lacking else name for name in LISTINGS_COLUMNS}
    moments = [name for name, kind in LISTINGS_COLUMNS.items() if kind == MOMENT]
    said |= {name: f"CAST({name} AS BIGINT)" for name in moments}
    return ", ".join(f"{what} AS {name}" for name, what in said.items())


def _ended_row(ended: Ended) -> tuple[object, ...]:
    """Return how a listing ended as LISTINGS_COLUMNS without the run."""
    return (
        ended.workspace,
        ended.resource,
        ended.status,
        ended.records,
        ended.calls,
        ended.throttled,
        ended.lane,
        ended.rate,
        ended.waited,
        ended.paused,
        _microseconds(ended.started_at),
        _microseconds(ended.ended_at),
        ended.error,
    )


def _microseconds(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else 1000 * milliseconds


def _listings_batch(rows: Iterable[Sequence[object]]) -> RecordBatch:
    """Return rows of LISTINGS_COLUMNS, moments in microseconds, as an Arrow batch."""
    by_column = zip(*rows, strict=True)
    arrays = [
        Array(values, LONG).cast(kind) if kind == MOMENT else Array(values, kind)
        for values, kind in zip(by_column, LISTINGS_COLUMNS.values(), strict=True)
    ]
    return RecordBatch.from_arrays(arrays, schema=LISTINGS_SCHEMA)  # pyright: ignore[reportUnknownMemberType]
