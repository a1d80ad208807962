"""Data on stdout: the same items as JSON lines, one JSON array, CSV or a table.

Everything is printed as it comes; nothing waits for the end but a table's first rows,
which decide how wide its columns are.
"""

import functools
import json
import re
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Concatenate, Generic, Literal, ParamSpec, Self, TypeVar

import click
from rich.cells import cell_len

from asyncdbx.cli.app import PipeClosed
from asyncdbx.errors import UsageError
from asyncdbx.escape import visible, visible_json

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")

Format = Literal["jsonl", "json", "table", "csv"]

FIRST_ROWS = 500  # of a table, which decide the width of its columns
FIRST_SECONDS = 1.0  # how long they are waited for
WIDEST = 60  # cells; a longer text pushes the rest of its row to the right
QUOTE = '"'
QUOTED = re.compile(r'[",\r\n]')
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for one


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """One column of a table.

    Attributes:
        title: Its heading.
        value: What stands in it.
        right: Set flush right, as numbers are.
    """

    title: str
    value: Callable[[T], Any]
    right: bool = False


@dataclass(frozen=True, slots=True)
class Sheet(Generic[T]):
    """How items of one kind are printed.

    Attributes:
        json: Of one item: JSON on one line.
        table: Columns for people.
        csv: Columns for programs.
    """

    json: Callable[[T], bytes]
    table: Sequence[Column[T]]
    csv: Sequence[Column[T]]


@dataclass(frozen=True, slots=True)
class Output:
    """What the options say about the output.

    Attributes:
        format: The format.
        csv_safe: Cells of CSV that a spreadsheet would take for formulas get a ``'``.
    """

    format: Format
    csv_safe: bool = False

    def printer(self, sheet: Sheet[T]) -> "Printer[T]":
        """Return what prints items of a sheet."""
        match self.format:
            case "jsonl":
                return JsonLines(sheet)
            case "json":
                return JsonArray(sheet)
            case "csv":
                return Csv(sheet, safe=self.csv_safe)
            case "table":
                return Table(sheet)


def output_options(function: Callable[Concatenate[Output, P], R]) -> Callable[..., R]:
    """Give a command ``-o`` and ``--csv-safe``, as one ``Output``."""

    @functools.wraps(function)
    def command(*args: P.args, **kwargs: P.kwargs) -> R:
        chosen: Any = kwargs.pop("output_format")
        safe: Any = kwargs.pop("csv_safe")
        output = Output(chosen or ("table" if is_terminal() else "jsonl"), safe)
        return function(output, *args, **kwargs)

    return click.option(
        "-o",
        "--output",
        "output_format",
        type=click.Choice(["jsonl", "json", "table", "csv"]),
        help="Format: table on a terminal and jsonl otherwise, if not given.",
    )(
        click.option(
            "--csv-safe",
            is_flag=True,
            help="Put a ' before texts of CSV that a spreadsheet would take for formulas.",
        )(command)
    )


def is_terminal() -> bool:
    """Return whether somebody looks at stdout."""
    return sys.stdout is not None and sys.stdout.isatty()  # None after ">&-"


def write(data: bytes) -> None:
    """Write to stdout at once, so that a reader of a pipe need not wait."""
    if sys.stdout is None:
        raise UsageError("stdout is closed, and data goes nowhere else")
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        raise PipeClosed from error


def write_text(text: str) -> None:
    """Write to stdout; what its encoding lacks is shown as ``\\u…``."""  # noqa: D301 - an escape
    write(text.encode(sys.stdout.encoding or "utf-8", "backslashreplace"))


def write_json(data: bytes) -> None:
    """Write JSON to stdout; on a terminal nothing in it is obeyed."""
    write(visible_json(data) if is_terminal() else data)


class Printer(ABC, Generic[T]):
    """Prints items in one format. Left with an error, it does not pretend to have ended."""

    def __init__(self, sheet: Sheet[T]) -> None:
        self._sheet = sheet

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()

    @abstractmethod
    def write(self, items: Iterable[T]) -> None:
        """Print some items."""

    def close(self) -> None:
        """Print what comes after the last item."""

    def print(self, items: Iterable[T]) -> None:
        """Print all there is."""
        with self:
            self.write(items)


