"""Words to say in what a resource is made of: a field, some keys, one plain listing."""

from collections.abc import Callable
from typing import Any

from asyncdbx.inventory.sources import (
    NOTHING,
    Arguments,
    Derived,
    Field,
    Record,
    Resource,
    Source,
)

__all__ = ["at", "pick", "plain"]


def at(*parts: str) -> Field:
    """Return the field whose dotted paths these are, joined."""
    return Field(parts)


def pick(**arguments: str) -> Callable[[Record], Arguments]:
    """Return a function that takes these arguments from these keys of a record."""
    return lambda record: {name: record[key] for name, key in arguments.items()}


def plain(
    name: str,
    endpoint: str,
    id_at: str,
    name_at: str = "",
    *,
    derived: Derived = NOTHING,
    **arguments: Any,
) -> Resource:
    """Return a resource that is one plain listing of a workspace."""
    label = at(name_at) if name_at else None
    source = Source(endpoint, at(id_at), label, arguments)
    return Resource(name, (source,), derived=derived)
