"""Which columns the table of a resource has."""

from asyncdbx import catalog
from asyncdbx.inventory.rows import Columns
from asyncdbx.inventory.sources import Resource

__all__ = ["columns_of"]

NUMBERS_OR_TEXT = {"int", "int64", "str"}


def columns_of(resource: Resource) -> Columns:
    """Return the columns of a resource's table: its calls' fields, and what is derived."""
    fields: dict[str, str] = {}
    for source in resource.sources:
        names = [source.endpoint, *([source.fetch.endpoint] if source.fetch else [])]
        for name in names:
            for field, kind in catalog.endpoint(name, resource.scope).fields.items():
                known = fields.setdefault(field, kind)
                if known != kind:
                    # An integer column also takes a number spelled as text, not vice versa.
                    fields[field] = "int64" if {known, kind} <= NUMBERS_OR_TEXT else "str"
    return Columns(fields, resource.derived)
