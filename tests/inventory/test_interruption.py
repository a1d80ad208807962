"""An inventory that is interrupted goes on where it was, and ends as if it never was."""

import asyncio
import contextlib
import json
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from inventoried import (
    AbstractAsyncContextManager,
    Crawl,
    by_key,
    earlier_listings,
    fleet_of,
    table,
    taken,
    when,
)

from asyncdbx.catalog.limits import Limits
from asyncdbx.errors import DeadlineReached, LockHeld, StoreError
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.store import Store
from asyncdbx.simulator import Fault, Simulator

pytestmark = pytest.mark.wire

# A tree, a fan-out over all objects, pages of pages, two generations of followers.
SOME = ("dbfs", "permissions", "jobs", "job_runs", "secrets", "tables")

Watch = Callable[[Crawl], AbstractAsyncContextManager[None]]


@pytest.fixture
async def fleet() -> AsyncIterator[Simulator]:
    """Two workspaces and an account, without limits."""
    async with Simulator(2, scale=0.03, speed=0, limits=False) as simulator:
        yield simulator


def stopping(condition: Callable[[Crawl], bool]) -> Watch:
    """Return a watch that cancels the run as soon as ``condition`` holds."""
    return when(condition, cancel=True)


def requests(fleet: Simulator) -> int:
    return sum(each.requests for each in fleet.everyone)


def assert_tables_are_the_truth(folder: Path, fleet: Simulator) -> None:
    """Every record once, and none twice."""
    for workspace in fleet.workspaces:
        for name in SOME:
            rows = table(folder, name, workspace.name)
            found = [json.dumps(row["record"], sort_keys=True) for row in rows]
            truth = [json.dumps(each, sort_keys=True) for each in workspace.truth(name)]
            assert Counter(found) == Counter(truth), name


@pytest.mark.parametrize("after", [1, 150])
async def test_a_run_that_is_cancelled_goes_on(
    fleet: Simulator, tmp_path: Path, unlimited: Limits, after: int
) -> None:
    """What was committed is not asked again, and the tables end as the truth."""
    stop = stopping(lambda crawl: sum(x.calls for x in crawl.listings.values()) >= after)
    with pytest.raises(asyncio.CancelledError):
        await taken(fleet_of(fleet, limits=unlimited), tmp_path, *SOME, watch=stop)
    asked = requests(fleet)
    verdict = await taken(fleet_of(fleet, limits=unlimited), tmp_path, *SOME)
    assert verdict.exit_code == 0
    assert_tables_are_the_truth(tmp_path, fleet)
    again = requests(fleet) - asked
    assert 0 < again < requests(fleet) - after
    listed = table(tmp_path, "_listings")
    assert len(listed) == len(verdict.listings)
    assert {row["run_id"] for row in listed} == {verdict.run_id}


async def test_a_run_that_is_cancelled_again_and_again_ends(
    fleet: Simulator, tmp_path: Path, unlimited: Limits
) -> None:
    """Each time it is a few calls farther, and no call that was answered is repeated."""
    runs = 0
    verdict = None
    while verdict is None:
        runs += 1
        stop = stopping(lambda crawl: sum(x.calls for x in crawl.listings.values()) >= 40)
        with contextlib.suppress(asyncio.CancelledError):
            verdict = await taken(
                fleet_of(fleet, limits=unlimited), tmp_path, *SOME, watch=stop
            )
    assert runs > 3
    assert verdict.exit_code == 0
    assert_tables_are_the_truth(tmp_path, fleet)


async def test_what_failed_before_the_interruption_is_asked_again(
    fleet: Simulator, tmp_path: Path, unlimited: Limits
) -> None:
    """What was wrong then may be mended now; the other listings are not begun anew."""
    fault = Fault("/api/2.1/clusters/list", "deny")
    fleet["prod"].faults.append(fault)
    key = ("prod", "clusters")
    stop = stopping(lambda crawl: crawl.listings[key].ended is not None)
    names = ("clusters", "permissions")
    with pytest.raises(asyncio.CancelledError):
        await taken(fleet_of(fleet, limits=unlimited), tmp_path, *names, watch=stop)
    fleet["prod"].faults.clear()
    verdict = await taken(fleet_of(fleet, limits=unlimited), tmp_path, *names)
    assert verdict.missing == []
    truth = fleet["prod"].truth("permissions")
    assert len(table(tmp_path, "permissions", "prod")) == len(truth)
    assert by_key(verdict)["prod/clusters"].error == ""


