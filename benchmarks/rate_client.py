"""One client that keeps lanes of a simulated workspace busy, to be measured by the server.

    python benchmarks/rate_client.py POLICY SECONDS [LANES]

ours:     fleet.map, the right prior; LANES is the file of what lanes have learned, or "-".
fixed:    aiolimiter at the published rate, exponential backoff with full jitter on 429.
backoff:  no limiter, the same backoff.
sdk:      no limiter, the official SDK's waits: Retry-After or 1 s, and up to a second more.

The workspace is profile ``prod`` of $DATABRICKS_CONFIG_FILE, and what is to be called for
each lane comes as JSON on stdin: ``{"dbfs": ["dbfs.get_status", {"path": "/"}, 30]}``.
"""

import asyncio
import contextlib
import itertools
import json
import os
import random
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from aiolimiter import AsyncLimiter

from asyncdbx.catalog import endpoint as endpoint_of
from asyncdbx.catalog.limits import PACKAGE_FILE, Limits
from asyncdbx.catalog.limits_file import read_limits
from asyncdbx.config import Pat, WorkspaceConfig, resolve
from asyncdbx.fleet import Call, Fleet

AT_ONCE = 20  # calls of one lane in flight: what its in-flight limit allows
Lanes = Mapping[str, tuple[str, dict[str, Any], int]]


def main() -> None:
    policy, seconds = sys.argv[1], float(sys.argv[2])
    path = sys.argv[3] if len(sys.argv) > 3 else "-"
    lanes: Lanes = json.load(sys.stdin)
    (config,) = resolve(("prod",), environ=os.environ, home=Path("/nonexistent"))
    if policy == "ours":
        work = ours(config, lanes, seconds, None if path == "-" else Path(path))
    else:
        work = others(policy, config, lanes, seconds)
    uvloop.run(work)


async def ours(
    config: WorkspaceConfig, lanes: Lanes, seconds: float, file: Path | None
) -> None:
    async def repeat(fleet: Fleet, endpoint: str, arguments: dict[str, Any]) -> None:
        calls = itertools.repeat(Call("prod", endpoint, arguments))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), fleet.map(calls, window=25) as made:
                async for outcome in made:
                    assert outcome.error is None, outcome.error

    async with Fleet([config], limits=published(lanes), lanes=file) as fleet:
        await asyncio.gather(*(repeat(fleet, name, of) for name, of, _ in lanes.values()))


def published(lanes: Lanes) -> Limits:
    """Return the package's limits, as if it had published those of the lanes, too."""
    text = "".join(
        f"[groups.{json.dumps(name)}]\nper_second = {rate}\n"
        for name, _, rate in lanes.values()
    )
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text)
        file.flush()
        package = read_limits(PACKAGE_FILE, own=True)
        return Limits([package, read_limits(Path(file.name), own=True)])


async def others(
    policy: str, config: WorkspaceConfig, lanes: Lanes, seconds: float
) -> None:
    assert isinstance(config.login, Pat)
    headers = {"Authorization": f"Bearer {config.login.token.reveal()}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        tasks = [
            asyncio.create_task(worker(policy, session, url_of(config, name, of), limiter))
            for name, of, rate in lanes.values()
            for limiter in [AsyncLimiter(rate, 1) if policy == "fixed" else None]
            for _ in range(AT_ONCE)
        ]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def url_of(config: WorkspaceConfig, name: str, arguments: dict[str, Any]) -> str:
    request = endpoint_of(name).request(arguments)
    query = "&".join(f"{key}={value}" for key, value in request.query)
    return f"{config.host}{request.path}?{query}"


async def worker(
    policy: str, session: aiohttp.ClientSession, url: str, limiter: AsyncLimiter | None
) -> None:
    """Make one call after the other; a refused one is made again until it is accepted."""
    refused = 0
    while True:
        if limiter is not None:
            await limiter.acquire()
        async with session.get(url) as response:
            await response.read()
        if response.status != 429:
            refused = 0
            continue
        if policy == "sdk":
            said = response.headers.get("Retry-After", "1")
            await asyncio.sleep(float(said) + random.random())
        else:
            await asyncio.sleep(random.uniform(0, min(60.0, 2.0**refused)))
        refused += 1


if __name__ == "__main__":
    main()
