"""A bucket whose rate changes, on virtual time."""

import asyncio
from itertools import pairwise

import pytest

from asyncdbx.limiter.bucket import SLACK, Bucket


def now() -> float:
    return asyncio.get_running_loop().time()


async def taken(bucket: Bucket, tokens: int) -> list[float]:
    """Take so many tokens, leaving at once with each; return when."""
    times: list[float] = []
    for _ in range(tokens):
        await bucket.take()
        bucket.leave(now())
        times.append(now())
    return times


async def change(bucket: Bucket, at: float, rate: float) -> None:
    await asyncio.sleep(at - now())
    bucket.set_rate(rate)


@pytest.mark.parametrize("rate", [0.1, 2.0, 30.0])
async def test_tokens_come_evenly(rate: float) -> None:
    """One by one, and the first at once."""
    times = await taken(Bucket(rate, now), 20)

    assert times[0] == 0.0
    assert times[-1] == pytest.approx(19 / rate - SLACK, abs=1e-6)
    assert max(b - a for a, b in pairwise(times)) <= 1 / rate + 1e-6


@pytest.mark.parametrize(("old", "new"), [(0.1, 10.0), (1.0, 100.0), (5.0, 6.0)])
async def test_a_faster_rate_holds_for_the_one_who_waits(old: float, new: float) -> None:
    """He leaves when he would have left at the new rate, or at once if that is past."""
    bucket = Bucket(old, now)
    await taken(bucket, 1)
    waiting = asyncio.create_task(taken(bucket, 3))
    moment = 0.5 / old
    await change(bucket, moment, new)
    times = await waiting

    assert times[0] == pytest.approx(max(moment, 1 / new), abs=SLACK + 1e-6)
    assert times[2] - times[0] >= 2 / new - SLACK - 1e-6


@pytest.mark.parametrize(("old", "new"), [(10.0, 0.1), (2.0, 1.0)])
async def test_a_slower_rate_holds_for_the_one_who_waits(old: float, new: float) -> None:
    """Nobody slips through at the old one."""
    bucket = Bucket(old, now)
    await taken(bucket, 1)
    waiting = asyncio.create_task(taken(bucket, 2))
    await change(bucket, 0.5 / old, new)
    times = await waiting

    assert times[0] == pytest.approx(1 / new, abs=SLACK + 1e-6)


async def test_changes_lose_no_waiter_and_grant_no_burst() -> None:
    """A thousand changes of the rate: never two tokens closer than the highest allows."""
    bucket = Bucket(10.0, now)
    waiting = asyncio.create_task(taken(bucket, 200))
    for n in range(1000):
        await asyncio.sleep(0.013)
        bucket.set_rate(10.0 if n % 2 else 20.0)
    times = await waiting

    assert len(times) == 200
    assert min(b - a for a, b in pairwise(times)) >= 1 / 20 - SLACK - 1e-6
    assert times[-1] <= 200 / 10


async def test_two_changes_at_once_lose_no_waiter() -> None:
    """The rate may change again before the one who waits has woken up."""
    bucket = Bucket(0.1, now)
    await taken(bucket, 1)
    waiting = asyncio.create_task(taken(bucket, 3))
    await asyncio.sleep(1)
    for rate in (0.2, 0.5, 10.0):
        bucket.set_rate(rate)
    times = await waiting

    assert times[0] == 1.0
    assert waiting.cancelling() == 0


async def test_a_quiet_spell_earns_nothing_whatever_the_rate_becomes() -> None:
    """After an hour one token, and the next one in its time."""
    bucket = Bucket(1.0, now)
    await taken(bucket, 3)
    await asyncio.sleep(3600)
    bucket.set_rate(5.0)
    start = now()
    times = await taken(bucket, 5)

    assert times[-1] - start >= 4 / 5 - SLACK - 1e-6


async def test_whoever_leaves_late_moves_those_behind_him() -> None:
    """A call that leaves 0.3 s after its token: the next token comes a full step later."""
    bucket = Bucket(10.0, now)
    await bucket.take()
    await asyncio.sleep(0.3)
    bucket.leave(now())
    times = await taken(bucket, 1)

    assert times[0] == pytest.approx(0.4, abs=1e-6)


async def test_a_cancelled_wait_is_cancelled() -> None:
    """Though cancelling is how a change of the rate ends a wait."""
    bucket = Bucket(0.1, now)
    await taken(bucket, 1)
    waiting = asyncio.create_task(bucket.take())
    await asyncio.sleep(1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    both = asyncio.create_task(bucket.take())
    await asyncio.sleep(1)
    bucket.set_rate(0.2)
    both.cancel()
    with pytest.raises(asyncio.CancelledError):
        await both
    await taken(bucket, 1)
    assert now() == pytest.approx(5.0, abs=SLACK)


async def test_a_token_can_be_had_or_not() -> None:
    """Without taking it."""
    bucket = Bucket(2.0, now)
    assert bucket.has_token()
    await taken(bucket, 1)
    assert not bucket.has_token()
    bucket.set_rate(1.0)
    assert not bucket.has_token()
    await asyncio.sleep(1.0)
    assert bucket.has_token()
