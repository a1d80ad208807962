"""Listings of one table are published together, and none waits for long."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from asyncdbx.errors import StoreError
from asyncdbx.inventory import publisher as module
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.publisher import LINGER, MANY, Publisher
from asyncdbx.inventory.resources import RESOURCES
from asyncdbx.inventory.rows import Row
from asyncdbx.inventory.spool import Spool, Unit
from asyncdbx.inventory.store import Store
from asyncdbx.inventory.verdict import Ended, Status


@dataclass(frozen=True)
class Named:
    """A workspace, as far as a publisher knows it."""

    name: str


class Listing:
    """A listing, as far as a publisher knows it."""

    def __init__(self, workspace: str, resource: str) -> None:
        self.workspace = Named(workspace)
        self.resource = RESOURCES[resource]
        self.key = (workspace, resource)


class Night:
    """A spool with listings of two records each, and where they are published."""

    def __init__(self, folder: Path, *, accept_partial: bool = False) -> None:
        self.folder = folder
        self.store = Store(Folder.open(folder))
        self.spool = Spool.open(folder / "_run" / "spool.sqlite", {})
        self.publisher = Publisher(self.store, self.spool, accept_partial=accept_partial)

    def list(self, workspace: str, resource: str = "jobs", records: int = 2) -> Any:
        self.spool.add([Unit(workspace, resource, "0:list", "{}")])
        ((number, _),) = self.spool.pending(workspace, resource, 1)
        rows = [Row(f"{each}", None, None, b"{}", 0) for each in range(2)]
        self.spool.commit(number, outcome="done", records=rows)
        listing: Any = Listing(workspace, resource)
        self.publisher.expect([listing])
        return listing, ended(workspace, resource, records)

    def commits(self, resource: str = "jobs") -> int:
        return DeltaTable(self.folder / resource).version() + 1

    def rows(self, resource: str = "jobs") -> int:
        return self.store.count(resource)


def ended(
    workspace: str, resource: str, records: int = 2, status: Status = "complete"
) -> Ended:
    nothing = dict.fromkeys(("rate", "waited", "paused", "started_at", "ended_at"))
    return Ended(workspace, resource, status, records, 1, 0, "", error="", **nothing)  # type: ignore[arg-type]


async def at_once(work: Callable[[], Any]) -> Any:
    """Block the loop, whose virtual clock would run on beside a thread."""
    await asyncio.sleep(0)
    return work()


@pytest.fixture(autouse=True)
def _no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "run_blocking", at_once)


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    """A night that accepts only what is complete."""
    night = Night(tmp_path)
    with night.spool:
        yield night


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_listings_of_one_table_are_one_commit(night: Night) -> None:
    """As soon as the last of them has ended; the others have waited for it."""
    first, second, third = night.list("a"), night.list("b"), night.list("c")

    async def late() -> Ended:
        await asyncio.sleep(3)
        return await night.publisher.publish(*third)

    found = await asyncio.gather(
        night.publisher.publish(*first), night.publisher.publish(*second), late()
    )
    assert now() == 3
    assert [(each.published, each.records) for each in found] == [("replaced", 2)] * 3
    assert (night.commits(), night.rows()) == (1, 6)
    for listing, _ in (first, second, third):
        assert night.spool.summary(*listing.key).published_at is not None


async def test_a_straggler_holds_up_nobody_for_long(night: Night) -> None:
    """What has come is published half a minute later without it."""
    first, second, _ = night.list("a"), night.list("b"), night.list("straggler")
    await asyncio.gather(night.publisher.publish(*first), night.publisher.publish(*second))
    assert now() == LINGER
    assert (night.commits(), night.rows()) == (1, 4)


async def test_other_tables_are_not_waited_for(night: Night) -> None:
    """Two tables, two commits, and neither at the end of the half minute."""
    jobs, pools, _ = (
        night.list("a"),
        night.list("a", "instance_pools"),
        night.list("a", "groups"),
    )
    await asyncio.gather(night.publisher.publish(*jobs), night.publisher.publish(*pools))
    assert now() == 0
    assert (night.commits(), night.commits("instance_pools")) == (1, 1)


async def test_many_records_wait_for_nobody(night: Night) -> None:
    """They would have to be kept; what comes then waits anew."""
    large, small, _ = night.list("a", records=MANY), night.list("b"), night.list("c")
    await night.publisher.publish(*large)
    assert now() == 0
    await night.publisher.publish(*small)
    assert now() == LINGER
    assert (night.commits(), night.rows()) == (2, 4)


async def test_the_last_one_may_have_failed(night: Night) -> None:
    """Those that wait for it need not wait any more, and it has no rows."""
    good, (bad, _) = night.list("a"), night.list("b")
    failed = ended("b", "jobs", status="partial")
    found = await asyncio.gather(
        night.publisher.publish(*good), night.publisher.publish(bad, failed)
    )
    assert now() == 0
    assert [each.published for each in found] == ["replaced", None]
    assert night.rows() == 2


async def test_what_is_published_is_not_published_again(night: Night) -> None:
    """Nor does it hold up the others."""
    known, new = night.list("a"), night.list("b")
    night.spool.mark_published("a", "jobs", 2)
    found = await asyncio.gather(
        night.publisher.publish(*known), night.publisher.publish(*new)
    )
    assert [each.published for each in found] == ["replaced", "replaced"]
    assert (night.commits(), night.rows()) == (1, 2)


async def test_a_disk_that_refuses_stops_all(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that writes says so; nothing counts as published."""
    first, second = night.list("a"), night.list("b")

    def refuse(*_: Any, **__: Any) -> None:
        raise StoreError("no room")

    monkeypatch.setattr(night.store, "publish", refuse)
    with pytest.raises(ExceptionGroup) as raised:
        async with asyncio.TaskGroup() as group:
            group.create_task(night.publisher.publish(*first))
            group.create_task(night.publisher.publish(*second))
    assert raised.group_contains(StoreError, match="no room")
    for listing, _ in (first, second):
        assert night.spool.summary(*listing.key).published_at is None


async def test_one_that_is_cancelled_is_published_by_the_next_run(night: Night) -> None:
    """While it waits nothing is marked, and its records are kept."""
    first, _ = night.list("a"), night.list("b")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(night.publisher.publish(*first), LINGER / 2)
    assert night.spool.summary("a", "jobs").published_at is None
    again = Publisher(night.store, night.spool, accept_partial=False)
    again.expect([first[0]])
    await again.publish(*first)
    assert now() == LINGER / 2
    assert night.rows() == 2
