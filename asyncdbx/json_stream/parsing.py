"""JSON, read strictly: what is wrong is an error that names the byte."""

import re
from json import loads as loads_exactly
from typing import Any, Final

from orjson import JSONDecodeError, loads

MAX_DEPTH: Final = 1024  # levels that orjson reads
SPACE: Final = b" \t\r\n"

_ALIKE: Final = bytes.maketrans(b"-123456789", b"0" * 10)
_LOOKS: Final = 500  # at single places, before all is looked at
_WIDE: Final = re.compile(rb"[0-9]{20}|-[0-9]{19}")
_TOO_DEEP: Final = "depth limit"  # what orjson says


class JsonStreamError(ValueError):
    """The document is not what it should be.

    Attributes:
        offset: Where in the document, in bytes.
        reason: What is wrong there.
    """

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(offset, reason)
        self.offset = offset
        self.reason = reason

    def __str__(self) -> str:
        """Return ``byte offset: reason``."""
        return f"byte {self.offset}: {self.reason}"


class NotJson(JsonStreamError):
    """The document is HTML: a login page or a proxy answered, not the API."""


class Truncated(JsonStreamError):
    """The document ends too early, or there is none: worth asking again."""


class TooLarge(JsonStreamError):
    """The document, a record or the rest is over its cap; asking again will not help."""


def parse_document(body: bytes) -> Any:
    """Return the value of a whole body; ``{}`` if empty or ``null``, as of many POSTs.

    Raises:
        JsonStreamError: The body is not one JSON value of at most 1,024 levels.
        Truncated: It is the beginning of one.
        NotJson: It is HTML.
    """
    try:
        value = loads(body)
    except JSONDecodeError:
        # Whatever is wrong is found and said on the way that is not in a hurry.
        return parse_whole(body) if body.strip(SPACE) else {}
    if value is None:
        return {}
    return exactly(body, 0) if has_wide_int(body) else value


def parse_whole(raw: bytes) -> Any:
    """Return the value of a whole document."""
    try:
        return parse(raw, 0)
    except JsonStreamError as error:
        if raw.lstrip(SPACE).startswith(b"<"):
            raise NotJson(0, "HTML, not JSON") from error
        if error.offset == len(raw) or not raw.strip(SPACE):
            raise Truncated(len(raw), "the document ends too early") from error
        raise


def parse(raw: bytes, start: int, *, exact_integers: bool = True) -> Any:
    """Return the value of ``raw``, which is at the document's byte ``start``.

    Args:
        raw: JSON text.
        start: Bytes of the document before it, for errors.
        exact_integers: An integer beyond 64 bits keeps its digits; orjson alone makes a
            float of it.

    Raises:
        JsonStreamError: It is not one JSON value of at most 1,024 levels.
    """
    try:
        value = loads(raw)
    except JSONDecodeError as error:
        if _TOO_DEEP in error.msg:
            raise too_deep(start) from error
        raise JsonStreamError(start + _position(raw, error), error.msg) from error
    return exactly(raw, start) if exact_integers and has_wide_int(raw) else value


def too_deep(start: int) -> JsonStreamError:
    """Return the error of a value with more levels than orjson reads."""
    return JsonStreamError(start, f"nested deeper than {MAX_DEPTH:,} levels")


def exactly(raw: bytes, start: int) -> Any:
    """Return the value of a JSON text with every digit of its integers."""
    try:
        return loads_exactly(raw)
    except RecursionError as error:
        reason = "nested too deep for integers beyond 64 bits"
        raise JsonStreamError(start, reason) from error


def _position(raw: bytes, error: JSONDecodeError) -> int:
    """Return the byte at which orjson, which counts characters, found an error.

    It is ``len(raw)`` if more bytes could have made it right.
    """
    try:
        return len(raw.decode()[: error.pos].encode())
    except UnicodeDecodeError as bad:
        return len(raw) if bad.reason == "unexpected end of data" else bad.start


def has_wide_int(raw: bytes) -> bool:
    """Tell whether there may be an integer beyond 64 bits: orjson makes a float of it.

    The smallest such number has 20 digits, the largest negative one 19 and a sign. Of 20
    in a row every fifth byte makes four in a row, and a fifth of the bytes is soon looked
    at: a pattern takes thirty times as long. Times of 13 digits make no four.
    """
    fifths = raw[::5].translate(_ALIKE)
    at = fifths.find(b"0000")
    for _ in range(_LOOKS):
        if at < 0:
            return False
        digits = raw[5 * at + 1 : 5 * at + 16]  # and in front of them one more, or a sign
        if digits.isdigit():
            found = _WIDE.search(raw, max(0, 5 * at - 5), 5 * at + 20)
            if found and _begins_value(raw, found.start()):
                return True
        at = fifths.find(b"0000", at + 1)
    return any(_begins_value(raw, found.start()) for found in _WIDE.finditer(raw))


def _begins_value(raw: bytes, at: int) -> bool:
    return at == 0 or raw[at - 1] in b":,[ \t\r\n"
