"""Records as they come, kept nowhere: the same listings as an inventory, without its spool.

Every listing of every workspace goes its own way, as fast as its lane allows; what it
brings waits in one queue of bounded length for whoever prints it.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeAlias, cast

import orjson

from asyncdbx.errors import BadAnswer, CallError, Disabled, NotFound
from asyncdbx.fleet import Workspace
from asyncdbx.inventory.fetching import fetch_unit
from asyncdbx.inventory.resources import RESOURCES
from asyncdbx.inventory.rows import Row
from asyncdbx.inventory.sources import Resource
from asyncdbx.inventory.spool import Unit
from asyncdbx.inventory.units import first_units, followers_of, is_first

__all__ = ["Found", "Missing", "Records", "stream"]

AT_ONCE = 32  # calls of one listing asked for at once; its lane sends them as it may
AHEAD = 16  # parts of listings held for a slow consumer before no more is read


@dataclass(frozen=True, slots=True)
class Found:
    """Some records of one listing.

    Attributes:
        workspace: Name of the workspace.
        resource: Name of the resource.
        rows: The records.
    """

    workspace: str
    resource: str
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that could not be listed.

    Attributes:
        workspace: Name of the workspace.
        resource: Name of the resource; of one that is followed, if that failed.
        arguments: Of the call: which scope, which directory.
        error: Why.
    """

    workspace: str
    resource: str
    arguments: dict[str, Any]
    error: CallError


Item: TypeAlias = Found | Missing


class Records(AsyncIterator[Item]):
    """Yields what comes of several listings, in the order it comes.

    Attributes:
        succeeded: Calls and listings that were brought to their end so far.
        gone: Directories and objects that had been deleted when their turn came.
    """

    def __init__(self) -> None:
        self.succeeded = 0
        self.gone = 0
        self._queue: asyncio.Queue[Item | None] = asyncio.Queue(AHEAD)
        self._runner: asyncio.Task[None] | None = None
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        item = None if self._ended else await self._queue.get()
        if item is None:
            self._ended = True
            if self._runner is not None:
                await self._runner  # a bug, or a call that makes no sense, is raised here
            raise StopAsyncIteration
        return item

    async def put(self, item: Item) -> None:
        """Hand over what came; waits while the consumer is slow."""
        await self._queue.put(item)

    def start(self, crawls: "Sequence[_Crawl]") -> None:
        """Begin."""
        self._runner = asyncio.create_task(self._run(crawls))

    async def close(self) -> None:
        """End, with whatever is on its way."""
        self._ended = True
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)

    async def _run(self, crawls: "Sequence[_Crawl]") -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for crawl in crawls:
                    group.create_task(crawl.run())
        finally:
            if not self._ended:  # closed early, nobody waits for the end
                await self._queue.put(None)


@asynccontextmanager
async def stream(
    workspaces: Iterable[Workspace],
    resources: Sequence[Resource],
    *,
    limit: int | None = None,
    skip_bad_records: bool = False,
) -> AsyncGenerator[Records]:
    """List ``resources`` and give the records as they come, workspaces interleaved.

    A call that fails is an item too, and hurts no other. Leaving the block ends what is
    on its way.

    Args:
        workspaces: Of a fleet; accounts list the resources of accounts.
        resources: What to list; what they follow from is asked for too, but not given.
        limit: Records of each listing; the first that come.
        skip_bad_records: A record that is not JSON is missing, and the rest of its listing
            is given; else that listing ends there.
    """
    records = Records()
    crawls = [
        _Crawl(each, resources, records, limit, skip_bad_records=skip_bad_records)
        for each in workspaces
    ]
    records.start(crawls)
    try:
        yield records
    finally:
        await records.close()


