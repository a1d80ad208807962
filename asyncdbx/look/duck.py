"""DuckDB, and the only module that knows it: a database in memory that reads files.

duckdb is imported when a database is opened: most commands need none.
"""

import json
import os
import re
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from asyncdbx.errors import AsyncdbxError, QueryError, StoreError
from asyncdbx.look.statement import Reads, reads

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from duckdb.sqltypes import DuckDBPyType

__all__ = ["Duck", "Kind", "Result", "Rows", "identifier", "opened", "text"]

Rows = list[tuple[Any, ...]]
T = TypeVar("T")

MEMORY = "50%"  # of what there is; DuckDB's own 80 % leaves little for others
FETCH = 1_000  # rows at a time

Form = Literal["list", "map", "struct", "scalar"]
FORMS: Mapping[str, Form] = {
    "array": "list",
    "list": "list",
    "map": "map",
    "struct": "struct",
}


class Kind:
    """The type of a column, as far as its values in Python do not show it.

    Attributes:
        name: As in SQL: ``"BIGINT"``, ``"JSON"``, ``"STRUCT(a INTEGER)"``.
        form: ``"list"``, ``"map"``, ``"struct"`` or ``"scalar"``.
        inner: Kinds of what is in it: of a list's elements as ``"child"``, of a map's
            values as ``"value"``, of a struct's fields by their names.
    """

    def __init__(self, found: "DuckDBPyType") -> None:
        self.name = str(found)
        self.form: Form = FORMS.get(found.id, "scalar")
        children = found.children if self.form != "scalar" else []
        self.inner: Mapping[str, Kind] = {
            name: Kind(cast("DuckDBPyType", child))
            for name, child in cast("list[tuple[str, object]]", children)
            if not isinstance(child, int)  # the length of an array
        }


class Result:
    """Rows of a statement, computed as they are read.

    Attributes:
        columns: Name and kind of each; two may have the same name.
    """

    def __init__(
        self, columns: Sequence[tuple[str, Kind]], batches: Iterator[Rows]
    ) -> None:
        self.columns = columns
        self._batches = batches

    def batches(self) -> Iterator[Rows]:
        """Yield the rows, a thousand at a time."""
        return self._batches

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows, one at a time."""
        return (row for batch in self._batches for row in batch)


class Duck:
    """A database in memory. It does one thing at a time: a statement ends the last one."""

    def __init__(self, connection: "DuckDBPyConnection", pool: ThreadPoolExecutor) -> None:
        """Use :func:`opened`."""
        self._connection = connection
        self._pool = pool

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> Result:
        """Run a statement.

        Raises:
            QueryError: It is no SQL, names what there is not, or fails on a value or on a
                file that is no Parquet.
            StoreError: A file cannot be read.
            AsyncdbxError: It needs more memory than it may have.
        """
        done = self._explained(lambda: self._connection.execute(sql, list(parameters)))
        found = cast("list[tuple[str, DuckDBPyType]]", done.description or [])
        return Result([(each[0], Kind(each[1])) for each in found], self._batches())

    def reads(self, sql: str) -> Reads:
        """Return what somebody else's statement reads.

        Raises:
            QueryError: It is no SQL, not one statement, or does not only read.
        """
        self._explained(lambda: self._connection.extract_statements(sql))  # says where
        ((parsed,),) = self.run("SELECT json_serialize_sql(?)", [sql]).rows()
        try:
            return reads(json.loads(parsed))  # orjson reads fewer levels
        except RecursionError:
            raise QueryError("the statement is nested too deep") from None

    def lock(self, files: Iterable[str]) -> None:
        """Let what follows see these files and nothing else: no disk, no network.

        It may still write to them; see :meth:`reads`. It cannot be undone.
        """
        allowed = ", ".join(map(text, files))
        self.run(f"SET allowed_paths = [{allowed}]")
        self.run("SET enable_external_access = false")
        self.run("SET lock_configuration = true")

    def _batches(self) -> Iterator[Rows]:
        while batch := self._explained(lambda: self._connection.fetchmany(FETCH)):
            yield batch

    def _explained(self, work: Callable[[], T]) -> T:
        import duckdb  # noqa: PLC0415 - as said above

        try:
            return self._interruptible(work)
        except duckdb.OutOfMemoryException as error:
            raise AsyncdbxError(_first_line(error)) from error
        except duckdb.IOException as error:
            raise StoreError(_first_line(error)) from error
        except (duckdb.InternalException, duckdb.FatalException) as error:
            raise AsyncdbxError(f"DuckDB: {_first_line(error)}") from error
        except duckdb.Error as error:
            raise QueryError(_indented(error)) from error

    def _interruptible(self, work: Callable[[], T]) -> T:
        """Do what blocks in a thread: only so does Ctrl-C end it."""
        doing = self._pool.submit(work)
        try:
            return doing.result()
        except KeyboardInterrupt:
            # It may not have begun yet, and people are impatient.
            while not doing.done():
                with suppress(KeyboardInterrupt):
                    self._connection.interrupt()
                    wait([doing], timeout=0.1)
            raise


@contextmanager
def opened(memory: str = MEMORY, threads: int | None = None) -> Generator[Duck]:
    """Give a database in memory; what does not fit spills into a temporary folder.

    Args:
        memory: What it may take: ``"256MB"``, ``"50%"``.
        threads: At most so many; one for each core if not given.
    """
    import duckdb  # noqa: PLC0415 - as said above

    cores = os.cpu_count() or 1
    with (
        tempfile.TemporaryDirectory(prefix="asyncdbx-") as spill,
        ThreadPoolExecutor(1, "duckdb") as pool,
    ):
        settings: dict[str, Any] = {
            "memory_limit": memory,
            "threads": min(threads or cores, cores),
            "temp_directory": spill,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        with closing(duckdb.connect(config=settings)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            # It would stand on stdout, amid the data, where Python runs without a file.
            connection.execute("SET enable_progress_bar_print = false")
            yield Duck(connection, pool)


def text(value: str) -> str:
    """Return ``value`` as an SQL string."""
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return ``name`` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _indented(error: Exception) -> str:
    """Return DuckDB's words, what is below the first line set apart.

    A value in it may have line breaks of its own, and none may look like a line of ours.
    """
    return re.sub(r"\s*\n+", "\n  ", str(error).strip())
