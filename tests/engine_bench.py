"""An engine on virtual time, with a transport that does what a test tells it to."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

from lanes import fixed_lane
from yarl import URL

from asyncdbx.auth import StaticCredential
from asyncdbx.config import Secret
from asyncdbx.engine import Engine, LaneQueue, RetryPolicy, Site, Ticket
from asyncdbx.json_stream import parse_document
from asyncdbx.transport import Answer, Request, Transport

TOKEN = "dapi-canary"
Handler = Callable[[Request], Awaitable[Answer]]


def now() -> float:
    return asyncio.get_running_loop().time()


def ok(body: bytes = b"{}") -> Answer:
    return Answer(200, {}, body)


def refused(retry_after: int | None = None) -> Answer:
    return Answer(
        429, {} if retry_after is None else {"Retry-After": str(retry_after)}, b""
    )


def taking(seconds: float, answer: Answer | None = None) -> Handler:
    """Answer everything alike, after some time."""

    async def handler(_: Request) -> Answer:
        await asyncio.sleep(seconds)
        return answer or ok()

    return handler


def one_after_the_other(
    *answers: Answer | Exception, then: Answer | None = None
) -> Handler:
    """Give these answers, whoever asks; afterwards always the same."""
    left = iter(answers)

    async def handler(_: Request) -> Answer:
        answer = next(left, then or ok())
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handler


@dataclass
class FakeTransport:
    """Notes what is sent and lets a handler answer it."""

    handler: Handler
    sent: list[tuple[float, str]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    in_flight: int = 0
    most: int = 0

    async def send(self, request: Request, *, feed: Any = None) -> Answer:
        self.sent.append((now(), request.url.path))
        self.requests.append(request)
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            answer = await self.handler(request)
            if feed is not None and answer.status == 200:
                feed(answer.body)
                return Answer(200, answer.headers, b"", fed=True)
            return answer
        finally:
            self.in_flight -= 1

    @property
    def paths(self) -> list[str]:
        return [path.removeprefix("/") for _, path in self.sent]


@dataclass
class Bench:
    """An engine, and what is needed to give it work."""

    transport: FakeTransport
    engine: Engine
    sites: dict[str, Site] = field(default_factory=dict)
    queues: dict[tuple[str, str], LaneQueue] = field(default_factory=dict)
    ended: list[Ticket] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def site(self, name: str = "w") -> Site:
        if name not in self.sites:
            header: Mapping[str, str] = {"Authorization": f"Bearer {TOKEN}"}
            self.sites[name] = Site(name, StaticCredential(header, (Secret(TOKEN),)))
        return self.sites[name]

    def lane(
        self,
        group: str = "g",
        workspace: str = "w",
        *,
        rate: float | None = None,
        in_flight: int = 1000,
    ) -> LaneQueue:
        lane = fixed_lane(group, workspace, rate, in_flight)
        queue = self.engine.queue(lane, self.site(workspace))
        self.queues[workspace, group] = queue
        return queue

    def ticket(
        self, queue: LaneQueue, path: object = "x", *, safe: bool = True, **more: Any
    ) -> Ticket:
        more.setdefault("decode", lambda answer: parse_document(answer.body))
        return Ticket(
            site=self.site(queue.workspace),
            endpoint=f"{queue.lane.group}.list",
            method="GET",
            url=URL(f"https://{queue.workspace}/{path}"),
            queue=queue,
            safe=safe,
            done=self._tell,
            **more,
        )

    def submit(self, queue: LaneQueue, *paths: object, **more: Any) -> list[Ticket]:
        tickets = [self.ticket(queue, path, **more) for path in paths]
        for ticket in tickets:
            self.engine.submit(ticket)
        return tickets

    async def until_ended(self, count: int) -> None:
        """Wait for so many calls to end; deadlock is an error of the loop."""
        await self.until(lambda: len(self.ended) >= count)

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._news.clear()
            await self._news.wait()

    def _tell(self, ticket: Ticket) -> None:
        self.ended.append(ticket)
        self._news.set()

    @property
    def outcomes(self) -> list[object]:
        return [ticket.error or ticket.value for ticket in self.ended]


@asynccontextmanager
async def bench(
    handler: Handler, *, connections: int = 256, retry: RetryPolicy | None = None
) -> AsyncGenerator[Bench]:
    """A bench; afterwards nothing is in flight and no task is left."""
    transport = FakeTransport(handler)
    engine = Engine(
        cast("Transport", transport),
        connections=connections,
        retry=retry,
        rng=Random(1),  # noqa: S311 - reproducible jitter
    )
    before = asyncio.all_tasks()
    async with engine:
        made = Bench(transport, engine)
        yield made
    await asyncio.sleep(0)  # who was told last wakes up
    assert transport.in_flight == 0
    assert asyncio.all_tasks() == before
    for queue in made.queues.values():
        assert (queue.lane.in_flight, len(queue.waiting)) == (0, 0)
