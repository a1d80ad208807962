"""Some records in one go: what lies between two places where records end."""

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeAlias, TypeVar

from orjson import loads

from asyncdbx.json_stream.guess import CUT, Guess
from asyncdbx.json_stream.parsing import SPACE, exactly, has_wide_int, parse

T = TypeVar("T")

Record: TypeAlias = tuple[bytes, Any]
"""One element: its bytes as the server sent them, and what they mean."""


class Batches(ABC, Generic[T]):
    """What becomes of records.

    Args:
        exact_integers: Integers beyond 64 bits keep their digits.
    """

    __slots__ = ("_exact",)

    def __init__(self, *, exact_integers: bool) -> None:
        self._exact = exact_integers

    @abstractmethod
    def many(self, array: memoryview, guess: Guess | None) -> list[T]:
        """Return the records of a text between brackets, if it is a whole number of them.

        Args:
            array: Behind the bracket a record starts.
            guess: How they probably look.

        Raises:
            ValueError: It is not, or nobody can tell so quickly.
        """

    @abstractmethod
    def one(self, raw: bytes, start: int) -> T:
        """Return the only record of a text, which is at the document's byte ``start``.

        Raises:
            JsonStreamError: It is not one JSON value.
        """


class Values(Batches[Any]):
    """Of a record, what it means."""

    __slots__ = ()

    def many(self, array: memoryview, guess: Guess | None) -> list[Any]:
        """Return the array's value."""
        values: list[Any]
        if not self._exact:
            values = loads(array)
            return values
        raw = bytes(array)
        values = loads(raw)
        return exactly(raw, 0) if has_wide_int(raw) else values

    def one(self, raw: bytes, start: int) -> Any:
        """Return its value."""
        return parse(raw, start, exact_integers=self._exact)


class Records(Batches[Record]):
    """Of a record, its bytes as the server sent them and what they mean."""

    __slots__ = ()

    def many(self, array: memoryview, guess: Guess | None) -> list[Record]:
        """Cut at every mark: what starts where a record starts, and is one value, is one.

        So the first piece is a record, and the second starts where the second record does.
        """
        raw = bytes(array[1:-1])
        if CUT in raw:
            raise ValueError("no JSON")
        if guess is not None and guess.mark:
            raw = raw.replace(guess.mark, guess.cut)
        raws = raw.strip(SPACE).split(CUT)
        if self._exact and has_wide_int(raw):
            return [(each, parse(each, 0)) for each in raws]
        return [*zip(raws, map(loads, raws), strict=True)]

    def one(self, raw: bytes, start: int) -> Record:
        """Return its bytes and its value."""
        return raw, parse(raw, start, exact_integers=self._exact)
