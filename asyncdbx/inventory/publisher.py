"""Publishes listings beside the crawl: those of one table in few commits.

A commit takes the same time for one listing as for a hundred, and more the more of them a
table's log has: 10 ms at first, 30 ms after 2,000 (measured), which is ten nights of 200
workspaces if each listing has its own.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from asyncdbx.inventory.blocking import run_blocking
from asyncdbx.inventory.columns import columns_of
from asyncdbx.inventory.crawl import Listing
from asyncdbx.inventory.spool import Spool
from asyncdbx.inventory.store import Store
from asyncdbx.inventory.verdict import Ended, Published

__all__ = ["Publisher"]

LINGER = 30.0  # seconds that a listing waits for others of its table
MANY = 100_000  # records that wait no longer


@dataclass(slots=True, eq=False)
class _Group:
    """Listings of one table that wait to be published together.

    Attributes:
        due: Set when they need not wait for more.
        published: Set when they are.
        counts: How many records of each workspace were then.
    """

    listings: list[Listing] = field(default_factory=list[Listing])
    records: int = 0
    due: asyncio.Event = field(default_factory=asyncio.Event)
    published: asyncio.Event = field(default_factory=asyncio.Event)
    counts: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def is_full(self) -> bool:
        """Whether they have so many records that they should not wait for others."""
        return self.records >= MANY

    def add(self, listing: Listing, records: int) -> None:
        self.listings.append(listing)
        self.records += records


class Publisher:
    """Publishes listings, one table after the other, in a thread.

    Args:
        store: Where to.
        spool: Where they are.
        accept_partial: Merge a listing that is not complete with the last one.
    """

    def __init__(self, store: Store, spool: Spool, *, accept_partial: bool) -> None:
        self._store = store
        self._spool = spool
        self._accept_partial = accept_partial
        self._turn = asyncio.Lock()
        self._to_come: Counter[str] = Counter()
        self._groups: dict[str, _Group] = {}

    def expect(self, listings: Iterable[Listing]) -> None:
        """Know which listings will come, each once: the last of a table need not wait."""
        self._to_come.update(each.resource.name for each in listings)

    async def publish(self, listing: Listing, ended: Ended) -> Ended:
        """Publish a listing, unless it lacks something or this run has done so before.

        Then what has come since is published: a service was enabled meanwhile, and this
        follows from it.

        Returns:
            How it ended, with what became of it.

        Raises:
            StoreError: It cannot be written.
        """
        resource = listing.resource.name
        self._to_come[resource] -= 1
        if not self._to_come[resource] and resource in self._groups:
            self._groups[resource].due.set()
        complete = ended.status == "complete"
        if not complete and not (self._accept_partial and ended.status == "partial"):
            return ended
        before = self._spool.summary(*listing.key).published_at is not None
        if before and not self._spool.holds(*listing.key):
            return replace(ended, published="replaced")
        if before or not complete:
            records = await self._merge(listing, ended, before=before)
        else:
            records = await self._replace(listing, ended)
        how: Published = "replaced" if complete else "merged"
        return replace(ended, records=records, published=how)

    async def _replace(self, listing: Listing, ended: Ended) -> int:
        """Publish a listing with others of its table; the first that waits does so for all.

        Returns:
            How many records it has.
        """
        resource = listing.resource.name
        group = self._groups.get(resource)
        if leads := group is None:
            group = self._groups[resource] = _Group()
        group.add(listing, ended.records)
        if group.is_full or not self._to_come[resource]:
            group.due.set()
        if group.is_full:
            del self._groups[resource]
        if leads:
            with suppress(TimeoutError):
                await asyncio.wait_for(group.due.wait(), LINGER)
            async with self._turn:
                if self._groups.get(resource) is group:
                    del self._groups[resource]
                work = partial(self._replace_all, group.listings)
                group.counts = await run_blocking(work)
            group.published.set()
        await group.published.wait()
        return group.counts[listing.workspace.name]

    def _replace_all(self, listings: Sequence[Listing]) -> dict[str, int]:
        counts = self._write(listings, merge=False)
        for each in listings:
            self._spool.mark_published(*each.key, counts[each.workspace.name])
        return counts

    async def _merge(self, listing: Listing, ended: Ended, *, before: bool) -> int:
        """Merge what has come of a listing, or has come since it was published."""
        async with self._turn:
            work = partial(self._merge_one, listing, ended, before=before)
            return await run_blocking(work)

    def _merge_one(self, listing: Listing, ended: Ended, *, before: bool) -> int:
        (records,) = self._write([listing], merge=True).values()
        if before:
            records = ended.records
        if ended.status == "complete":  # else it may still become so
            self._spool.mark_published(*listing.key, records)
        return records

    def _write(self, listings: Sequence[Listing], *, merge: bool) -> dict[str, int]:
        resource = listings[0].resource
        found = {
            each.workspace.name: self._spool.blocks(each.workspace.name, resource.name)
            for each in listings
        }
        run_id = self._spool.run_id
        columns = columns_of(resource)
        return self._store.publish(
            resource.name, found, columns, run_id=run_id, merge=merge
        )
