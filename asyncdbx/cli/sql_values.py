"""Rows of a query as data on stdout: JSON keeps types and digits, cells are texts."""

import base64
import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import orjson

from asyncdbx.cli.json_text import one_line
from asyncdbx.cli.output import Column, Sheet
from asyncdbx.look import Kind

__all__ = ["SqlRow", "sheet_of"]

SqlRow = tuple[Any, ...]

SHORT = range(-(2**63), 2**64)  # integers that orjson writes
WIDE = frozenset({"HUGEINT", "UHUGEINT"})
ZONED = "TIME WITH TIME ZONE"  # orjson writes none
PLAIN = frozenset({"JSON", ZONED, *WIDE})
NUMBER = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "DECIMAL",
    "FLOAT",
    "DOUBLE",
)
RIGHT = (*NUMBER, *(f"U{name}" for name in NUMBER))


def sheet_of(columns: Sequence[tuple[str, Kind]]) -> Sheet[SqlRow]:
    """Return how rows of these columns are printed.

    In JSON a time is ISO 8601, a blob base64, and a number has all of its digits; what is
    no number (NaN, infinity) is null. Of two columns with one name the second gets a 1.
    """
    names = list(_unique([name for name, _ in columns]))
    kinds = [kind for _, kind in columns]
    odd = [(at, kind) for at, kind in enumerate(kinds) if _is_odd(kind)]

    def json(row: SqlRow) -> bytes:
        values = list(row)
        for at, kind in odd:
            values[at] = _value(values[at], kind)
        return _dumps(dict(zip(names, values, strict=True)))

    cells = [_column(at, name, kinds[at]) for at, name in enumerate(names)]
    return Sheet(json, cells, cells)


def _unique(names: Sequence[str]) -> Iterator[str]:
    """Yield names of which no two are the same: ``id``, ``id_1``."""
    taken = set(names)
    seen: set[str] = set()
    for name in names:
        found, number = name, 0
        while found in seen or (number and found in taken):
            number += 1
            found = f"{name}_{number}"
        seen.add(found)
        yield found


def _is_odd(kind: Kind) -> bool:
    """Return whether orjson needs help with values of a kind."""
    return kind.form != "scalar" or kind.name in PLAIN


def _value(value: Any, kind: Kind) -> Any:
    """Return what orjson can write of a value."""
    if value is None:
        return None
    match kind.form:
        case "list":
            inner = kind.inner["child"]
            return [_value(each, inner) for each in value]
        case "map":
            inner = kind.inner["value"]
            return {_key(key): _value(each, inner) for key, each in value.items()}
        case "struct":
            return {name: _value(each, kind.inner[name]) for name, each in value.items()}
        case "scalar":
            return _scalar(value, kind.name)


def _scalar(value: Any, kind: str) -> Any:
    if kind == "JSON":  # as it stands in the table, with every digit
        return orjson.Fragment(one_line(value.encode()))
    if kind in WIDE and value not in SHORT:
        return orjson.Fragment(str(value))
    return str(value) if kind == ZONED else value


def _key(key: Any) -> str:
    return key if isinstance(key, str) else _text(key)


def _text(value: Any) -> str:
    """Return a value as JSON has it, a string without its quotes."""
    return _dumps(value).decode().strip('"')


def _dumps(value: Any) -> bytes:
    return orjson.dumps(value, _other, orjson.OPT_UTC_Z)


def _other(value: Any) -> Any:
    """Return what orjson can write of a value of a type that it does not know."""
    match value:
        case Decimal():
            return orjson.Fragment(f"{value:f}")
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return str(value)  # an interval


def _column(at: int, name: str, kind: Kind) -> Column[SqlRow]:
    def cell(row: SqlRow) -> Any:
        value = row[at]
        if isinstance(value, float) and not math.isfinite(value):
            return None
        if value is None or isinstance(value, str | int | float):
            return value
        return _text(_value(value, kind))

    is_number = kind.form == "scalar" and kind.name.startswith(RIGHT)
    return Column(name, cell, right=is_number)
