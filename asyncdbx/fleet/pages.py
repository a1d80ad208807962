"""A page of a listing: read while it arrives, checked against what its pager expects."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeAlias, TypeVar, cast

import orjson

from asyncdbx.catalog.paging import OTHER_KEY, Page, Pager
from asyncdbx.engine import Ticket
from asyncdbx.engine.judgement import judge_document
from asyncdbx.errors import CallError, Incomplete
from asyncdbx.json_stream import RecordStream

__all__ = [
    "FetchedPage",
    "Keep",
    "MakeTicket",
    "PageReader",
    "RawRecord",
    "page_of",
    "page_ticket",
    "whole",
]

LARGEST_PAGE = 512 * 2**20  # bytes, decoded; listings without pages are real, bombs too

T = TypeVar("T")

RawRecord: TypeAlias = tuple[bytes, Any]
Keep: TypeAlias = Callable[[list[RawRecord]], list[T]]
MakeTicket: TypeAlias = Callable[[str, Mapping[str, Any]], Ticket]


@dataclass(frozen=True, slots=True)
class FetchedPage(Generic[T]):
    """One page of a listing.

    Attributes:
        records: What was kept of each record: its raw bytes as the server sent them and its
            value, if nothing else was asked for.
        cursor: Where the listing goes on, or None after the last page.
        calls: Requests sent for this page.
        throttles: How many of them were answered with 429.
    """

    records: list[T]
    cursor: str | None
    calls: int
    throttles: int


class PageReader(Generic[T]):
    """Takes a page as it arrives and keeps of its records what ``keep`` makes of them.

    Attributes:
        kept: What was kept.
        count: Records that came.
        first: Raw bytes of the first one.
        rest: The document without the list, once it has ended.
        found: The list's key was there.
    """

    __slots__ = ("_keep", "_stream", "count", "first", "found", "kept", "rest")

    def __init__(self, key: str, keep: Keep[T]) -> None:
        self._stream = RecordStream(key, max_total=LARGEST_PAGE)
        self._keep = keep
        self.kept: list[T] = []
        self.count = 0
        self.first = b""
        self.rest: dict[str, Any] = {}
        self.found = False

    def feed(self, chunk: bytes, /) -> None:
        """Take the next bytes."""
        self.take(self._stream.feed(chunk))

    def take(self, records: list[RawRecord]) -> None:
        """Take records that were cut out."""
        if records:
            self.first = self.first or records[0][0]
            self.count += len(records)
            self.kept += self._keep(records)

    def close(self) -> Self:
        """Take the end of the body, and return the reader itself."""
        self.rest = self._stream.close()
        self.found = self._stream.found
        return self


def whole(records: list[RawRecord]) -> list[RawRecord]:
    """Keep records as they are."""
    return records


def page_ticket(pager: Pager, make: MakeTicket, keep: Keep[T]) -> Ticket:
    """Return the call that fetches a listing's next page.

    Args:
        pager: Where the listing stands.
        make: Makes a call of an endpoint's name and arguments.
        keep: Told the records as they are cut out of the body, some at a time; what it
            returns is kept. Parsed, a record takes ten times the memory of its text.
    """
    key = pager.endpoint.items or ""
    ticket = make(pager.endpoint.name, pager.arguments)
    ticket.reader = lambda: PageReader(key, keep)
    return ticket


def page_of(ticket: Ticket, pager: Pager, keep: Keep[T]) -> FetchedPage[T]:
    """Return the page that a finished call brought, and move the pager on.

    Args:
        ticket: Made by ``page_ticket``.
        pager: Where the listing stood.
        keep: As given to ``page_ticket``; here it only says what the records became.

    Raises:
        CallError: the call failed, what it brought is no page of this listing, or the
            listing cannot be followed any further.
    """
    if ticket.error is not None:
        raise ticket.error
    body = cast("PageReader[T]", ticket.value)
    try:
        _check(ticket.endpoint, body)
        pager.advance(Page(body.count, body.first, body.rest, body.found))
    except CallError as error:
        error.calls = ticket.calls
        raise ticket.site.sign(error, ticket.endpoint) from None
    cursor = None if pager.done else pager.cursor
    return FetchedPage(body.kept, cursor, ticket.calls, ticket.throttles)


def _check(endpoint: str, body: "PageReader[Any]") -> None:
    """Refuse an error that came as a 200, and find the list under its other name."""
    if error := judge_document(body.rest):
        raise error
    other = OTHER_KEY.get(endpoint)
    if not body.found and other is not None and other in body.rest:
        body.found = True
        body.take(_as_raw(body.rest.pop(other)))


def _as_raw(records: Any) -> list[RawRecord]:
    if not isinstance(records, list):
        raise Incomplete("the list is no list")
    return [(orjson.dumps(record), record) for record in cast("Any", records)]
