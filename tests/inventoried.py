"""An inventory of a simulated fleet, taken in this process, as tests want it."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
)
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from arro3.core import Array, Field, RecordBatch, Schema
from deltalake import write_deltalake

from asyncdbx.catalog.limits import Limits
from asyncdbx.config import Pat, WorkspaceConfig
from asyncdbx.config.secret import Secret
from asyncdbx.engine import RetryPolicy
from asyncdbx.fleet import Fleet
from asyncdbx.inventory.crawl import Crawl
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.ledger import LISTINGS
from asyncdbx.inventory.resources import choose
from asyncdbx.inventory.rows import LONG, MOMENT, TEXT
from asyncdbx.inventory.run import Order, Watch, take_inventory, unwatched
from asyncdbx.inventory.store import Store
from asyncdbx.inventory.verdict import Ended, Verdict
from asyncdbx.simulator import SimulatedWorkspace, Simulator

IMPATIENT = RetryPolicy(attempts=2, first_wait=0.001, throttled_for=0.1)
T = TypeVar("T")

UNLIMITED = '[default]\nper_second = "unlimited"\nin_flight = 100\n'

__all__ = [
    "IMPATIENT",
    "UNLIMITED",
    "AbstractAsyncContextManager",
    "Crawl",
    "by_key",
    "config_of",
    "earlier_listings",
    "fleet_of",
    "in_thread",
    "table",
    "taken",
    "when",
]


def config_of(workspace: SimulatedWorkspace, token: str = "") -> WorkspaceConfig:
    """Return a simulated workspace's configuration."""
    account = workspace.account_id or None
    secret = Secret(token or workspace.token)
    return WorkspaceConfig(workspace.name, workspace.host, account, login=Pat(secret))


def fleet_of(
    simulator: Simulator, *, limits: Limits | None = None, wrong: Sequence[str] = ()
) -> Fleet:
    """Return an impatient fleet of all simulated workspaces; some with a wrong token."""
    configs = [
        config_of(each, "dapi-wrong" if each.name in wrong else "")
        for each in simulator.everyone
    ]
    fleet = Fleet(configs, limits=limits, retry=IMPATIENT)
    for workspace in fleet:
        workspace._site.circuit.patience = 0.2
    return fleet


async def taken(
    fleet: Fleet, folder: Path, *names: str, watch: Watch = unwatched, **options: Any
) -> Verdict:
    """Take an inventory of these resources, or of all."""
    return await take_inventory(fleet, Order(folder, choose(names), **options), watch)


def by_key(verdict: Verdict) -> dict[str, Ended]:
    """Return how each listing ended, by ``workspace/resource``."""
    return {f"{each.workspace}/{each.resource}": each for each in verdict.listings}


def table(folder: Path, name: str, workspace: str | None = None) -> list[dict[str, Any]]:
    """Return a table's rows, each with its parsed body as ``record``, ordered by id."""
    store = Store(Folder.open(folder, create=False))
    rows = list(store.read(name, workspace=workspace))
    for row in rows:
        row["record"] = json.loads(row.get("body", "null"))
    return sorted(rows, key=lambda row: str((row["workspace"], row.get("id"))))


def earlier_listings(folder: Path) -> None:
    """Write the table ``_listings`` as versions did that knew nothing of lanes."""
    columns = {
        name: kind for name, kind in LISTINGS.columns.items() if name not in LISTINGS.later
    }
    values = {MOMENT: Array([1_700_000_000_000_000], LONG).cast(MOMENT)}
    values |= {TEXT: Array(["old"], TEXT), LONG: Array([7], LONG)}
    batch = RecordBatch.from_arrays(
        [values[kind] for kind in columns.values()],
        schema=Schema([Field(name, kind) for name, kind in columns.items()]),
    )
    write_deltalake(folder / "_listings", batch, name="_listings")


def when(condition: Callable[[Crawl], bool], *, cancel: bool = False) -> Watch:
    """Return a watch that looks at the crawl in each turn until ``condition`` holds."""

    @asynccontextmanager
    async def watch(crawl: Crawl) -> AsyncGenerator[None]:
        run = asyncio.current_task()
        assert run is not None

        async def look() -> None:
            while not condition(crawl):  # noqa: ASYNC110 - nobody sets an event for us
                await asyncio.sleep(0)
            if cancel:
                run.cancel()

        task = asyncio.create_task(look())
        try:
            yield
        finally:
            task.cancel()

    return watch


@contextmanager
def in_thread(server: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Serve from a thread of its own what is served while its block lasts."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    serving = asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
    try:
        yield serving
    finally:
        ended = asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop)
        ended.result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
