"""Walk a tree: many directories listed at once, entries yielded as they come.

No tasks: each answer decides what is asked next. A walk that is abandoned half-way leaves
behind a few answers that nobody takes, or, in huge directories, waits for somebody who
does: ``aclose`` ends it.
"""

from collections import deque
from collections.abc import AsyncIterator, Awaitable
from typing import Any, Self

from asyncdbx.catalog import Endpoint
from asyncdbx.catalog.paging import Pager
from asyncdbx.engine import Engine, Ticket
from asyncdbx.errors import BadAnswer, CallError, Incomplete, NotFound
from asyncdbx.fleet.pages import MakeTicket, Reading, end_page, page_ticket
from asyncdbx.fleet.signal import Signal
from asyncdbx.fleet.tree import Tree

__all__ = ["Walk"]

AT_ONCE = 32  # directories asked for at once; the lane sends them as fast as it may
AHEAD = 2_000  # entries held for a slow consumer before no more are read


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
        self._news = Signal()
        self._room = Signal()
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
                entry = self._entries.popleft()
                if len(self._entries) < AHEAD:
                    self._room.tell()
                return entry
            if not self._asked:
                self._end()
            await self._news.wait()

    async def aclose(self) -> None:
        """End the requests that are on their way; the walk is of no further use.

        With ``contextlib.aclosing`` it is done when the block is left, however that is.
        """
        for ticket in self._asked:
            self._engine.cancel(ticket)
        self._asked.clear()
        self._frontier.clear()
        self._entries.clear()

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
        def take(entries: list[dict[str, Any]]) -> Awaitable[None] | None:
            return self._take(directory, entries)

        ticket = page_ticket(pager, self._make, Reading(objects, raw=False), take)
        ticket.done = self._done
        self._asked[ticket] = (directory, pager)
        self._engine.submit(ticket)

    def _done(self, ticket: Ticket) -> None:
        directory, pager = self._asked.pop(ticket)
        try:
            end_page(ticket, pager)
            if not pager.done:
                self._frontier.append((directory, pager))
        except NotFound as error:
            if directory == self._root or pager.pages:
                self.unlisted.append((directory, error))
            else:
                self.vanished.append(directory)
        except CallError as error:
            self.unlisted.append((directory, error))
        except Exception as bug:  # noqa: BLE001 - raised where the caller waits
            self._bug = bug
        self._news.tell()

    def _take(
        self, directory: str, entries: list[dict[str, Any]]
    ) -> Awaitable[None] | None:
        """Take entries while their directory's listing still arrives."""
        for entry in entries:
            self._entries.append(entry)
            if (below := self._tree.below(directory, entry)) is not None:
                self._frontier.append((below, None))
            elif self._tree.strays(directory, entry):
                stray = Incomplete(f"it is listed in {directory}, but does not lie there")
                self.unlisted.append((str(entry.get("path")), stray))
        self._news.tell()
        return None if len(self._entries) < AHEAD else self._room.wait()


def objects(records: list[Any]) -> list[dict[str, Any]]:
    """Keep records, which must be objects.

    Raises:
        BadAnswer: one is none.
    """
    if not all(isinstance(value, dict) for value in records):
        raise BadAnswer("an entry of the listing is no object")
    return records
