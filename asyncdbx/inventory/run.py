"""One inventory: lock the folder, crawl the fleet, publish its listings, give a verdict."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from asyncdbx import catalog
from asyncdbx.errors import DeadlineReached
from asyncdbx.fleet import Fleet
from asyncdbx.inventory.crawl import Crawl, Listing
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.rows import Columns
from asyncdbx.inventory.sources import Resource
from asyncdbx.inventory.spool import Spool, discard
from asyncdbx.inventory.store import Store
from asyncdbx.inventory.verdict import Ended, Verdict

__all__ = ["Order", "take_inventory"]

T = TypeVar("T")

NUMBERS_OR_TEXT = {"int", "int64", "str"}

Watch = Callable[[Crawl], contextlib.AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Order:
    """What an inventory is to take, and where to.

    Attributes:
        folder: The inventory's folder; made if it does not exist.
        resources: What to list.
        deadline: Seconds after which the crawl stops, to be resumed; None for never.
        fresh: Forget what an interrupted run left, rather than go on with it.
    """

    folder: Path
    resources: Sequence[Resource]
    deadline: float | None = None
    fresh: bool = False


async def take_inventory(fleet: Fleet, order: Order, watch: Watch) -> Verdict:
    """List a fleet into the folder's tables.

    A complete listing replaces that of the last run in one commit; any other leaves it
    alone. Interrupted, the same order goes on where it was.

    Args:
        fleet: Not yet entered.
        order: What and where to.
        watch: Shows the crawl while it runs.

    Raises:
        StoreError: the folder, or what an earlier run left in it, cannot be used.
        LockHeld: another run has it.
        DeadlineReached: time was up; the same order goes on where it was.
    """
    folder = Folder.open(order.folder)
    with folder.lock():
        if order.fresh:
            discard(folder.spool)
        with Spool.open(folder.spool, plan(fleet, order)) as spool:
            spool.retry_failed()  # in the interrupted run; what was wrong may be mended
            verdict = await _crawl(fleet, order, folder, spool, watch)
        discard(folder.spool)
    return verdict


async def _crawl(
    fleet: Fleet, order: Order, folder: Folder, spool: Spool, watch: Watch
) -> Verdict:
    store = Store(folder)
    publisher = _Publisher(store, spool)
    async with fleet:
        crawl = Crawl(fleet, spool, order.resources, publisher.publish)
        try:
            async with asyncio.timeout(order.deadline), watch(crawl):
                ended = await crawl.run()
        except TimeoutError:
            raise DeadlineReached(
                f"the deadline of {order.deadline:g} s is reached; the same command goes on"
                " where it was"
            ) from None
    await asyncio.to_thread(store.append_listings, spool.run_id, ended)
    return Verdict(spool.run_id, ended)


class _Publisher:
    """Publishes complete listings, one after the other, in a thread beside the crawl."""

    def __init__(self, store: Store, spool: Spool) -> None:
        self._store = store
        self._spool = spool
        self._turn = asyncio.Lock()

    async def publish(self, listing: Listing, ended: Ended) -> int:
        """Publish a listing if it is complete and not yet published by this run.

        Returns:
            How many records it has.
        """
        if ended.status != "complete":
            return ended.records
        async with self._turn:
            if self._spool.summary(*listing.key).published_at is not None:
                return ended.records
            return await _to_its_end(asyncio.to_thread(self._publish, listing))

    def _publish(self, listing: Listing) -> int:
        workspace, resource = listing.key
        records = self._store.publish(
            resource,
            workspace,
            columns_of(listing.resource),
            self._spool.rows(workspace, resource),
            run_id=self._spool.run_id,
        )
        self._spool.mark_published(workspace, resource, records)
        return records


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Wait for work in a thread, which nothing can stop, even if cancelled meanwhile.

    Else the spool would be closed, and the folder be open to another run, under it.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


def columns_of(resource: Resource) -> Columns:
    """Return the columns of a resource's table: its calls' fields, and what is derived."""
    fields: dict[str, str] = {}
    for source in resource.sources:
        names = [source.endpoint, *([source.fetch.endpoint] if source.fetch else [])]
        for name in names:
            for field, kind in catalog.endpoint(name, resource.scope).fields.items():
                known = fields.setdefault(field, kind)
                if known != kind:
                    # An integer column also takes a number spelled as text, not vice versa.
                    fields[field] = "int64" if {known, kind} <= NUMBERS_OR_TEXT else "str"
    return Columns(fields, resource.derived)


def plan(fleet: Fleet, order: Order) -> Mapping[str, Any]:
    """Return what tells this run from another, for the spool."""
    return {
        "workspaces": sorted([each.name, each.config.host] for each in fleet),
        "resources": sorted(each.name for each in order.resources),
    }


@contextlib.asynccontextmanager
async def unwatched(_: Crawl) -> AsyncGenerator[None]:
    """Show nothing."""
    yield
