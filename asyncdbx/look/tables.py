"""The Delta tables of an inventory at a version, as DuckDB reads them.

DuckDB is given the list of a version's files, and the values of partitions and the types
that the Delta log has: it opens no file to plan a query, and needs no extension.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import orjson
from deltalake import DeltaTable

from asyncdbx.errors import StoreError
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.rows import LEADING, TRAILING
from asyncdbx.inventory.store import explained
from asyncdbx.look.duck import Duck, identifier, text

__all__ = [
    "DataFile",
    "Table",
    "count",
    "delta_table",
    "has_table",
    "read_table",
    "scan",
    "table_names",
]

TYPES = {
    "string": "VARCHAR",
    "long": "BIGINT",
    "integer": "INTEGER",
    "short": "SMALLINT",
    "byte": "TINYINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "binary": "BLOB",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
    "timestamp_ntz": "TIMESTAMP",
}
BODY = "body"
FILE = "@file"  # no column of a table has this name
# A reader that does not know a feature of a table must not read it. Of these none changes
# what is in the files.
# https://github.com/delta-io/delta/blob/master/PROTOCOL.md#valid-feature-names-in-table-features
FEATURES = frozenset({"timestampNtz", "v2Checkpoint", "vacuumProtocolCheck"})


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of a table.

    Attributes:
        path: Where it lies, absolute.
        rows: How many are in it; None if nobody counted.
        partition: Values of the columns that are not in it.
    """

    path: str
    rows: int | None
    partition: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A table at one version.

    Attributes:
        name: A resource, or ``"_listings"`` and its like.
        version: Of the Delta table.
        columns: Names and DuckDB types, in the order of the contract.
        partitioned_by: Those of the columns that are not in the files.
        files: What it consists of.
    """

    name: str
    version: int
    columns: Mapping[str, str]
    partitioned_by: Sequence[str]
    files: Sequence[DataFile]

    @property
    def rows(self) -> int | None:
        """How many rows there are; None if the Delta log does not say."""
        counts = [file.rows for file in self.files]
        return None if None in counts else sum(filter(None, counts))

    def sql(self) -> str:
        """Return a SELECT of all rows and columns."""
        return scan(self.columns, self.files, self.partitioned_by)


def table_names(folder: Folder) -> list[str]:
    """Return the names of all tables, ``_listings`` and its like first, sorted."""
    logs = folder.path.glob("*/_delta_log")
    return sorted(log.parent.name for log in logs)


def has_table(folder: Folder, name: str) -> bool:
    """Return whether there is a table of this name."""
    return (folder.table(name) / "_delta_log").is_dir()


def delta_table(folder: Folder, name: str, version: int | None = None) -> DeltaTable:
    """Open a Delta table, at a version or as it is now.

    Raises:
        StoreError: It cannot be read.
    """
    with explained(f"table {name} in {folder.path} cannot be read"):
        return DeltaTable(folder.table(name), version=version)


def read_table(folder: Folder, name: str, version: int | None = None) -> Table:
    """Return a table at a version, or as it is now.

    Raises:
        StoreError: It cannot be read, or has features that change how it is read.
    """
    found = delta_table(folder, name, version)
    where = f"table {name} in {folder.path}"
    _check_features(found, where)
    with explained(f"{where} cannot be read"):
        partitioned_by = found.metadata().partition_columns
        return Table(
            name,
            found.version(),
            _columns(orjson.loads(found.schema().to_json()), where),
            partitioned_by,
            _files(found, folder.table(name), partitioned_by),
        )


def scan(
    columns: Mapping[str, str], files: Sequence[DataFile], outside: Iterable[str] = ()
) -> str:
    """Return a SELECT of columns from files.

    A column that a file lacks is null in its rows. A filter on a column that is outside
    leaves out the files that cannot have any.

    Args:
        columns: Names and types.
        files: Where from; without any, there are no rows.
        outside: Those of the columns that are not in the files but in ``partition``.
    """
    outside = set(outside)
    if not files:
        nulls = (f"NULL::{kind} AS {identifier(name)}" for name, kind in columns.items())
        return f"SELECT {', '.join(nulls)} WHERE false"
    inside = {name: kind for name, kind in columns.items() if name not in outside}
    chosen = (
        f"{_by_file(name, kind, files)} AS {identifier(name)}"
        if name in outside
        else identifier(name)
        for name, kind in columns.items()
    )
    paths = ", ".join(text(file.path) for file in files)
    return (
        f"SELECT {', '.join(chosen)} FROM read_parquet([{paths}],"  # noqa: S608 - all is quoted
        f" schema = {_schema(inside)}, filename = {text(FILE)}, hive_partitioning = false)"
    )


def count(duck: Duck, files: Sequence[DataFile]) -> int:
    """Return how many rows are in files, most of which the Delta log has counted."""
    uncounted = [file for file in files if file.rows is None]
    known = sum(file.rows or 0 for file in files)
    if not uncounted:
        return known
    sql = f"SELECT count(id) FROM ({scan({'id': 'VARCHAR'}, uncounted)})"  # noqa: S608 - ours
    ((found,),) = duck.run(sql).rows()
    return known + int(found)


def _by_file(name: str, kind: str, files: Sequence[DataFile]) -> str:
    """Return the value that a column has in all rows of a file."""
    values = (f"{text(file.path)}: {_value(file.partition[name])}" for file in files)
    return f"MAP {{{', '.join(values)}}}[{identifier(FILE)}]::{kind}"


def _value(value: Any) -> str:
    return "NULL" if value is None else text(str(value))


def _schema(columns: Mapping[str, str]) -> str:
    fields = (
        f"{text(name)}: {{name: {text(name)}, type: {text(kind)}, default_value: NULL}}"
        for name, kind in columns.items()
    )
    return f"MAP {{{', '.join(fields)}}}"


def _check_features(found: DeltaTable, where: str) -> None:
    protocol = found.protocol()
    features = set(protocol.reader_features or ())
    if protocol.min_reader_version == 2:
        features.add("columnMapping")
    if strange := features - FEATURES:
        raise StoreError(
            f"{where} cannot be read here: somebody gave it {', '.join(sorted(strange))}"
        )


def _columns(schema: Any, where: str) -> dict[str, str]:
    """Return columns by name, a resource's in the order of the contract."""
    found = {field["name"]: _type(field["type"], where) for field in schema["fields"]}
    if not {*LEADING, *TRAILING} <= found.keys():
        return found
    found[BODY] = "JSON"
    typed = [name for name in found if name not in LEADING and name not in TRAILING]
    return {name: found[name] for name in (*LEADING, *typed, *TRAILING)}


