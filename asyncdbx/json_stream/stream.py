"""The scanner: where one record ends and the next begins."""

import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias, cast

from orjson import loads

from asyncdbx.json_stream.parsing import (
    IN_STRING,
    MAX_DEPTH,
    SPACE,
    JsonStreamError,
    TooLarge,
    Truncated,
    check_depth,
    has_wide_int,
    parse,
    parse_whole,
)
from asyncdbx.json_stream.route import Path, Route

Record: TypeAlias = tuple[bytes, Any]
"""One element: its bytes as the server sent them, and what they mean."""

MAX_RECORD: Final = 64 * 1024 * 1024

_WINDOW: Final = 64 * 1024  # bytes looked at in one go: they fit into the CPU's cache
_COMMA: Final = ord(",")
_STRING_END: Final = re.compile(IN_STRING + rb'("?)', re.DOTALL)
# What is no structure, then: structure, or the quote of a string without end, or the end.
_STRUCTURE: Final = re.compile(
    rb'(?:[^][{},:"]++|"' + IN_STRING + rb'")*+([][{},:"]|\Z)', re.DOTALL
)
_BRACKETS: Final = re.compile(
    rb'(?:[^][{}"]++|"' + IN_STRING + rb'")*+([][{}"]|\Z)', re.DOTALL
)
# A comma between records, with the first key of the next one: seldom found elsewhere.
_SEPARATOR: Final = re.compile(rb',(?:[ \t\r\n]*\{[ \t\r\n]*"[^"\\]*")?')


