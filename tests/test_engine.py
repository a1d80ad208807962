"""The engine on virtual time, with a transport that does what a test tells it to."""

import asyncio
import gc
import itertools
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from random import Random
from types import FrameType
from typing import Any

import pytest
from engine_bench import (
    TOKEN,
    bench,
    now,
    ok,
    one_after_the_other,
    refused,
    taking,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_time import run

from asyncdbx.auth import StaticCredential
from asyncdbx.engine import Site, Ticket
from asyncdbx.errors import (
    ApiError,
    BadAnswer,
    CallError,
    Denied,
    ServerFailed,
    Throttled,
    Unauthenticated,
    Unreachable,
    WorkspaceDown,
)
from asyncdbx.limiter import Lane
from asyncdbx.transport import Answer, Request

# --- one call ---------------------------------------------------------------------------


async def test_a_call_is_sent_with_credential_and_body() -> None:
    """Headers, body, and the word that it must not reach the server twice."""
    async with bench(one_after_the_other(ok(b'{"id": 7}'))) as b:
        ticket = b.ticket(b.lane(), safe=False, body=b'{"a":1}')
        assert await b.engine.run(ticket) == {"id": 7}

        (request,) = b.transport.requests
        assert dict(request.headers) == {
            "Authorization": f"Bearer {TOKEN}",
            "Content-Type": "application/json",
        }
        assert (request.body, request.once) == (b'{"a":1}', True)
        assert (ticket.calls, ticket.throttles, ticket.failures) == (1, 0, 0)


async def test_a_credential_that_is_not_ready_is_waited_for() -> None:
    """``headers`` is asked when ``ready`` has none."""

    class Slow(StaticCredential):
        async def headers(self) -> Mapping[str, str]:
            await asyncio.sleep(5)
            self.ready = {"Authorization": "late"}
            return self.ready

    async with bench(one_after_the_other()) as b:
        slow = Slow({}, ())
        slow.ready = None  # type: ignore[assignment]
        b.sites["w"] = Site("w", slow)
        await b.engine.run(b.ticket(b.lane()))

        assert b.transport.requests[0].headers == {"Authorization": "late"}
        assert b.transport.sent[0][0] == 5.0


async def test_what_a_call_shows_of_itself() -> None:
    """Neither its body nor its headers, which may hold secrets."""
    async with bench(one_after_the_other(ok())) as b:
        ticket = b.ticket(b.lane(), body=b'{"token": "canary"}')
        await b.engine.run(ticket)

    shown = f"{ticket!r} {b.transport.requests[0]!r}"
    assert "canary" not in shown  # the token has this word, too


async def test_an_error_says_which_call_it_was_and_hides_the_token() -> None:
    """Endpoint and workspace are named; a server that echoes the token is redacted."""
    body = b'{"error_code": "X", "message": "token dapi-canary is bad"}'
    async with bench(taking(0, Answer(403, {}, body))) as b:
        with pytest.raises(Denied) as caught:
            await b.engine.run(b.ticket(b.lane("clusters")))

    assert str(caught.value) == (
        "clusters.list on w: HTTP 403 X: token *** is bad"
    )  # fmt: skip


async def test_a_bug_reaches_only_its_own_caller() -> None:
    """What decode raises goes to the one who asked, without retry; the lane goes on."""

    def broken(_: Answer) -> Any:
        msg = "a bug"
        raise ZeroDivisionError(msg)

    async with bench(taking(0.1), connections=1) as b:
        queue = b.lane()
        b.submit(queue, 1)
        b.submit(queue, 2, decode=broken)
        b.submit(queue, 3)
        await b.until_ended(3)

        assert b.transport.paths == ["1", "2", "3"]
        assert [type(o) for o in b.outcomes] == [dict, ZeroDivisionError, dict]


async def test_a_cut_document_is_asked_for_again_and_a_wrong_one_is_not() -> None:
    """A body that ends too early may be whole next time; HTML stays HTML."""
    async with bench(one_after_the_other(ok(b'{"a": '), ok(b'{"a": 1}'))) as b:
        assert await b.engine.run(b.ticket(b.lane())) == {"a": 1}
        assert len(b.transport.sent) == 2

    async with bench(taking(0, ok(b"<html>login</html>"))) as b:
        with pytest.raises(BadAnswer, match="HTML, not JSON"):
            await b.engine.run(b.ticket(b.lane()))
        assert len(b.transport.sent) == 1

    async with bench(taking(0, ok(b'{"a": '))) as b:
        with pytest.raises(Unreachable, match="the body ends too early"):
            await b.engine.run(b.ticket(b.lane(), safe=False))
        assert len(b.transport.sent) == 1


async def test_each_attempt_has_a_fresh_reader() -> None:
    """Half a page that was read before the connection broke is not part of the next one."""

    class Keep:
        def __init__(self) -> None:
            self.seen = b""

        def feed(self, chunk: bytes, /) -> None:
            self.seen += chunk

        def close(self) -> bytes:
            if self.seen != b"whole":
                msg = "cut"
                raise Unreachable(msg)
            return self.seen

    answers = one_after_the_other(ok(b"who"), Answer(201, {}, b"whole"))
    async with bench(answers) as b:
        assert await b.engine.run(b.ticket(b.lane(), reader=Keep)) == b"whole"


# --- order and pace ---------------------------------------------------------------------


@pytest.mark.parametrize("rate", [None, 10.0])
async def test_a_lane_keeps_its_order(rate: float | None) -> None:
    """Calls leave in the order in which they were asked for."""
    async with bench(taking(0.3)) as b:
        b.submit(b.lane(rate=rate, in_flight=3), *range(30))
        await b.until_ended(30)

        assert b.transport.paths == [str(n) for n in range(30)]


@pytest.mark.parametrize("rate", [None, 10.0])
async def test_a_refused_call_goes_back_to_the_head(rate: float | None) -> None:
    """It leaves again before those that wait behind it, and all of them pause."""
    answers = one_after_the_other(ok(), refused(7))
    async with bench(answers, connections=1) as b:
        b.submit(b.lane(rate=rate), *range(4))
        await b.until_ended(4)

        assert b.transport.paths == ["0", "1", "1", "2", "3"]
        times = [time for time, _ in b.transport.sent]
        assert 7.0 <= times[2] - times[1] <= 7.7  # a tenth at random, if there is a rate
        assert [t.throttles for t in b.ended] == [0, 1, 0, 0]


async def test_ten_lanes_end_exactly_when_their_rates_say() -> None:
    """10 lanes x 1,000 calls over few connections: each lane in its ideal time."""
    ended: dict[str, list[float]] = defaultdict(list)

    async def handler(request: Request) -> Answer:
        await asyncio.sleep(0.1)
        ended[str(request.url.host)].append(now())
        return ok()

    rates = [1.0, 2.0, 5.0, 7.0, 10.0, 20.0, 30.0, 50.0, 70.0, 100.0]
    async with bench(handler, connections=40) as b:
        for rate in rates:
            b.submit(b.lane(workspace=f"w{rate:g}", rate=rate), *range(1000))
        await b.until_ended(10_000)

        for rate in rates:
            times = ended[f"w{rate:g}"]
            ideal = (999 - 0.01 * rate) / rate + 0.1
            assert len(times) == 1000
            assert times[-1] == pytest.approx(ideal, abs=1e-3)
        assert b.transport.most <= 40


async def test_a_lane_that_is_stopped_holds_up_no_other() -> None:
    """One lane is refused for 120 s; nine others end in their ideal time."""
    last: dict[str, float] = {}

    async def handler(request: Request) -> Answer:
        host = str(request.url.host)
        if host == "w0" and now() < 120:
            return refused(120)
        await asyncio.sleep(0.2)
        last[host] = now()
        return ok()

    async with bench(handler, connections=20) as b:
        for n in range(10):
            b.submit(b.lane(workspace=f"w{n}", rate=10.0), *range(500))
        await b.until_ended(5000)

        ideal = (499 - 0.1) / 10 + 0.2
        for n in range(1, 10):
            assert last[f"w{n}"] == pytest.approx(ideal, abs=0.011)
        assert last["w0"] > 120 + ideal - 0.2
        asked = [time for time, _ in b.transport.sent if time >= 1]
        assert b.queues["w0", "g"].lane.stats.throttled <= 4
        assert max(asked) < 180


@pytest.mark.parametrize("connections", [1, 2, 3, 7, 64])
async def test_connections_are_shared_evenly_between_workspaces(connections: int) -> None:
    """20 lanes of a big workspace beside one lane of each of three others."""
    async with bench(taking(1.0), connections=connections) as b:
        for n in range(20):
            b.submit(b.lane(f"g{n}", "big"), *range(50))
        for name in ("s1", "s2", "s3"):
            b.submit(b.lane("g", name), *range(200))
        await b.until_ended(400)

        hosts = [str(request.url.host) for request in b.transport.requests]
        for start in range(0, 400 - 4, 4):
            assert Counter(hosts[start : start + 4]) == dict.fromkeys(
                ("big", "s1", "s2", "s3"), 1
            )
        assert b.transport.most == connections


async def test_a_lane_stands_in_the_ring_once() -> None:
    """However many calls it is given while it waits for its turn."""
    async with bench(taking(1.0), connections=1) as b:
        busy, other = b.lane("busy"), b.lane("other")
        b.submit(busy, 0, 1, 2, 3)
        b.submit(other, "x", "y")
        await b.until_ended(6)

        assert b.transport.paths == ["0", "x", "1", "y", "2", "3"]


@pytest.mark.parametrize("rate", [None, 500.0])
async def test_no_gate_is_ever_exceeded(rate: float | None) -> None:
    """Lanes of 1, 4 and 9 at once, with answers of any length, some of them refusals."""
    inside: Counter[str] = Counter()
    most: Counter[str] = Counter()
    random = Random(5)  # noqa: S311 - reproducible

    async def handler(request: Request) -> Answer:
        host = str(request.url.host)
        inside[host] += 1
        most[host] = max(most[host], inside[host])
        await asyncio.sleep(random.choice([0.0, 0.001, 0.1, 1.0]))
        inside[host] -= 1
        return random.choice([ok(), ok(), ok(), refused(), refused(1)])

    async with bench(handler, connections=50) as b:
        for size in (1, 4, 9):
            b.submit(b.lane(workspace=f"w{size}", rate=rate, in_flight=size), *range(100))
        await b.until_ended(300)

    assert most == {"w1": 1, "w4": 4, "w9": 9}


async def test_a_concurrency_429_narrows_the_gate_at_once() -> None:
    """The server lets 4 in: after the first refusals there are never more."""
    inside = 0
    crowd = Answer(429, {}, b"Workspace 1 exceeded the concurrent limit of 4 requests.")

    async def handler(_: Request) -> Answer:
        nonlocal inside
        inside += 1
        too_many = inside > 4
        await asyncio.sleep(0.1 if too_many else 1.0)
        inside -= 1
        return crowd if too_many else ok()

    async with bench(handler) as b:
        b.submit(b.lane(in_flight=30), *range(40))
        await b.until_ended(40)

        assert b.queues["w", "g"].lane.gate.limit == 4
        assert now() == pytest.approx(10)
        assert b.queues["w", "g"].lane.stats.throttled == 26


async def test_a_place_in_the_ring_is_no_leave_to_break_a_pause_or_a_gate() -> None:
    """A lane waits for the one connection; when it is free, the lane has been stopped."""
    async with bench(taking(5.0), connections=1) as b:
        b.submit(b.lane("busy"), 0)
        paused, narrow = b.lane("paused", rate=10.0), b.lane("narrow")
        b.submit(paused, 1)
        b.submit(narrow, 2)
        await asyncio.sleep(1)
        assert paused.ready
        assert narrow.ready
        paused.lane.throttle(60.0, sent_at=1.0, now=1.0)
        narrow.lane.gate.limit = 1
        narrow.lane.enter(0.0)
        await asyncio.sleep(19)
        narrow.lane.leave()
        await b.until_ended(3)

        assert [path for _, path in b.transport.sent] == ["/0", "/2", "/1"]
        times = [time for time, _ in b.transport.sent]
        assert times[:2] == [0.0, 20.0]
        assert 61.0 <= times[2] <= 67.0


# --- retry ------------------------------------------------------------------------------

LOST = Unreachable("the connection broke")
REFUSED = Unreachable("connection refused", definite=True)


@pytest.mark.parametrize(
    ("failure", "safe", "sends"),
    [
        (LOST, True, 6),
        (LOST, False, 1),
        (REFUSED, True, 6),
        (REFUSED, False, 6),
        (Answer(503, {}, b"<html>"), True, 6),
        (Answer(503, {}, b"<html>"), False, 1),
        (Answer(503, {}, b"ERROR: proxy"), False, 1),
        (Answer(503, {}, b'{"error_code": "TEMPORARILY_UNAVAILABLE"}'), False, 6),
        (Answer(500, {}, b""), True, 6),
        (Answer(500, {}, b""), False, 1),
        (Answer(403, {}, b""), True, 1),
        (Answer(302, {}, b""), True, 1),
    ],
    ids=itertools.count(),
)
async def test_what_failed_is_sent_again_only_if_that_cannot_hurt(
    failure: Any, sends: int, *, safe: bool
) -> None:
    """Six sends at most, one if nobody knows what became of a mutation."""
    async with bench(one_after_the_other(*[failure] * 10)) as b:
        with pytest.raises(CallError):
            await b.engine.run(b.ticket(b.lane(), safe=safe))

        assert len(b.transport.sent) == sends
        assert {request.once for request in b.transport.requests} == {not safe}


async def test_a_call_that_waits_for_its_retry_holds_nobody_up() -> None:
    """Neither its lane nor its connection: the next one leaves at once."""
    answers = one_after_the_other(Answer(503, {"Retry-After": "50"}, b""))
    async with bench(answers, connections=1) as b:
        b.submit(b.lane(), "slow", "next")
        await b.until_ended(2)

        assert b.transport.paths == ["slow", "next", "slow"]
        times = [time for time, _ in b.transport.sent]
        assert times[:2] == [0.0, 0.0]
        assert 50.0 <= times[2] <= 50.5


async def test_two_slow_failures_are_enough_however_many_quick_ones_there_were() -> None:
    """A quick one is an accident of the way there, and takes no chance from the other."""
    waits = iter([1, 60, 1, 60, 1])

    async def handler(_: Request) -> Answer:
        await asyncio.sleep(next(waits))
        return Answer(500, {}, b"")

    async with bench(handler) as b:
        with pytest.raises(ServerFailed):
            await b.engine.run(b.ticket(b.lane()))
        assert len(b.transport.sent) == 4


async def test_an_endless_429_is_given_up_in_the_end() -> None:
    """Nothing but refusals for 900 s: the last of them is the error."""
    async with bench(taking(0, refused())) as b:
        with pytest.raises(Throttled):
            await b.engine.run(b.ticket(b.lane(rate=10.0)))

        # Dark at once, then a call now and then, in the end every 30 s (a fifth at random).
        assert 900 <= now() <= 966
        assert 35 <= len(b.transport.sent) <= 45
        assert b.ended == []


async def test_a_lane_that_is_only_refused_is_given_up_with_all_that_wait() -> None:
    """500 calls end together; one by one they would take 500 pauses of 30 s."""
    async with bench(taking(0, refused())) as b:
        b.submit(b.lane(rate=10.0), *range(500))
        await b.until_ended(500)

        assert now() < 960
        assert len(b.transport.sent) < 100
        assert {type(ticket.error) for ticket in b.ended} == {Throttled}


async def test_another_answer_between_429s_starts_the_patience_again() -> None:
    """900 s of nothing but 429, not 900 s since the first of them."""
    answers = [refused(60)] * 10 + [LOST] + [refused(60)] * 10
    async with bench(one_after_the_other(*answers)) as b:
        assert await b.engine.run(b.ticket(b.lane())) == {}

        assert now() == pytest.approx(1200, abs=1)


async def test_a_429_is_no_failed_attempt() -> None:
    """Twenty refusals, then success: a call that waited has done nothing wrong."""
    async with bench(one_after_the_other(*[refused(1)] * 20)) as b:
        ticket = b.ticket(b.lane(), safe=False)
        assert await b.engine.run(ticket) == {}

        assert (ticket.calls, ticket.throttles, ticket.failures) == (21, 20, 0)


@pytest.mark.parametrize("retry_after", [None, 0])
async def test_a_lane_without_a_rate_does_not_hammer(retry_after: int | None) -> None:
    """100 calls refused at once, for a minute: some pauses, not thousands of sends."""

    async def handler(_: Request) -> Answer:
        await asyncio.sleep(0.01)
        return ok() if now() > 60 else refused(retry_after)

    async with bench(handler) as b:
        b.submit(b.lane(), *range(100))
        await b.until_ended(100)

        assert 60 < now() < 95
        assert len(b.transport.sent) <= 1000


# --- a workspace that is dead -----------------------------------------------------------


async def test_a_dead_workspace_ends_soon_and_hurts_no_other() -> None:
    """10,000 calls to a host that refuses connections end together; 99 others go on."""

    async def handler(request: Request) -> Answer:
        if request.url.host == "dead":
            raise Unreachable("refused", definite=True)
        await asyncio.sleep(0.1)
        return ok()

    async with bench(handler) as b:
        for n in range(4):
            b.submit(b.lane(f"g{n}", "dead", rate=10.0, in_flight=20), *range(2500))
        for n in range(9):
            b.submit(b.lane("g", f"w{n}", rate=10.0), *range(500))
        await b.until(lambda: sum(t.site.name == "dead" for t in b.ended) == 10_000)
        dead = [t for t in b.ended if t.site.name == "dead"]
        assert now() < 35
        down = sum(isinstance(t.error, WorkspaceDown) for t in dead)
        assert down > 9_900
        assert str(dead[-1].error).endswith(
            "on dead: not asked any more, the host is down: refused"
        )
        await b.until_ended(14_500)

        assert now() == pytest.approx((499 - 0.1) / 10 + 0.1, abs=0.01)
        assert all(t.error is None for t in b.ended if t.site.name != "dead")


async def test_a_probe_brings_a_workspace_back() -> None:
    """Down at 0 s, alive again at 50 s: a call 30 s after the opening looks, then 60 s."""

    async def handler(_: Request) -> Answer:
        if now() < 50:
            raise Unreachable("gone", permanent=True)
        return ok()

    async with bench(handler) as b:
        queue, results = b.lane(), []
        for _ in range(70):
            try:
                await b.engine.run(b.ticket(queue))
                results.append("ok")
            except WorkspaceDown:
                results.append("down")
            except Unreachable:
                results.append("asked")
            await asyncio.sleep(1)

        expected = ["down"] * 70
        expected[0] = expected[30] = "asked"
        expected[60:] = ["ok"] * 10
        assert results == expected
        assert not b.site().circuit.reason


async def test_waiting_calls_of_a_dead_workspace_are_told_later_not_at_once() -> None:
    """``done`` is never called from within ``submit``."""
    async with bench(one_after_the_other(Unreachable("x", permanent=True))) as b:
        queue = b.lane()
        with pytest.raises(Unreachable):
            await b.engine.run(b.ticket(queue))
        b.submit(queue, 1)
        assert b.ended == []
        await b.until_ended(1)
        assert isinstance(b.ended[0].error, WorkspaceDown)


async def test_three_401s_stop_the_workspace() -> None:
    """The rest of its calls is not sent, and there is no probe."""
    async with bench(taking(0.1, Answer(401, {}, b"bad token")), connections=1) as b:
        b.submit(b.lane(), *range(100))
        await b.until_ended(100)

        assert len(b.transport.sent) == 3
        kinds = [type(outcome) for outcome in b.outcomes]
        assert kinds == [Unauthenticated] * 3 + [WorkspaceDown] * 97
        await asyncio.sleep(3600)
        with pytest.raises(WorkspaceDown, match="the credential is refused: bad token"):
            await b.engine.run(b.ticket(b.queues["w", "g"]))


# --- cancellation and the end -----------------------------------------------------------


async def test_a_call_cancelled_while_it_waits_is_never_sent() -> None:
    """Its place goes to the next one; nobody is told."""
    async with bench(taking(1.0)) as b:
        queue = b.lane(in_flight=1)
        tickets = b.submit(queue, *range(4))
        await asyncio.sleep(0.5)
        b.engine.cancel(tickets[1])
        b.engine.cancel(tickets[1])
        await b.until_ended(3)

        assert b.transport.paths == ["0", "2", "3"]
        assert now() == pytest.approx(3.0, abs=0.01)


async def test_a_call_cancelled_in_flight_frees_place_and_connection() -> None:
    """The request is ended, the next call takes both, nobody is told."""
    async with bench(taking(100.0), connections=1) as b:
        queue = b.lane(in_flight=1)
        first, second = b.submit(queue, 1, 2)
        await asyncio.sleep(1)
        b.engine.cancel(first)
        b.engine.cancel(first)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert first.worker is None
        assert [worker.cancelling() for worker in b.engine._workers] == [0]
        await b.until_ended(1)

        assert b.ended == [second]
        assert b.transport.sent == [(0.0, "/1"), (1.0, "/2")]


async def test_a_cancelled_workers_place_is_taken_by_another() -> None:
    """An idle connection that was cancelled with its call is not waited for."""
    async with bench(taking(1.0), connections=2) as b:
        queue = b.lane()
        first, second = b.submit(queue, 1, 2)
        await asyncio.sleep(0.5)
        b.engine.cancel(first)
        await b.until_ended(1)
        await asyncio.sleep(10)
        b.submit(queue, *range(3, 9))
        await b.until_ended(7)

        assert b.ended[0] is second
        assert now() == pytest.approx(14.0)


async def test_a_call_cancelled_before_its_retry_is_forgotten() -> None:
    """No timer is left, and nothing is sent."""
    async with bench(one_after_the_other(Answer(503, {"Retry-After": "60"}, b""))) as b:
        (ticket,) = b.submit(b.lane(), 1)
        await asyncio.sleep(1)
        assert list(b.engine._resting) == [ticket]
        b.engine.cancel(ticket)

        assert b.engine._resting == {}
        await asyncio.sleep(100)
        assert len(b.transport.sent) == 1


async def test_a_cancelled_caller_takes_its_call_with_it() -> None:
    """``run`` that is cancelled, waiting or in flight, leaves nothing behind."""
    async with bench(taking(10.0)) as b:
        queue = b.lane(in_flight=1)
        callers = [asyncio.create_task(b.engine.run(b.ticket(queue, n))) for n in range(3)]
        await asyncio.sleep(1)
        callers[0].cancel()
        callers[1].cancel()
        await asyncio.gather(*callers[:2], return_exceptions=True)
        assert await callers[2] == {}

        assert b.transport.sent == [(0.0, "/0"), (1.0, "/2")]
        assert b.engine.lanes() == [(queue.lane, 0)]


async def test_the_end_of_the_engine_tells_every_call() -> None:
    """In flight, waiting, between two attempts: no caller waits for ever."""
    answers = one_after_the_other(Answer(503, {"Retry-After": "60"}, b""))

    async def handler(request: Request) -> Answer:
        if request.url.path == "/resting":
            return await answers(request)
        await asyncio.sleep(1000)
        return ok()

    async with bench(handler) as b:
        slow, paced = b.lane("slow", in_flight=1), b.lane("paced", rate=1.0)
        b.submit(paced, "resting")
        await asyncio.sleep(0.1)
        b.submit(slow, "flying", "waiting")
        b.submit(paced, "pumped")
        caller = asyncio.create_task(b.engine.run(b.ticket(slow)))
        await asyncio.sleep(0.1)

    assert len(b.ended) == 4
    definite: dict[str, bool] = {}
    for ticket in b.ended:
        assert type(ticket.error) is Unreachable
        assert ticket.error.message == "the engine was closed before the call had ended"
        definite[ticket.url.path] = ticket.error.definite
    assert definite == {
        "/resting": False, "/flying": False, "/waiting": True, "/pumped": True
    }  # fmt: skip
    with pytest.raises(Unreachable, match="the engine was closed"):
        await caller
    with pytest.raises(RuntimeError, match="the engine is closed"):
        b.engine.submit(b.ticket(slow))


async def test_nothing_begins_while_the_engine_ends() -> None:
    """A request takes 5 s to give up; a retry that comes due meanwhile is not sent."""

    async def handler(request: Request) -> Answer:
        if request.url.path == "/resting":
            return Answer(503, {"Retry-After": "2"}, b"")
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(5)
        return ok()

    async with bench(handler) as b:
        b.submit(b.lane("a", rate=10.0), "resting")
        b.submit(b.lane("b"), "resting", "slow")
        await asyncio.sleep(1)

    assert now() == 6.0
    assert len(b.transport.sent) == 3
    assert [type(outcome) for outcome in b.outcomes] == [Unreachable] * 3


async def test_a_cancelled_call_is_not_told_of_the_end() -> None:
    """Who cancelled it does not want to know."""
    async with bench(taking(1000.0)) as b:
        tickets = b.submit(b.lane(in_flight=1), 1, 2)
        await asyncio.sleep(1)
        for ticket in tickets:
            b.engine.cancel(ticket)

    assert b.ended == []


async def test_a_bug_in_a_lane_ends_its_calls_and_not_in_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever waits is told; the next call finds the lane as it is."""
    async with bench(taking(0.05)) as b:
        queue = b.lane(rate=10.0)
        monkeypatch.setattr(Lane, "wait_turn", failing)
        b.submit(queue, 1, 2)
        await b.until_ended(2)
        assert [type(outcome) for outcome in b.outcomes] == [ZeroDivisionError] * 2
        monkeypatch.undo()
        b.submit(queue, 3)
        await b.until_ended(3)

        assert b.outcomes[2] == {}


async def failing(*_: object) -> None:
    raise ZeroDivisionError


async def test_who_is_waited_for_need_not_wait_for_a_sweep() -> None:
    """A thousand calls stand in the lane; the urgent one takes the next free place."""
    async with bench(taking(0.05)) as b:
        queue = b.lane(rate=10.0)
        b.submit(queue, *range(1000))
        await asyncio.sleep(1)
        before = len(b.transport.sent)
        b.submit(queue, "urgent", urgent=True)
        await b.until(lambda: any(ticket.urgent for ticket in b.ended))

        assert b.transport.paths[before] == "urgent"


# --- many -------------------------------------------------------------------------------


async def test_a_waiting_call_costs_no_task() -> None:
    """10,000 calls wait: the tasks are the connections' and the lane's."""
    async with bench(taking(1.0), connections=8) as b:
        before = len(asyncio.all_tasks())
        b.submit(b.lane(rate=100.0), *range(10_000))
        await asyncio.sleep(5)

        assert len(asyncio.all_tasks()) - before <= 9


async def operations_per_grant(waiting: int) -> int:
    """Count the function calls of 5 grants while so many calls wait in the lane."""
    async with bench(taking(0.01)) as b:
        tickets = b.submit(b.lane(rate=10.0), *range(waiting))
        await asyncio.sleep(0.45)
        calls = 0
        gc.disable()  # what it calls when it runs is not ours

        def count(_frame: FrameType, event: str, _arg: object) -> None:
            nonlocal calls
            calls += event in {"call", "c_call"}

        sys.setprofile(count)
        await asyncio.sleep(0.5)
        sys.setprofile(None)
        gc.enable()
        assert len(b.transport.sent) == 10
        for ticket in tickets:
            b.engine.cancel(ticket)
        return calls


def test_a_grant_costs_the_same_whatever_waits() -> None:
    """100,000 calls in a lane, or 12: as many steps for each that leaves."""
    assert run(operations_per_grant(100_000)) == run(operations_per_grant(12))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["submit", "submit", "submit", "cancel", "wait", "wait"]),
        st.integers(0, 30),
    ),
    max_size=60,
)
REPLIES = st.lists(
    st.sampled_from(
        [
            *[ok()] * 4,
            refused(),
            refused(1),
            Answer(429, {}, b"exceeded the concurrent limit of 2 requests"),
            Answer(500, {}, b""),
            Answer(503, {}, b""),
            Answer(404, {}, b""),
            Answer(401, {}, b""),
            LOST,
            REFUSED,
            ZeroDivisionError("a bug"),
        ]
    ),
    max_size=80,
)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, replies=REPLIES, connections=st.integers(1, 4))
def test_every_call_ends_exactly_once(
    steps: list[tuple[str, int]],
    replies: list[Answer | Exception],
    connections: int,
) -> None:
    """Any sequence of asking, answering, refusing, cancelling: no wake-up is lost."""
    run(_play(steps, replies, connections))


async def _play(
    steps: list[tuple[str, int]], replies: list[Answer | Exception], connections: int
) -> None:
    delays = itertools.cycle([0.0, 0.0, 0.05, 0.3, 2.0])
    replied = one_after_the_other(*replies)

    async def handler(request: Request) -> Answer:
        await asyncio.sleep(next(delays))
        return await replied(request)

    async with bench(handler, connections=connections) as b:
        queues = [
            b.lane("free", "a"),
            b.lane("narrow", "a", in_flight=1),
            b.lane("paced", "a", rate=5.0, in_flight=2),
            b.lane("paced", "b", rate=20.0),
        ]
        tickets: list[Ticket] = []
        for step, number in steps:
            if step == "submit":
                tickets += b.submit(queues[number % 4], number, safe=number % 3 > 0)
            elif step == "wait":
                await asyncio.sleep(number / 20)
            elif tickets:
                b.engine.cancel(tickets[number % len(tickets)])
        await asyncio.sleep(3600)
        ended = Counter(map(id, b.ended))
        for ticket in tickets:
            assert ended[id(ticket)] <= 1
            assert ended[id(ticket)] == 1 or ticket.cancelled
            assert ticket.worker is None
        assert b.transport.most <= connections
        assert b.engine._resting == {}
        for queue in queues:
            assert (queue.lane.in_flight, len(queue.waiting)) == (0, 0)
            assert not queue.ready
            assert queue.pump is None


async def test_lanes_learn_from_what_they_hear() -> None:
    """Sent, accepted, throttled and failed are counted where they belong."""
    answers = (ok(), refused(1), LOST, Answer(404, {}, b""), Answer(500, {}, b""), ok())
    async with bench(one_after_the_other(*answers), connections=1) as b:
        b.submit(b.lane(), *range(3))
        await b.until_ended(3)
        stats = b.queues["w", "g"].lane.stats

        assert (stats.sent, stats.accepted, stats.throttled, stats.failed) == (6, 4, 1, 1)
        assert stats.paused == 1.0
        kinds = Counter(type(outcome) for outcome in b.outcomes)
        assert kinds[dict] == 2
        assert not kinds[ServerFailed] + kinds[ApiError]
