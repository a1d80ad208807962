"""Engine and transport together, against a server that misbehaves on real sockets."""

import asyncio
import gzip
import itertools
import socket
import traceback

import pytest
from lanes import fixed_lane
from scripted_server import Arrival, answer, saying
from wire_client import TOKEN, client, first_then, head
from yarl import URL

from asyncdbx import catalog
from asyncdbx.auth import StaticCredential
from asyncdbx.catalog.paging import Pager
from asyncdbx.engine import Site, Ticket
from asyncdbx.errors import (
    ApiError,
    BadAnswer,
    CallError,
    NotFound,
    Redirected,
    ServerFailed,
    Unreachable,
    WorkspaceDown,
)
from asyncdbx.fleet import pages

pytestmark = pytest.mark.wire

JOBS = b'{"jobs": [' + b", ".join(b'{"job_id": %d}' % n for n in range(500)) + b"]}"


async def test_a_thousand_calls_share_a_few_connections() -> None:
    """As many connections as are allowed at once, each kept alive."""
    script = saying(answer(b'{"a": 1}'), keep=True)
    async with client(script, connections=4) as c:
        values = await asyncio.gather(*(c.call() for _ in range(1000)))

        assert values == [{"a": 1}] * 1000
        assert (len(c.server.arrivals), c.server.connections) == (1000, 4)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST", "PATCH"])
@pytest.mark.parametrize(("safe", "arrivals"), [(True, 6), (False, 1)])
async def test_what_may_happen_once_arrives_once(
    method: str, arrivals: int, *, safe: bool
) -> None:
    """The server reads, does it, and closes: an unsafe call is not sent again."""
    done: list[str] = []

    async def script(arrival: Arrival) -> bool:
        if arrival.target == "/warm":
            await arrival.say(answer())
            return True
        done.append(arrival.method)
        return False

    async with client(script) as c:
        await c.call("/warm")
        with pytest.raises(Unreachable) as caught:
            await c.call(method=method, safe=safe)

        assert done == [method] * arrivals
        assert not caught.value.definite


PACKED = gzip.compress(JOBS)
BROKEN = {
    "cut at its length": head("Content-Length: 99999") + JOBS[:3000],
    "cut in a chunk": head("Transfer-Encoding: chunked") + b"fff\r\n" + JOBS[:3000],
    "cut without a length": head("Connection: close") + JOBS[:3000],
    "cut gzip": answer(PACKED[:200], "200 OK", "Content-Encoding: gzip"),
    "nothing": b"",
    "an empty body": answer(b""),
    "a 502": answer(b"<html><title>Bad Gateway</title>", "502 Bad Gateway"),
    "a 503": answer(b"", "503 Service Unavailable"),
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_broken_page_is_asked_for_again_and_nothing_comes_twice(
    broken: str,
) -> None:
    """What was read of the first attempt is dropped: 500 records, each once."""
    script = first_then(BROKEN[broken], BROKEN[broken], then=answer(JOBS))
    async with client(script) as c:
        assert await c.page() == list(range(500))
        assert len(c.server.arrivals) == 3
        assert c.pager.done


WRONG = {
    "a login page": (answer(b"<!doctype html><html>log in"), "HTML, not JSON"),
    "an error in a 200": (
        answer(b'{"error_code": "X", "message": "no"}'),
        "an error inside a 200: X: no",
    ),
    "another listing": (answer(b'{"runs": []}'), "an answer without 'jobs'"),
    "no gzip": (answer(JOBS, "200 OK", "Content-Encoding: gzip"), "no valid gzip"),
    "brotli": (answer(JOBS, "200 OK", "Content-Encoding: br"), "encoding 'br'"),
    "a redirect": (
        answer(b"", "302 Found", "Location: https://elsewhere/login?x=y"),
        "redirected to https://elsewhere/login;",
    ),
    "no HTTP": (b"hello\r\n\r\n", "not a usable HTTP answer"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_page_is_an_error_at_once(wrong: str) -> None:
    """It would be wrong next time too, and it is never an empty list."""
    raw, words = WRONG[wrong]
    async with client(saying(raw)) as c:
        with pytest.raises(BadAnswer) as caught:
            await c.page()

        assert words in str(caught.value)
        assert str(caught.value).startswith("jobs.list on w: ")
        assert len(c.server.arrivals) == 1


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"items": [{"principal": "a"}]}', ["a"]),
        (b'{"acls": [{"principal": "a"}, {"principal": "b"}]}', ["a", "b"]),
        (b'{"acls": []}', []),
        (b"{}", []),
        (b'{"acls": {"principal": "a"}}', None),
        (b'{"acl": []}', None),
    ],
)
async def test_acls_come_under_two_names(body: bytes, found: list[str] | None) -> None:
    """Code and printed example of the API differ; anything else is an error."""
    async with client(saying(answer(body))) as c:
        c.pager = Pager.start(catalog.endpoint("secrets.list_acls"), {"scope": "s"})
        if found is None:
            with pytest.raises(BadAnswer, match=r"^secrets.list_acls on w: "):
                [part async for part in c.parts()]
            return
        *parts, end = [part async for part in c.parts()]

    records = [record for part in parts for _, record in part.records]
    assert [record["principal"] for record in records] == found
    assert (end.records, end.ends_page, end.cursor) == ([], True, None)


