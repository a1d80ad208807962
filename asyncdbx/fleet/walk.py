"""Walk a tree: many directories listed at once, entries yielded as they come.

No tasks: each answer decides what is asked next, so a walk that is abandoned half-way
leaves nothing behind but a few answers that nobody takes.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Self

from asyncdbx.catalog import Endpoint
from asyncdbx.catalog.paging import Pager
from asyncdbx.engine import Engine, Ticket
from asyncdbx.errors import BadAnswer, CallError, Incomplete, NotFound
from asyncdbx.fleet.pages import (
    FetchedPage,
    MakeTicket,
    RawRecord,
    page_of,
    page_ticket,
)
from asyncdbx.fleet.tree import Tree

__all__ = ["Walk"]

AT_ONCE = 32  # directories asked for at once; the lane sends them as fast as it may
AHEAD = 10_000  # entries held for a slow consumer before no more directories are asked


class Walk(AsyncIterator[dict[str, Any]]):
    """Yields every entry below a directory, in no order.

    Attributes:
        vanished: Directories that were gone when their turn came.
        unlisted: Directories that could not be listed, each with its error. If there are
            any, the walk ends with Incomplete, so that it never looks whole.
    """

    def __init__(
        self, engine: Engine, make: MakeTicket, endpoint: Endpoint, tree: Tree, root: str
    ) -> None:
        self._engine = engine
        self._make = make
        self._endpoint = endpoint
        self._tree = tree
        self._root = root
        self._frontier: list[tuple[str, Pager | None]] = [(root, None)]
        self._asked: dict[Ticket, tuple[str, Pager]] = {}
        self._entries: deque[dict[str, Any]] = deque()
        self._bug: Exception | None = None
        self._news: asyncio.Future[None] | None = None
        self.vanished: list[str] = []
        self.unlisted: list[tuple[str, CallError]] = []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> dict[str, Any]:
        while True:
            self._ask()
            if self._bug is not None:
                raise self._bug
            if self._entries:
                return self._entries.popleft()
            if not self._asked:
                self._end()
            self._news = asyncio.get_running_loop().create_future()
            await self._news

    def _end(self) -> None:
        if not self.unlisted:
            raise StopAsyncIteration
        path, error = self.unlisted[0]
        more = f" and {len(self.unlisted) - 1} more" if len(self.unlisted) > 1 else ""
        raise Incomplete(f"could not list {path}{more}: {error}") from error

    def _ask(self) -> None:
        """Ask for the directories found last first: the frontier stays small."""
        while self._frontier and len(self._asked) < AT_ONCE and len(self._entries) < AHEAD:
            directory, pager = self._frontier.pop()
            self._submit(directory, pager or self._first_page(directory))

    def _first_page(self, directory: str) -> Pager:
        return Pager.start(self._endpoint, {self._tree.argument: directory})

    def _submit(self, directory: str, pager: Pager) -> None:
        ticket = page_ticket(pager, self._make, values)
        ticket.done = self._done
        self._asked[ticket] = (directory, pager)
        self._engine.submit(ticket)

    def _done(self, ticket: Ticket) -> None:
        directory, pager = self._asked.pop(ticket)
        try:
            self._take(directory, page_of(ticket, pager, values))
            if not pager.done:
                self._frontier.append((directory, pager))
        except NotFound as error:
            if directory == self._root:
                self.unlisted.append((directory, error))
            else:
                self.vanished.append(directory)
        except CallError as error:
            self.unlisted.append((directory, error))
        except Exception as bug:  # noqa: BLE001 - raised where the caller waits
            self._bug = bug
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _take(self, directory: str, page: FetchedPage[dict[str, Any]]) -> None:
        for record in page.records:
            self._entries.append(record)
            if (below := self._tree.below(directory, record)) is not None:
                self._frontier.append((below, None))
            elif self._tree.strays(directory, record):
                stray = Incomplete(f"it is listed in {directory}, but does not lie there")
                self.unlisted.append((str(record.get("path")), stray))


def values(records: list[RawRecord]) -> list[dict[str, Any]]:
    """Keep the values of records.

    Raises:
        BadAnswer: one is no object.
    """
    if not all(isinstance(value, dict) for _, value in records):
        raise BadAnswer("an entry of the listing is no object")
    return [value for _, value in records]