class RecordStream:
    """The elements of one array in a document that arrives in pieces of any size.

    It holds one piece, the record that is not yet whole, and the rest of the document.
    After an error it is of no further use.

    Args:
        path: Where the array is: a key of the document (``"files"``), keys of nested
            objects (``"result.items"`` or ``("result", "items")``), ``""`` if the document
            itself is the array, None if there is none and everything is rest.
        max_record: Most bytes in a record, and in the rest.
        max_total: Most bytes in the document; None for any number.
        max_depth: Most levels of nesting in a record, and in the rest; at most 500.

    Attributes:
        found: Whether the array is there, certain after ``close``; null counts as empty.
        count: Records handed out so far.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_record: int = MAX_RECORD,
        max_total: int | None = None,
        max_depth: int = MAX_DEPTH,
    ) -> None:
        self.found = False
        self.count = 0
        self._max_record = max_record
        self._max_total = max_total
        self._max_depth = max_depth
        # n levels take 2n bytes or more: smaller records need no look at their depth.
        self._plain_size = min(2 * max_depth, max_record)
        self._offset = 0  # of the window in the document
        self._in_string = False  # where the window before ended,
        self._escaped = False  # and whether a lone backslash was its last byte
        self._rest = bytearray()
        self._mark = 0  # in the rest: behind its last byte of structure
        self._array_at = 0  # in the rest: where the array was,
        self._cut_out = 0  # and how many bytes of it are not there
        self._inside = False  # the array
        self._held = bytearray()  # what has come of the next record
        self._nesting = 0  # in that record
        self._after_comma = False
        self._may_guess = True
        self._route = Route(path)

    def feed(self, chunk: bytes) -> list[Record]:
        """Return the records that ``chunk`` makes whole, in the document's order.

        Raises:
            JsonStreamError: A record is not JSON or too deep, or a key of the path comes
                twice.
            TooLarge: A cap is exceeded.
        """
        records: list[Record] = []
        for start in range(0, len(chunk), _WINDOW):
            self._read(chunk[start : start + _WINDOW], records)
        self.count += len(records)
        return records

    def close(self) -> dict[str, Any]:
        """Return the document without the array: ``{}`` if it was nothing else.

        Raises:
            JsonStreamError: The document does not end as JSON ends, it is no object (nor,
                for the path ``""``, an array), or the path leads to something else.
            Truncated: The document ends too early, or is empty.
            NotJson: It is HTML.
        """
        if self._inside:
            raise Truncated(self._offset, "the document ends inside the array")
        try:
            rest = parse_whole(bytes(self._rest), self._max_depth)
        except JsonStreamError as error:
            moved = self._cut_out if error.offset >= self._array_at else 0
            raise type(error)(error.offset + moved, error.reason) from error.__cause__
        self.found, document = self._route.take_array_out(rest)
        return document

    # -- everywhere

    def _read(self, text: bytes, records: list[Record]) -> None:
        """Read one window."""
        if self._max_total is not None and self._offset + len(text) > self._max_total:
            raise TooLarge(self._max_total, f"more than {self._max_total:,} bytes")
        self._may_guess = True
        at = 0
        while at < len(text):
            if not self._inside:
                at = self._read_rest(text, at)
            elif self._nesting:
                at = self._read_nested(text, at)
            else:
                at = self._read_array(text, at, records)
        self._offset += len(text)
        self._check_size(self._held, self._offset - len(self._held), "a record")
        self._check_size(self._rest, self._offset, "what is not in the array")

    def _structure(
        self, text: bytes, start: int, pattern: re.Pattern[bytes]
    ) -> Iterator[int]:
        """Yield where brackets, commas and colons are, outside of strings."""
        if self._in_string:
            start = self._end_string(text, start + self._escaped)
        for found in pattern.finditer(text, start):
            if found[1] == b'"':
                self._end_string(text, found.end())
                return
            if found[1]:
                yield found.start(1)

    def _end_string(self, text: bytes, start: int) -> int:
        """Return where the string ends that goes on at ``start``; note if it does not."""
        # The pattern matches the empty string, so there is always a match.
        found = cast("re.Match[bytes]", _STRING_END.match(text, start))
        end = found.end()
        self._in_string = not found[1]
        self._escaped = self._in_string and end < len(text)
        return len(text) if self._in_string else end

    def _check_size(self, part: bytes | bytearray, offset: int, what: str) -> None:
        if len(part) > self._max_record:
            raise TooLarge(offset, f"{what} has more than {self._max_record:,} bytes")

    # -- inside the array

    def _read_array(self, text: bytes, start: int, records: list[Record]) -> int:
        """Read up to the next turn between two records, and return how far."""
        for at in self._structure(text, start, _STRUCTURE):
            byte = text[at]
            if byte in b"[{":
                self._nesting = 1
                return self._hold(text, start, at + 1)
            if byte == _COMMA:
                records.append(self._end_record(text[start:at], self._offset + at))
                self._after_comma = True
                return self._read_batch(text, at, records)
            if byte in b"]}":
                records += self._end_array(text[start:at], self._offset + at)
                return at
        return self._hold(text, start, len(text))

    def _read_nested(self, text: bytes, start: int) -> int:
        """Read up to the end of the array or object that has begun in the array."""
        for at in self._structure(text, start, _BRACKETS):
            self._nesting += 1 if text[at] in b"[{" else -1
            if not self._nesting:
                return self._hold(text, start, at + 1)
        return self._hold(text, start, len(text))

    def _hold(self, text: bytes, start: int, end: int) -> int:
        part = text[start:end]
        self._held += part if self._held else part.lstrip(SPACE)
        return end

    def _end_array(self, tail: bytes, end: int) -> list[Record]:
        """Return the last record, if any; the bracket at ``end`` belongs to the rest."""
        self._inside = False
        self._cut_out = end - len(self._rest)
        if not (self._after_comma or (self._held + tail).strip(SPACE)):
            self._held.clear()
            return []
        return [self._end_record(tail, end)]

    def _end_record(self, tail: bytes, end: int) -> Record:
        """Return the record that ends in front of the document's byte ``end``."""
        self._held += tail
        raw = bytes(self._held).lstrip(SPACE)
        self._held.clear()
        start = end - len(raw)
        raw = raw.rstrip(SPACE)
        if not raw:
            raise JsonStreamError(start, "a record is missing beside a comma")
        return self._record(raw, start)

    def _record(self, raw: bytes, start: int) -> Record:
        self._check_size(raw, start, "a record")
        return raw, parse(raw, start, self._max_depth)

    def _read_batch(self, text: bytes, comma: int, records: list[Record]) -> int:
        """Read many records behind ``comma`` by a guess, and return how far that went.

        The guess: all over the window the same bytes stand between two records. The proof:
        the first piece starts where a record starts, so if it is one JSON value it is one
        record, and the next piece starts where the next record starts. If any piece is
        not, none is taken, and the window goes through the scanner.
        """
        start = comma + 1
        separator = _SEPARATOR.match(text, comma) if self._may_guess else None
        self._may_guess = False  # once in a window, or the time would be quadratic
        end = text.rfind(separator[0], start) if separator else -1
        # No JSON has a NUL in it, so that one can mean "cut here".
        if separator is None or end < 0 or b"\0" in text:
            return start
        pieces = text[start:end].replace(separator[0], b"\0" + separator[0][1:])
        try:
            records += self._parse_batch(pieces)
        except ValueError:
            return start
        return end + 1

    def _parse_batch(self, pieces: bytes) -> list[Record]:
        raws = [piece.strip(SPACE) for piece in pieces.split(b"\0")]
        if has_wide_int(pieces):
            return [self._record(raw, 0) for raw in raws]
        for raw in raws:
            if len(raw) > self._plain_size:
                self._check_size(raw, 0, "a record")
                check_depth(raw, 0, self._max_depth)
        return list(zip(raws, map(loads, raws), strict=True))

    # -- outside of the array

    def _read_rest(self, text: bytes, start: int) -> int:
        """Read up to the array, or to the end of the window, and return how far."""
        for at in self._structure(text, start, _STRUCTURE):
            self._rest += text[start : at + 1]
            before = bytes(self._rest[self._mark : -1])
            self._mark = len(self._rest)
            start = at + 1
            if self._route.step(text[at], before, self._offset + at):
                self._inside = self.found = True
                self._array_at = self._mark
                return start
        self._rest += text[start:]
        return len(text)
