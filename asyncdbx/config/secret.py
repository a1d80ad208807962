"""A value that must not be seen, and taking such values out of foreign text."""

import re
from collections.abc import Iterable
from itertools import takewhile

HIDDEN = "***"
TELLING = 12  # characters with which a secret begins, and nothing else does


class Secret:
    """A token or password that no repr, str, format, log line or traceback shows."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself; only what is sent to the server needs it."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def is_sendable(value: str) -> bool:
    """Return whether a text is one word of visible ASCII, as a token has to be."""
    return re.fullmatch(r"[!-~]+", value) is not None


def redact(text: str, secrets: Iterable[Secret]) -> str:
    """Return ``text`` with every occurrence of a secret's value replaced by ``***``.

    For text that others wrote, such as an error body that echoes the token. The longest
    secret goes first, so that one that is part of another leaves no rest of it behind. One
    within which the text was cut off goes as far as it is there.
    """
    for value in sorted({s.reveal() for s in secrets} - {""}, key=len, reverse=True):
        text = _without_begin(text.replace(value, HIDDEN), value)
    return text


def _without_begin(text: str, value: str) -> str:
    """Return ``text`` without what ``value`` begins with, as far as they are the same."""
    begin = value[:TELLING]
    if len(value) <= TELLING:
        return text
    while (at := text.find(begin)) >= 0:
        pairs = zip(text[at:], value, strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        text = text[:at] + HIDDEN + text[at + same :]
    return text
