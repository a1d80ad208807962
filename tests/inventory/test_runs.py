"""What a run says of itself is so: also after a retry, a cancellation, a long time."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from inventoried import by_key, fleet_of, table, taken

from asyncdbx.catalog.limits import Limits
from asyncdbx.simulator import Fault, Simulator

pytestmark = pytest.mark.wire


@pytest.fixture
async def fleet() -> AsyncIterator[Simulator]:
    """One workspace, without limits."""
    options: Any = {"account": False, "limits": False, "speed": 0}
    async with Simulator(1, scale=0.05, **options) as simulator:
        yield simulator


@pytest.mark.parametrize("then", ["", "/api/2.0/permissions/serving-endpoints"])
async def test_what_a_retry_finds_for_a_published_listing_is_published(
    fleet: Simulator, tmp_path: Path, unlimited: Limits, then: str
) -> None:
    """A service enabled between a run and its retry gives more objects: their permissions
    are fetched, counted and published; and tried again if they fail."""
    names = ("serving_endpoints", "permissions", "dbfs")
    prod = fleet["prod"]
    prod.faults[:] = [
        Fault("/api/2.0/serving-endpoints", "disabled"),
        Fault("/api/2.0/dbfs/list", "deny"),
    ]
    first = by_key(await taken(fleet_of(fleet, limits=unlimited), tmp_path, *names))
    assert first["prod/permissions"].status == "complete"
    assert first["prod/serving_endpoints"].status == "unavailable"
    prod.faults[:] = [Fault(then, "deny")] if then else []
    await taken(fleet_of(fleet, limits=unlimited), tmp_path, retry_failed=True)
    prod.faults.clear()
    last = await taken(fleet_of(fleet, limits=unlimited), tmp_path, retry_failed=True)
    rows = {row["resource"]: row for row in table(tmp_path, "_listings")}
    assert rows["permissions"]["records"] == len(table(tmp_path, "permissions"))
    ids = {row["id"] for row in table(tmp_path, "permissions")}
    assert ids == {each["object_id"] for each in prod.truth("permissions")}
    if then:
        assert by_key(last)["prod/permissions"].status == "complete"


async def test_a_run_that_took_longer_than_is_kept_keeps_its_own_account(
    fleet: Simulator, tmp_path: Path, unlimited: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it began longer ago than --keep."""
    fleet["prod"].faults[:] = [Fault("/api/2.0/dbfs/list", "deny")]
    began = "20200101T000000Z"
    monkeypatch.setattr("asyncdbx.inventory.spool.file.run_moment", lambda _: began)
    verdict = await taken(
        fleet_of(fleet, limits=unlimited), tmp_path, "dbfs", keep=timedelta(days=1)
    )
    assert verdict.run_id.startswith(began)
    assert len(table(tmp_path, "_missing")) == 1
    assert table(tmp_path, "_lanes") != []


async def test_why_a_parent_is_missing_is_said(
    fleet: Simulator, tmp_path: Path, unlimited: Limits
) -> None:
    """The parent was not asked for itself, so nothing else says why it failed."""
    fleet["prod"].faults[:] = [Fault("/api/2.1/clusters/list", "deny")]
    await taken(fleet_of(fleet, limits=unlimited), tmp_path, "permissions")
    (row,) = table(tmp_path, "_missing")
    assert (row["kind"], row["what"], row["status"]) == ("parent", "clusters", "denied")
    assert "HTTP 403" in row["error"]


async def test_what_a_run_has_merged_it_has_merged_after_a_retry(
    fleet: Simulator, tmp_path: Path, unlimited: Limits
) -> None:
    """Though its retry merged nothing: the table holds it."""
    fleet["prod"].faults[:] = [Fault("/api/2.0/secrets/list", "deny", times=1)]
    options: Any = {"accept_partial": True}
    await taken(fleet_of(fleet, limits=unlimited), tmp_path, "secrets", **options)
    fleet["prod"].faults[:] = [Fault("/api/2.0/secrets/list", "deny")]
    await taken(fleet_of(fleet, limits=unlimited), tmp_path, retry_failed=True)
    (row,) = table(tmp_path, "_listings")
    assert (row["status"], row["published"]) == ("partial", "merged")
    assert {each["run_id"] for each in table(tmp_path, "secrets")} == {row["run_id"]}
