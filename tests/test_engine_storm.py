"""Lanes, logins, 429s, 401s, lost answers and cancellations, all at once, from a seed.

Whatever comes together: no call is forgotten, none is processed twice, and none leaves
without a token. A lost wake-up is a deadlock, which the virtual clock reports.
"""

import asyncio
from collections import Counter
from random import Random

import pytest
from engine_bench import Bench, bench, now, ok, refused
from virtual_time import run

from asyncdbx.auth.credential import TokenCredential
from asyncdbx.auth.source import TokenSource
from asyncdbx.auth.token import Token, bearer
from asyncdbx.engine import LaneQueue, Site, Ticket
from asyncdbx.errors import Unavailable, Unreachable
from asyncdbx.transport import Answer, Request

BAD = Answer(401, {}, b'{"message": "who?"}')
SEEDS = 300
CALLS = 60
LONG = 20_000.0  # seconds in which every call must have ended


class Weather:
    """What a server and its issuers do, by chance."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - reproducible
        self.processed: Counter[str] = Counter()
        self.bare = 0
        self.sources: list[TokenSource] = []

    async def serve(self, request: Request) -> Answer:
        self.bare += "Authorization" not in request.headers
        await self.pause(0.0, 0.01, 0.3)
        luck = self.random.random()
        if luck < 0.10:
            return refused(self.random.choice((None, 1, 3)))
        if luck < 0.17:
            return BAD
        if luck < 0.20:
            raise Unreachable("lost", definite=self.random.random() < 0.5)
        self.processed[request.url.path] += 1
        return ok()

    async def issue(self) -> Token:
        await self.pause(0.0, 0.01, 1.0, 5.0)
        if self.random.random() < 0.15:
            raise self.random.choice((Unreachable("x"), Unavailable("u", status=503)))
        return bearer("token", self.random.choice((1.0, 5.0, 60.0, None)))

    async def pause(self, *seconds: float) -> None:
        await asyncio.sleep(self.random.choice(seconds))

    def source(self) -> TokenSource:
        self.sources.append(TokenSource(self.issue))
        return self.sources[-1]


def lanes(b: Bench, weather: Weather) -> list[LaneQueue]:
    """Make workspaces that share a token or have one of their own, and their lanes."""
    choose, shared = weather.random.choice, weather.source()
    made: list[LaneQueue] = []
    for name in "abc"[: choose((1, 3))]:
        sources = choose(([shared], [weather.source(), shared]))
        b.sites[name] = Site(name, TokenCredential(sources, {}))
        made += [
            b.lane(f"g{n}", name, rate=choose((None, 2.0, 50.0)), in_flight=choose((1, 3)))
            for n in range(choose((1, 4)))
        ]
    return made


async def storm(seed: int) -> None:
    """Send some calls, cancel a few, and see what became of each."""
    weather = Weather(seed)
    random = weather.random
    async with bench(weather.serve, connections=random.choice((1, 2, 8))) as b:
        queues, tickets = lanes(b, weather), list[Ticket]()
        for number in range(CALLS):
            safe = random.random() < 0.5
            tickets += b.submit(random.choice(queues), f"p{number}", safe=safe)
            if random.random() < 0.2:
                await weather.pause(0.0, 0.1, 2.0, 70.0)
            if random.random() < 0.1:
                b.engine.cancel(random.choice(tickets))
        if random.random() < 0.8:  # else the engine is left in the middle of it
            await b.until(
                lambda: all(each.cancelled or each in b.ended for each in tickets)
            )
            assert now() < LONG
        for source in weather.sources:
            source.close()

    assert weather.bare == 0
    assert set(weather.processed.values()) <= {1}
    assert len(b.ended) == len(set(b.ended))
    assert all(each.cancelled or each in b.ended for each in tickets)


@pytest.mark.parametrize("tens", range(SEEDS // 10))
def test_a_storm_forgets_no_call(tens: int) -> None:
    """Nor does it send one twice, or without a token."""
    for seed in range(10 * tens, 10 * tens + 10):
        run(storm(seed))