class JsonLines(Printer[T]):
    """One JSON object a line."""

    def write(self, items: Iterable[T]) -> None:
        """Print some items."""
        write_json(b"".join(self._sheet.json(item) + b"\n" for item in items))


class JsonArray(Printer[T]):
    """One JSON array, an object a line."""

    def __init__(self, sheet: Sheet[T]) -> None:
        super().__init__(sheet)
        self._before = b"[\n"

    def write(self, items: Iterable[T]) -> None:
        """Print some items."""
        for item in items:
            write_json(self._before + self._sheet.json(item))
            self._before = b",\n"

    def close(self) -> None:
        """End the array."""
        write(b"[]\n" if self._before == b"[\n" else b"\n]\n")


class Csv(Printer[T]):
    """CSV with a heading, UTF-8, lines end with LF."""

    def __init__(self, sheet: Sheet[T], *, safe: bool) -> None:
        super().__init__(sheet)
        self._safe = safe
        self._heading = [",".join(self._cell(column.title) for column in sheet.csv)]

    def write(self, items: Iterable[T]) -> None:
        """Print some items."""
        rows = [",".join(map(self._cell, self._values(item))) for item in items]
        text = "".join(f"{row}\n" for row in (*self._heading, *rows))
        self._heading = []
        shown = visible(text, keep="\n") if is_terminal() else text
        write(shown.encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        """Print the heading, if nothing else came."""
        self.write(())

    def _values(self, item: T) -> Iterator[Any]:
        return (column.value(item) for column in self._sheet.csv)

    def _cell(self, value: Any) -> str:
        text = cell(value)
        if self._safe and isinstance(value, str) and text.startswith(FORMULA):
            text = f"'{text}"
        # The writer of the standard library leaves CR alone if lines end with LF.
        return f'"{text.replace(QUOTE, QUOTE * 2)}"' if QUOTED.search(text) else text


class Table(Printer[T]):
    """Aligned columns. The first rows are held back, to see how wide the columns are."""

    def __init__(self, sheet: Sheet[T]) -> None:
        super().__init__(sheet)
        self._held: list[list[str]] = []
        self._held_since = time.monotonic()
        self._widths: list[int] = []

    def write(self, items: Iterable[T]) -> None:
        """Print some items, or hold them back."""
        columns = self._sheet.table
        rows = [[visible(cell(each.value(item))) for each in columns] for item in items]
        if self._widths:
            self._print(rows)
            return
        self._held += rows
        waited = time.monotonic() - self._held_since
        if len(self._held) >= FIRST_ROWS or waited > FIRST_SECONDS:
            self._begin()

    def close(self) -> None:
        """Print what was held back."""
        if not self._widths:
            self._begin()

    def _put(self, text: str, *, heading: bool = False) -> None:
        write_text(click.style(text, bold=True) if heading and is_terminal() else text)

    def _begin(self) -> None:
        titles = [visible(column.title) for column in self._sheet.table]
        rows = [titles, *self._held]
        self._widths = [
            min(WIDEST, max(map(cell_len, each))) for each in zip(*rows, strict=True)
        ]
        self._put(self._line(titles), heading=True)
        self._print(self._held)
        self._held = []

    def _print(self, rows: Iterable[list[str]]) -> None:
        self._put("".join(map(self._line, rows)))

    def _line(self, cells: Sequence[str]) -> str:
        padded = (
            self._pad(text, width, right=column.right)
            for text, width, column in zip(
                cells, self._widths, self._sheet.table, strict=True
            )
        )
        return "  ".join(padded).rstrip() + "\n"

    @staticmethod
    def _pad(text: str, width: int, *, right: bool) -> str:
        blanks = " " * (width - cell_len(text))
        return blanks + text if right else text + blanks


class ErrorTable(Table[T]):
    """The same on stderr, for what is no data."""

    def _put(self, text: str, *, heading: bool = False) -> None:
        click.echo(click.style(text, bold=heading), nl=False, err=True)


def cell(value: Any) -> str:
    """Return a JSON value as a table shows it: nothing for null, text without quotes."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool() | dict() | list():
            try:
                return json.dumps(value, ensure_ascii=False)
            except RecursionError:  # json writes fewer levels than orjson reads
                return "(nested too deep to be shown)"
        case _:
            return str(value)
