"""What is in the tables is what is there: every record once, none twice, none changed."""

import asyncio
import importlib.util
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from databricks.sdk import AccountClient, WorkspaceClient
from inventoried import config_of, in_thread, table

from asyncdbx import catalog
from asyncdbx.catalog.limits import Limits
from asyncdbx.fleet import Fleet
from asyncdbx.inventory.resources import ACCOUNT, RESOURCES, WORKSPACE, choose
from asyncdbx.inventory.run import Order, take_inventory, unwatched
from asyncdbx.inventory.verdict import Verdict
from asyncdbx.simulator import Simulator

pytestmark = pytest.mark.wire

FIXED = ("workspace", "id", "name", "parent", "body", "fetched_at", "run_id", "record")


EVERYTHING = choose(also=("volume_files",))


@dataclass(frozen=True)
class Taken:
    """An inventory of a fleet with its limits on, and what it must hold."""

    folder: Path
    simulator: Simulator
    verdict: Verdict


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    """Three workspaces and their account, at the published limits."""
    folder = tmp_path_factory.mktemp("inventory") / "tables"
    simulator = Simulator(3, scale=0.1, speed=0)

    async def take() -> Verdict:
        async with simulator:
            fleet = Fleet([config_of(each) for each in simulator.everyone])
            return await take_inventory(fleet, Order(folder, EVERYTHING), unwatched)

    return Taken(folder, simulator, asyncio.run(take()))


def hosts(simulator: Simulator, resource: str) -> list[str]:
    scope = RESOURCES[resource].scope
    is_account = scope == "account"
    return [each.name for each in simulator.everyone if bool(each.account_id) is is_account]


def text(record: Any) -> str:
    return json.dumps(record, sort_keys=True)


def test_it_is_all_there_and_nothing_is_left_behind(whole: Taken) -> None:
    """Exit code 0, every listing complete, no spool, a table for each resource."""
    assert whole.verdict.missing == []
    assert whole.verdict.exit_code == 0
    assert len(whole.verdict.listings) == 3 * len(WORKSPACE) + len(ACCOUNT)
    assert [each.name for each in (whole.folder / "_run").iterdir()] == ["lock"]
    tables = {each.name for each in whole.folder.iterdir() if each.name[0] != "_"}
    assert tables == set(RESOURCES)


@pytest.mark.parametrize("resource", RESOURCES)
def test_every_record_is_there_once_and_none_is_changed(
    whole: Taken, resource: str
) -> None:
    """The bodies of each workspace are its truth, with every digit and unknown field."""
    for name in hosts(whole.simulator, resource):
        truth = whole.simulator[name].truth(resource)
        assert truth != []
        rows = table(whole.folder, resource, name)
        assert sorted(text(row["record"]) for row in rows) == sorted(map(text, truth))


@pytest.mark.parametrize("resource", RESOURCES)
def test_ids_are_unique_in_a_workspace(whole: Taken, resource: str) -> None:
    """An id names one record of a workspace, and none is empty or made up."""
    rows = table(whole.folder, resource)
    ids = Counter((row["workspace"], row["id"]) for row in rows)
    assert [each for each, count in ids.items() if count > 1] == []
    assert [row["id"] for row in rows if not row["id"] or row["id"][0] == "?"] == []


def joined_pages(resource: str, record: dict[str, Any]) -> bool:
    """Return whether a body was put together from several pages."""
    settings = record.get("settings", record)
    return resource in {"jobs", "job_runs"} and len(settings.get("tasks", ())) > 100


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_body_is_the_servers_own_text(whole: Taken, resource: str) -> None:
    """Byte for byte, but for objects whose inner arrays came in pages."""
    sent = {
        orjson.dumps(record).decode()
        for name in hosts(whole.simulator, resource)
        for record in whole.simulator[name].truth(resource)
    }
    bodies = [
        row["body"]
        for row in table(whole.folder, resource)
        if not joined_pages(resource, row["record"])
    ]
    assert bodies != []
    assert set(bodies) - sent == set()


def same(column: Any, value: Any) -> bool:
    """Return whether a column holds a body's value; a number may be spelled as text."""
    spelled = type(column) is int and isinstance(value, str)
    return bool(column == (int(value) if spelled else value))


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_typed_column_is_the_bodys_field(whole: Taken, resource: str) -> None:
    """Each scalar column that is not derived has the value of the body, exactly."""
    rows = table(whole.folder, resource)
    not_fields = {*FIXED, *RESOURCES[resource].derived.columns}
    columns = [name for name in rows[0] if name not in not_fields]
    wrong = [
        (row["id"], name, row[name])
        for row in rows
        for name in columns
        if not same(row[name], row["record"].get(name))
    ]
    assert wrong == []


def test_64_bit_ids_keep_every_digit(whole: Taken) -> None:
    """The simulator has ids no double can hold, and they stand in id, column and body."""
    rows = table(whole.folder, "jobs", "prod")
    beyond = [row for row in rows if row["record"]["job_id"] > 2**53]
    assert beyond != []
    assert [row["id"] for row in beyond] == [str(row["job_id"]) for row in beyond]
    assert {row["job_id"] for row in rows} == {
        record["job_id"] for record in whole.simulator["prod"].truth("jobs")
    }


PARENTS = ("dbfs", "workspace_objects", "secrets", "secret_acls", "schemas", "tables",
           "volumes", "model_versions")  # fmt: skip


