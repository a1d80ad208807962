"""The library as its page shows it: the example of the contract runs as printed."""

import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inventoried import in_thread

import asyncdbx
from asyncdbx import Fleet
from asyncdbx.errors import ConfigError, Denied, Incomplete, NotFound, UsageError
from asyncdbx.fleet import Call
from asyncdbx.fleet import workspace as workspace_module
from asyncdbx.simulator import Fault, Simulator

pytestmark = pytest.mark.wire


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """Two workspaces without limits and without account."""
    options: dict[str, Any] = {"limits": False, "account": False, "names": ("prod", "dev")}
    with in_thread(Simulator(2, scale=0.03, speed=0, **options)) as fleet:
        yield fleet


@pytest.fixture
def profiles(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Simulator]:
    """The profiles of the fleet, in the file that the environment names."""
    file = tmp_path / "profiles"
    file.write_text(simulator.databrickscfg())
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(file))
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    yield simulator
    for each in simulator.workspaces:
        each.faults.clear()


EXAMPLE = """
from asyncdbx import Fleet

async with Fleet.from_profiles("prod", "dev") as fleet:
    prod = fleet["prod"]
    cluster = await prod.call("clusters.get", cluster_id="1234-567890-batch123")
    async for job in prod.list("jobs.list", expand_tasks=True):
        ...
    async for entry in prod.walk("dbfs:/"):
        ...
    async with fleet.map(calls) as outcomes:          # any number of calls, bounded memory
        async for outcome in outcomes:                # in the order they finish; one failure ends nothing
            ...
"""  # noqa: E501 - as printed


def runnable(cluster_id: str) -> Any:
    """Return the example as a coroutine function that gives back all it saw."""
    text = EXAMPLE.replace("1234-567890-batch123", cluster_id)
    for name in ("job", "entry", "outcome"):
        text = text.replace("...", f"seen[{name!r}].append({name})", 1)
    body = textwrap.indent(text + "    seen['cluster'].append(cluster)\n", "    ")
    tree = ast.parse(f"async def example(calls, seen):\n{body}")
    names: dict[str, Any] = {}
    exec(compile(tree, "example", "exec"), names)  # noqa: S102 - our own words
    return names["example"]


async def test_the_example_of_the_contract_runs(profiles: Simulator) -> None:
    """Every job, every entry, every outcome, and the cluster that was asked for."""
    prod = profiles["prod"]
    (cluster, *_) = prod.truth("clusters")
    ids = [record["cluster_id"] for record in prod.truth("clusters")]
    calls = [Call("prod", "clusters.get", {"cluster_id": each}) for each in ids]
    seen: dict[str, list[Any]] = {"job": [], "entry": [], "outcome": [], "cluster": []}
    await runnable(cluster["cluster_id"])(iter([*calls, calls[0]]), seen)
    (found,) = seen["cluster"]
    assert found == cluster
    jobs = {job["job_id"] for job in seen["job"]}
    assert jobs == {record["job_id"] for record in prod.truth("jobs")}
    assert len(jobs) == len(seen["job"])
    paths = sorted(entry["path"] for entry in seen["entry"])
    assert paths == sorted(record["path"] for record in prod.truth("dbfs"))
    outcomes = [outcome.value["cluster_id"] for outcome in seen["outcome"]]
    assert sorted(outcomes) == sorted([*ids, ids[0]])


async def test_one_failure_ends_nothing(profiles: Simulator) -> None:
    """It is an outcome with its error, beside the others."""
    profiles["dev"].faults.append(Fault("/api/2.1/clusters/list", "deny"))
    calls = [Call(name, "clusters.list", {}) for name in ("prod", "dev", "prod")]
    async with Fleet.from_profiles("prod", "dev") as fleet, fleet.map(calls) as outcomes:
        ended = [(each.call.workspace, type(each.error)) async for each in outcomes]
    assert sorted(ended, key=str) == [
        ("dev", Denied),
        ("prod", type(None)),
        ("prod", type(None)),
    ]


async def test_what_is_not_there_is_an_error_of_its_call(profiles: Simulator) -> None:
    """The endpoint and the workspace are named, and the type says what it is."""
    async with Fleet.from_profiles("prod") as fleet:
        with pytest.raises(
            NotFound, match=r"^clusters\.get on prod: HTTP 400 INVALID_PARAM"
        ):
            await fleet["prod"].call("clusters.get", cluster_id="none")
        with pytest.raises(UsageError, match="no workspace 'dev' in this fleet of prod"):
            fleet["dev"]
        with pytest.raises(UsageError, match=r"clusters.lst.*clusters.list"):
            await fleet["prod"].call("clusters.lst")
        with pytest.raises(UsageError, match=r"has no argument 'cluster'.*'cluster_id'"):
            await fleet["prod"].call("clusters.get", cluster="x")
        with pytest.raises(UsageError, match=r"clusters\.get is no listing; use call"):
            async for _ in fleet["prod"].list("clusters.get", cluster_id="x"):
                pytest.fail("it listed")


