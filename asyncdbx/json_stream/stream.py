"""The stream: bytes in, records out, and at the end what else the document holds."""

from collections.abc import Iterator
from typing import Any, Final, Generic, TypeVar

from asyncdbx.json_stream.array import ArrayReader, BadRecord
from asyncdbx.json_stream.batches import Batches, Record, Records, Values
from asyncdbx.json_stream.guess import Guess
from asyncdbx.json_stream.parsing import JsonStreamError, TooLarge, Truncated, parse_whole
from asyncdbx.json_stream.route import Path, Route
from asyncdbx.json_stream.scanner import Scanner

T = TypeVar("T")

MAX_RECORD: Final = 64 * 1024 * 1024

_CHUNK: Final = 64 * 1024  # bytes taken in one go: they fit into the CPU's cache


class _Stream(Generic[T]):
    """The elements of one array in a document that arrives in pieces of any size.

    It holds one piece, the record that is not yet whole, and the rest of the document.
    After an error it is of no further use.

    Args:
        path: Where the array is: a key of the document (``"files"``), keys of nested
            objects (``"result.items"`` or ``("result", "items")``), ``""`` if the document
            itself is the array, None if there is none and everything is rest.
        max_record: Most bytes in a record, and in the rest.
        max_total: Most bytes in the document; None for any number.
        exact_integers: Integers beyond 64 bits keep their digits. Without it they become
            floats, as orjson makes them, and a listing of small records is read a fifth
            faster.
        bad_record: Told of a record that is not JSON, with its bytes; it is left out.
            Without it such a record is an error, as anything wrong between records is.
        guess: Find ends of records by their looks first; without it, scan for each.

    Attributes:
        found: Whether the array is there, certain after ``close``; null counts as empty.
        count: Records handed out so far.
        rest: After ``close``, the document without the array: ``{}`` if there is no more.
    """

    _kind: type[Batches[T]]

    def __init__(  # noqa: PLR0913 - each an option of its own
        self,
        path: Path,
        *,
        max_record: int = MAX_RECORD,
        max_total: int | None = None,
        exact_integers: bool = True,
        bad_record: BadRecord | None = None,
        guess: bool = True,
    ) -> None:
        self.found = False
        self.count = 0
        self.rest: dict[str, Any] = {}
        self._max_record = max_record
        self._max_total = max_total
        self._exact_integers = exact_integers
        self._bad_record = bad_record
        self._guess = guess
        self._size = 0  # of the document, as far as it has come
        self._array: ArrayReader[T] | None = None
        self._outside = bytearray()  # in it the array is empty
        self._known = 0  # bytes of that up to its last one of structure
        self._array_at = 0  # in that: where the array was,
        self._cut_out = 0  # and how many bytes of it are not there
        self._route = Route(path)
        self._scanner = Scanner()

    def feed(self, chunk: bytes) -> Iterator[list[T]]:
        """Yield the records that ``chunk`` makes whole, some at a time, in their order.

        A record is whole when it is certain where the next one starts; one that looks
        unlike the others may leave later, with those behind it, and the last one leaves
        with ``close``. The chunk is read as the records are taken, so all must be taken.

        Raises:
            JsonStreamError: A record is not JSON, or a key of the path comes twice.
            TooLarge: A cap is exceeded.
        """
        for start in range(0, len(chunk), _CHUNK):
            text = chunk[start : start + _CHUNK]
            self._size += len(text)
            if self._max_total is not None and self._size > self._max_total:
                raise TooLarge(self._max_total, f"more than {self._max_total:,} bytes")
            if self._array is None:
                text = self._read_rest(text)
            if self._array is not None:
                for records in self._array.feed(text):
                    self.count += len(records)
                    yield records
                self._look_behind(self._array)

    def close(self) -> Iterator[list[T]]:
        """Yield the last records, and check that the document ends as JSON ends.

        Raises:
            JsonStreamError: It does not, it is no object (nor, for the path ``""``, an
                array), or the path leads to something else.
            Truncated: The document ends too early, or is empty.
            NotJson: It is HTML.
        """
        if self._array is not None:
            for records in self._array.scan():
                self.count += len(records)
                yield records
            self._look_behind(self._array)
        if self._array is not None:
            raise Truncated(self._size, "the document ends inside the array")
        try:
            rest = parse_whole(bytes(self._outside))
        except JsonStreamError as error:
            moved = self._cut_out if error.offset >= self._array_at else 0
            raise type(error)(error.offset + moved, error.reason) from error.__cause__
        self.found, self.rest = self._route.take_array_out(rest)

    def _look_behind(self, array: ArrayReader[T]) -> None:
        """Go on with the rest of the document if the array has ended."""
        if array.behind is not None:
            self._array = None
            self._cut_out = self._size - len(array.behind) - len(self._outside)
            self._scanner.reset()
            self._read_rest(array.behind)

    def _read_rest(self, text: bytes) -> bytes:
        """Read up to the array, or to the end of the text, and return what is behind."""
        start, offset = 0, self._size - len(text)
        for at in self._scanner.structure(text):
            self._outside += text[start : at + 1]
            before = bytes(self._outside[self._known : -1])
            self._known = len(self._outside)
            start = at + 1
            if self._route.step(text[at], before, offset + at):
                self._begin_array(offset + at)
                return text[start:]
        self._outside += text[start:]
        if len(self._outside) > self._max_record:
            reason = f"what is not in the array has more than {self._max_record:,} bytes"
            raise TooLarge(self._size, reason)
        return b""

    def _begin_array(self, offset: int) -> None:
        self.found = True
        self._array_at = self._known
        self._array = ArrayReader(
            offset,
            self._kind(exact_integers=self._exact_integers),
            Guess() if self._guess else None,
            self._max_record,
            self._bad_record,
        )


class RecordStream(_Stream[Record]):
    """Hands out records as the server sent them, each with what it means.

    Arguments and attributes are those of every stream; see there.
    """

    _kind = Records


class ValueStream(_Stream[Any]):
    """Hands out what the records mean, twice as fast as with their bytes.

    Arguments and attributes are those of every stream; see there.
    """

    _kind = Values
