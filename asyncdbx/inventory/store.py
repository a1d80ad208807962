"""The inventory's Delta tables: what is published, whole listings at a time.

Every publish is one Delta commit that replaces some workspaces' partitions of one table,
so a reader sees the listing of one run or of another, never of both, and the versions
before it can still be read. A commit's metadata names its run.
"""

import math
import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import Any, cast

from arro3.core import Array, RecordBatch, RecordBatchReader, Schema
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
from asyncdbx.inventory.delta_commit import commit_files
from asyncdbx.inventory.disk import disk_error
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.ledger import RUN_TABLES, RunTable
from asyncdbx.inventory.partitions import PARTITION, new_files
from asyncdbx.inventory.properties import retention
from asyncdbx.inventory.rows import Block, Columns

__all__ = ["Store", "explained"]

# Of what deltalake writes itself: rows of runs, and merges.
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
        listings: Mapping[str, Iterable[Block]],
        columns: Columns,
        *,
        run_id: str,
        merge: bool = False,
    ) -> dict[str, int]:
        """Replace some workspaces' rows in a resource's table, in one commit.

        Blocks are read as they are written, so memory does not depend on their number.
        No rows at all is a listing too: the table is there, the old rows are gone. New
        typed columns are added to the table, and are null in older rows. Published twice,
        it is the same as once.

        Args:
            resource: The table.
            listings: The records of each workspace, each id once.
            columns: Of the resource.
            run_id: Names the run.
            merge: A row takes the place of the one with its id, and those whose id does
                not come again stay: nobody knows whether they are gone. Memory: that of
                all ids of the workspaces, and of some 10,000 rows.

        Returns:
            How many rows came, by workspace.

        Raises:
            StoreError: The table is not ours or has a column of another type, or the
                disk refuses. The table is then as it was before.
        """
        names = {"run_id": run_id, "resource": resource}
        commit = CommitProperties(custom_metadata=names)
        batches = {
            workspace: columns.batches(blocks, workspace=workspace, run_id=run_id)
            for workspace, blocks in listings.items()
        }
        with self._writing(resource):
            table = self._ours(resource, columns)
            if merge and table is not None:
                return _merge(table, columns.schema, batches, commit)
            path = self._folder.table(resource)
            files = new_files(path, batches)
            schema = DeltaSchema.from_arrow(columns.schema)
            commit_files(path, table, schema, files, commit)
        return {each: sum(file.rows for file in found) for each, found in files.items()}

    def replace_run(
        self, table: RunTable, run_id: str, rows: Iterable[Sequence[Any]]
    ) -> None:
        """Write a run's rows of a table, in one commit, in the place of those it has there.

        A table of an earlier version gets the columns it lacks.

        Raises:
            StoreError: The table is not ours, or the disk refuses.
        """
        reader = RecordBatchReader.from_batches(table.schema, table.batches(rows))
        with self._writing(table.name):
            write_deltalake(
                self._ours(table.name, table) or self._folder.table(table.name),
                reader,
                mode="overwrite",
                predicate=_of_run(run_id),
                schema_mode="merge",
                name=table.name,
                configuration=retention(None),
                writer_properties=WRITER,
                commit_properties=CommitProperties(custom_metadata={"run_id": run_id}),
            )

    def retain(self, name: str, keep: timedelta | None) -> None:
        """Let a table's log know of what was replaced for so long; None for ever.

        Raises:
            StoreError: The disk refuses.
        """
        with self._writing(name):
            table = self._open(name)
            if table is not None and not _is_foreign(table, name):
                _retain(table, keep)

    def prune(self, name: str, keep: timedelta) -> None:
        """Forget versions of a table that were replaced longer ago than ``keep``.

        Their files are deleted, and those of writers that died; never one of the present
        version, however old it is, nor of a version that a reader may have opened since.
        A table that is not ours is left alone.

        Raises:
            StoreError: The disk refuses.
        """
        with self._writing(name):
            table = self._open(name)
            if table is None or _is_foreign(table, name):
                return
            _retain(table, keep)
            deleted = table.vacuum(
                # What no version knows a writer left that died, or has yet to commit.
                retention_hours=math.ceil(keep / timedelta(hours=1)),
                enforce_retention_duration=False,
                full=True,
                dry_run=False,
                keep_versions=self._versions(name, table.version(), keep),
            )
            if deleted:
                # Only what lies before a checkpoint can leave the log, and a version
                # whose files are gone should not look as if it could be read.
                table.create_checkpoint()
                table.cleanup_metadata()

    def _versions(self, name: str, last: int, keep: timedelta) -> list[int]:
        """Return the versions of a table that were its present one since ``keep`` ago."""
        log = self._folder.table(name) / "_delta_log"
        before = time.time() - keep.total_seconds()
        versions: list[int] = []
        for version in range(last, -1, -1):
            file = log / f"{version:020}.json"
            if not file.exists():
                break
            versions.append(version)
            if file.stat().st_mtime < before:
                break
        return versions[::-1]

    def forget_runs(self, table: RunTable, before: str) -> None:
        """Delete the rows of runs whose ids sort before ``before``.

        Raises:
            StoreError: The table cannot be written.
        """
        with self._writing(table.name):
            known = self._open(table.name)
            if known is not None:
                known.delete(f"run_id < {_quoted(before)}")

    def check(self, name: str, columns: Columns | RunTable) -> None:
        """Refuse a table that could not be written to; that there is none is fine.

        Raises:
            StoreError: It is not ours, has a column of another type, or cannot be read.
        """
        with explained(f"{self._where(name)} cannot be used"):
            self._ours(name, columns)

    def run_rows(self, table: RunTable, run_id: str) -> list[dict[str, Any]]:
        """Return a run's rows of a table.

        Raises:
            StoreError: The table cannot be read.
        """
        return list(
            self._select(
                table.name,
                lambda found: _wanted(found, list(table.columns), table.later),
                _of_run(run_id),
            )
        )

    def tables(self) -> list[str]:
        """Return the names of the resources that have a table, sorted."""
        return self._folder.tables()

    def count(self, table: str, workspace: str | None = None) -> int:
        """Return how many rows a table has, of one workspace or of all; 0 if no table.

        Raises:
            StoreError: The table cannot be read.
        """
        found = list(self._select(table, lambda _: "count(*) AS n", _only(workspace)))
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
        lacking = RUN_TABLES[table].later if table in RUN_TABLES else ()
        return self._select(
            table, lambda found: _wanted(found, columns, lacking), _only(workspace)
        )

    def _select(
        self, name: str, columns: Callable[[DeltaTable], str], where: str
    ) -> Iterator[dict[str, Any]]:
        with explained(f"{self._where(name)} cannot be read"):
            table = self._open(name)
            if table is None:
                return
            query = f"SELECT {columns(table)} FROM t WHERE {where}"  # noqa: S608 - quoted
            for batch in QueryBuilder().register("t", table).execute(query):
                yield from _dictionaries(batch)

    def _where(self, name: str) -> str:
        return f"table {name} in {self._folder.path}"

    @contextmanager
    def _writing(self, name: str) -> Generator[None]:
        """Write to one table at a time, and explain what goes wrong."""
        with self._guard:
            lock = self._locks.setdefault(name, Lock())
        with lock, explained(f"{self._where(name)} could not be written"):
            yield

    def _ours(self, name: str, columns: Columns | RunTable) -> DeltaTable | None:
        """Return a table that has, or can be given, these columns; None if there is none.

        Raises:
            StoreError: Somebody else made it, or it has a column of another type: the
                writer would cast such a column, and what cannot be cast would be lost.
        """
        table = self._open(name)
        if table is not None:
            _check(table, name, columns, self._where(name))
        return table

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


