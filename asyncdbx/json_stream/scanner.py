"""Where one element of an array ends and the next begins: exact, whatever is in them.

The state (how deep, inside a string, behind a lone backslash) goes on from chunk to chunk,
so every byte is looked at once. There are two ways over the same bytes: ``walk`` stops at
each place where something ends, ``leap`` finds the last such place many times as fast.
"""

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Final, cast

_IN_STRING: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_STRING_END: Final = re.compile(_IN_STRING + rb'("?)', re.DOTALL)
# What is no structure, then: structure, or the quote of a string without end, or the end.
_STRUCTURE: Final = re.compile(
    rb'(?:[^][{},:"]++|"' + _IN_STRING + rb'")*+([][{},:"]|\Z)', re.DOTALL
)
_BRACKETS: Final = re.compile(
    rb'(?:[^][{}"]++|"' + _IN_STRING + rb'")*+([][{}"]|\Z)', re.DOTALL
)

_PUNCTUATION: Final = re.compile(rb"[][{},]")

_COMMA: Final = ord(",")
_ALIKE: Final = bytes.maketrans(b"{}", b"[]")
_NO_STRUCTURE: Final = bytes(each for each in range(256) if each not in b'"[]{}')
_STEP: Final = {ord("["): 1, ord("]"): -1}
_ROUNDS: Final = 12  # levels of nesting that are taken away one by one


class Scanner:
    """Where in an array the bytes end that were read so far.

    Attributes:
        depth: Levels of nesting in the element; 0 between two of them.
    """

    __slots__ = ("_escaped", "_in_string", "depth")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin at the beginning of an element."""
        self.depth = 0
        self._in_string = False
        self._escaped = False

    # -- step by step

    def structure(self, text: bytes, start: int = 0) -> Iterator[int]:
        """Yield where brackets, commas and colons are, outside of strings."""
        yield from self._places(text, start, _STRUCTURE)

    def walk(self, text: bytes) -> Iterator[int]:
        """Yield where elements end: the commas between them, then the array's bracket.

        Left before its end, it leaves a state that only ``reset`` makes good again.
        """
        start = 0
        while start < len(text):
            pattern = _BRACKETS if self.depth else _STRUCTURE
            before = self.depth
            for at in self._places(text, start, pattern):
                byte = text[at]
                if byte in b"[{":
                    self.depth += 1
                elif byte in b"]}":
                    if not self.depth:
                        yield at
                        return
                    self.depth -= 1
                elif byte == _COMMA:
                    yield at
                if bool(self.depth) != bool(before):  # the other pattern's turn
                    start = at + 1
                    break
            else:
                return

    def _places(self, text: bytes, start: int, pattern: re.Pattern[bytes]) -> Iterator[int]:
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

    # -- in one leap

    def leap(self, text: bytes) -> int | None:
        """Go over ``text`` at once.

        Returns:
            Where the last comma between two elements is, -1 if there is none; None if the
            array does not go on behind this text, which is then not read.
        """
        plain = self._plain(text)
        brackets, in_string = _brackets(plain, in_string=self._in_string)
        low = self.depth + min(accumulate(map(_STEP.__getitem__, brackets), initial=0))
        if low < 0:
            return None
        self.depth += brackets.count(b"[") - brackets.count(b"]")
        self._in_string = in_string
        self._escaped = in_string and plain.endswith(b"\\")
        return -1 if low else _last_comma(plain, self.depth, in_string=in_string)

    def _plain(self, text: bytes) -> bytes:
        """Return ``text``, as long as before, without quotes that end no string."""
        if self._escaped:
            text = b"_" + text[1:]
        if b"\\" not in text:
            return text
        return text.replace(rb"\\", b"__").replace(rb"\"", b"__")


def _brackets(plain: bytes, *, in_string: bool) -> tuple[bytes, bool]:
    """Return the brackets of a text, and whether it ends in a string.

    All but quotes and brackets goes, and then every two quotes side by side: they enter
    and leave a string, or leave and enter one, and nothing is between them. What quotes are
    left stand around brackets in strings. Then go the innermost pairs of brackets, level by
    level: their end is as deep as their beginning.
    """
    kept = plain.translate(_ALIKE, _NO_STRUCTURE)
    if in_string:
        kept = b'"' + kept
    parts = kept.replace(b'""', b"").split(b'"')
    brackets = b"".join(parts[::2])
    for _ in range(_ROUNDS):
        if b"[]" not in brackets:
            break
        brackets = brackets.replace(b"[]", b"")
    return brackets, len(parts) % 2 == 0


def _last_comma(plain: bytes, depth: int, *, in_string: bool) -> int:
    """Return where the last comma outside of all brackets is, or -1.

    Only what is behind it is looked at, from the end, more and more of it.

    Args:
        plain: Text without escaped quotes.
        depth: Levels of nesting at its end.
        in_string: It ends in a string.
    """
    quotes = 64
    while True:
        parts = plain.rsplit(b'"', quotes)
        outside = range(len(parts) - 1 - in_string, 0 if len(parts) > quotes else -1, -2)
        ends = [*accumulate(map(len, parts))]
        level = depth
        for number in outside:
            for found in reversed([*_PUNCTUATION.finditer(parts[number])]):
                byte = found[0]
                if byte == b",":
                    if not level:
                        return ends[number] + number - len(parts[number]) + found.start()
                else:
                    level += 1 if byte in b"]}" else -1
        if len(parts) <= quotes:
            return -1
        quotes *= 8
