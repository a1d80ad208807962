"""What a run lacks is said exactly, and can be fetched alone; or what came is merged."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from inventoried import Crawl, by_key, fleet_of, table, taken, when

from asyncdbx.catalog.limits import Limits
from asyncdbx.errors import StoreError, UsageError
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.verdict import Verdict
from asyncdbx.simulator import Fault, Simulator

pytestmark = pytest.mark.wire

SOME = ("clusters", "dbfs", "secret_scopes", "secrets", "registered_models", "permissions")


@pytest.fixture
async def fleet() -> AsyncIterator[Simulator]:
    """One workspace, without limits."""
    options: Any = {"account": False, "limits": False, "speed": 0}
    async with Simulator(1, scale=0.05, **options) as simulator:
        yield simulator


class Night:
    """Runs into one folder."""

    def __init__(self, fleet: Simulator, folder: Path, limits: Limits) -> None:
        self.prod = fleet["prod"]
        self.folder = folder
        self._fleet = fleet
        self._limits = limits

    async def take(self, *names: str, **options: Any) -> Verdict:
        fleet = fleet_of(self._fleet, limits=self._limits)
        return await taken(fleet, self.folder, *(names or SOME), **options)

    def fail(self, *prefixes: str, kind: Any = "deny") -> None:
        self.prod.faults[:] = [Fault(prefix, kind) for prefix in prefixes]

    def assert_true(self, *names: str) -> None:
        for name in names or SOME:
            rows = table(self.folder, name)
            found = [json.dumps(row["record"], sort_keys=True) for row in rows]
            truth = [json.dumps(each, sort_keys=True) for each in self.prod.truth(name)]
            assert Counter(found) == Counter(truth), name

    def versions(self) -> dict[str, int]:
        logs = self.folder.glob("[!_]*/_delta_log")
        return {log.parent.name: DeltaTable(log.parent).version() for log in logs}


@pytest.fixture
def night(fleet: Simulator, tmp_path: Path, unlimited: Limits) -> Night:
    """A folder without a run."""
    return Night(fleet, tmp_path, unlimited)


async def test_only_what_is_missing_is_fetched(night: Night) -> None:
    """Neither listings that were complete nor parts of others are asked for again."""
    night.fail("/api/2.0/secrets/list", "/api/2.0/permissions/jobs/")
    first = await night.take()
    lacking = {"secrets", "permissions"}
    assert {each.resource for each in first.missing} == lacking
    calls, before = night.prod.requests, night.versions()
    night.fail()
    second = await night.take(retry_failed=True)
    assert (second.exit_code, second.run_id) == (0, first.run_id)
    night.assert_true()
    after = night.versions()
    assert {name for name in after if after[name] != before.get(name)} == lacking
    scopes, jobs = night.prod.truth("secret_scopes"), night.prod.truth("jobs")
    assert night.prod.requests - calls == len(scopes) + len(jobs)
    assert table(night.folder, "_missing") == []
    listed = table(night.folder, "_listings")
    assert {row["status"] for row in listed} == {"complete"}
    assert len(listed) == len(SOME)
    again = night.prod.requests
    third = await night.take(retry_failed=True)
    assert (third.listings, night.prod.requests) == ((), again)


async def test_what_still_fails_stays_missing(night: Night) -> None:
    """And can be tried again, as often as it takes."""
    night.fail("/api/2.0/dbfs/list")
    await night.take("dbfs", "clusters")
    for _ in range(2):
        again = await night.take(retry_failed=True)
        assert by_key(again)["prod/dbfs"].status == "denied"
        assert by_key(again)["prod/clusters"].status == "complete"
    night.fail()
    assert (await night.take(retry_failed=True)).exit_code == 0
    night.assert_true("dbfs", "clusters")


async def test_a_listing_whose_one_service_is_off_is_not_begun_anew(night: Night) -> None:
    """It was complete, is published, and its records are no longer in the spool."""
    night.fail("/api/2.0/mlflow/databricks", "/api/2.0/mlflow/registered", kind="disabled")
    night.prod.faults.append(Fault("/api/2.0/dbfs/list", "deny"))
    first = await night.take("registered_models", "dbfs")
    assert by_key(first)["prod/registered_models"].status == "complete"
    before = table(night.folder, "registered_models")
    night.fail()
    await night.take(retry_failed=True)
    assert table(night.folder, "registered_models") == before


async def test_the_next_run_begins_anew(night: Night) -> None:
    """What an earlier one lacked is fetched with all else, and nothing is left of it."""
    night.fail("/api/2.0/dbfs/list")
    first = await night.take("dbfs")
    night.fail()
    second = await night.take("dbfs")
    assert second.run_id != first.run_id
    assert (await night.take(retry_failed=True)).listings == ()


async def test_another_fleet_is_refused(night: Night, unlimited: Limits) -> None:
    """The way out is said, and what was fetched is kept."""
    night.fail("/api/2.0/dbfs/list")
    first = await night.take("dbfs")
    async with Simulator(2, scale=0.03, account=False, limits=False) as other:
        with pytest.raises(StoreError, match="other workspaces: finish it with"):
            fleet = fleet_of(other, limits=unlimited)
            await taken(fleet, night.folder, retry_failed=True)
    night.fail()
    assert (await night.take(retry_failed=True)).run_id == first.run_id


async def test_a_retry_that_was_refused_is_in_nobodys_way(
    night: Night, unlimited: Limits
) -> None:
    """The next run begins, of whatever fleet it is."""
    night.fail("/api/2.0/dbfs/list")
    await night.take("dbfs")
    options: Any = {"account": False, "limits": False, "speed": 0}
    async with Simulator(2, scale=0.03, **options) as other:
        with pytest.raises(StoreError, match="other workspaces"):
            await taken(fleet_of(other, limits=unlimited), night.folder, retry_failed=True)
        verdict = await taken(fleet_of(other, limits=unlimited), night.folder, "jobs")
    assert verdict.exit_code == 0


async def test_a_retry_that_is_interrupted_goes_on(night: Night) -> None:
    """By the same command."""
    night.fail("/api/2.0/permissions/")
    await night.take("jobs", "permissions")
    night.fail()

    def stop(crawl: Crawl) -> bool:
        return crawl.listings["prod", "permissions"].calls >= 20

    with pytest.raises(asyncio.CancelledError):
        await night.take(retry_failed=True, watch=when(stop, cancel=True))
    before = night.prod.calls()
    assert (await night.take(retry_failed=True)).exit_code == 0
    assert night.prod.calls().repeated == before.repeated
    night.assert_true("jobs", "permissions")


async def test_without_a_run_nothing_can_be_missing(night: Night) -> None:
    """Which is a mistake of whoever asks."""
    with pytest.raises(StoreError, match="there is no inventory in"):
        await night.take(retry_failed=True)
    Folder.open(night.folder)
    with pytest.raises(UsageError, match="there was no run yet in"):
        await night.take(retry_failed=True)


async def test_all_that_is_missing_is_in_a_table(night: Night) -> None:
    """Each directory, listing, object and parent, with the reason."""
    night.fail("/api/2.0/secrets/acls/list", "/api/2.1/clusters/list", "/api/2.0/dbfs/list")
    await night.take("secret_acls", "clusters", "dbfs", "permissions", "jobs")
    rows = table(night.folder, "_missing")
    found = {(row["resource"], row["kind"], row["what"], row["status"]) for row in rows}
    scopes = [each["name"] for each in night.prod.truth("secret_scopes")]
    assert found == {
        *(("secret_acls", "listing", f"scope={name}", "denied") for name in scopes),
        ("clusters", "listing", "", "denied"),
        ("dbfs", "directory", "/", "denied"),
        ("permissions", "parent", "clusters", "denied"),
    }
    assert all("HTTP 403" in row["error"] for row in rows if row["kind"] != "parent")


async def test_pages_that_are_missing_are_fetched_from_where_they_begin(
    night: Night,
) -> None:
    """Those before them are kept."""

    def break_off(crawl: Crawl) -> bool:
        if crawl.listings["prod", "job_runs"].calls < 2:
            return False
        night.fail("/api/2.2/jobs/runs/list", kind="500")
        return True

    await night.take("job_runs", watch=when(break_off))
    (row,) = table(night.folder, "_missing")
    assert (row["kind"], row["what"], row["status"]) == ("pages", "", "partial")
    assert row["pages"] >= 2
    night.fail()
    before = night.prod.calls()
    again = await night.take(retry_failed=True)
    assert again.exit_code == 0
    assert night.prod.calls().repeated == before.repeated
    night.assert_true("job_runs")


async def test_pages_whose_token_has_expired_begin_again(night: Night) -> None:
    """Once, and without what the first ones brought; nothing is there twice."""

    def expire(crawl: Crawl) -> bool:
        if crawl.listings["prod", "job_runs"].calls < 2:
            return False
        night.prod.expire_page_tokens()
        return True

    verdict = await night.take("job_runs", watch=when(expire))
    assert verdict.exit_code == 0
    night.assert_true("job_runs")


async def test_a_directory_that_takes_the_server_too_long_is_named(night: Night) -> None:
    """Its size is unknown; everything else is complete, and that it is missing is said."""
    directories = [each for each in night.prod.truth("dbfs") if each["is_dir"]]
    path = max((each["path"] for each in directories), key=len)
    fault = Fault("/api/2.0/dbfs/list", "timeout", argument=("path", path), seconds=0.01)
    night.prod.faults.append(fault)
    verdict = await night.take("dbfs", accept_partial=True)
    (row,) = table(night.folder, "_missing")
    assert (row["kind"], row["what"], row["status"]) == ("directory", path, "partial")
    assert f"{path} is not listed, its size is unknown: " in verdict.listings[0].error
    assert "HTTP 504" in row["error"]
    seen = {each["id"] for each in table(night.folder, "dbfs")}
    below = f"{path}/"
    all_paths = {each["path"] for each in night.prod.truth("dbfs")}
    assert seen == {each for each in all_paths if not each.startswith(below)}
    night.fail()
    assert (await night.take(retry_failed=True)).exit_code == 0
    night.assert_true("dbfs")


async def test_what_came_is_merged_if_that_is_accepted(night: Night) -> None:
    """New and changed records come, those that did not come stay; it is still partial."""
    await night.take("secrets", "dbfs")
    before = {row["id"]: row for row in table(night.folder, "secrets")}
    night.prod.faults[:] = [Fault("/api/2.0/secrets/list", "deny", times=1)]
    second = await night.take("secrets", "dbfs", accept_partial=True)
    ended = by_key(second)["prod/secrets"]
    assert (ended.status, ended.published, second.exit_code) == ("partial", "merged", 3)
    assert by_key(second)["prod/dbfs"].published == "replaced"
    rows = {row["id"]: row for row in table(night.folder, "secrets")}
    assert rows.keys() == before.keys()
    runs = Counter(row["run_id"] for row in rows.values())
    assert 0 < runs[second.run_id] == ended.records < len(rows)
    night.fail()
    await night.take(retry_failed=True)
    assert {row["run_id"] for row in table(night.folder, "secrets")} == {second.run_id}
    night.assert_true("secrets", "dbfs")


async def test_what_came_first_is_published_as_it_came(night: Night) -> None:
    """There is nothing to merge it with."""
    night.prod.faults[:] = [Fault("/api/2.0/secrets/list", "deny", times=1)]
    verdict = await night.take("secrets", accept_partial=True)
    ended = by_key(verdict)["prod/secrets"]
    assert ended.status == "partial"
    assert len(table(night.folder, "secrets")) == ended.records > 0


async def test_foreign_tables_are_refused_before_anything_is_asked(night: Night) -> None:
    """Not after hours."""
    await night.take("clusters")
    calls = night.prod.requests
    (night.folder / "dbfs").mkdir()
    (night.folder / "dbfs" / "theirs").touch()
    with pytest.raises(StoreError, match="dbfs is not a table of asyncdbx; move it away"):
        await night.take("clusters", "dbfs")
    assert night.prod.requests == calls
    assert (night.folder / "dbfs" / "theirs").exists()


async def test_how_the_lanes_went_is_kept(night: Night) -> None:
    """Each call once, by lane."""
    verdict = await night.take("clusters", "dbfs")
    rows = table(night.folder, "_lanes")
    calls = Counter[str]()
    for row in rows:
        calls[row["lane"]] += row["calls"]
    by_lane = {each.lane: each.calls for each in verdict.listings}
    assert {lane: calls[lane] for lane in by_lane} == by_lane
    assert {row["run_id"] for row in rows} == {verdict.run_id}
