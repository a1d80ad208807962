"""Records as rows of a table: the fixed columns, the typed ones, and Arrow batches.

A table holds every record twice: whole, as the server's own text in ``body``, and the
resource's well-known scalar fields as typed columns, so that a query need not parse
JSON. A typed column is a convenience and never lies: what does not fit its type is
null there, and ``body`` has it. A derived column is made of a record by the resource's own
rules, and is kept to the same.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple, Self, cast

import orjson
from arro3.core import Array, DataType, Field, RecordBatch, Schema

from asyncdbx.errors import StoreError
from asyncdbx.inventory.sources import NOTHING, Derived

__all__ = ["Block", "Columns", "Row"]

TEXT = DataType.utf8()
LONG = DataType.int64()
DOUBLE = DataType.float64()
DAY = DataType.date32()
EPOCH = date(1970, 1, 1).toordinal()
MOMENT = DataType.timestamp("us", tz="UTC")  # the only precision every Delta reader knows
MILLISECONDS = DataType.timestamp("ms", tz="UTC")

LEADING = {"workspace": TEXT, "id": TEXT, "name": TEXT, "parent": TEXT}
TRAILING = {"body": TEXT, "fetched_at": MOMENT, "run_id": TEXT}

# A Delta table without column mapping cannot have these in a column's name.
# https://github.com/delta-io/delta/blob/master/PROTOCOL.md#column-mapping, 2026-11-23
FORBIDDEN = frozenset(" ,;{}()\n\t=")


class Row(NamedTuple):
    """One record as it was fetched.

    Attributes:
        id: What tells it from the others of its listing.
        name: What people call it, if it has a name.
        parent: The id or path of what it belongs to, if it belongs to something.
        body: The record's JSON, byte for byte as the server sent it.
        fetched_at: When it was received, in milliseconds since 1970 (UTC).
    """

    id: str
    name: str | None
    parent: str | None
    body: bytes
    fetched_at: int


@dataclass(frozen=True, slots=True)
class Block:
    """Some records, column by column: how they are kept, and how a table wants them.

    Attributes:
        ids, names, parents, bodies, fetched_at: As of the rows, in their order.
    """

    ids: list[str]
    names: list[str | None]
    parents: list[str | None]
    bodies: list[bytes]
    fetched_at: list[int]

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Self:
        """Return rows as a block."""
        columns = [list(column) for column in zip(*rows, strict=True)]
        return cls(*(columns or ([], [], [], [], [])))

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self) -> Iterator[Row]:
        """Yield the records one by one."""
        values = (self.ids, self.names, self.parents, self.bodies, self.fetched_at)
        return map(Row._make, zip(*values, strict=True))

    def add(self, other: "Block") -> None:
        """Put the records of another block behind these."""
        self.ids.extend(other.ids)
        self.names.extend(other.names)
        self.parents.extend(other.parents)
        self.bodies.extend(other.bodies)
        self.fetched_at.extend(other.fetched_at)


class Columns:
    """The columns of one resource's table.

    Attributes:
        schema: All of them, in order.
        required: Those without which a table is not ours.

    Args:
        fields: Scalar fields of the records: name → ``"str"``, ``"int"``, ``"int64"``,
            ``"float"`` or ``"bool"``. A field is left out where its name is taken by a
            fixed or a derived column (column names do not differ by case) or is not allowed
            in a Delta table.
        derived: Columns made of the records, also of kind ``"date"``.
    """

    required = frozenset({*LEADING, *TRAILING})

    def __init__(self, fields: Mapping[str, str], derived: Derived = NOTHING) -> None:
        made = derived.columns
        taken = {name.lower() for name in (*LEADING, *TRAILING, *made)}
        found = dict(_usable(fields, taken))
        self._found = list(found)
        self._derived = derived
        self._typed = {name: _KINDS[kind] for name, kind in {**found, **made}.items()}
        types = {name: kind.arrow for name, kind in self._typed.items()}
        columns = {**LEADING, **types, **TRAILING}
        self.schema = Schema([Field(name, type_) for name, type_ in columns.items()])

    def batches(
        self, blocks: Iterable[Block], *, workspace: str, run_id: str
    ) -> Iterator[RecordBatch]:
        """Return blocks as Arrow batches, each made when it is asked for."""
        return (self.batch(block, workspace=workspace, run_id=run_id) for block in blocks)

    def batch(self, block: Block, *, workspace: str, run_id: str) -> RecordBatch:
        """Return records as one Arrow batch.

        Raises:
            StoreError: A body is not JSON; what was spooled has been damaged.
        """
        typed = self._values(block.bodies)
        arrays = [
            Array([workspace] * len(block), TEXT),
            Array(block.ids, TEXT),
            Array(block.names, TEXT),
            Array(block.parents, TEXT),
            *(
                kind.array(values)
                for kind, values in zip(self._typed.values(), typed, strict=True)
            ),
            Array(block.bodies, DataType.binary()).cast(TEXT),
            Array(block.fetched_at, LONG).cast(MILLISECONDS).cast(MOMENT),
            Array([run_id] * len(block), TEXT),
        ]
        # Its stub names types of numpy, which need not be installed.
        return RecordBatch.from_arrays(arrays, schema=self.schema)  # pyright: ignore[reportUnknownMemberType]

    def _values(self, bodies: Iterable[bytes]) -> list[list[Any]]:
        """Return the typed columns' values, as they are in the bodies, and what is derived.

        One document at a time: parsed, it takes ten times the memory of its text.
        """
        columns: list[list[Any]] = [[] for _ in self._typed]
        names = list(zip(self._found, columns, strict=False))
        made = columns[len(names) :]
        derived: list[Sequence[Any]] = []
        for body in bodies:
            document = _document(body)
            for name, values in names:
                values.append(document.get(name))
            if made:
                derived.append(self._derived.values(document))
        for values, column in zip(made, zip(*derived, strict=True), strict=False):
            values.extend(column)
        return columns


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of typed column.

    Attributes:
        arrow: Its Arrow type.
        plain: The Python types of a JSON value that need no conversion.
        convert: What to do with any other value: the value to store, or None.
        stored: Arrow type of the values to store, if arro3 makes no array of the other.
    """

    arrow: DataType
    plain: frozenset[type[object]]
    convert: Callable[[Any], Any]
    stored: DataType | None = None

    def array(self, values: Sequence[Any]) -> Array:
        """Return ``values`` as an Arrow array; what does not fit is null."""
        # Nearly every column is plain, and looking at its set of types is five times
        # cheaper than looking at each value.
        if not self.plain.issuperset(map(type, values)):
            values = [self.convert(value) for value in values]
        if self.stored is not None:
            return Array(values, self.stored).cast(self.arrow)
        try:
            return Array(values, self.arrow)
        except OverflowError:
            return Array([self.convert(value) for value in values], self.arrow)


