"""A listing as its records come: part by part, page after page, at the consumer's pace."""

from collections import deque
from collections.abc import AsyncGenerator, Awaitable
from typing import Generic, TypeVar

from asyncdbx.catalog.paging import Pager
from asyncdbx.engine import Engine, Ticket
from asyncdbx.fleet.pages import MakeTicket, Part, Reading, end_page, page_ticket
from asyncdbx.fleet.signal import Signal

__all__ = ["listing_parts"]

AHEAD = 2  # parts held for a slow consumer before the socket is left to fill

T = TypeVar("T")


async def listing_parts(
    engine: Engine, make: MakeTicket, pager: Pager, reading: Reading[T]
) -> AsyncGenerator[Part[T]]:
    """Yield a listing's records as they arrive; a part without records ends each page.

    Left early, it ends the request that is on its way.

    Args:
        engine: Makes the calls.
        make: Makes a call of an endpoint's name and arguments.
        pager: Where the listing stands.
        reading: How its records are read.

    Raises:
        CallError: a page did not come, or not whole; what was yielded before stands.
    """
    while not pager.done:
        inbox: _Inbox[T] = _Inbox()
        ticket = page_ticket(pager, make, reading, inbox.put)
        ticket.done = inbox.end
        engine.submit(ticket)
        try:
            while (records := await inbox.get()) is not None:
                yield Part(records)
        finally:
            if not inbox.ended:
                engine.cancel(ticket)
        yield end_page(ticket, pager)


class _Inbox(Generic[T]):
    """What has come and was not taken yet.

    Attributes:
        ended: Nothing comes any more.
    """

    def __init__(self) -> None:
        self.ended = False
        self._parts: deque[list[T]] = deque()
        self._news = Signal()
        self._room = Signal()

    def put(self, records: list[T]) -> Awaitable[None] | None:
        """Take records; return what to wait for if they come faster than they go."""
        self._parts.append(records)
        self._news.tell()
        return None if len(self._parts) < AHEAD else self._room.wait()

    def end(self, _: Ticket) -> None:
        """Note that nothing comes any more."""
        self.ended = True
        self._news.tell()

    async def get(self) -> list[T] | None:
        """Return the next records; None at the end."""
        while not self._parts:
            if self.ended:
                return None
            await self._news.wait()
        records = self._parts.popleft()
        if len(self._parts) < AHEAD:
            self._room.tell()
        return records
