"""A page of a listing: its records leave while it arrives, and its end is checked.

What has left cannot be taken back. If a page breaks off and is asked for again, the new
attempt gives only what is behind the records that have left, and only if the last of those
comes again at its place: else the listing has changed, and nobody can say what is whole.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar, cast

import orjson

from asyncdbx.catalog.paging import OTHER_KEY, Page, Pager
from asyncdbx.engine import Ticket
from asyncdbx.engine.judgement import judge_document
from asyncdbx.errors import BadAnswer, CallError, Changed, Incomplete
from asyncdbx.json_stream import JsonStreamError, RecordStream, ValueStream

__all__ = [
    "BadRecord",
    "Delivery",
    "Keep",
    "MakeTicket",
    "Part",
    "RawRecord",
    "Reading",
    "Take",
    "end_page",
    "page_ticket",
    "whole",
]

PIECE = 500  # records given together, if they come together
LARGEST_PAGE = 8 * 2**30  # bytes, decoded: some 60 million files in one directory

T = TypeVar("T")

RawRecord: TypeAlias = tuple[bytes, Any]
Keep: TypeAlias = Callable[[list[Any]], list[T]]
Take: TypeAlias = Callable[[list[T]], Awaitable[None] | None]
BadRecord: TypeAlias = Callable[[BadAnswer], None]
MakeTicket: TypeAlias = Callable[[str, Mapping[str, Any]], Ticket]


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """Some records of a listing, in their order.

    Attributes:
        records: What was kept of each: its raw bytes as the server sent them and its value,
            if nothing else was asked for.
        ends_page: The page has come whole; only now the next three attributes are known.
        cursor: Where the listing goes on, or None after the last page.
        calls: Requests sent for this page.
        throttles: How many of them were answered with 429.
    """

    records: list[T]
    ends_page: bool = False
    cursor: str | None = None
    calls: int = 0
    throttles: int = 0


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """How the records of a listing are read.

    Attributes:
        keep: Told the records as they are cut out of the body, some at a time; what it
            returns goes on its way. Parsed, a record takes ten times its text's memory.
        raw: Records are raw bytes and values; else values only, which is twice as fast.
        bad_record: Told of a record that is not JSON, which is then left out. Without it
            the page is bad.
    """

    keep: Keep[T]
    raw: bool = True
    bad_record: BadRecord | None = None


class Delivery(Generic[T]):
    """The records of one page on their way, over all attempts to fetch it.

    Args:
        ticket: The call that fetches it.
        key: Of the list in the page.
        reading: How its records are read.
        take: Takes them, and may return what to wait for until it can take more.

    Attributes:
        endpoint: Which listing.
        key, reading: As given.
        given: Records that have left.
    """

    def __init__(
        self, ticket: Ticket, key: str, reading: Reading[T], take: Take[T]
    ) -> None:
        self.endpoint = ticket.endpoint
        self.key = key
        self.reading = reading
        self.given = 0
        self._site = ticket.site
        self._take = take
        self._last: Any = None
        self._left_out: set[int] = set()  # where they are in the page

    def attempt(self) -> "PageReader":
        """Return a reader for one more answer."""
        return PageReader(self)

    def give(self, records: list[Any]) -> Awaitable[None] | None:
        """Send records on their way."""
        self.given += len(records)
        self._last = self._mark(records[-1])
        return self._take(self.reading.keep(records))

    def check_last(self, record: Any) -> None:
        """Refuse a record that comes where another one, which has left, came before."""
        if self._mark(record) != self._last:
            raise Changed(
                f"the page broke off behind {self.given} records, and when it was asked for"
                " again they were others"
            )

    def leave_out(self, error: JsonStreamError, raw: bytes) -> None:
        """Report a record that is not JSON, once."""
        report = self.reading.bad_record
        if report is None or error.offset in self._left_out:
            return
        self._left_out.add(error.offset)
        bad = BadAnswer(
            f"a record of {len(raw):,} bytes is left out, it is no JSON: {error}"
        )
        self._site.sign(bad, self.endpoint)
        report(bad)

    def _mark(self, record: Any) -> Any:
        return record[0] if self.reading.raw else record


class PageReader:
    """Takes a page as it arrives."""

    __slots__ = ("_count", "_delivery", "_first", "_stream")

    def __init__(self, delivery: Delivery[Any]) -> None:
        kind = RecordStream if delivery.reading.raw else ValueStream
        self._stream = kind(
            delivery.key,
            max_total=LARGEST_PAGE,
            bad_record=delivery.leave_out if delivery.reading.bad_record else None,
        )
        self._delivery = delivery
        self._count = 0
        self._first = b""

    def feed(self, chunk: bytes, /) -> Awaitable[None] | None:
        """Take the next bytes."""
        return self._give_all(self._stream.feed(chunk))

    def close(self) -> Page:
        """Take the end of the body, and return what the listing's pager wants to know.

        Raises:
            JsonStreamError: The body is no whole JSON document.
            CallError: It is an error that came as a 200, or no page of this listing.
        """
        self._give_all(self._stream.close())
        rest, found = self._stream.rest, self._stream.found
        if error := judge_document(rest):
            raise error
        other = OTHER_KEY.get(self._delivery.endpoint)
        if not found and other is not None and other in rest:
            found = True
            self._give_all([self._as_records(rest.pop(other))])
        if self._count < self._delivery.given:
            raise Changed(
                f"the page broke off behind {self._delivery.given} records, and when it was"
                f" asked for again it had {self._count}"
            )
        return Page(self._count, self._first, rest, found)

    def _give_all(self, batches: Iterable[list[Any]]) -> Awaitable[None] | None:
        """Give what bytes brought, in few pieces; of bad JSON, what is before it."""
        room = None
        records: list[Any] = []
        try:
            for batch in batches:
                records += batch
                if len(records) >= PIECE:
                    records, full = [], records
                    room = self._give(full) or room
        finally:
            if records:
                room = self._give(records) or room
        return room

    def _give(self, records: list[Any]) -> Awaitable[None] | None:
        if not self._count:
            self._first = records[0][0] if self._delivery.reading.raw else _text(records[0])
        known = self._delivery.given - self._count
        self._count += len(records)
        if 0 < known <= len(records):
            self._delivery.check_last(records[known - 1])
        new = records[known:] if known > 0 else records
        return self._delivery.give(new) if new else None

    def _as_records(self, found: Any) -> list[Any]:
        if not isinstance(found, list):
            raise Incomplete("the list is no list")
        values: list[Any] = cast("Any", found)
        if not self._delivery.reading.raw:
            return values
        return [(orjson.dumps(value), value) for value in values]


def _text(value: Any) -> bytes:
    """Return what tells a record from others; b"" if that would be too hard."""
    try:
        return repr(value).encode()
    except RecursionError:
        return b""


def whole(records: list[Any]) -> list[Any]:
    """Keep records as they are."""
    return records


def page_ticket(
    pager: Pager, make: MakeTicket, reading: Reading[T], take: Take[T]
) -> Ticket:
    """Return the call that fetches a listing's next page.

    Args:
        pager: Where the listing stands.
        make: Makes a call of an endpoint's name and arguments.
        reading: How its records are read.
        take: Takes what is kept of them, while the page is still arriving; may return
            something that is waited for before more is read.
    """
    endpoint = pager.endpoint
    ticket = make(endpoint.name, pager.arguments)
    ticket.reader = Delivery(ticket, endpoint.items or "", reading, take).attempt
    return ticket


def end_page(ticket: Ticket, pager: Pager) -> Part[Any]:
    """Move the pager on behind the page that a finished call brought.

    Returns:
        The page's last part; all its records have left before.

    Raises:
        CallError: the call failed, what it brought is no page of this listing, or the
            listing cannot be followed any further.
    """
    if ticket.error is not None:
        raise ticket.error
    try:
        pager.advance(cast("Page", ticket.value))
    except CallError as error:
        error.calls = ticket.calls
        raise ticket.site.sign(error, ticket.endpoint) from None
    cursor = None if pager.done else pager.cursor
    return Part([], True, cursor, ticket.calls, ticket.throttles)