async def test_a_run_begun_by_an_earlier_version_goes_on(
    fleet: Simulator, tmp_path: Path, unlimited: Limits
) -> None:
    """How the lanes went is unknown of what had ended, and null in rows of before."""
    key = ("prod", "clusters")
    stop = stopping(lambda crawl: crawl.listings[key].ended is not None)
    names = ("clusters", "permissions")
    with pytest.raises(asyncio.CancelledError):
        await taken(fleet_of(fleet, limits=unlimited), tmp_path, *names, watch=stop)
    earlier_listings(tmp_path)
    verdict = await taken(fleet_of(fleet, limits=unlimited), tmp_path, *names)
    assert verdict.exit_code == 0
    rows = {
        f"{row['workspace']}/{row['resource']}": (row["lane"], row["waited"], row["paused"])
        for row in table(tmp_path, "_listings")
    }
    assert len(rows) == 5
    assert rows["old/old"] == (None, None, None)
    assert rows["prod/clusters"] == ("clusters.list", None, None)
    lane, waited, paused = rows["prod/permissions"]
    assert (lane, paused) == ("permissions-read", 0)
    assert waited is not None


@pytest.mark.parametrize("kind", ["disabled", "deny"])
async def test_a_resumed_listing_that_has_gone_is_partial(
    fleet: Simulator, tmp_path: Path, unlimited: Limits, kind: Any
) -> None:
    """What stops in the middle was enabled and allowed, and half of it is not it all."""
    key = ("prod", "job_runs")
    stop = stopping(lambda crawl: crawl.listings[key].records > 0)
    with pytest.raises(asyncio.CancelledError):
        await taken(fleet_of(fleet, limits=unlimited), tmp_path, "job_runs", watch=stop)
    fleet["prod"].faults.append(Fault("/api/2.2/jobs/runs/list", kind))
    verdict = await taken(fleet_of(fleet, limits=unlimited), tmp_path, "job_runs")
    assert by_key(verdict)["prod/job_runs"].status == "partial"
    assert table(tmp_path, "job_runs", "prod") == []


async def test_an_expired_cursor_of_an_earlier_run_begins_anew(
    fleet: Simulator, tmp_path: Path, unlimited: Limits
) -> None:
    """The server that knows the token no more is asked for the first page."""
    key = ("prod", "job_runs")
    stop = stopping(lambda crawl: crawl.listings[key].records > 0)
    with pytest.raises(asyncio.CancelledError):
        await taken(fleet_of(fleet, limits=unlimited), tmp_path, "job_runs", watch=stop)
    spool = tmp_path / "_run" / "spool.sqlite"
    assert spool.stat().st_size > 0
    _forge_cursors(spool)
    verdict = await taken(fleet_of(fleet, limits=unlimited), tmp_path, "job_runs")
    assert verdict.exit_code == 0
    ids = [row["id"] for row in table(tmp_path, "job_runs", "prod")]
    truth = fleet["prod"].truth("job_runs")
    assert ids == sorted(str(record["run_id"]) for record in truth)


def _forge_cursors(spool: Path) -> None:
    """Replace every page token by one the server never gave."""
    import sqlite3

    db = sqlite3.connect(spool)
    with contextlib.closing(db), db:
        found = db.execute("SELECT id, cursor FROM unit WHERE cursor IS NOT NULL")
        for unit_id, text in found.fetchall():
            cursor = json.loads(text)
            cursor["arguments"]["page_token"] = "expired"
            changed = (json.dumps(cursor), unit_id)
            assert db.execute("UPDATE unit SET cursor = ? WHERE id = ?", changed).rowcount


async def test_a_deadline_leaves_a_run_that_goes_on(
    fleet: Simulator, tmp_path: Path, unlimited: Limits
) -> None:
    """DeadlineReached says so; nothing is lost."""
    for each in fleet.everyone:
        each.server.latency = 0.02
    with pytest.raises(
        DeadlineReached, match=r"deadline of 0\.3 s is reached; the same com"
    ):
        await taken(fleet_of(fleet, limits=unlimited), tmp_path, *SOME, deadline=0.3)
    asked = requests(fleet)
    verdict = await taken(fleet_of(fleet, limits=unlimited), tmp_path, *SOME, deadline=60.0)
    assert verdict.exit_code == 0
    assert requests(fleet) > asked
    assert_tables_are_the_truth(tmp_path, fleet)


async def test_fresh_forgets_what_was_left(
    fleet: Simulator, tmp_path: Path, unlimited: Limits
) -> None:
    """Every call is made again, under a new run's name."""
    stop = stopping(lambda crawl: sum(x.calls for x in crawl.listings.values()) >= 100)
    with pytest.raises(asyncio.CancelledError):
        await taken(fleet_of(fleet, limits=unlimited), tmp_path, *SOME, watch=stop)
    asked = requests(fleet)
    verdict = await taken(fleet_of(fleet, limits=unlimited), tmp_path, *SOME, fresh=True)
    assert verdict.exit_code == 0
    assert requests(fleet) - asked > asked
    assert {row["run_id"] for row in table(tmp_path, "tables")} == {verdict.run_id}


