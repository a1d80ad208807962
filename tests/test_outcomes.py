"""Any number of calls through ``Outcomes``: bounded, in the order they finish."""

import asyncio
import gc
import resource
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from lanes import fixed_lane
from yarl import URL

from asyncdbx.auth import StaticCredential
from asyncdbx.engine import Engine, LaneQueue, Site, Ticket
from asyncdbx.errors import Denied, UsageError
from asyncdbx.fleet.outcomes import Call, Outcome, Outcomes
from asyncdbx.json_stream import parse_document
from asyncdbx.transport import Answer, Request, Transport


def now() -> float:
    return asyncio.get_running_loop().time()


class Numbers:
    """Answers a call with its number; every tenth is denied; all take ``seconds``."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.sent = 0
        self.in_flight = 0

    async def send(self, request: Request, *, feed: object = None) -> Answer:
        self.sent += 1
        self.in_flight += 1
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.in_flight -= 1
        number = int(request.url.path[1:])
        status = 403 if number % 10 == 9 else 200
        return Answer(status, {}, b'{"n": %d}' % number)


class Desk:
    """Makes tickets, and knows how many of them are alive."""

    def __init__(self, transport: Numbers, *, rate: float | None = None) -> None:
        self.engine = Engine(cast("Transport", transport), connections=8)
        self.site = Site("w", StaticCredential({}, ()))
        self.queue: LaneQueue = self.engine.queue(
            fixed_lane("g", "w", rate, 100), self.site
        )
        self.read = 0
        self.most_alive = 0

    def prepare(self, call: Call) -> Ticket:
        if call.endpoint != "numbers.get":
            msg = "there is no endpoint"
            raise UsageError(msg)
        return Ticket(
            self.site,
            call.endpoint,
            "GET",
            URL(f"https://w/{call.arguments['n']}"),
            self.queue,
            safe=True,
            decode=call.arguments.get("decode", lambda answer: parse_document(answer.body)),
        )

    def calls(self, count: int) -> Iterator[Call]:
        for n in range(count):
            self.read += 1
            yield Call("w", "numbers.get", {"n": n})

    @asynccontextmanager
    async def map(self, calls: Any, window: int = 100) -> AsyncGenerator[Outcomes]:
        async with self.engine:
            outcomes = Outcomes(self.engine, calls, self.prepare, window)
            try:
                yield outcomes
            finally:
                await outcomes.close()
                assert outcomes._feeder.done()


async def test_every_call_has_its_outcome() -> None:
    """Results and CallErrors are outcomes, each of its own call, none twice."""
    desk = Desk(Numbers(0.1))
    async with desk.map(desk.calls(1000)) as outcomes:
        found = [outcome async for outcome in outcomes]

    assert sorted(outcome.call.arguments["n"] for outcome in found) == list(range(1000))
    for outcome in found:
        number = outcome.call.arguments["n"]
        if number % 10 == 9:
            assert isinstance(outcome.error, Denied)
            assert outcome.value is None
        else:
            assert outcome.error is None
            assert outcome.value == {"n": number}


async def test_outcomes_come_in_the_order_they_finish() -> None:
    """A slow call does not hold back the one behind it."""

    class Backwards(Numbers):
        async def send(self, request: Request, *, feed: object = None) -> Answer:
            await asyncio.sleep(10 - int(request.url.path[1:]))
            return await super().send(request)

    desk = Desk(Backwards())
    async with desk.map(desk.calls(5)) as outcomes:
        assert [o.call.arguments["n"] async for o in outcomes] == [4, 3, 2, 1, 0]


def tickets() -> int:
    """Return how many tickets are alive."""
    gc.collect()
    return sum(type(thing) is Ticket for thing in gc.get_objects())


async def test_200_000_calls_hold_a_window_of_them() -> None:
    """Tickets alive never exceed the window, and memory does not grow with the calls."""
    desk, window, seen = Desk(Numbers()), 500, 0
    before, rss = tickets(), 0
    async with desk.map(desk.calls(200_000), window) as outcomes:
        async for _ in outcomes:
            seen += 1
            assert len(outcomes._finished) <= len(outcomes._held) < window
            assert desk.read - seen < window
            if seen == 20_000:
                assert tickets() - before <= window + 1
                rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    assert (seen, desk.read) == (200_000, 200_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - rss < 10_000  # KiB


@pytest.mark.parametrize("window", [1, 2, 7, 100])
async def test_a_slow_consumer_bounds_what_is_read(window: int) -> None:
    """Who takes nothing makes nothing be read but one window."""
    desk = Desk(Numbers())
    async with desk.map(desk.calls(1000), window) as outcomes:
        await asyncio.sleep(100)
        assert desk.read == window
        for taken in range(1, 200):
            await anext(outcomes)
            await asyncio.sleep(1)
            assert desk.read <= window + taken
        assert desk.read >= 199


async def test_a_generator_that_raises_raises_in_the_loop() -> None:
    """It is the caller's bug, and it ends the run; what was sent is forgotten."""

    def broken() -> Iterator[Call]:
        yield from desk.calls(3)
        msg = "a bug"
        raise ZeroDivisionError(msg)

    transport = Numbers(50.0)
    desk = Desk(transport)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        async with desk.map(broken()) as outcomes:
            async for _ in outcomes:
                pass

    assert now() < 1
    assert transport.in_flight == 0


