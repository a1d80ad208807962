"""The engine and logins, on virtual time: who waits, who is told, who goes on."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from engine_bench import Bench, bench, now, ok, one_after_the_other, taking

from asyncdbx.auth.credential import TokenCredential
from asyncdbx.auth.source import TokenSource
from asyncdbx.auth.token import Token, bearer
from asyncdbx.config import Secret
from asyncdbx.engine import RetryPolicy, Site
from asyncdbx.errors import (
    ApiError,
    LoginFailed,
    ServerFailed,
    Throttled,
    Unauthenticated,
    Unreachable,
    WorkspaceDown,
)
from asyncdbx.transport import Answer, Request

BAD = Answer(401, {}, b'{"error_code": "UNAUTHENTICATED", "message": "who?"}')
Fetch = Callable[[], Awaitable[Token]]


class Issuer:
    """Gives numbered tokens after some seconds, or fails."""

    def __init__(self, takes: float = 5.0, *fails: Exception | None) -> None:
        self.takes = takes
        self.fails = list(fails)
        self.asked = 0

    async def fetch(self) -> Token:
        self.asked += 1
        await asyncio.sleep(self.takes)
        if self.fails and (failure := self.fails.pop(0)) is not None:
            raise failure
        return bearer(f"t{self.asked}", 3600.0)


@asynccontextmanager
async def logging_in(b: Bench, issuer: Issuer, name: str = "w") -> AsyncGenerator[None]:
    """Have a workspace log in with an issuer."""
    source = TokenSource(issuer.fetch)
    credential = TokenCredential([source], {}, (Secret("client-secret"),))
    b.sites[name] = Site(name, credential)
    yield
    source.close()


def tokens(b: Bench) -> list[str]:
    """Return the token of each request in the order they were sent."""
    return [each.headers.get("Authorization", "-") for each in b.transport.requests]


async def test_all_lanes_of_a_workspace_wait_for_one_login() -> None:
    """One request for a token, whatever the number of calls; then all are sent."""
    issuer = Issuer()
    async with bench(one_after_the_other()) as b, logging_in(b, issuer):
        for lane in range(10):
            b.submit(b.lane(f"g{lane}"), *range(20))
        await b.until_ended(200)

        assert issuer.asked == 1
        assert tokens(b) == ["Bearer t1"] * 200
        assert {moment for moment, _ in b.transport.sent} == {5.0}


async def test_what_waits_for_a_login_takes_no_connection() -> None:
    """Another workspace goes on with the only one there is."""
    async with (
        bench(taking(1), connections=1) as b,
        logging_in(b, Issuer(takes=50)),
    ):
        b.submit(b.lane("g", "w"), *range(5))
        b.submit(b.lane("g", "other"), *range(3))
        await b.until_ended(3)
        assert now() == 3.0
        await b.until_ended(8)
        assert now() == 55.0


async def test_what_waits_for_a_login_takes_no_turn() -> None:
    """After it the lane is as slow as ever: what has waited leaves in no burst."""
    async with bench(one_after_the_other()) as b, logging_in(b, Issuer(takes=10)):
        b.submit(b.lane(rate=1.0), *range(5))
        await b.until_ended(5)

        moments = [moment for moment, _ in b.transport.sent]
        assert moments == pytest.approx([10, 11, 12, 13, 14], abs=0.02)


async def test_a_login_that_fails_stops_its_own_workspace() -> None:
    """All its calls are told why, nothing is sent for them; others go on."""
    no = ApiError("who are you?", status=401, error_code="invalid_client")
    issuer = Issuer(5.0, no)
    async with bench(one_after_the_other()) as b, logging_in(b, issuer):
        b.submit(b.lane("g"), *range(5))
        b.submit(b.lane("h"), *range(5))
        await b.until_ended(10)
        assert {str(each) for each in b.outcomes} == {
            f"{lane}.list on w: not asked any more, the login failed:"
            " HTTP 401 invalid_client: who are you?"
            for lane in "gh"
        }
        assert all(isinstance(each, WorkspaceDown) for each in b.outcomes)
        await b.engine.run(b.ticket(b.lane("g", "other")))
        with pytest.raises(WorkspaceDown):
            await b.engine.run(b.ticket(b.queues["w", "g"]))

        assert issuer.asked == 1
        assert len(b.transport.sent) == 1


async def test_an_issuer_that_was_out_of_reach_is_asked_again() -> None:
    """With the probe, after half a minute; then the workspace is back."""
    issuer = Issuer(1.0, Unreachable("no answer"))
    async with bench(one_after_the_other()) as b, logging_in(b, issuer):
        lane = b.lane()
        with pytest.raises(WorkspaceDown, match="the login failed: no answer"):
            await b.engine.run(b.ticket(lane))
        await asyncio.sleep(29)
        with pytest.raises(WorkspaceDown):
            await b.engine.run(b.ticket(lane))
        await asyncio.sleep(1)

        assert await b.engine.run(b.ticket(lane)) == {}
        assert await b.engine.run(b.ticket(lane)) == {}
        assert issuer.asked == 2


@pytest.mark.parametrize(
    ("failure", "again"),
    [
        (Unreachable("x"), True),
        (Throttled("x", status=429), True),
        (ServerFailed("x", status=500), True),
        (ApiError("x", status=400), False),
        (LoginFailed("x"), True),
    ],
)
async def test_what_may_pass_is_tried_again(failure: Exception, *, again: bool) -> None:
    """What an issuer has refused it will refuse again."""
    issuer = Issuer(0.0, failure)
    async with bench(one_after_the_other()) as b, logging_in(b, issuer):
        lane = b.lane()
        with pytest.raises(WorkspaceDown):
            await b.engine.run(b.ticket(lane))
        await asyncio.sleep(1000)
        if again:
            assert await b.engine.run(b.ticket(lane)) == {}
        else:
            with pytest.raises(WorkspaceDown):
                await b.engine.run(b.ticket(lane))


async def test_a_bug_in_a_login_is_told_to_its_calls() -> None:
    """It hangs nobody, and ends one workspace, not the run over all of them."""
    async with bench(one_after_the_other()) as b, logging_in(b, Issuer(1, KeyError("x"))):
        with pytest.raises(WorkspaceDown, match="the login failed: KeyError in the login"):
            await b.engine.run(b.ticket(b.lane()))


async def test_the_reason_hides_the_secret_that_an_issuer_repeats() -> None:
    """Every call's error is clean."""
    no = ApiError("bad client-secret", status=400, error_code="client-secret")
    async with bench(one_after_the_other()) as b, logging_in(b, Issuer(1, no)):
        with pytest.raises(WorkspaceDown) as caught:
            await b.engine.run(b.ticket(b.lane()))

    assert "client-secret" not in f"{caught.value} {caught.value!r}"