async def test_another_fleets_run_is_not_mixed_in(
    fleet: Simulator, tmp_path: Path, unlimited: Limits
) -> None:
    """Other resources or workspaces are refused, with the way out; nothing is lost."""
    stop = stopping(lambda crawl: sum(x.calls for x in crawl.listings.values()) >= 20)
    with pytest.raises(asyncio.CancelledError):
        await taken(fleet_of(fleet, limits=unlimited), tmp_path, "dbfs", watch=stop)
    with pytest.raises(
        StoreError, match=r"unfinished run with other resources: .*--fresh$"
    ):
        await taken(fleet_of(fleet, limits=unlimited), tmp_path, "jobs")
    async with Simulator(1, scale=0.03, limits=False) as other:
        with pytest.raises(StoreError, match=r"with other workspaces: .*--fresh$"):
            await taken(fleet_of(other, limits=unlimited), tmp_path, "dbfs")
        assert requests(other) == 0
    verdict = await taken(fleet_of(fleet, limits=unlimited), tmp_path, "dbfs")
    assert verdict.exit_code == 0


@pytest.mark.parametrize("what", ["publish", "replace_run"])
async def test_what_is_on_its_way_into_a_table_ends_before_the_folder_is_let_go(
    fleet: Simulator,
    tmp_path: Path,
    unlimited: Limits,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    """Cancelled while it writes, a run holds its lock until the commits are whole."""
    began, may_end = threading.Event(), threading.Event()
    usual = getattr(Store, what)
    held: list[str] = []

    def write(*args: Any, **kwargs: Any) -> Any:
        began.set()
        assert may_end.wait(10)
        try:
            with Folder.open(tmp_path).lock():
                held.append("no")
        except LockHeld:
            held.append("yes")
        return usual(*args, **kwargs)

    monkeypatch.setattr(Store, what, write)
    run = asyncio.create_task(
        taken(fleet_of(fleet, limits=unlimited), tmp_path, "clusters")
    )
    await asyncio.to_thread(began.wait, 10)
    run.cancel()
    ended, _ = await asyncio.wait([run], timeout=0.2)
    assert not ended
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await run
    await asyncio.sleep(0.5)  # for what would go on in a thread
    assert set(held) == {"yes"}
    monkeypatch.setattr(Store, what, usual)
    verdict = await taken(fleet_of(fleet, limits=unlimited), tmp_path, "clusters")
    assert verdict.exit_code == 0
    versions = Store(Folder.open(tmp_path)).count("clusters")
    assert versions == sum(len(each.truth("clusters")) for each in fleet.workspaces)


def versions(log: Path) -> list[str]:
    return sorted(each.name for each in log.iterdir())


async def test_a_run_that_dies_before_its_last_line_asks_nothing_again(
    fleet: Simulator, tmp_path: Path, unlimited: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All was published but not yet noted: it is noted, without a call or a new version."""

    with monkeypatch.context() as patch, pytest.raises(StoreError, match="full"):
        full = StoreError("the disk is full")
        patch.setattr(Store, "replace_run", Mock(side_effect=full))
        await taken(fleet_of(fleet, limits=unlimited), tmp_path, *SOME)
    asked = requests(fleet)
    log = tmp_path / "dbfs" / "_delta_log"
    before = versions(log)
    verdict = await taken(fleet_of(fleet, limits=unlimited), tmp_path, *SOME)
    assert (verdict.exit_code, requests(fleet)) == (0, asked)
    assert versions(log) == before
    assert len(table(tmp_path, "_listings")) == len(verdict.listings)
    assert_tables_are_the_truth(tmp_path, fleet)


async def test_a_run_that_ended_leaves_nothing_to_resume(
    fleet: Simulator, tmp_path: Path, unlimited: Limits
) -> None:
    """The next run is a new one, whatever came of the last."""
    fleet["prod"].faults.append(Fault("/api/2.1/clusters/list", "deny"))
    first = await taken(fleet_of(fleet, limits=unlimited), tmp_path, "clusters")
    fleet["prod"].faults.clear()
    second = await taken(fleet_of(fleet, limits=unlimited), tmp_path, "jobs", "clusters")
    assert (first.exit_code, second.exit_code) == (3, 0)
    assert first.run_id != second.run_id
    assert len(table(tmp_path, "_listings")) == 2 + 4
