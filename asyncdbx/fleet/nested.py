"""One object whose inner arrays come in pages (a job of 300 tasks), made whole. Pure."""

import copy
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any, Self, cast

import orjson

from asyncdbx.catalog import Endpoint
from asyncdbx.catalog.paging import Page, Pager
from asyncdbx.errors import BadAnswer
from asyncdbx.fleet.pages import RawRecord
from asyncdbx.json_stream import parse_document

__all__ = ["ObjectPages", "joined"]


class ObjectPages:
    """The pages of one object so far.

    Args:
        endpoint: Says which arrays are paged.
        pager: Where they stand.
        pages: Those that have come.
    """

    def __init__(
        self, endpoint: Endpoint, pager: Pager, pages: Sequence[RawRecord] = ()
    ) -> None:
        self._endpoint = endpoint
        self._pager = pager
        self._pages = list(pages)

    @classmethod
    def resume(cls, endpoint: Endpoint, cursor: str) -> Self:
        """Return the pages that had come when ``cursor`` was taken."""
        state = orjson.loads(cursor)
        pages = [(text.encode(), parse_document(text.encode())) for text in state["pages"]]
        return cls(endpoint, Pager.resume(endpoint, state["at"]), pages)

    @property
    def arguments(self) -> Mapping[str, Any]:
        """Of the call for the next page."""
        return self._pager.arguments

    @property
    def cursor(self) -> str:
        """What has come so far, as JSON, to go on from there in another run."""
        pages = [raw.decode() for raw, _ in self._pages]
        return orjson.dumps({"at": self._pager.cursor, "pages": pages}).decode()

    @property
    def size(self) -> int:
        """Bytes that have come so far."""
        return sum(len(raw) for raw, _ in self._pages)

    def take(self, page: RawRecord) -> RawRecord | None:
        """Take the next page; return the whole object if it was the last.

        Raises:
            BadAnswer: an array stands where none can be.
            Incomplete: the pages cannot be followed to their end.
        """
        self._pages.append(page)
        self._pager.advance(Page(1, b"", page[1], found=True))
        return joined(self._endpoint, self._pages) if self._pager.done else None


def joined(endpoint: Endpoint, pages: Sequence[RawRecord]) -> RawRecord:
    """Return the whole object; a single page stays as the server sent it.

    Args:
        endpoint: Says which arrays are paged (dotted paths).
        pages: In order; each the object with its share of the arrays. One that is finished
            is missing or empty on later pages.

    Raises:
        BadAnswer: an array stands where none can be.
    """
    if len(pages) == 1:
        return pages[0]
    whole = cast("dict[str, Any]", copy.deepcopy(pages[0][1]))
    for path in endpoint.nested:
        *outer, key = path.split(".")
        shares = [_share(page, outer, key) for _, page in pages]
        if any(shares):
            _inside(whole, outer)[key] = list(itertools.chain.from_iterable(shares))
    _take_end(endpoint, whole, pages[-1][1])
    return _dumps(whole), whole


def _take_end(endpoint: Endpoint, whole: dict[str, Any], last: dict[str, Any]) -> None:
    """Say of the whole what the last page says of itself: nothing comes after it."""
    keys = ["has_more"]
    if endpoint.paging is not None:
        keys.append(endpoint.paging.response_token)
    for key in keys:
        whole.pop(key, None)
        if key in last:
            whole[key] = last[key]


def _share(page: Any, outer: Sequence[str], key: str) -> list[Any]:
    """Return a page's share of an array; it has none where the array is missing."""
    share: Any = page
    for name in (*outer, key):
        if not isinstance(share, dict):
            raise BadAnswer(f"{'.'.join(outer)} is no object")
        share = cast("dict[str, Any]", share).get(name)
        if share is None:
            return []
    if not isinstance(share, list):
        raise BadAnswer(f"{'.'.join([*outer, key])} is no list")
    return [*cast("Any", share)]


def _inside(document: dict[str, Any], path: Sequence[str]) -> dict[str, Any]:
    for key in path:
        document = document.setdefault(key, {})
    return document


def _dumps(document: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(document)
    except TypeError:  # an integer of more than 64 bits, whose digits json keeps
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
