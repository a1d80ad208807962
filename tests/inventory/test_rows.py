"""Typed columns: what fits is there, what does not is null, the body has it all."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from asyncdbx.inventory.rows import Block, Columns, Row
from asyncdbx.inventory.sources import Derived

MAX = 2**63 - 1


def column(kind: str, *values: object) -> list[Any]:
    """Return what a column of ``kind`` makes of JSON ``values``."""
    bodies = [json.dumps({"it": value}).encode() for value in values]
    rows = [Row("", None, None, body, 0) for body in bodies]
    batch = Columns({"it": kind}).batch(Block.of(rows), workspace="w", run_id="r")
    return list(batch.column("it").to_pylist())


@pytest.mark.parametrize("kind", ["int", "int64"])
def test_integers_keep_every_digit(kind: str) -> None:
    """As numbers or as decimal strings, up to 64 bits."""
    exact = [0, -1, MAX, -MAX - 1]
    assert column(kind, *exact, None) == [*exact, None]
    assert column(kind, *map(str, exact), "9007199254740993") == [*exact, 9007199254740993]
    assert column(kind, 3.0, -2e9, 1) == [3, -2_000_000_000, 1]


TOO_LARGE = [MAX + 1, -MAX - 2, 2**64 - 1, str(MAX + 1), "9" * 30, 1e300, 2.0**53]
OTHERS = [
    1.5,
    True,
    [],
    {},
    "",
    "-",
    "1.0",
    "1e3",
    " 1",
    "+1",
    "007",
    "-0",
    "1_0",
    "٣",
    "²",
]


@pytest.mark.parametrize("value", [*TOO_LARGE, *OTHERS], ids=ascii)
def test_what_is_no_64_bit_integer_is_null(value: object) -> None:
    """Alone, and beside values that are fine."""
    assert column("int64", value) == [None]
    assert column("int64", 7, value, "8") == [7, None, 8]


def test_other_kinds_take_their_own_only() -> None:
    """A string is a string, a bool a bool; a float may be an integer."""
    assert column("str", "a", "", "ü😀", None) == ["a", "", "ü😀", None]
    assert column("str", "a", 1, True, [], {}) == ["a", None, None, None, None]
    assert column("bool", True, False, None) == [True, False, None]
    assert column("bool", True, 1, "true", 0.0) == [True, None, None, None]
    assert column("float", 1.5, 2, None) == [1.5, 2.0, None]
    assert column("float", 1.5, True, "2", []) == [1.5, None, None, None]


def test_a_record_without_the_field_has_null() -> None:
    """Records that lack it, or are no objects at all, are rows all the same."""
    bodies = [b"{}", b'"text"', b"[1]", b"null", b' {"it": 1} ']
    rows = [Row(str(n), None, "p", body, n) for n, body in enumerate(bodies)]
    batch = Columns({"it": "int"}).batch(Block.of(rows), workspace="w", run_id="r")
    assert list(batch.column("it").to_pylist()) == [None, None, None, None, 1]
    assert list(batch.column("body").to_pylist()) == [body.decode() for body in bodies]


def test_fields_that_cannot_be_columns_are_left_out() -> None:
    """Fixed columns keep their names, whatever the case; so do the first of a kind."""
    fields = [
        "id",
        "Body",
        "run_id",
        "size",
        "SIZE",
        "a b",
        "a,b",
        "x=y",
        "",
        "$ref",
        "a.b",
    ]
    columns = Columns(dict.fromkeys(fields, "str"))
    assert columns.schema.names == [
        *("workspace", "id", "name", "parent"),
        *("size", "$ref", "a.b"),
        *("body", "fetched_at", "run_id"),
    ]


DERIVED = {"Size": "str", "day": "date", "odd": "bool"}


def derived(*values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Return the derived columns of rows whose records hold these values."""
    bodies = [json.dumps({"n": n, "size": 1}).encode() for n, _ in enumerate(values)]
    made = Derived(DERIVED, lambda record: values[record["n"]])
    rows = [Row("", None, None, body, 0) for body in bodies]
    fields = {"n": "int", "size": "int"}
    batch = Columns(fields, made).batch(Block.of(rows), workspace="w", run_id="r")
    return list(
        zip(*(batch.column(name).to_pylist() for name in made.columns), strict=True)
    )


def test_derived_columns_stand_behind_the_fields() -> None:
    """And take the place of a field of their name, whatever its case."""
    made = Derived(DERIVED, lambda _: ())
    columns = Columns({"n": "int", "size": "int"}, made)
    assert columns.schema.names == [
        *("workspace", "id", "name", "parent"),
        *("n", "Size", "day", "odd"),
        *("body", "fetched_at", "run_id"),
    ]
    assert columns.batch(Block.of([]), workspace="w", run_id="r").num_rows == 0


def test_what_is_derived_fits_its_column_or_is_null() -> None:
    """A date is a day, in any year; nothing else is."""
    days = [date(2026, 11, 26), date(1969, 12, 31), date.min, date.max, None]
    assert derived(*[("a", day, True) for day in days]) == [
        ("a", day, True) for day in days
    ]
    assert derived(("a", "2026-11-26", 1), (7, 20_000, None)) == [
        ("a", None, None),
        (None, None, None),
    ]


def test_batches_are_made_one_at_a_time() -> None:
    """A listing is never in memory whole."""
    taken: list[int] = []

    def listing() -> Iterator[Block]:
        for number in range(3):
            taken.append(number)
            yield Block.of([Row(str(number), None, None, b"{}", number)])

    made = Columns({}).batches(listing(), workspace="w", run_id="r")
    assert taken == []
    assert [(batch.num_rows, len(taken)) for batch in made] == [(1, 1), (1, 2), (1, 3)]
    assert Columns({}).batch(Block.of([]), workspace="w", run_id="r").num_rows == 0
