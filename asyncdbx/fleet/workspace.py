"""One workspace or account of a fleet: call an endpoint, list, walk a tree."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, TypeVar, cast

import orjson
from yarl import URL

from asyncdbx import catalog
from asyncdbx.catalog.encode import query_text
from asyncdbx.catalog.limits import Limit, Limits
from asyncdbx.catalog.paging import Pager
from asyncdbx.config import WorkspaceConfig, lane_key
from asyncdbx.engine import Engine, LaneQueue, Site, Ticket
from asyncdbx.engine.judgement import judge_document
from asyncdbx.errors import BadAnswer, CallError, UsageError
from asyncdbx.fleet.arrivals import listing_parts
from asyncdbx.fleet.lanes import new_lane
from asyncdbx.fleet.nested import ObjectPages
from asyncdbx.fleet.pages import BadRecord, Keep, Part, RawRecord, Reading, whole
from asyncdbx.fleet.tree import tree_of
from asyncdbx.fleet.walk import Walk
from asyncdbx.json_stream import parse_document
from asyncdbx.limiter import Lane, LaneFile
from asyncdbx.transport import Answer

__all__ = ["Workspace"]

T = TypeVar("T")

SMALL = 2**20  # bytes of an object's pages that are kept after each of them


class Workspace:
    """One workspace or account.

    Made by a fleet. Endpoints and arguments have the official SDK's names.

    Attributes:
        config: Where it is, and how to log in.
        limits: The limits its lanes begin with.
        lanes: What earlier runs have learned; None to begin anew and go alone.
    """

    def __init__(
        self, config: WorkspaceConfig, site: Site, engine: Engine, limits: Limits
    ) -> None:
        self.config = config
        self._site = site
        self._engine = engine
        self.limits = limits
        self.lanes: LaneFile | None = None
        self._host = config.host
        self._account_id = config.account_id or ""
        self._queues: dict[str, LaneQueue] = {}
        self._routes: dict[str, tuple[catalog.Endpoint, LaneQueue]] = {}

    def __repr__(self) -> str:
        return f"<Workspace {self.name} {self.config.host}>"

    @property
    def name(self) -> str:
        """Name of the workspace: the profile's."""
        return self.config.name

    async def call(self, endpoint: str, /, **arguments: Any) -> Any:
        """Make one call and return its answer: parsed JSON, or bytes of a download.

        Raises:
            UsageError: no such endpoint, or arguments it does not have.
            CallError: it did not give a result.
        """
        ticket = self.ticket(endpoint, arguments)
        ticket.urgent = True
        return await self.run(ticket)

    async def log_in(self) -> None:
        """Wait until there is a token to send; calls do so by themselves.

        Raises:
            CallError: There is none to be had.
        """
        try:
            await self._site.credential.headers()
        except CallError as error:
            raise self._site.sign(error.twin(), "login") from None

    def login_ends_in(self) -> float | None:
        """Return the seconds until the present token ends; None if nobody says."""
        ends = self._site.credential.ends_at
        return None if ends is None else ends - asyncio.get_running_loop().time()

    async def list(
        self, endpoint: str, /, **arguments: Any
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield every record of a listing, over all of its pages, as they arrive.

        Raises:
            UsageError: no such endpoint, it is no listing, or arguments it does not have.
            Incomplete: the listing cannot be followed to its end.
            CallError: a page did not come.
        """
        async with aclosing(self.parts(endpoint, arguments, whole, raw=False)) as parts:
            async for part in parts:
                for record in part.records:
                    yield record

    def parts(  # noqa: PLR0913 - each an option of its own
        self,
        endpoint: str | catalog.Endpoint,
        arguments: Mapping[str, Any],
        keep: Keep[T],
        cursor: str | None = None,
        *,
        raw: bool = True,
        bad_record: BadRecord | None = None,
    ) -> AsyncGenerator[Part[T]]:
        """Return a listing's records as they arrive, with what ``keep`` makes of them.

        A part without records ends each page, and says where the listing goes on. Memory is
        that of a few parts, however large a page is: a slow consumer slows the server.

        Args:
            endpoint: A listing's endpoint, or its name.
            arguments: By the SDK's names.
            keep: Told records while the page is still arriving.
            cursor: Where an earlier run left off, to go on from there.
            raw: Records are raw bytes and values; else values only, which is twice as fast.
            bad_record: Told of a record that is not JSON, which is then left out. Without
                it the listing is bad.

        Raises:
            UsageError, Incomplete, CallError: as ``list``. A page that did not come whole
                ends with an error though some of its records have been given.
        """
        known = self.endpoint(endpoint) if isinstance(endpoint, str) else endpoint
        if known.items is None:
            raise UsageError(f"{known.name} is no listing; use call")
        pager = Pager.resume(known, cursor) if cursor else Pager.start(known, arguments)

        def make(_: str, given: Mapping[str, Any]) -> Ticket:
            return self.ticket_of(known, given)

        reading = Reading(keep, raw, bad_record)
        return listing_parts(self._engine, make, pager, reading)

    async def fetch(
        self,
        endpoint: str,
        arguments: Mapping[str, Any],
        cursor: str | None = None,
    ) -> AsyncGenerator[Part[RawRecord]]:
        """Yield one object as a page of one record, whole: its inner arrays come in pages.

        Before the last of them, each gives a part without a record, whose cursor holds
        what has come so far; behind the first MiB, only where that has doubled. So to keep
        the cursors takes twice the bytes of the object, however many pages it has.

        Args:
            endpoint: A call whose answer is an object.
            arguments: By the SDK's names.
            cursor: Of a part that an earlier run was given, to go on from there.

        Raises:
            UsageError, Incomplete, CallError: as ``list``.
        """
        known = self.endpoint(endpoint)
        resumed = cursor and ObjectPages.resume(known, cursor)
        pages = resumed or ObjectPages(known, Pager.start(known, arguments))
        kept, calls, throttles = pages.size, 0, 0
        whole: RawRecord | None = None
        while whole is None:
            ticket = self.ticket(endpoint, pages.arguments)
            ticket.decode = _whole
            try:
                whole = pages.take(await self.run(ticket))
            except CallError as error:
                error.calls = calls + ticket.calls
                self._site.sign(error, endpoint)
                raise
            calls, throttles = calls + ticket.calls, throttles + ticket.throttles
            if whole is None and (pages.size <= SMALL or pages.size >= 2 * kept):
                yield Part([], True, pages.cursor, calls, throttles)
                kept, calls, throttles = pages.size, 0, 0
        yield Part([whole], True, None, calls, throttles)

    def walk(self, path: str) -> Walk:
        """Walk a tree and yield every entry below ``path``.

        Directories are listed concurrently, as fast as their lane allows; entries come in
        no order. One that vanished meanwhile is noted, not an error.

        Args:
            path: ``dbfs:/…``, ``/Workspace/…`` or ``/Volumes/…``.

        Raises:
            UsageError: the path belongs to no tree.
            Incomplete: at the end, if directories could not be listed; names them.
        """
        tree, root = tree_of(path)
        endpoint = self.endpoint(tree.endpoint)
        return Walk(self._engine, self.ticket, endpoint, tree, root)

    async def run(self, ticket: Ticket) -> Any:
        """Make a call that ``ticket`` or ``ticket_of`` prepared, and return its value.

        Raises:
            CallError: it did not give a result.
        """
        return await self._engine.run(ticket)

    def endpoint(self, name: str) -> catalog.Endpoint:
        """Return an endpoint of this workspace's or account's scope."""
        return catalog.endpoint(name, self.config.scope)

    def lane(self, endpoint: str) -> Lane:
        """Return the lane of an endpoint; endpoints of one limit group share it."""
        return self._queue(self.endpoint(endpoint)).lane

    def ticket(self, endpoint: str, arguments: Mapping[str, Any]) -> Ticket:
        """Return a call ready for the engine.

        Raises:
            UsageError: no such endpoint, or arguments it does not have.
        """
        route = self._routes.get(endpoint)
        if route is None:
            known = self.endpoint(endpoint)
            route = self._routes[endpoint] = known, self._queue(known)
        return self._prepared(*route, arguments)

    def ticket_of(self, endpoint: catalog.Endpoint, arguments: Mapping[str, Any]) -> Ticket:
        """Return a call of an endpoint that need not be in the catalog."""
        return self._prepared(endpoint, self._queue(endpoint), arguments)

    def _prepared(
        self, endpoint: catalog.Endpoint, queue: LaneQueue, arguments: Mapping[str, Any]
    ) -> Ticket:
        request = endpoint.request(arguments, account_id=self._account_id)
        url = self._host + request.path
        if request.query:
            url = f"{url}?{query_text(request.query)}"
        return Ticket(
            self._site,
            endpoint.name,
            request.method,
            URL(url, encoded=True),
            queue,
            endpoint.repeat_safe or endpoint.safe_to_repeat(arguments),
            content if endpoint.download else decode,
            None if request.body is None else _encoded(endpoint, request.body),
        )

    def _queue(self, endpoint: catalog.Endpoint) -> LaneQueue:
        """Return the queue of the endpoint's lane; endpoints of one group share it."""
        queue = self._queues.get(endpoint.name)
        if queue is None:
            limit = self.limits.of(endpoint, self.name)
            same = (q for q in self._queues.values() if q.lane.group == limit.group)
            queue = next(same, None) or self._engine.queue(self._lane(limit), self._site)
            self._queues[endpoint.name] = queue
        return queue

    def _lane(self, limit: Limit) -> Lane:
        """Return a new lane with a limit as its prior."""
        record = None
        if self.lanes is not None and limit.per_second is not None:
            record = self.lanes.record(lane_key(self.config, limit.group))
        return new_lane(limit, self.name, record)


def decode(answer: Answer) -> Any:
    """Return the JSON value of a whole answer; of a HEAD, its headers.

    Raises:
        BadAnswer: an error that came with status 200.
        JsonStreamError: it is not JSON.
    """
    if answer.head:
        return dict(answer.headers)
    document = parse_document(answer.body)
    if b'"error_code"' in answer.body and (error := judge_document(document)):
        raise error
    return document


def _whole(answer: Answer) -> RawRecord:
    """Return a whole answer's bytes and its value, which must be an object."""
    document = decode(answer)
    if not isinstance(document, dict):
        raise BadAnswer("an object was expected")
    return answer.body, cast("dict[str, Any]", document)


def content(answer: Answer) -> bytes:
    """Return the bytes of a download."""
    return answer.body


def _encoded(endpoint: catalog.Endpoint, body: Any) -> bytes:
    if endpoint.upload:
        return body if isinstance(body, bytes) else body.read()
    return orjson.dumps(body)