class _Crawl:
    """Lists resources of one workspace.

    A unit of work that is not asked for yet is a plain record on its resource's stack;
    the one found last goes first, so that a tree's stack stays small.
    """

    def __init__(
        self,
        workspace: Workspace,
        resources: Sequence[Resource],
        records: Records,
        limit: int | None,
        *,
        skip_bad_records: bool,
    ) -> None:
        own = [each for each in resources if each.scope == workspace.config.scope]
        self._workspace = workspace
        self._records = records
        self._skip_bad_records = skip_bad_records
        self._resources = {each.name: each for each in (*_parents(own), *own)}
        self._followers = followers_of(self._resources.values())
        self._room: dict[str, float] = {each.name: limit or float("inf") for each in own}
        self._todo: dict[str, list[Unit]] = {name: [] for name in self._resources}
        self._running: Counter[str] = Counter()
        self._done: Counter[str] = Counter()
        self._disabled: list[Missing] = []
        self._begun: set[Unit] = set()  # records have come of it
        self._tasks = asyncio.TaskGroup()

    async def run(self) -> None:
        async with self._tasks:
            for resource in self._resources.values():
                self._add(first_units(self._workspace.name, resource))
        for missing in self._disabled:
            # Of two services that have a resource, the one that is enabled has it whole.
            if not self._done[missing.resource]:
                await self._records.put(missing)

    def _add(self, units: Sequence[Unit]) -> None:
        for unit in units:
            self._todo[unit.resource].append(unit)
        for name in {unit.resource for unit in units}:
            self._start(name)

    def _start(self, name: str) -> None:
        """Ask for as much of a resource as may be asked at once."""
        todo = self._todo[name]
        while todo and self._running[name] < AT_ONCE and not self._is_over(name):
            self._running[name] += 1
            self._tasks.create_task(self._do(todo.pop()))

    def _is_over(self, name: str) -> bool:
        """Return whether nobody wants more of a resource, nor of what follows from it."""
        followers = (follower for follower, _, _ in self._followers.get(name, ()))
        return self._room.get(name, 0) <= 0 and all(map(self._is_over, followers))

    async def _do(self, unit: Unit) -> None:
        """Do one unit; what goes wrong with its call is news, not the end."""
        try:
            await self._fetch(unit)
        except CallError as error:
            await self._fail(unit, error, begun=unit in self._begun)
        else:
            self._done[unit.resource] += 1
            self._records.succeeded += 1
        self._running[unit.resource] -= 1
        self._start(unit.resource)

    async def _fetch(self, unit: Unit) -> None:
        resource = self._resources[unit.resource]
        bad: list[BadAnswer] = []
        parts = fetch_unit(
            self._workspace,
            resource,
            unit,
            self._followers,
            bad_record=bad.append if self._skip_bad_records else None,
        )
        async with aclosing(parts):
            async for part in parts:
                while bad:
                    await self._miss(unit, bad.pop(0))
                if part.records or part.cursor is not None:
                    self._begun.add(unit)
                for found in part.records:
                    self._add(found.children)
                    await self._give(unit.resource, found.rows)
                if self._is_over(unit.resource):
                    return

    async def _give(self, name: str, rows: Sequence[Row]) -> None:
        room = self._room.get(name, 0)
        if not rows or room <= 0:
            return
        self._room[name] = room - len(rows)
        some = rows if room >= len(rows) else rows[: int(room)]
        await self._records.put(Found(self._workspace.name, name, some))

    async def _fail(self, unit: Unit, error: CallError, *, begun: bool) -> None:
        first = is_first(unit, self._resources[unit.resource])
        if isinstance(error, NotFound) and not first and not begun:
            self._done[unit.resource] += 1
            self._records.gone += 1  # it was listed a moment ago
            return
        if isinstance(error, Disabled) and first and not begun:
            self._disabled.append(self._missing(unit, error))
        else:
            await self._miss(unit, error)

    async def _miss(self, unit: Unit, error: CallError) -> None:
        await self._records.put(self._missing(unit, error))

    def _missing(self, unit: Unit, error: CallError) -> Missing:
        first = is_first(unit, self._resources[unit.resource])
        arguments = {} if first else _arguments(unit)
        return Missing(self._workspace.name, unit.resource, arguments, error)


def _arguments(unit: Unit) -> dict[str, Any]:
    return cast("dict[str, Any]", orjson.loads(unit.key))


def _parents(resources: Iterable[Resource]) -> Iterator[Resource]:
    """Yield all that ``resources`` follow from, farthest first."""
    for resource in resources:
        for source in resource.sources:
            for follow in source.follow:
                parent = RESOURCES[follow.resource]
                yield from _parents([parent])
                yield parent
