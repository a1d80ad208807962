"""JSON, read strictly: what is wrong is an error that names the byte."""

import re
from json import loads as loads_exactly
from typing import Any, Final

from orjson import JSONDecodeError, loads

# orjson reads 1,024 levels but writes only 254, and json recurses: what is let in here can
# also be worked with later.
MAX_DEPTH: Final = 200
ORJSON_DEPTH: Final = 1024
SPACE: Final = b" \t\r\n"
IN_STRING: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'

_WIDE: Final = re.compile(rb"[0-9]{20}|-[0-9]{19}")
_ZEROS: Final = bytes.maketrans(b"123456789", b"0" * 9)
_ALIKE: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")


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
        return parse_whole(body, ORJSON_DEPTH) if body.strip(SPACE) else {}
    if value is None:
        return {}
    return _exactly(body, 0) if has_wide_int(body) else value


def parse_whole(raw: bytes, max_depth: int) -> Any:
    """Return the value of a whole document."""
    try:
        return parse(raw, 0, max_depth)
    except JsonStreamError as error:
        if raw.lstrip(SPACE).startswith(b"<"):
            raise NotJson(0, "HTML, not JSON") from error
        if error.offset == len(raw) or not raw.strip(SPACE):
            raise Truncated(len(raw), "the document ends too early") from error
        raise


def parse(raw: bytes, start: int, max_depth: int) -> Any:
    """Return the value of ``raw``, which is at the document's byte ``start``."""
    try:
        value = loads(raw)
    except JSONDecodeError as error:
        raise JsonStreamError(start + _position(raw, error), error.msg) from error
    check_depth(raw, start, max_depth)
    return _exactly(raw, start) if has_wide_int(raw) else value


def _exactly(raw: bytes, start: int) -> Any:
    try:
        return loads_exactly(raw)
    except RecursionError as error:
        reason = "nested too deep for integers beyond 64 bits"
        raise JsonStreamError(start, reason) from error


def check_depth(raw: bytes, start: int, max_depth: int) -> None:
    """Refuse a JSON text that is nested too deep.

    Raises:
        JsonStreamError: It has more than ``max_depth`` levels.
    """
    if max_depth >= ORJSON_DEPTH:
        return  # it would not have been read
    if raw.count(b"[") + raw.count(b"{") > max_depth and _deeper(raw, max_depth):
        raise JsonStreamError(start, f"nested deeper than {max_depth} levels")


def _position(raw: bytes, error: JSONDecodeError) -> int:
    """Return the byte at which orjson, which counts characters, found an error.

    It is ``len(raw)`` if more bytes could have made it right.
    """
    try:
        return len(raw.decode()[: error.pos].encode())
    except UnicodeDecodeError as bad:
        return len(raw) if bad.reason == "unexpected end of data" else bad.start


def _deeper(raw: bytes, levels: int) -> bool:
    """Return whether a JSON text has more than so many levels of nesting.

    Strings go, all but the brackets goes, and then the innermost pairs, level by level:
    nothing but methods of bytes, each a hundred times as fast as a loop over them.
    """
    plain = raw.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in raw else raw
    outside = b"".join(plain.split(b'"')[::2])
    brackets = outside.translate(_ALIKE, _NO_BRACKETS)
    for _ in range(levels):
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return False
    return True


def has_wide_int(raw: bytes) -> bool:
    """Tell whether there may be an integer beyond 64 bits: orjson makes a float of it.

    The smallest such number has 20 digits, the largest negative one 19. Of 19 digits in a
    row, every sixth byte makes three in a row, and a sixth of the bytes is soon looked at.
    """
    sixths = raw[::6].translate(_ZEROS)
    at = sixths.find(b"000")
    while at >= 0:
        if _WIDE.search(raw, max(0, 6 * at - 6), 6 * at + 21):
            return True
        at = sixths.find(b"000", at + 1)
    return False
