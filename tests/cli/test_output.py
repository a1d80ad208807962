"""How data looks on stdout: JSON as sent, CSV, tables, and what a terminal would obey."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdbx.cli.json_text import envelope, indented
from asyncdbx.cli.output import Column, Format, Output, Sheet, Table, cell
from asyncdbx.escape import visible, visible_json

Item = dict[str, Any]
Capture = pytest.CaptureFixture[bytes]


def _sheet(*names: str) -> Sheet[Item]:
    columns = [_column(name) for name in names]
    return Sheet(orjson.dumps, columns, columns)


def _column(name: str) -> Column[Item]:
    return Column(name, lambda item: item[name], right=name == "size")


def _printed(
    capture: Capture, output_format: Format, items: Sequence[Item], *, safe: bool = False
) -> str:
    names = items[0] if items else ("a",)
    Output(output_format, safe).printer(_sheet(*names)).print(items)
    return capture.readouterr().out.decode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünï-cödé 数据", "plain ünï-cödé 数据"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\rb\nc\x07d\x00e\x7f\x9b", "a\\rb\\nc\\x07d\\x00e\\x7f\\x9b"),
        ("evil\u202egnp.exe", "evil\\u202egnp.exe"),
        ("half\ud800", "half\\ud800"),
        ("tag\U000e0001", "tag\\U000e0001"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text: str, shown: str) -> None:
    """Escapes, bells, line breaks and right-to-left marks become letters."""
    assert visible(text) == shown


def test_line_breaks_can_be_kept() -> None:
    """A text of our own may have several lines."""
    assert visible("a\n\x1b", keep="\n") == "a\n\\x1b"


@given(st.text())
def test_json_for_a_terminal_means_the_same(text: str) -> None:
    """Only the spelling of strings changes, and every character left is printable."""
    raw = json.dumps({"name": text}, ensure_ascii=False).encode("utf-8", "replace")
    shown = visible_json(raw)

    assert json.loads(shown) == json.loads(raw)
    assert shown.decode().isprintable()


@given(st.recursive(st.text() | st.integers() | st.booleans(), st.lists))
def test_json_laid_out_means_the_same(value: Any) -> None:
    """Layout changes white space only."""
    raw = json.dumps({"a": value, "b": {}, "c": [[]]}).encode()

    assert json.loads(indented(raw)) == json.loads(raw)


def test_json_laid_out_keeps_every_digit() -> None:
    """Numbers are never read, so none is rounded or written in another way."""
    raw = b'{"id":12345678901234567890123,"f":1.10,"e":[1E5,{ }],"s":"{\\"[,:]"}'

    assert indented(raw).decode() == (
        '{\n  "id": 12345678901234567890123,\n  "f": 1.10,\n'
        '  "e": [\n    1E5,\n    {}\n  ],\n  "s": "{\\"[,:]"\n}'
    )


def test_an_envelope_is_one_line_around_the_record_as_sent() -> None:
    """A record that the server laid out over several lines still makes one JSON line."""
    raw = b'{\n "id": 12345678901234567890123,\r\n "f": 1.10}'

    assert envelope(raw, workspace="prod") == (
        b'{"workspace":"prod","record":{  "id": 12345678901234567890123,   "f": 1.10}}'
    )


def test_json_lines(capsysbinary: Capture) -> None:
    """An object a line."""
    assert _printed(capsysbinary, "jsonl", [{"a": 1}, {"a": 2}]) == '{"a":1}\n{"a":2}\n'


@pytest.mark.parametrize("items", [[], [{"a": 1}], [{"a": 1}, {"a": None}]])
def test_a_json_array_is_whole(capsysbinary: Capture, items: list[Item]) -> None:
    """Also that of no item at all."""
    assert json.loads(_printed(capsysbinary, "json", items)) == items


def test_a_json_array_that_was_cut_is_no_json(capsysbinary: Capture) -> None:
    """After an error the array is left open: a part must not look whole."""
    with pytest.raises(KeyError), Output("json").printer(_sheet("a")) as printer:
        printer.write([{"a": 1}])
        raise KeyError

    assert capsysbinary.readouterr().out == b'[\n{"a":1}'


def test_csv_keeps_what_is_hard(capsysbinary: Capture) -> None:
    """Quotes, commas, line breaks, long numbers and null survive a CSV reader."""
    items = [{"a": 'x,"y"\nz', "b": 2**63, "c": None, "d": True, "e": [1]}]
    text = _printed(capsysbinary, "csv", items)

    assert list(csv.reader(io.StringIO(text))) == [
        ["a", "b", "c", "d", "e"],
        ['x,"y"\nz', "9223372036854775808", "", "true", "[1]"],
    ]


def test_csv_of_nothing_has_its_heading(capsysbinary: Capture) -> None:
    """An empty listing is no empty file."""
    assert _printed(capsysbinary, "csv", []) == "a\n"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_formulas_are_texts_only_if_asked(capsysbinary: Capture, text: str) -> None:
    """``--csv-safe`` puts a ' before; without it the data is as it is. Numbers stay."""
    items = [{"a": text, "n": -1}]
    plain = _printed(capsysbinary, "csv", items)
    safe = _printed(capsysbinary, "csv", items, safe=True)

    assert next(csv.DictReader(io.StringIO(plain, newline=""))) == {"a": text, "n": "-1"}
    assert next(csv.DictReader(io.StringIO(safe, newline=""))) == {
        "a": f"'{text}",
        "n": "-1",
    }