def _type(kind: Any, where: str) -> str:
    """Return the DuckDB type of a Delta type, which is a name or an object."""
    match kind:
        case {"type": "array", "elementType": element}:
            return f"{_type(element, where)}[]"
        case {"type": "map", "keyType": key, "valueType": value}:
            return f"MAP({_type(key, where)}, {_type(value, where)})"
        case {"type": "struct", "fields": fields}:
            inner = (
                f"{identifier(each['name'])} {_type(each['type'], where)}"
                for each in cast("list[dict[str, Any]]", fields)
            )
            return f"STRUCT({', '.join(inner)})"
        case str() if kind.startswith("decimal"):
            return kind.upper()
        case str() if kind in TYPES:
            return TYPES[kind]
        case _:
            raise StoreError(f"{where} has a column of an unknown type, {kind}")


def _files(
    found: DeltaTable, folder: Path, partitioned_by: Sequence[str]
) -> list[DataFile]:
    # The stub of arro3 names types of numpy, which need not be installed.
    actions: Any = found.get_add_actions(flatten=True)
    rows = cast("list[dict[str, Any]]", actions.to_struct_array().to_pylist())
    return [
        DataFile(
            # A path is a URI in the log, so what is in it stands there encoded once more.
            str(folder / unquote(row["path"])),
            row.get("num_records"),
            {name: row[f"partition.{name}"] for name in partitioned_by},
        )
        for row in rows
    ]