def _usable(fields: Mapping[str, str], taken: set[str]) -> Iterator[tuple[str, str]]:
    for name, kind in fields.items():
        if name and name.lower() not in taken and not FORBIDDEN.intersection(name):
            taken.add(name.lower())
            yield name, kind


def _document(body: bytes) -> dict[str, Any]:
    """Return a parsed body; one that is no object (a bare string) has no fields."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        message = f"a spooled record is damaged ({error}); start over with --fresh"
        raise StoreError(message) from error
    return cast("dict[str, Any]", document) if isinstance(document, dict) else {}


def _integer(value: object) -> int | None:
    if isinstance(value, str):
        value = _decimal(value)
    elif isinstance(value, float) and abs(value) < 2**53 and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -(2**63) <= value < 2**63 else None


def _decimal(text: str) -> int | None:
    """Return the number ``text`` spells in the one way a server spells it, or None."""
    if len(text) > 20 or not text.removeprefix("-").isdecimal():
        return None
    number = int(text)
    return number if str(number) == text else None


def _float(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _days(value: object) -> int | None:
    """Return the days since 1970, as Arrow has a date."""
    return value.toordinal() - EPOCH if isinstance(value, date) else None


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


_NONE = type(None)
_INTEGER = _Kind(LONG, frozenset({int, _NONE}), _integer)
_KINDS = {
    "str": _Kind(TEXT, frozenset({str, _NONE}), _text),
    "int": _INTEGER,
    "int64": _INTEGER,
    "float": _Kind(DOUBLE, frozenset({float, int, _NONE}), _float),
    "bool": _Kind(DataType.bool(), frozenset({bool, _NONE}), _truth),
    "date": _Kind(DAY, frozenset({_NONE}), _days, stored=DataType.int32()),
}