async def test_an_object_whose_arrays_come_in_pages_is_whole(
    profiles: Simulator,
) -> None:
    """``fetch`` goes through the inner pages of a job, and counts its calls."""
    jobs = profiles["prod"].truth("jobs")
    largest = max(jobs, key=lambda job: len(job["settings"].get("tasks", ())))
    async with Fleet.from_profiles("prod") as fleet:
        key = {"job_id": largest["job_id"]}
        pages = [page async for page in fleet["prod"].fetch("jobs.get", key)]
        (first, *others, last) = pages
        again = [page async for page in fleet["prod"].fetch("jobs.get", key, first.cursor)]
    ((raw, document),) = last.records
    assert document["settings"]["tasks"] == largest["settings"]["tasks"]
    assert (last.cursor, first.records) == (None, [])
    assert sum(page.calls for page in pages) == len(pages)
    assert len(pages) == -(-len(largest["settings"]["tasks"]) // 100)
    assert len(again) == len(others) + 1
    assert again[-1].records == [(raw, document)]


async def test_what_is_kept_of_a_large_object_is_twice_its_size(
    profiles: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not that of all its pages again with each of them; and each cursor leads to it."""
    monkeypatch.setattr(workspace_module, "SMALL", 0)
    jobs = profiles["prod"].truth("jobs")
    job = next(each for each in jobs if "tasks" in each["settings"])
    tasks = job["settings"]["tasks"]
    tasks[:] = [{**tasks[0], "task_key": f"task_{number}"} for number in range(2_000)]
    key = {"job_id": job["job_id"]}
    async with Fleet.from_profiles("prod") as fleet:
        pages = [page async for page in fleet["prod"].fetch("jobs.get", key)]
        cursors = [page.cursor for page in pages if page.cursor is not None]
        for cursor in cursors:
            again = [page async for page in fleet["prod"].fetch("jobs.get", key, cursor)]
            assert again[-1].records == pages[-1].records
    ((raw, document),) = pages[-1].records
    assert document["settings"]["tasks"] == tasks
    assert sum(page.calls for page in pages) == 20
    assert 3 <= len(cursors) <= 5
    assert sum(map(len, cursors)) < 3 * len(raw)


async def test_a_failure_in_the_middle_of_an_object_is_named(profiles: Simulator) -> None:
    """Which call on which workspace, and all the requests that were sent for it."""
    profiles["prod"].faults.append(Fault("/api/2.2/jobs/get", "repeat_token"))
    (job, *_) = profiles["prod"].truth("jobs")
    async with Fleet.from_profiles("prod") as fleet:
        with pytest.raises(Incomplete, match=r"^jobs\.get on prod: .* goes back") as caught:
            async for page in fleet["prod"].fetch("jobs.get", {"job_id": job["job_id"]}):
                assert page.records == []
    assert caught.value.calls == 1


def test_a_profile_that_is_not_there(profiles: Simulator) -> None:
    """ConfigError, before anything is asked."""
    with pytest.raises(ConfigError, match="nobody"):
        Fleet.from_profiles("prod", "nobody")


async def test_the_fleet_is_a_collection_of_its_workspaces(profiles: Simulator) -> None:
    """In the order given; their repr has the host and no token."""
    async with Fleet.from_profiles(all_profiles=True) as fleet:
        assert [each.name for each in fleet] == ["prod", "dev"]
        assert len(fleet) == 2
        text = repr(list(fleet)) + repr(fleet["prod"].config)
        assert profiles["prod"].host in text
        assert profiles["prod"].token not in text
        assert fleet.lanes() == []
        assert await fleet["dev"].call("clusters.list")
        ((lane, waiting),) = fleet.lanes()
        assert (lane.workspace, waiting) == ("dev", 0)


def test_what_the_package_offers() -> None:
    """Each name in ``__all__`` is there."""
    assert "Fleet" in asyncdbx.__all__
    assert [name for name in asyncdbx.__all__ if not hasattr(asyncdbx, name)] == []


async def test_a_fleet_from_an_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its workspaces by name, some of them by ``match``, as the account logs in."""
    profiles = tmp_path / "profiles"
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(profiles))
    monkeypatch.setenv("ASYNCDBX_LANES", "off")
    names = ("eu-prod", "us-prod", "eu-dev")
    async with Simulator(names=names, scale=0.02, limits=False) as simulator:
        profiles.write_text(simulator["account"].profile("oauth-m2m"))
        fleet = await Fleet.from_account("account", match="^eu")
        async with fleet:
            found = {each.name: await each.call("current_user.me") for each in fleet}
        with pytest.raises(ConfigError, match="has no profile 'prod'"):
            await Fleet.from_account("prod")

    assert {name: me["userName"] for name, me in found.items()} == {
        "eu-dev": simulator.client_id,
        "eu-prod": simulator.client_id,
    }
