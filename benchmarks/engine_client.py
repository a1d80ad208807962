"""One client making COUNT calls to a load server, to be measured from outside.

    python benchmarks/engine_client.py bare|asyncdbx|sdk PORT COUNT

bare:      64 tasks around aiohttp, nothing else: ``session.get``, ``orjson.loads``.
asyncdbx:  the same calls through fleet.map: lanes, retry, judgement, metrics; limits off.
sdk:       the official SDK, 64 threads.

Prints the requests per second, imports and set-up left out.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncdbx.catalog.limits import Limits

AT_ONCE = 64
CLUSTER = "1234-567890-batch123"
PATH = f"/api/2.1/clusters/get?cluster_id={CLUSTER}"
TOKEN = "dapi0"
NO_LIMITS = '[default]\nper_second = "unlimited"\nin_flight = 100000\n'


def bare(port: int, count: int) -> float:
    import aiohttp
    import orjson
    import uvloop

    url = f"http://127.0.0.1:{port}{PATH}"
    numbers = iter(range(count))

    async def work(session: aiohttp.ClientSession) -> None:
        for _ in numbers:
            async with session.get(url) as response:
                orjson.loads(await response.read())

    async def main() -> float:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            started = time.perf_counter()
            await asyncio.gather(*(work(session) for _ in range(AT_ONCE)))
            return time.perf_counter() - started

    return uvloop.run(main())


def ours(port: int, count: int) -> float:
    import uvloop

    from asyncdbx.config import Pat, Secret, WorkspaceConfig
    from asyncdbx.fleet import Call, Fleet

    config = WorkspaceConfig("load", f"http://127.0.0.1:{port}", login=Pat(Secret(TOKEN)))

    def calls() -> Iterator[Call]:
        for _ in range(count):
            yield Call("load", "clusters.get", {"cluster_id": CLUSTER})

    async def main() -> float:
        async with Fleet([config], limits=no_limits(), connections=AT_ONCE) as fleet:
            started = time.perf_counter()
            async with fleet.map(calls()) as outcomes:
                async for outcome in outcomes:
                    assert outcome.error is None
            return time.perf_counter() - started

    return uvloop.run(main())


def no_limits() -> "Limits":
    """Return limits that hold nothing back."""
    from asyncdbx.catalog.limits import Limits

    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(NO_LIMITS)
        file.flush()
        return Limits.load(Path(file.name))


def sdk(port: int, count: int) -> float:
    from concurrent.futures import ThreadPoolExecutor

    from databricks.sdk import WorkspaceClient

    client = WorkspaceClient(host=f"http://127.0.0.1:{port}", token=TOKEN)
    started = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(client.clusters.get, [CLUSTER] * count):
            pass
    return time.perf_counter() - started


CLIENTS = {"bare": bare, "asyncdbx": ours, "sdk": sdk}

if __name__ == "__main__":
    name, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print(f"{count / CLIENTS[name](port, count):.1f}")