async def test_calls_that_make_no_sense_raise_in_the_loop() -> None:
    """An unknown endpoint is a bug of the caller, not an outcome."""
    desk = Desk(Numbers())
    async with desk.map([Call("w", "numbers.got")]) as outcomes:
        with pytest.raises(UsageError, match="there is no endpoint"):
            await anext(outcomes)


async def test_a_bug_in_a_call_is_raised() -> None:
    """Anything but a CallError is no outcome."""

    def broken(_: Answer) -> Any:
        msg = "a bug"
        raise ZeroDivisionError(msg)

    desk = Desk(Numbers())
    calls = [Call("w", "numbers.get", {"n": 1, "decode": broken})]
    async with desk.map(calls) as outcomes:
        with pytest.raises(ZeroDivisionError, match="a bug"):
            await anext(outcomes)


async def test_an_async_source_is_read_as_slowly() -> None:
    """A source that waits itself; the loop ends when it ends."""
    desk = Desk(Numbers())

    async def source() -> AsyncIterator[Call]:
        for call in desk.calls(300):
            await asyncio.sleep(0.01)
            yield call

    async with desk.map(source(), 10) as outcomes:
        await asyncio.sleep(100)
        assert desk.read == 10
        found = [outcome async for outcome in outcomes]

    assert len(found) == 300


async def test_an_empty_source_has_no_outcomes() -> None:
    """Sync or async, the loop ends at once."""

    async def nothing() -> AsyncIterator[Call]:
        return
        yield

    sources: list[Any] = [[], nothing()]
    for source in sources:
        desk = Desk(Numbers())
        async with desk.map(source) as outcomes:
            assert [outcome async for outcome in outcomes] == []


async def test_leaving_early_forgets_what_is_on_its_way() -> None:
    """Nothing more is read or sent, nothing stays in flight, no task is left."""
    transport = Numbers(1.0)
    desk = Desk(transport)
    before = asyncio.all_tasks()
    async with desk.map(desk.calls(10**9)) as outcomes:
        async for _ in outcomes:
            break
        sent, read = transport.sent, desk.read
    await asyncio.sleep(100)

    assert (transport.sent, desk.read, transport.in_flight) == (sent, read, 0)
    assert asyncio.all_tasks() == before
    assert desk.queue.lane.in_flight == 0


async def test_leaving_before_the_first_outcome_is_fine() -> None:
    """Even before the source was begun."""
    desk = Desk(Numbers())
    async with desk.map(desk.calls(10)):
        pass

    assert desk.read == 0


async def test_calls_that_were_left_leave_their_lane_to_others() -> None:
    """A map that was left does not hold up the next one on the same lane."""
    desk = Desk(Numbers(0.1), rate=1.0)
    async with desk.engine:
        left = Outcomes(desk.engine, desk.calls(100), desk.prepare, 100)
        await anext(left)
        await left.close()
        start = now()
        found = Outcomes(desk.engine, desk.calls(2), desk.prepare, 100)
        assert [o.value async for o in found] == [{"n": 0}, {"n": 1}]

    assert now() - start < 2.2


async def test_a_cancelled_consumer_leaves_nothing_behind() -> None:
    """Cancelled in the middle of the loop: the block ends, the calls too."""
    transport = Numbers(1.0)
    desk = Desk(transport)

    async def consume() -> list[Outcome]:
        async with desk.map(desk.calls(10**9)) as outcomes:
            return [outcome async for outcome in outcomes]

    task = asyncio.create_task(consume())
    await asyncio.sleep(5.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    sent = transport.sent
    await asyncio.sleep(100)

    assert (transport.sent, transport.in_flight) == (sent, 0)
