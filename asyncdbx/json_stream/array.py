"""The array: its elements leave as they become whole."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeAlias, TypeVar

from asyncdbx.json_stream.batches import Batches
from asyncdbx.json_stream.guess import Guess
from asyncdbx.json_stream.parsing import (
    MAX_DEPTH,
    SPACE,
    JsonStreamError,
    TooLarge,
    too_deep,
)
from asyncdbx.json_stream.scanner import Scanner

T = TypeVar("T")

BadRecord: TypeAlias = Callable[[JsonStreamError, bytes], object]
"""Is told of a record that is left out: what is wrong with it, and its bytes."""

_OPEN, _CLOSE, _COMMA = b"[],"


class ArrayReader(Generic[T]):
    """What has come of an array and has not left.

    Where records end is guessed by their looks, and the parse proves the guess right; or a
    scanner finds the place. Only the scanner finds the end of the array.

    Args:
        offset: Where in the document the array's bracket is.
        batches: What becomes of records.
        guess: How records are told from each other by their looks; None to scan for each.
        max_record: Most bytes in a record.
        bad_record: Told of a record that is not JSON; without it, that is an error.

    Attributes:
        behind: What came behind the last element, from the bracket on; None before it.
    """

    def __init__(
        self,
        offset: int,
        batches: Batches[T],
        guess: Guess | None,
        max_record: int,
        bad_record: BadRecord | None,
    ) -> None:
        self.behind: bytes | None = None
        self._end = offset + 1  # of what has come, in the document
        self._batches = batches
        self._guess = guess
        self._max_record = max_record
        self._bad_record = bad_record
        self._begun = False  # a comma between records has come
        self._scanner = Scanner()
        # Starts with what is in front of a record: the array's bracket, or a comma.
        self._held = bytearray(b"[")
        self._scanned = 1  # bytes of it that the scanner knows,
        self._searched = 0  # and those in which the guess's mark does not begin
        self._wrong = 0  # a comma in it that was guessed, and is none between records

    def feed(self, text: bytes) -> Iterator[list[T]]:
        """Take the next bytes, and yield the records that they make whole, some at a time.

        Raises:
            JsonStreamError: A record is not JSON.
            TooLarge: A record is.
        """
        self._held += text
        self._end += len(text)
        # Without one of these nothing can have ended.
        if b"," in text or b"]" in text:
            guess = self._guess
            if guess is not None and not self._begun:
                yield from self._read_first(guess)
            size = len(self._held)
            # A wrong guess is not repeated before what it was about has left: in a large
            # record with parts that look like records each would cost a longer parse.
            if guess is not None and not self._wrong and guess.is_due():
                yield from self._find(guess)
            if len(self._held) == size:  # nothing has left
                yield from self.scan()
        if len(self._held) > self._max_record:
            yield from self.scan()  # it may be more than one
            if self.behind is None:
                self._refuse_large()

    # -- by the looks

    def _find(self, guess: Guess) -> Iterator[list[T]]:
        """Yield what lies in front of the last marks.

        The proof: what starts where a record starts, and is an array between brackets, is
        a whole number of records.
        """
        held, mark, size = self._held, guess.mark, len(self._held)
        start, known, wrong = 0, self._searched, 0
        while True:
            limit = start + guess.batch
            at = held.rfind(mark, known, limit)
            if at < 0 and limit < size:  # a record is larger than a batch
                limit = size
                at = held.rfind(mark, known)
            known = max(known, at + 1, min(limit, size) - len(mark) + 1)
            if at < 0:
                break
            comma = at + guess.comma
            batch = self._many(start, comma)
            if batch is None:
                wrong = comma
                break
            yield batch
            start = comma
        if start:
            del held[:start]
            self._scanner.reset()
            self._scanned = 1
        self._searched = max(0, known - start)
        self._wrong = max(0, wrong - start)
        guess.note(right=start > 0 and not wrong)

    def _many(self, start: int, end: int) -> list[T] | None:
        """Return what is between two separators; None if that cannot be done in one go.

        The separators are made brackets, so that nothing need be copied.
        """
        if end - start > self._max_record:
            return None  # one of the records may be too large
        held, behind = self._held, self._held[end]
        held[start], held[end] = _OPEN, _CLOSE
        try:
            with memoryview(held)[start : end + 1] as array:
                return self._batches.many(array, self._guess)
        except ValueError:
            return None
        finally:
            held[end] = behind

    # -- by the scanner

    def scan(self) -> Iterator[list[T]]:
        """Yield what ends in the bytes that the scanner does not know."""
        if self._scanned == len(self._held):
            return
        known, text = self._unscanned()
        at = self._scanner.leap(text)
        if at is None:
            at = max(self._scanner.walk(text), default=-1)
        yield from self._hand_out(known, text, at)

    def _read_first(self, guess: Guess) -> Iterator[list[T]]:
        """Yield the first record, and learn from what is behind it."""
        known, text = self._unscanned()
        at = next(self._scanner.walk(text), -1)
        yield from self._hand_out(known, text, at)
        if self._begun:
            self._scanner.reset()
            self._scanned = 1

    def _hand_out(self, known: int, text: bytes, at: int) -> Iterator[list[T]]:
        """Yield what ends at a place in a text that was scanned; -1 if nothing does."""
        if at < 0:
            if self._scanner.depth > MAX_DEPTH:
                raise too_deep(self._offset + 1)
        elif text[at] == _COMMA:
            self._learn(known + at)
            yield from self._between(known + at)
            self._begun = True
            self._let_go(known + at)
        else:
            if self._begun or self._held[1 : known + at].strip(SPACE):
                yield from self._between(known + at)
            self.behind = text[at:]
            self._held.clear()

    def _unscanned(self) -> tuple[int, bytes]:
        """Return what the scanner does not know, and where; it is to be scanned now."""
        known, self._scanned = self._scanned, len(self._held)
        return known, bytes(memoryview(self._held)[known:])

    def _learn(self, comma: int) -> None:
        guess = self._guess
        if guess is None:
            return
        if not guess.mark:
            guess.learn(bytes(self._held), comma)
        elif self._wrong:
            guess.sharpen(bytes(self._held), comma, self._wrong)

    def _between(self, end: int) -> Iterator[list[T]]:
        """Yield the records in front of a place where one certainly ends."""
        records = self._many(0, end) or [*self._one_by_one(bytes(self._held[1:end]))]
        if records:  # or all of them are left out
            yield records

    def _one_by_one(self, text: bytes) -> Iterator[T]:
        start, offset = 0, self._offset + 1
        for end in (*Scanner().walk(text), len(text)):
            yield from self._one(text[start:end], offset + start)
            start = end + 1

    def _one(self, text: bytes, start: int) -> Iterator[T]:
        """Yield the record of a text that holds one, or nothing if it is left out."""
        raw = text.lstrip(SPACE)
        start += len(text) - len(raw)
        raw = raw.rstrip(SPACE)
        if not raw:
            raise JsonStreamError(start, "a record is missing beside a comma")
        if len(raw) > self._max_record:
            raise self._too_large(start)
        try:
            yield self._batches.one(raw, start)
        except JsonStreamError as error:
            if self._bad_record is None:
                raise
            self._bad_record(error, raw)

    # -- everywhere

    @property
    def _offset(self) -> int:
        """Where in the document that begins which is held."""
        return self._end - len(self._held)

    def _let_go(self, size: int) -> None:
        """Forget what has left."""
        del self._held[:size]
        self._searched = max(0, self._searched - size)
        self._scanned = max(1, self._scanned - size)
        self._wrong = 0

    def _refuse_large(self) -> None:
        """Raise if the record that is held is too large; blanks before it are nothing."""
        blanks = len(self._held) - 1 - len(self._held[1:].lstrip(SPACE))
        del self._held[1 : 1 + blanks]
        self._scanned -= blanks
        self._searched = max(0, self._searched - blanks)
        if len(self._held) - 1 > self._max_record:
            raise self._too_large(self._offset + 1)

    def _too_large(self, start: int) -> TooLarge:
        return TooLarge(start, f"a record has more than {self._max_record:,} bytes")
