"""An engine over a real transport and a scripted server: what wire tests have in common."""

import gc
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from lanes import fixed_lane
from scripted_server import Arrival, Script, Server, serve
from yarl import URL

from asyncdbx import catalog
from asyncdbx.auth import StaticCredential
from asyncdbx.catalog.paging import Pager
from asyncdbx.config import Secret
from asyncdbx.engine import Engine, LaneQueue, RetryPolicy, Site, Ticket
from asyncdbx.fleet.arrivals import listing_parts
from asyncdbx.fleet.pages import Keep, Part, Reading, whole
from asyncdbx.json_stream import parse_document
from asyncdbx.transport import Transport

TOKEN = "dapi-canary-0123"
EAGER = RetryPolicy(first_wait=0.001)  # real time: the waits are not what is tested here


@dataclass
class Client:
    """An engine over a real transport, and one lane to a server."""

    server: Server
    engine: Engine
    queue: LaneQueue
    site: Site
    pager: Pager = field(
        default_factory=lambda: Pager.start(catalog.endpoint("jobs.list"), {})
    )

    def ticket(
        self, path: str = "/api", *, method: str = "GET", safe: bool = True
    ) -> Ticket:
        return Ticket(
            self.site,
            "jobs.list",
            method,
            URL(self.server.url(path)),
            self.queue,
            safe=safe,
            decode=lambda got: parse_document(got.body),
        )

    async def call(self, path: str = "/api", **more: Any) -> Any:
        return await self.engine.run(self.ticket(path, **more))

    def parts(
        self, keep: Keep[Any] = whole, *, raw: bool = True
    ) -> AsyncGenerator[Part[Any]]:
        """Return the parts of the pager's listing."""

        def make(endpoint: str, _: Mapping[str, Any]) -> Ticket:
            return replace(self.ticket(), endpoint=endpoint)

        return listing_parts(self.engine, make, self.pager, Reading(keep, raw))

    async def page(self) -> list[int]:
        """Return the ids of all jobs."""
        return [
            record["job_id"] async for part in self.parts() for _, record in part.records
        ]


@asynccontextmanager
async def client(
    script: Script, *, connections: int = 8, in_flight: int = 100
) -> AsyncGenerator[Client]:
    """A client and its server; afterwards neither has an open connection."""
    async with serve(script) as server:
        async with Transport() as transport:
            async with Engine(
                transport,
                connections=connections,
                retry=EAGER,
                rng=Random(1),  # noqa: S311 - reproducible jitter
            ) as engine:
                header = {"Authorization": f"Bearer {TOKEN}"}
                site = Site("w", StaticCredential(header, (Secret(TOKEN),)))
                queue = engine.queue(fixed_lane("jobs.list", "w", None, in_flight), site)
                yield Client(server, engine, queue, site)
            assert not transport._in_flight
        await server.until(lambda: server.open == 0)
    gc.collect()  # an unclosed transport would warn now


def first_then(*first: bytes, then: bytes, keep: bool = False) -> Script:
    """Say each of these to one arrival, closing after it; then always the same."""
    left = iter(first)

    async def script(arrival: Arrival) -> bool:
        said = next(left, None)
        await arrival.say(then if said is None else said)
        return said is None or keep

    return script


def head(*lines: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode()