@contextmanager
def explained(what: str) -> Generator[None]:
    """Turn what deltalake and the system say into a StoreError of one sentence."""
    try:
        yield
    except AsyncdbxError:
        raise
    except Exception as error:
        # deltalake raises some of its errors as plain Exception.
        if not isinstance(error, DeltaError | OSError) and type(error) is not Exception:
            raise
        text = str(error)
        found = re.search(r"os error (\d+)", text)
        number = int(found[1]) if found else getattr(error, "errno", None)
        raise disk_error(what, number, text.splitlines()[0][:300]) from error


def _merge(
    table: DeltaTable,
    schema: Schema,
    batches: Mapping[str, Iterable[RecordBatch]],
    commit: CommitProperties,
) -> dict[str, int]:
    """Merge rows into a table, and return how many they were."""
    counts = dict.fromkeys(batches, 0)

    def counted() -> Iterator[RecordBatch]:
        for workspace, found in batches.items():
            for batch in found:
                counts[workspace] += batch.num_rows
                yield batch

    same = f"old.{PARTITION} = new.{PARTITION} AND old.id = new.id"
    with ahead(counted()) as found:
        merger = table.merge(
            _widened(RecordBatchReader.from_batches(schema, found), table),
            f"old.{_of(*batches)} AND {same}",
            source_alias="new",
            target_alias="old",
            merge_schema=True,
            writer_properties=WRITER,
            commit_properties=commit,
        )
        merger.when_matched_update_all().when_not_matched_insert_all().execute()
    return counts


def _widened(rows: RecordBatchReader, table: DeltaTable) -> RecordBatchReader:
    """Return rows with all columns of a table, null where they have no value.

    A table of another version may have some that are not ours: of a new record they are
    not known, and a merge leaves what it is not given as it was.
    """
    ours, theirs = rows.schema, table.schema().to_arrow()
    fields = [theirs.field(name) for name in theirs.names if name not in ours.names]
    schema = Schema([*(ours.field(name) for name in ours.names), *fields])

    def widened(batch: RecordBatch) -> RecordBatch:
        nulls = [Array([None] * batch.num_rows, each.type) for each in fields]
        return RecordBatch.from_arrays([*batch.columns, *nulls], schema=schema)  # pyright: ignore[reportUnknownMemberType]

    return RecordBatchReader.from_batches(schema, map(widened, rows))


def _retain(table: DeltaTable, keep: timedelta | None) -> None:
    wanted = retention(keep)
    if not wanted.items() <= table.metadata().configuration.items():
        table.alter.set_table_properties(wanted)


def _is_foreign(table: DeltaTable, name: str) -> bool:
    """Return whether somebody else made a table that lies where one of ours would."""
    run_table = RUN_TABLES.get(name)
    partitions = [PARTITION] if run_table is None else []
    required = Columns.required if run_table is None else run_table.required
    known = {field.name.lower() for field in table.schema().fields}
    return table.metadata().partition_columns != partitions or not known >= required


def _check(table: DeltaTable, name: str, ours: Columns | RunTable, where: str) -> None:
    known = {field.name.lower(): field for field in table.schema().fields}
    if _is_foreign(table, name):
        raise StoreError(f"{where} was not made by asyncdbx; move it away")
    for field in DeltaSchema.from_arrow(ours.schema).fields:
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


def _of(*workspaces: str) -> str:
    """Return what is true of these workspaces' rows."""
    return f"{PARTITION} IN ({', '.join(map(_quoted, workspaces))})"


def _only(workspace: str | None) -> str:
    return "true" if workspace is None else _of(workspace)


def _of_run(run_id: str) -> str:
    return f"run_id = {_quoted(run_id)}"


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