@pytest.mark.parametrize("resource", PARENTS)
def test_the_parent_is_what_the_record_was_listed_under(
    whole: Taken, resource: str
) -> None:
    """The directory, the scope, the catalog, the schema, the model."""
    for name in hosts(whole.simulator, resource):
        truth = [
            (row.parent, text(row.record)) for row in whole.simulator[name].rows(resource)
        ]
        rows = table(whole.folder, resource, name)
        assert sorted((row["parent"], text(row["record"])) for row in rows) == sorted(truth)


def test_the_parent_of_permissions_is_the_object_that_was_asked(whole: Taken) -> None:
    """Its type and id, as in the call's path; the answer says the same of itself."""
    rows = table(whole.folder, "permissions")
    asked = [row["parent"].split("/") for row in rows]
    assert {kind for kind, _ in asked} >= {"clusters", "jobs", "files", "authorization"}
    assert [row["id"].rpartition("/")[2] for row in rows] == [id_ for _, id_ in asked]


NAMES = {
    "clusters": "cluster_name",
    "cluster_policies": "name",
    "instance_pools": "instance_pool_name",
    "global_init_scripts": "name",
    "job_runs": "run_name",
    "pipelines": "name",
    "workspace_objects": "path",
    "repos": "path",
    "secret_scopes": "name",
    "secrets": "key",
    "secret_acls": "principal",
    "tokens": "comment",
    "users": "userName",
    "groups": "displayName",
    "service_principals": "displayName",
    "ip_access_lists": "label",
    "experiments": "name",
    "warehouses": "name",
    "queries": "display_name",
    "serving_endpoints": "name",
    "catalogs": "name",
    "schemas": "name",
    "tables": "name",
    "volumes": "name",
    "workspaces": "workspace_name",
    "networks": "network_name",
    "account_users": "userName",
    "account_groups": "displayName",
}


@pytest.mark.parametrize("resource", NAMES)
def test_the_name_is_what_people_call_it(whole: Taken, resource: str) -> None:
    """The name column holds the body's own name field."""
    rows = table(whole.folder, resource)
    assert [row["name"] for row in rows] == [
        row["record"].get(NAMES[resource]) for row in rows
    ]


def test_listings_has_a_row_for_each_listing(whole: Taken) -> None:
    """Workspace, resource, status, counts that agree with the tables, and no error."""
    rows = table(whole.folder, "_listings")
    keys = [(row["workspace"], row["resource"]) for row in rows]
    expected = [(each.workspace, each.resource) for each in whole.verdict.listings]
    assert sorted(keys) == sorted(expected)
    for row in rows:
        truth = whole.simulator[row["workspace"]].truth(row["resource"])
        assert row["records"] == len(truth)
        assert (row["status"], row["error"]) == ("complete", "")
        assert row["run_id"] == whole.verdict.run_id
        assert row["started_at"] <= row["ended_at"]
        assert row["calls"] > row["throttled"]


def test_listings_says_how_each_lane_went(whole: Taken) -> None:
    """Whose queue the calls stood in, how fast it was in the end, what was waited."""
    limits = Limits.load()
    for row in table(whole.folder, "_listings"):
        resource = RESOURCES[row["resource"]]
        endpoint = catalog.endpoint(resource.sources[0].endpoint, resource.scope)
        assert row["lane"] == limits.of(endpoint, row["workspace"]).group
        assert row["rate"] > 0
        assert row["waited"] >= 0
        assert row["paused"] >= 0


def test_no_more_calls_are_counted_than_the_fleet_has_seen(whole: Taken) -> None:
    """Calls and 429s of all listings are the server's own counts."""
    lanes = [lane for host in whole.simulator.stats().values() for lane in host.values()]
    accepted = sum(lane.accepted for lane in lanes)
    refused = sum(lane.refused for lane in lanes)
    listings = whole.verdict.listings
    assert sum(each.calls for each in listings) == accepted + refused
    assert sum(each.throttled for each in listings) == refused


def listers() -> Any:
    """Return how the official SDK lists each resource, from the simulator's own tests."""
    file = Path(__file__).parents[1] / "simulator" / "test_sdk_lists_everything.py"
    spec = importlib.util.spec_from_file_location("sdk_listers", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SDK = listers()


@pytest.fixture(scope="module")
def twin() -> Iterator[Simulator]:
    """The same fleet without limits, for the SDK, which goes one call after the other."""
    with in_thread(Simulator(3, scale=0.1, speed=0, limits=False)) as simulator:
        yield simulator


@pytest.mark.parametrize("resource", RESOURCES)
def test_the_official_sdk_finds_the_same(
    whole: Taken, twin: Simulator, resource: str
) -> None:
    """The same ids and fields, of the workspace or of the account."""
    if RESOURCES[resource].scope == "account":
        host = twin["account"]
        account = AccountClient(
            host=host.host, token=host.token, account_id=host.account_id
        )
        found = SDK.ACCOUNT[resource](account)
        name = "account"
    else:
        client = WorkspaceClient(host=twin["prod"].host, token=twin["prod"].token)
        found = SDK.WORKSPACE[resource](client)
        name = "prod"
    records = [row["record"] for row in table(whole.folder, resource, name)]
    SDK._compare(found, [_moved(record, twin) for record in records])


def _moved(record: dict[str, Any], twin: Simulator) -> dict[str, Any]:
    """Return a record as the twin has it, whose workspaces listen on other ports."""
    if "deployment_name" not in record:
        return record
    address = twin[record["workspace_name"]].address
    return record | {"deployment_name": address}
