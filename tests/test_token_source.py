"""One token for all who need it, on virtual time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from asyncdbx.auth.credential import TokenCredential
from asyncdbx.auth.source import TokenSource
from asyncdbx.auth.token import Token, bearer
from asyncdbx.config import Secret
from asyncdbx.errors import LoginFailed, Unreachable


class Issuer:
    """Gives numbered tokens, each after a while, and notes when it was asked."""

    def __init__(self, life: float | None = 3600.0, takes: float = 1.0) -> None:
        self.life = life
        self.takes = takes
        self.asked: list[float] = []
        self.fails: list[Exception] = []

    async def fetch(self) -> Token:
        self.asked.append(asyncio.get_running_loop().time())
        number = len(self.asked)
        await asyncio.sleep(self.takes)
        if self.fails:
            raise self.fails.pop(0)
        return bearer(f"t{number}", self.life)


async def many(source: TokenSource, count: int = 100) -> list[str]:
    """Ask for the token many times at once."""
    tokens = await asyncio.gather(*(source.get() for _ in range(count)))
    return [token.headers["Authorization"] for token in tokens]


async def test_however_many_wait_one_request_is_sent() -> None:
    """All get the same token; later ones need no request."""
    issuer = Issuer()
    source = TokenSource(issuer.fetch)

    assert await many(source) == ["Bearer t1"] * 100
    await asyncio.sleep(2000)
    assert await many(source) == ["Bearer t1"] * 100
    assert issuer.asked == [0.0]
    source.close()


@pytest.mark.parametrize(
    ("life", "refreshes"),
    [
        (3600.0, [0.0, 2401.0, 4802.0]),  # 20 minutes before its end
        (600.0, [0.0, 301.0, 602.0]),  # or in the middle of its life
        (
            None,
            [0.0, 451.0, 902.0],
        ),  # that of one that does not say is a quarter of an hour
    ],
)
async def test_a_token_is_replaced_ahead_of_its_end(
    life: float | None, refreshes: list[float]
) -> None:
    """Once for each expiry, though nobody asks, and there is always one to send."""
    issuer = Issuer(life)
    source = TokenSource(issuer.fetch)
    await source.get()
    gaps: list[float] = []
    source.watch(lambda: gaps.append(0.0) if source.token is None else None)

    await asyncio.sleep(refreshes[-1] + 5)

    assert issuer.asked == refreshes
    assert gaps == []
    source.close()


async def test_a_refresh_that_fails_is_repeated_while_the_token_lasts() -> None:
    """Nobody notices; the token is let go 40 s before its end, not earlier."""
    issuer = Issuer()
    source = TokenSource(issuer.fetch)
    await source.get()
    issuer.fails = [Unreachable("no answer")] * 2

    await asyncio.sleep(2401 + 60 * 2 + 10)

    assert issuer.asked == [0.0, 2401.0, 2462.0, 2523.0]
    assert await many(source, 2) == ["Bearer t4"] * 2
    source.close()


async def test_when_no_refresh_helps_who_asks_is_told() -> None:
    """Until 40 s before its end the old token is given out."""
    issuer = Issuer(life=600.0)
    source = TokenSource(issuer.fetch)
    await source.get()
    issuer.fails = [LoginFailed("not any more")] * 100

    await asyncio.sleep(559)
    assert await many(source, 1) == ["Bearer t1"]
    await asyncio.sleep(2)
    assert source.token is None
    before = len(issuer.asked)
    results = await asyncio.gather(
        *(source.get() for _ in range(9)), return_exceptions=True
    )

    assert [str(result) for result in results] == ["not any more"] * 9
    assert len(issuer.asked) == before + 1
    issuer.fails = []
    assert len(await many(source, 3)) == 3  # the next one who asks tries again
    source.close()


async def test_a_caller_that_leaves_takes_nothing_from_the_others() -> None:
    """The first one who asked is cancelled, the request goes on."""
    issuer = Issuer()
    source = TokenSource(issuer.fetch)
    first = asyncio.create_task(source.get())
    others = asyncio.create_task(many(source, 5))
    await asyncio.sleep(0.5)

    first.cancel()

    assert await others == ["Bearer t1"] * 5
    assert issuer.asked == [0.0]
    source.close()


async def test_a_refused_token_is_replaced_once() -> None:
    """A second one that is refused at once is not; one that was good for a while is."""
    issuer = Issuer()
    source = TokenSource(issuer.fetch)
    old = await source.get()

    assert source.refuse(old)
    assert source.token is None
    assert source.refuse(old)  # of another call that was on its way: a new one is coming
    new = await source.get()
    assert source.refuse(old)  # it is there
    assert not source.refuse(new)
    assert source.token is new
    await asyncio.sleep(61)
    assert source.refuse(new)
    assert await many(source, 2) == ["Bearer t3"] * 2
    source.close()


async def test_a_token_after_the_usual_end_is_like_the_first() -> None:
    """That an earlier one was refused says nothing about it."""
    issuer = Issuer(life=100.0)
    source = TokenSource(issuer.fetch)
    source.refuse(await source.get())
    await source.get()
    issuer.fails = [LoginFailed("x")]
    await asyncio.sleep(200)

    assert source.token is None
    assert source.refuse(await source.get())
    source.close()


async def test_the_end_leaves_no_task_and_no_timer() -> None:
    """Also in the middle of a request."""
    before = asyncio.all_tasks()
    source = TokenSource(Issuer().fetch)
    waiting = asyncio.create_task(source.get())
    await asyncio.sleep(0.5)

    source.close()

    with pytest.raises(LoginFailed, match="the fleet was left before"):
        await waiting
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_a_mistake_in_a_login_is_its_failure() -> None:
    """Whatever it is, it must not end a run over other workspaces; its cause is kept."""
    issuer = Issuer()
    issuer.fails = [ValueError("http://[x")]

    with pytest.raises(LoginFailed, match=r"^ValueError in the login$") as caught:
        await TokenSource(issuer.fetch).get()

    assert isinstance(caught.value.__cause__, ValueError)


# --- credentials ------------------------------------------------------------------------


def two(*fetches: Callable[[], Awaitable[Token]]) -> TokenCredential:
    sources = [TokenSource(fetch) for fetch in fetches]
    return TokenCredential(sources, {"X-Fixed": "f"}, (Secret("client"),))


async def test_headers_of_several_tokens() -> None:
    """They are ready when all tokens are there, and fixed ones are among them."""

    async def management() -> Token:
        await asyncio.sleep(3)
        return bearer("m1", 90.0, "X-Management")

    credential = two(Issuer().fetch, management)
    assert credential.ready is None

    headers = await credential.headers()

    assert headers == {
        "Authorization": "Bearer t1",
        "X-Management": "m1",
        "X-Fixed": "f",
    }
    assert credential.ready is headers
    assert credential.ends_at == 1 + 3 + 90.0
    assert {secret.reveal() for secret in credential.secrets} == {"client", "t1", "m1"}
    first, second = credential.sources
    first.refuse(await first.get())
    second.refuse(await second.get())
    await credential.headers()
    seen = {secret.reveal() for secret in credential.secrets}
    assert {"t1", "t2"} <= seen  # a call with the last of either may still come back
    for source in credential.sources:
        source.close()


async def test_the_last_token_is_still_a_secret() -> None:
    """A call that left with it may come back with it; the one before is forgotten."""
    credential = two(Issuer(life=10.0).fetch)
    await credential.headers()
    await asyncio.sleep(13)

    seen = {secret.reveal() for secret in credential.secrets}

    assert seen == {"client", "t2", "t3"}
    credential.sources[0].close()


async def test_a_refusal_of_other_headers_needs_no_new_token() -> None:
    """They have been replaced already; the present ones are asked about."""
    issuer = Issuer()
    credential = two(issuer.fetch)
    old = await credential.headers()
    assert credential.refused(old)
    new = await credential.headers()

    assert credential.refused(old)
    assert credential.ready is new
    assert not credential.refused(new)
    assert len(issuer.asked) == 2
    credential.sources[0].close()


async def test_a_repr_shows_no_token() -> None:
    """Neither of tokens nor of what holds them."""
    credential = two(Issuer().fetch)
    await credential.headers()

    assert repr(credential) == "TokenCredential(1 tokens)"
    assert "t1" not in repr(credential.sources[0].token)
    credential.sources[0].close()