async def test_a_page_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never stops sending records meets the cap of a page."""
    monkeypatch.setattr(pages, "LARGEST_PAGE", 2**20)

    async def script(arrival: Arrival) -> None:
        await arrival.say(head(), b'{"jobs": [{"job_id": 1}')
        while not arrival.writer.is_closing():
            await arrival.say(b', {"job_id": 1}' * 1000)

    async with client(script) as c:
        with pytest.raises(BadAnswer, match="more than 1,048,576 bytes"):
            await c.page()
        assert len(c.server.arrivals) == 1


async def test_a_gzip_bomb_in_a_listing_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """32 MB of spaces in 32 kB meet the same cap, and are not asked for again."""
    monkeypatch.setattr(pages, "LARGEST_PAGE", 2**20)
    bomb = gzip.compress(b'{"jobs": [' + b" " * 2**25)
    script = saying(answer(bomb, "200 OK", "Content-Encoding: gzip"))
    async with client(script) as c:
        with pytest.raises(BadAnswer, match="more than 1,048,576 bytes"):
            await c.page()
        assert len(c.server.arrivals) == 1


async def test_a_429_sends_the_call_again() -> None:
    """An unsafe one too: it was certainly not processed."""
    script = first_then(answer(b"", "429 Too Many Requests"), then=answer(), keep=True)
    async with client(script) as c:
        ticket = c.ticket(method="POST", safe=False)
        assert await c.engine.run(ticket) == {}
        assert (ticket.calls, ticket.throttles, len(c.server.arrivals)) == (2, 1, 2)


async def test_a_host_that_is_off_is_found_out_and_the_other_goes_on() -> None:
    """Nobody listens on one port: its calls fail by themselves, the others succeed."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        dead = URL(f"http://127.0.0.1:{taken.getsockname()[1]}/")
        async with client(saying(answer(), keep=True)) as c:
            c.queue.lane.workspace = "w"
            site = Site("dead", StaticCredential({}, ()))
            site.circuit.patience = 0.0
            queue = c.engine.queue(fixed_lane("g", "dead", None, 2), site)

            def off() -> Ticket:
                return Ticket(
                    site, "a.b", "GET", dead, queue, safe=False, decode=lambda _: None
                )

            outcomes = await asyncio.gather(
                *(c.engine.run(off()) for _ in range(50)),
                *(c.call() for _ in range(50)),
                return_exceptions=True,
            )

        assert outcomes[50:] == [{}] * 50
        assert {type(o) for o in outcomes[:50]} <= {Unreachable, WorkspaceDown}
        assert sum(type(o) is WorkspaceDown for o in outcomes[:50]) >= 40


async def test_the_end_of_the_engine_ends_what_is_in_flight() -> None:
    """Callers are told, connections are closed, nothing is left."""

    async def script(arrival: Arrival) -> None:
        await arrival.hang()

    async with client(script, in_flight=3) as c:
        callers = [asyncio.create_task(c.call()) for _ in range(10)]
        await c.server.arrived(3)
    errors = await asyncio.gather(*callers, return_exceptions=True)

    assert [type(error) for error in errors] == [Unreachable] * 10
    assert sum(isinstance(e, Unreachable) and e.definite for e in errors) == 7


async def test_a_cancelled_caller_closes_its_connection_and_frees_its_place() -> None:
    """The server sees it go; the next call gets through."""

    async def script(arrival: Arrival) -> bool:
        if arrival.target == "/hang":
            await arrival.say(head("Content-Length: 10"))
            await arrival.hang()
            return False
        await arrival.say(answer())
        return True

    async with client(script, connections=1, in_flight=1) as c:
        for count in itertools.count(1):
            caller = asyncio.create_task(c.call("/hang"))
            await c.server.arrived(2 * count - 1)
            caller.cancel()
            with pytest.raises(asyncio.CancelledError):
                await caller
            assert await c.call() == {}
            if count == 5:
                break
        assert c.queue.lane.in_flight == 0


async def test_the_token_is_nowhere_to_be_seen() -> None:
    """A server that echoes it, in bodies and in rubbish: every error text is clean."""
    echo = f'{{"error_code": "X", "message": "who is {TOKEN}?"}}'.encode()
    answers = [
        answer(echo, "404 Not Found"),
        answer(f"<html><pre>{TOKEN}</pre>".encode(), "500 Internal Server Error"),
        answer(b"", "302 Found", f"Location: https://x/{TOKEN}"),
        f"{TOKEN} is no HTTP\r\n\r\n".encode(),
        head("Content-Length: 10") + TOKEN.encode()[:3],
        answer(b"{}", "200 OK", f"Content-Encoding: {TOKEN}"),
        answer(f'{{"error_code": "X", "message": "{TOKEN}"}}'.encode()),
        answer(f'{{"error_code": "{TOKEN}"}}'.encode(), "400 Bad Request"),
        answer(f'{{"{TOKEN}": 1}}'.encode()),
    ]
    kinds = []
    for raw in answers:
        async with client(saying(raw)) as c:
            with pytest.raises(CallError) as caught:
                await c.page()
        kinds.append(type(caught.value))
        shown = "".join(traceback.format_exception(caught.value))
        assert TOKEN not in shown
        cause: BaseException | None = caught.value
        while cause is not None:
            assert TOKEN not in repr(cause)
            cause = cause.__cause__

    assert kinds == [
        NotFound, ServerFailed, Redirected, BadAnswer, Unreachable, BadAnswer, BadAnswer,
        ApiError, BadAnswer,
    ]  # fmt: skip
