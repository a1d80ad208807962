"""A small fleet in a thread of its own, and one without sockets on a clock set by hand."""

import asyncio
from collections.abc import Iterator
from threading import Thread

import pytest
from direct import Direct

from asyncdbx.simulator import Simulator


@pytest.fixture(scope="session")
def small_fleet() -> Iterator[Simulator]:
    """Two workspaces and an account at scale 0.1 without limits; only for reading."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    fleet = Simulator(2, scale=0.1, limits=False)
    asyncio.run_coroutine_threadsafe(fleet.__aenter__(), loop).result(10)
    yield fleet
    asyncio.run_coroutine_threadsafe(fleet.__aexit__(None, None, None), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture
def direct() -> Direct:
    """A fresh workspace at scale 0.1 without limits and without sockets."""
    return Direct(Simulator(1, scale=0.1, limits=False)["prod"])
