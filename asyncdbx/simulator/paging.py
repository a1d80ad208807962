"""Every way in which the API cuts a list into pages."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from zlib import crc32

from asyncdbx.simulator.call import Call, Json, invalid

# Encodes to "+++/": whoever does not percent-encode a token finds out with the first one.
_TOKEN_MARK = b"\xfb\xef\xbf"


@dataclass(frozen=True, slots=True)
class Pages:
    """How one list is cut.

    A page may be short or empty while there is a next one; the last one has no token or
    an empty one. Which of these happens depends on the request only, so runs repeat.

    Attributes:
        key: Of the array in the answer. It is left out where the array is empty.
        size: Name of the page-size argument; ``default`` where it is not given.
        maximum: What a larger size becomes (``over="clamp"``), or else a 400.
        zero: What a size of 0 means; below 0 is an error.
        moody: Whether pages may be short or empty before the end.
        unset: ``"all"``: without the argument everything comes at once (Unity Catalog).
    """

    key: str
    size: str = "page_size"
    default: int = 20
    maximum: int = 100
    over: Literal["clamp", "error"] = "clamp"
    zero: Literal["default", "maximum", "error"] = "default"
    unset: Literal["default", "all"] = "default"
    token: str = "page_token"  # noqa: S105 - the name of an argument
    moody: bool = True

    def cut(self, call: Call, items: Sequence[Any]) -> Json:
        """Return the page of ``items`` that ``call`` asks for."""
        digest = self._digest(call)
        start, empty_before = self._start(call, digest)
        size = self._size(call)
        if size is None:
            return {self.key: items} if items else {}
        mood = crc32(f"{digest}/{start}".encode()) if self.moody else 7
        if mood % 8 == 0 and start < len(items) and not empty_before:
            return self._empty(_token(start, digest, call.epoch, empty=True), mood)
        if mood % 8 == 1:
            size = max(1, size // 2)
        end = start + size
        token = _token(end, digest, call.epoch) if end < len(items) else None
        return self._page(items[start:end], token, digest)

    def start(self, call: Call) -> int:
        """Return at which item the page of ``call`` starts."""
        return self._start(call, self._digest(call))[0]

    def _page(self, page: Sequence[Any], token: str | None, digest: int) -> Json:
        answer: Json = {self.key: page} if page else {}
        if token is not None:
            answer["next_page_token"] = token
        elif digest % 2 and page:
            answer["next_page_token"] = ""
        return answer

    def _empty(self, token: str, mood: int) -> Json:
        answer: Json = {self.key: []} if mood % 16 else {}
        return answer | {"next_page_token": token}

    def _size(self, call: Call) -> int | None:
        asked = call.integer(self.size) if self.size else None
        if asked is None:
            return None if self.unset == "all" else self.default
        if asked < 0 or (asked == 0 and self.zero == "error"):
            raise invalid(f"{self.size} must be positive, got {asked}.")
        if asked == 0:
            return self.maximum if self.zero == "maximum" else self.default
        if asked > self.maximum and self.over == "error":
            raise invalid(f"{self.size} must be at most {self.maximum}, got {asked}.")
        return min(asked, self.maximum)

    def _digest(self, call: Call) -> int:
        others = sorted(
            (key, str(value)) for key, value in call.parameters.items() if key != self.token
        )
        return crc32(f"{call.path}?{others}".encode())

    def _start(self, call: Call, digest: int) -> tuple[int, bool]:
        token = call.parameters.get(self.token)
        if not token:
            return 0, False
        start, bound_to, epoch, empty = _read(str(token))
        if epoch != call.epoch:
            raise invalid("The page token has expired.")
        if bound_to != digest:
            raise invalid("The page token does not belong to these parameters.")
        return start, empty


def _token(start: int, digest: int, epoch: int, *, empty: bool = False) -> str:
    text = f"{start}.{digest:08x}.{epoch}.{int(empty)}".encode()
    return base64.b64encode(_TOKEN_MARK + text + b" " * ((1 - len(text)) % 3)).decode()


def _read(token: str) -> tuple[int, int, int, bool]:
    try:
        raw = base64.b64decode(token, validate=True)
        start, *others = raw.removeprefix(_TOKEN_MARK).decode().strip().split(".")
        digest, epoch, empty = others
        return int(start), int(digest, 16), int(epoch), empty == "1"
    except (binascii.Error, ValueError):
        raise invalid("Invalid page token.") from None


def unity(key: str, default: int = 50, maximum: int = 1000) -> Pages:
    """Return Unity Catalog's rule: 0 = the server's choice, unset = everything at once."""
    return Pages(key, "max_results", default, maximum, unset="all")


def numbered(call: Call, items: Sequence[Json]) -> Json:
    """Return one page by number (from 1); past the end it is empty."""
    page = call.integer("page", 1) or 1
    size = min(call.integer("page_size", 25) or 25, 250)
    results = items[(page - 1) * size : page * size]
    return {"count": len(items), "page": page, "page_size": size, "results": results}


def next_body(call: Call, key: str, items: Sequence[Any]) -> Json:
    """Return one page whose ``next_page`` is the complete body of the next request."""
    body = call.json()
    offset = call.integer("offset", 0) or 0
    limit = min(call.integer("limit", 50) or 50, 500)
    answer: Json = {"total_count": len(items)}
    if items[offset : offset + limit]:
        answer[key] = items[offset : offset + limit]
    if offset + limit < len(items):
        answer["next_page"] = {**body, "offset": offset + limit, "limit": limit}
    return answer