def test_a_table_is_aligned(capsysbinary: Capture) -> None:
    """By cells of the terminal, of which a Chinese character takes two."""
    items = [
        {"name": "数据", "size": 5, "last": "x"},
        {"name": "b", "size": 1000, "last": ""},
    ]

    assert _printed(capsysbinary, "table", items) == (
        "name  size  last\n数据     5  x\nb     1000\n"
    )


def test_a_table_shows_escapes(capsysbinary: Capture) -> None:
    """Also if it is piped: a table is for people, who will look at it some day."""
    assert "a\\x1b[2J\\u202e" in _printed(
        capsysbinary, "table", [{"a": "a\x1b[2J\u202e", "b": "[red]"}]
    )


def test_a_table_takes_markup_as_text(capsysbinary: Capture) -> None:
    """A cluster may be called ``[red]``."""
    assert _printed(capsysbinary, "table", [{"a": "[red]"}]) == "a\n[red]\n"


def test_a_long_table_is_printed_as_it_comes(
    capsysbinary: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the first rows have decided the widths nothing is held back, nor cut."""
    monkeypatch.setattr("asyncdbx.cli.output.FIRST_ROWS", 2)
    table = Table(_sheet("a", "b"))
    table.write([{"a": "x", "b": 1}])
    held = capsysbinary.readouterr().out
    table.write([{"a": "yy", "b": 2}])
    table.write([{"a": "longer", "b": 3}])
    table.close()

    assert held == b""
    assert capsysbinary.readouterr().out == b"a   b\nx   1\nyy  2\nlonger  3\n"


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    ("output_format", "shown"),
    [
        ("jsonl", '{"a":"\\u009b\\u202e"}\n'),
        ("json", '[\n{"a":"\\u009b\\u202e"}\n]\n'),
        ("csv", "a\n\\x9b\\u202e\n"),
        ("table", "\x1b[1ma\n\x1b[0m\\x9b\\u202e\n"),
    ],
)
def test_nothing_is_obeyed_on_a_terminal(
    capsysbinary: Capture, output_format: Format, shown: str
) -> None:
    """Of any format."""
    assert _printed(capsysbinary, output_format, [{"a": "\x9b\u202e"}]) == shown


def test_json_is_as_it_was_in_a_pipe(capsysbinary: Capture) -> None:
    """Programs get the name itself."""
    text = _printed(capsysbinary, "jsonl", [{"a": "\x9b\u202e"}])

    assert text == '{"a":"\x9b\u202e"}\n'


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (False, "false"), (1.5, "1.5"), ({"ü": 1}, '{"ü": 1}'), ("x", "x")],
)
def test_cells(value: Any, text: str) -> None:
    """JSON words, not Python's."""
    assert cell(value) == text


def test_a_cell_that_is_nested_too_deep_says_so() -> None:
    """A stream lets in 1,024 levels; json, which lays out cells, does not write so many."""
    deep = orjson.loads(b"[" * 1024 + b"]" * 1024)
    assert cell(deep) == "(nested too deep to be shown)"
    assert cell([[1]]) == "[[1]]"
