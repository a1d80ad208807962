"""What one side waits for and the other tells."""

import asyncio

import pytest

from asyncdbx.fleet.signal import Signal


async def test_all_who_wait_are_told_and_one_who_gives_up_disturbs_no_other() -> None:
    """Two readers of a walk wait for room; the request of one is ended."""
    signal = Signal()
    one, other = (asyncio.ensure_future(signal.wait()) for _ in range(2))
    one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one
    assert not other.done()
    signal.tell()
    await other


async def test_what_was_told_before_is_not_remembered() -> None:
    """Look first, then wait."""
    signal = Signal()
    signal.tell()
    waiter = signal.wait()
    await asyncio.sleep(1)
    assert not waiter.done()
    signal.tell()
    assert waiter.done()
