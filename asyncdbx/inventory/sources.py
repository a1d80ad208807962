"""Where the records of a resource come from: the words in which resources are said.

Data and plain functions; nothing here waits.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

__all__ = [
    "NOTHING",
    "Arguments",
    "Derived",
    "Fetch",
    "Field",
    "Follow",
    "Record",
    "Resource",
    "Source",
]

Record = Mapping[str, Any]
Arguments = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """Where a column's value stands.

    Attributes:
        parts: Each a dotted path into the record (``"settings.name"``), or ``"@"`` and the
            name of an argument of the call: a secret's key is unique in its scope only.
        between: What joins several parts.
    """

    parts: tuple[str, ...]
    between: str = "/"

    def of(self, record: Record, arguments: Record) -> str | None:
        """Return the value as text, or None if a part of it is missing."""
        values = [_part(part, record, arguments) for part in self.parts]
        if None in values:
            return None
        return self.between.join(str(value) for value in values)

    def reader(self, arguments: Record) -> Callable[[Record], str | None]:
        """Return what does the same for many records of one call, faster."""
        (part, *more) = self.parts
        if more or "." in part:
            return lambda record: self.of(record, arguments)
        if part.startswith("@"):
            value = self.of({}, arguments)
            return lambda _: value

        def plain(record: Record) -> str | None:
            value = record.get(part)
            return value if type(value) is str else self.of(record, arguments)

        return plain


def _part(part: str, record: Record, arguments: Record) -> Any:
    value: Any = record
    if part.startswith("@"):
        value, part = arguments, part[1:]
    for key in part.split("."):
        value = cast("Record", value).get(key) if isinstance(value, Mapping) else None
    return None if isinstance(value, dict | list) else value


@dataclass(frozen=True, slots=True)
class Fetch:
    """One more call for each record, whose answer is the record that is kept.

    Attributes:
        endpoint: Gives the whole object.
        arguments: Of that call, from the record of the listing.
        when: Whether this record needs it; the record itself is kept if not.
        merge: Its inner arrays come in pages, to be joined.
    """

    endpoint: str
    arguments: Callable[[Record], Arguments]
    when: Callable[[Record], bool] = lambda _: True
    merge: bool = False


@dataclass(frozen=True, slots=True)
class Follow:
    """A listing that is asked once for each record of another resource.

    Attributes:
        resource: The other resource.
        arguments: Of the call, from its record; None if this record has no such listing.
        source: Endpoint of its source whose records are meant; "" for all of them.
    """

    resource: str
    arguments: Callable[[Record], Arguments | None]
    source: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Calls that give records of a resource.

    Attributes:
        endpoint: The listing; of ``kind`` object, the call whose answer is one record.
        id: Where a record's id stands.
        name: Where its name stands.
        arguments: Of the first call.
        follow: The listing is asked for each record of another resource.
        fetch: One more call for each record.
        tree: ``arguments`` name the root of a tree, and directories are descended into.
        object: The answer itself is the one record.
        parent: Where the ``parent`` column's value stands: a scope, a directory, a schema.
    """

    endpoint: str
    id: Field
    name: Field | None = None
    arguments: Arguments = field(default_factory=dict[str, Any])
    follow: tuple[Follow, ...] = ()
    fetch: Fetch | None = None
    tree: bool = False
    object: bool = False
    parent: Field | None = None


@dataclass(frozen=True, slots=True)
class Derived:
    """Columns that are made of a record rather than found in it.

    Attributes:
        columns: Name → kind of the column, as those of fields.
        values: Of a record, in the order of the columns; None where it is not known. Must
            not raise, whatever the record is.
    """

    columns: Mapping[str, str]
    values: Callable[[Record], Sequence[Any]]


NOTHING = Derived({}, lambda _: ())


@dataclass(frozen=True, slots=True)
class Resource:
    """What an inventory lists under one name.

    Attributes:
        name: E.g. ``"clusters"``; the table's folder.
        scope: Whether workspaces or accounts have it.
        sources: Where its records come from. Several are read one beside the other: a
            model may stand in the workspace's registry or in Unity Catalog.
        derived: Columns of its table besides the fields of its records.
        on_request: It is only taken if it is named: it may be larger than all else.
    """

    name: str
    sources: tuple[Source, ...]
    scope: Literal["workspace", "account"] = "workspace"
    derived: Derived = NOTHING
    on_request: bool = False