def refusing(*bad: str) -> Callable[[Request], Awaitable[Answer]]:
    """Refuse these tokens; each answer takes a second."""

    async def handler(request: Request) -> Answer:
        await asyncio.sleep(1)
        return BAD if request.headers["Authorization"].split()[-1] in bad else ok()

    return handler


async def test_a_401_in_the_middle_replaces_the_token_once() -> None:
    """Twenty calls in flight find out together; all are sent again, also unsafe ones."""
    issuer = Issuer()
    async with bench(refusing("t1")) as b, logging_in(b, issuer):
        tickets = b.submit(b.lane(), *range(20), safe=False)
        await b.until_ended(20)

        assert b.outcomes == [{}] * 20
        assert issuer.asked == 2
        assert tokens(b) == ["Bearer t1"] * 20 + ["Bearer t2"] * 20
        assert {ticket.calls for ticket in tickets} == {2}
        assert not b.sites["w"].circuit.reason


async def test_a_401_of_the_new_token_is_final() -> None:
    """The account is gone: a few calls find out, the rest is not sent."""
    issuer = Issuer()
    async with bench(refusing("t1", "t2", "t3")) as b, logging_in(b, issuer):
        b.submit(b.lane(in_flight=2), *range(20))
        await b.until_ended(20)

        kinds = [type(each) for each in b.outcomes]
        assert kinds.count(Unauthenticated) <= 4
        assert set(kinds) == {Unauthenticated, WorkspaceDown}
        assert issuer.asked == 2
        assert len(b.transport.sent) <= 2 + 4


async def test_a_401_for_a_token_that_never_changes_is_final_at_once() -> None:
    """There is no other one."""
    async with bench(taking(1, BAD)) as b:
        with pytest.raises(Unauthenticated):
            await b.engine.run(b.ticket(b.lane()))
        assert len(b.transport.sent) == 1


async def test_an_expired_token_stops_lanes_until_the_next_is_there() -> None:
    """The refresh ahead of the end has failed; nothing leaves with the old one."""
    down = Unreachable("no answer")
    issuer = Issuer(1.0, None, *[down] * 20)
    async with bench(one_after_the_other()) as b, logging_in(b, issuer):
        lane = b.lane()
        await b.engine.run(b.ticket(lane))
        await asyncio.sleep(3600)
        issuer.fails = []
        await b.engine.run(b.ticket(lane))

        first, last = tokens(b)
        assert first == "Bearer t1"
        assert last != first


async def test_a_call_that_is_cancelled_while_it_waits_is_not_sent() -> None:
    """Those behind it are."""
    async with bench(one_after_the_other()) as b, logging_in(b, Issuer()):
        lane = b.lane()
        waiting = asyncio.create_task(b.engine.run(b.ticket(lane, "gone")))
        b.submit(lane, "there")
        await asyncio.sleep(1)
        waiting.cancel()
        await b.until_ended(1)

        assert b.transport.paths == ["there"]


async def test_the_end_of_the_engine_ends_what_waits_for_a_login() -> None:
    """Its calls are told that they were not sent, and no task is left."""
    async with bench(one_after_the_other()) as b, logging_in(b, Issuer(takes=1e6)):
        (ticket,) = b.submit(b.lane(), "x")
        await asyncio.sleep(10)
        await b.engine.__aexit__()

        assert isinstance(ticket.error, Unreachable)
        assert ticket.error.definite


async def test_calls_that_are_refused_with_429_wait_for_no_login() -> None:
    """A pause of the lane and a new token do not disturb each other."""
    answers = [Answer(429, {"Retry-After": "3"}, b""), BAD]
    issuer = Issuer()
    async with (
        bench(one_after_the_other(*answers), retry=RetryPolicy(attempts=2)) as b,
        logging_in(b, issuer),
    ):
        assert await b.engine.run(b.ticket(b.lane())) == {}

        assert tokens(b) == ["Bearer t1", "Bearer t1", "Bearer t2"]
        assert issuer.asked == 2
