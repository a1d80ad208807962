"""SQL over the tables of an inventory, as they are or as they were after a run."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from asyncdbx.errors import QueryError
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.resources import RESOURCES
from asyncdbx.look.duck import Duck, Result, identifier, opened
from asyncdbx.look.history import History
from asyncdbx.look.moment import Run
from asyncdbx.look.statement import Reads
from asyncdbx.look.tables import Table, read_table, table_names

__all__ = ["Tables", "open_tables"]


def open_tables(folder: Path, at: str | None = None) -> "Tables":
    """Return the tables of an inventory.

    Args:
        folder: The inventory's.
        at: A run after which they are shown, as :func:`asyncdbx.look.moment.choose` takes
            it; as they are now if not given.

    Raises:
        UsageError: There is no such run.
        StoreError: The folder is no inventory, or cannot be read.
    """
    place = Folder.open(folder, create=False)
    if at is None:
        return Tables(place)
    with opened() as duck:
        history = History(place, duck)
        return Tables(place, history, history.find(at))


class Tables:
    """The tables of an inventory at one time.

    Attributes:
        run: The run after which they are shown; None for as they are now.
    """

    def __init__(
        self, folder: Folder, history: History | None = None, run: Run | None = None
    ) -> None:
        """Use :func:`open_tables`."""
        self.run = run
        self._folder = folder
        self._history = history

    @property
    def names(self) -> list[str]:
        """Names of the tables there are now, sorted."""
        return table_names(self._folder)

    def table(self, name: str) -> Table | None:
        """Return a table; None if there was none yet.

        Raises:
            StoreError: It cannot be read, or has been vacuumed.
        """
        if self._history is None or self.run is None:
            return read_table(self._folder, name)
        table = self._history.table(name, self.run)
        if table is not None:
            self._history.check(name, self.run, [file.path for file in table.files])
        return table

    @contextmanager
    def query(self, sql: str) -> Generator[Result]:
        """Run a statement that reads, and give its rows, computed as they are read.

        Only the tables that it names are looked at, so one that is damaged is in nobody's
        way. Nothing else can be read, and nothing written.

        Raises:
            QueryError: It cannot be run, or does not only read.
            StoreError: A table cannot be read.
            AsyncdbxError: It needs more memory than it may have.
        """
        with opened() as duck:
            seen = duck.reads(sql)
            tables = list(filter(None, map(self.table, self._wanted(seen))))
            for table in tables:
                duck.run(f"CREATE VIEW {identifier(table.name)} AS {table.sql()}")
            duck.lock(file.path for table in tables for file in table.files)
            yield self._run(duck, sql, seen.tables - {table.name for table in tables})

    def _wanted(self, seen: Reads) -> list[str]:
        return [name for name in self.names if seen.catalog or name.lower() in seen.tables]

    def _run(self, duck: Duck, sql: str, unknown: frozenset[str]) -> Result:
        try:
            return duck.run(sql)
        except QueryError as error:
            missing = sorted(name for name in unknown if name in RESOURCES)
            if not missing or "does not exist" not in str(error):
                raise
            when = f" by run {self.run.id}" if self.run else ""
            hint = f"this inventory has not taken {', '.join(missing)}{when}"
            raise QueryError(f"{hint}\n  {error}") from error
