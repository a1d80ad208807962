"""Where one element of an array probably ends: the parse proves it right or wrong."""

import re
from typing import Final

# The end of an object, a comma, and the next one up to its first key. Not more: what is in
# front of the bracket differs from record to record.
_BETWEEN: Final = re.compile(rb'\}[ \t\r\n]*,[ \t\r\n]*\{[ \t\r\n]*"[^"\\]+"[ \t\r\n]*:')
CUT: Final = b"\0"  # no JSON has one in it
_LONGEST_PAUSE: Final = 32
# So few bytes that the values stay in the CPU's cache, and so few lists and dicts that the
# garbage collector does not find it time to look at them: it begins at 700.
_LARGEST_BATCH: Final = 64 * 1024
_CONTAINERS: Final = 500


class Guess:
    """The bytes between two records of this document, and whether it pays to look for them.

    Attributes:
        mark: The bytes; b"" while they are not known.
        comma: Where in the mark the comma is.
        cut: The same with ``CUT`` in the comma's place.
        batch: Bytes to parse in one go.
    """

    __slots__ = ("_pause", "_rest", "batch", "comma", "cut", "mark")

    def __init__(self) -> None:
        self.mark = b""
        self.comma = 0
        self.cut = b""
        self.batch = _LARGEST_BATCH
        self._pause = 1
        self._rest = 0

    def learn(self, text: bytes, comma: int) -> None:
        """Learn from a comma that is known to be between two records.

        Nothing is learnt if they are no objects, or the second one's key has not come.

        Args:
            text: Begins with a record.
            comma: Where it is.
        """
        containers = text.count(b"{", 0, comma) + text.count(b"[", 0, comma)
        self.batch = min(_LARGEST_BATCH, _CONTAINERS * comma // max(1, containers))
        bracket = len(text[:comma].rstrip()) - 1
        if bracket >= 0 and (found := _BETWEEN.match(text, bracket)):
            self._set(found[0], comma - bracket)

    def sharpen(self, text: bytes, right: int, wrong: int) -> None:
        """Learn from a comma that was taken for the other: one more byte tells them apart.

        Args:
            text: Where both are.
            right: The comma between two records.
            wrong: The one that was guessed.
        """
        before = self.comma + 1
        if before > right or text[right - before] == text[wrong - before]:
            return
        sharper = text[right - before : right] + self.mark[self.comma :]
        if sharper[1:] == self.mark:
            self._set(sharper, before)

    def _set(self, mark: bytes, comma: int) -> None:
        self.mark, self.comma = mark, comma
        self.cut = mark[:comma].rstrip() + CUT + mark[comma + 1 :].lstrip()

    def is_due(self) -> bool:
        """Return whether to guess this time; after a failure that is seldom the case."""
        if self._rest:
            self._rest -= 1
            return False
        return bool(self.mark)

    def note(self, *, right: bool) -> None:
        """Note how it went; after a failure, let twice as many chances pass as before."""
        if right:
            self._pause = max(1, self._pause // 2)
        else:
            self._rest = self._pause
            self._pause = min(_LONGEST_PAUSE, 2 * self._pause)
