"""One inventory: lock the folder, crawl the fleet, publish its listings, give a verdict."""

import asyncio
import contextlib
from collections.abc import (
    AsyncGenerator,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from asyncdbx.errors import DeadlineReached
from asyncdbx.fleet import Fleet
from asyncdbx.inventory.blocking import run_blocking
from asyncdbx.inventory.columns import columns_of
from asyncdbx.inventory.crawl import Crawl
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.ledger import (
    LANES,
    LISTINGS,
    MISSING,
    RUN_TABLES,
    listing_rows,
    missing_rows,
)
from asyncdbx.inventory.leftover import last_run, put_away
from asyncdbx.inventory.publisher import Publisher
from asyncdbx.inventory.resources import RESOURCES, choose
from asyncdbx.inventory.sampling import sampling
from asyncdbx.inventory.sources import Resource
from asyncdbx.inventory.spool import Spool, discard, run_moment
from asyncdbx.inventory.store import Store
from asyncdbx.inventory.verdict import Ended, Verdict

__all__ = ["Order", "take_inventory"]

Watch = Callable[[Crawl], contextlib.AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Order:
    """What an inventory is to take, and where to.

    Attributes:
        folder: The inventory's folder; made if it does not exist.
        resources: What to list.
        deadline: Seconds after which the crawl stops, to be resumed; None for never.
        fresh: Forget what an interrupted run left, rather than go on with it.
        accept_partial: Merge what came of a listing that is not complete with the last one.
        retry_failed: Fetch what the last run lacks, and nothing else.
        keep: How long versions that were replaced are kept; None for ever.
    """

    folder: Path
    resources: Sequence[Resource]
    deadline: float | None = None
    fresh: bool = False
    accept_partial: bool = False
    retry_failed: bool = False
    keep: timedelta | None = None


async def take_inventory(fleet: Fleet, order: Order, watch: Watch) -> Verdict:
    """List a fleet into the folder's tables.

    A complete listing replaces that of the last run in one commit; any other leaves it
    alone. Interrupted, the same order goes on where it was.

    Args:
        fleet: Not yet entered.
        order: What and where to.
        watch: Shows the crawl while it runs.

    Returns:
        How all listings ended; without any if the last run lacks nothing to try again.

    Raises:
        StoreError: the folder, or what an earlier run left in it, cannot be used.
        UsageError: there is no run of which something could be tried again.
        LockHeld: another run has it.
        DeadlineReached: time was up; the same order goes on where it was.
    """
    folder = Folder.open(order.folder, create=not order.retry_failed)
    with folder.lock():
        file = folder.spool
        if order.fresh:
            discard(file)
        if order.retry_failed:
            left = last_run(folder)
            if left is None:
                return Verdict("", ())
            file, names = left
            order = replace(order, resources=choose(tuple(names)))
        store = Store(folder)
        _check_tables(store, order.resources)
        for name in _tables(store):
            store.retain(name, order.keep)
        with Spool.open(file, plan(fleet, order)) as spool:
            spool.retry_failed()  # in the interrupted run; what was wrong may be mended
            verdict = await _crawl(fleet, order, store, spool, watch)
            if verdict.missing:
                spool.shrink()
        put_away(folder, file, complete=not verdict.missing)
        if order.keep is not None:
            await run_blocking(partial(_prune, store, order.keep, verdict.run_id))
    return verdict


async def _crawl(
    fleet: Fleet, order: Order, store: Store, spool: Spool, watch: Watch
) -> Verdict:
    publisher = Publisher(store, spool, accept_partial=order.accept_partial)
    async with fleet:
        crawl = Crawl(fleet, spool, order.resources, publisher.publish)
        publisher.expect(each for each in crawl.listings.values() if each.wanted)
        deadline = asyncio.timeout(order.deadline)
        try:
            async with deadline, watch(crawl), sampling(fleet, spool):
                ended = await crawl.run()
        except TimeoutError:
            raise DeadlineReached(
                f"the deadline of {order.deadline:g} s is reached; the same command goes on"
                " where it was"
            ) from None
    await run_blocking(partial(_write_ledger, store, spool, crawl, ended))
    return Verdict(spool.run_id, ended)


def _check_tables(store: Store, resources: Iterable[Resource]) -> None:
    """Refuse tables that could not be written to, before anything is fetched for them."""
    for each in resources:
        store.check(each.name, columns_of(each))
    for table in RUN_TABLES.values():
        store.check(table.name, table)


def _prune(store: Store, keep: timedelta, run_id: str) -> None:
    """Forget what was replaced longer ago; how listings ended is remembered for ever."""
    # A run may have begun before that, and been interrupted: its own account is kept.
    before = min(run_moment(datetime.now(UTC) - keep), run_id)
    for table in (LANES, MISSING):
        store.forget_runs(table, before)
    for name in _tables(store):
        store.prune(name, keep)


def _tables(store: Store) -> list[str]:
    """Return the names of our tables; others may lie beside them."""
    return [*(name for name in store.tables() if name in RESOURCES), *RUN_TABLES]


def _write_ledger(store: Store, spool: Spool, crawl: Crawl, ended: Sequence[Ended]) -> None:
    """Write what is kept of every run; the listings last, so with them all is there."""
    run_id = spool.run_id
    store.replace_run(LANES, run_id, ((run_id, *each) for each in spool.samples()))
    store.replace_run(MISSING, run_id, missing_rows(run_id, crawl.missing()))
    known = store.run_rows(LISTINGS, run_id)
    store.replace_run(LISTINGS, run_id, listing_rows(run_id, ended, known))


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
