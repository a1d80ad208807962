"""Any number of calls, and what became of each, in the order they finish."""

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from asyncdbx.engine import Engine, Ticket
from asyncdbx.errors import CallError
from asyncdbx.fleet.signal import Signal

__all__ = ["Call", "Outcome", "Outcomes"]


class Call(NamedTuple):
    """An endpoint, a workspace and the arguments.

    Attributes:
        workspace: Name of the workspace in the fleet.
        endpoint: The official SDK's ``service.method``, e.g. ``"clusters.get"``.
        arguments: By the SDK's names.
    """

    workspace: str
    endpoint: str
    arguments: Mapping[str, Any] = MappingProxyType({})


class Outcome(NamedTuple):
    """What became of a call.

    Attributes:
        call: The call.
        value: Its result, if it gave one.
        error: Why it gave none.
    """

    call: Call
    value: Any = None
    error: CallError | None = None


class Outcomes(AsyncIterator[Outcome]):
    """Reads calls as fast as outcomes are taken, and yields outcomes as they come.

    At most ``window`` calls are read and not yet taken back as an outcome, so a generator
    over a million calls costs the memory of ``window``. A CallError is an outcome; any
    other exception is a bug and is raised.
    """

    def __init__(
        self,
        engine: Engine,
        calls: Iterable[Call] | AsyncIterable[Call],
        prepare: Callable[[Call], Ticket],
        window: int,
    ) -> None:
        self._engine = engine
        self._prepare = prepare
        self._window = window
        # The feeder is woken when an eighth of the window is free, not for each call.
        self._low = window * 7 // 8
        self._held: dict[Ticket, Call] = {}  # read, and not yet taken back
        self._finished: deque[Ticket] = deque()
        self._news = Signal()
        self._room = Signal()
        self._feeder = asyncio.create_task(self._feed(calls))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        while not self._finished:
            if self._feeder.done():
                self._feeder.result()  # a bug in the caller's generator is raised here
                if not self._held:
                    raise StopAsyncIteration
            await self._news.wait()
        ticket = self._finished.popleft()
        call = self._held.pop(ticket)
        if len(self._held) == self._low:
            self._room.tell()
        if ticket.error is None:
            return Outcome(call, ticket.value, None)
        if isinstance(ticket.error, CallError):
            return Outcome(call, None, ticket.error)
        raise ticket.error

    async def close(self) -> None:
        """Read no more calls and forget those on their way."""
        self._feeder.cancel()
        await asyncio.gather(self._feeder, return_exceptions=True)
        for ticket in self._held:
            self._engine.cancel(ticket)
        self._held.clear()

    async def _feed(self, calls: Iterable[Call] | AsyncIterable[Call]) -> None:
        try:
            if isinstance(calls, AsyncIterable):
                async for call in calls:
                    if self._submit(call):
                        await self._room.wait()
            else:
                for call in calls:
                    if self._submit(call):
                        await self._room.wait()
        finally:
            self._news.tell()

    def _submit(self, call: Call) -> bool:
        """Send a call on its way; return whether the window is full now."""
        ticket = self._prepare(call)
        ticket.done = self._done
        self._held[ticket] = call
        self._engine.submit(ticket)
        return len(self._held) >= self._window

    def _done(self, ticket: Ticket) -> None:
        self._finished.append(ticket)
        self._news.tell()
