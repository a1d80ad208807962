"""Columns of runtimes: what runs on which, until when it is supported, and no lie."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from arro3.core import Table
from deltalake import DeltaTable, QueryBuilder
from hypothesis import given, settings
from hypothesis import strategies as st
from inventoried import fleet_of, taken

from asyncdbx import catalog
from asyncdbx.catalog.limits import Limits
from asyncdbx.inventory.columns import columns_of
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.resources import RESOURCES
from asyncdbx.inventory.rows import Block, Columns, Row
from asyncdbx.inventory.runtimes import (
    COLUMNS,
    of_cluster,
    of_job,
    of_policy,
    of_pool,
    runtime_columns,
)
from asyncdbx.inventory.sources import Record
from asyncdbx.inventory.store import Store
from asyncdbx.runtime_version import has_ended, parse, support_end
from asyncdbx.simulator import Simulator

HAVE_RUNTIMES = ["clusters", "cluster_policies", "instance_pools", "jobs"]
README = Path(__file__).parents[2] / "README.md"

Uses = Callable[[Record], Iterator[Any]]


def columns(uses: Uses, record: Any) -> dict[str, Any]:
    """Return what the columns say of a record, without those that are null."""
    derived = runtime_columns(uses)
    values = dict(zip(derived.columns, derived.values(record), strict=True))
    return {name: value for name, value in values.items() if value is not None}


def all_of(uses: Uses, record: Any) -> list[str]:
    """Return the column ``runtimes``."""
    found: list[str] = json.loads(columns(uses, record).get("runtimes", "[]"))
    return found


def test_a_cluster_has_one_runtime() -> None:
    """Every column tells of it."""
    assert columns(of_cluster, {"spark_version": "10.4.x-aarch64-photon-scala2.12"}) == {
        "runtime": "10.4.x-aarch64-photon-scala2.12",
        "runtime_version": "10.4",
        "runtime_form": "dbr",
        "runtime_ml": False,
        "runtime_gpu": False,
        "runtime_photon": True,
        "runtime_arm": True,
        "runtime_scala": "2.12",
        "runtime_support_ends": date(2025, 3, 18),
        "runtime_support_ended": True,
        "runtimes": '["10.4.x-aarch64-photon-scala2.12"]',
    }


UNKNOWN = {"ml": None, "gpu": None, "photon": None, "arm": None}
NO = dict.fromkeys(UNKNOWN, False)


@pytest.mark.parametrize(
    ("record", "kinds"),
    [
        ({"spark_version": "16.4.x-scala2.12"}, NO),
        (
            {"spark_version": "16.4.x-scala2.12", "runtime_engine": "PHOTON"},
            {**NO, "photon": True},
        ),
        ({"spark_version": "16.4.x-scala2.12", "runtime_engine": "STANDARD"}, NO),
        ({"spark_version": "16.4.x-scala2.12", "runtime_engine": None}, NO),
        (
            {"spark_version": "16.4.x-scala2.12", "runtime_engine": "ION"},
            {**NO, "photon": None},
        ),
        (
            {"spark_version": "16.4.x-scala2.12", "runtime_engine": ["PHOTON"]},
            {**NO, "photon": None},
        ),
        (
            {"spark_version": "9.1.x-photon-scala2.12", "runtime_engine": "STANDARD"},
            {**NO, "photon": True},
        ),
        # With use_ml_runtime the kind of node decides whether it is one for GPUs.
        (
            {"spark_version": "16.4.x-scala2.12", "use_ml_runtime": True},
            {**NO, "ml": True, "gpu": None},
        ),
        ({"spark_version": "16.4.x-scala2.12", "use_ml_runtime": False}, NO),
        (
            {"spark_version": "16.4.x-scala2.12", "use_ml_runtime": "yes"},
            {**NO, "ml": None, "gpu": None},
        ),
        (
            {"spark_version": "16.4.x-gpu-ml-scala2.12", "use_ml_runtime": "yes"},
            {**NO, "ml": True, "gpu": True},
        ),
        ({"spark_version": "latest-stable-gpu-scala2.11"}, {**NO, "gpu": True}),
        ({"spark_version": "custom:my-image"}, UNKNOWN),
        (
            {"spark_version": "custom:my-image", "runtime_engine": "PHOTON"},
            {**UNKNOWN, "photon": True},
        ),
        ({"spark_version": "dlt:14.1-delta"}, UNKNOWN),
        ({"spark_version": "x14.1.x-photon-scala2.12"}, UNKNOWN),
    ],
    ids=str,
)
def test_a_kind_is_what_the_key_says_or_the_cluster(
    record: dict[str, Any], kinds: dict[str, bool | None]
) -> None:
    """And null, if it may be or not."""
    said = columns(of_cluster, record)
    assert {kind: said.get(f"runtime_{kind}") for kind in kinds} == kinds


@pytest.mark.parametrize("version", [None, "", 16.4, [], {}, ["16.4.x-scala2.12"]], ids=str)
def test_without_a_runtime_all_is_null(version: Any) -> None:
    """A cluster that inherits it from its policy has none of its own."""
    assert columns(of_cluster, {"spark_version": version}) == {}
    assert columns(of_cluster, {}) == {}


def spec(version: str, **fields: Any) -> dict[str, Any]:
    return {"new_cluster": {"spark_version": version, **fields}}


JOB = {
    "spark_version": "1.1.x-scala2.10",  # not where a job has one
    "settings": {
        "job_clusters": [
            {"job_cluster_key": "a", **spec("17.3.x-scala2.13")},
            {"job_cluster_key": "b", **spec("13.3.x-cpu-ml-scala2.12")},
            {"job_cluster_key": "c", "new_cluster": {"policy_id": "x"}},
        ],
        "tasks": [
            {"task_key": "1", "job_cluster_key": "a"},
            {"task_key": "2", "existing_cluster_id": "0123"},
            {"task_key": "3", **spec("17.3.x-scala2.13")},
            {
                "task_key": "4",
                "for_each_task": {"inputs": "[1]", "task": spec("14.3.x-scala2.12")},
            },
            {"task_key": "5", **spec("custom:new")},
        ],
    },
}


def test_a_job_has_those_of_all_clusters_it_makes() -> None:
    """The columns tell of the one whose support ends first; existing ones do not count."""
    said = columns(of_job, JOB)

    assert said["runtime"] == "13.3.x-cpu-ml-scala2.12"
    assert said["runtime_ml"] is True
    assert said["runtime_support_ends"] == date(2026, 8, 22)
    assert json.loads(said["runtimes"]) == [
        "custom:new",
        "13.3.x-cpu-ml-scala2.12",
        "14.3.x-scala2.12",
        "17.3.x-scala2.13",
    ]
    assert all_of(of_job, {"settings": spec("9.1.x-scala2.12")}) == ["9.1.x-scala2.12"]


@pytest.mark.parametrize(
    ("versions", "first"),
    [
        (["16.4.x-scala2.12", "15.4.x-scala2.12"], "15.4.x-scala2.12"),
        (["18.x-scala2.13", "17.2.x-scala2.13"], "17.2.x-scala2.13"),  # not the oldest: LTS
        (["17.3.x-scala2.13", "17.0.x-scala2.13", "16.4.x-scala2.12"], "17.0.x-scala2.13"),
        (["5.5.x-scala2.11", "7.3.x-scala2.12"], "5.5.x-scala2.11"),  # both have ended
        (["7.3.x-scala2.12", "6.4.x-esr-scala2.11"], "6.4.x-esr-scala2.11"),
        (["18.2.x-scala2.13", "18.x-scala2.13"], "18.x-scala2.13"),  # the other has no date
        (["18.2.x-scala2.13", "20.x-scala2.13"], "18.2.x-scala2.13"),
        (["17.2.x-scala2.13", "13.3.x-scala2.12"], "13.3.x-scala2.12"),
        (["16.3.x-scala2.12", "14.3.x-scala2.12"], "16.3.x-scala2.12"),  # with no date
        (["16.4.x-scala2.13", "16.4.x-scala2.12"], "16.4.x-scala2.12"),
        (["auto:latest-lts", "what"], "what"),
    ],
)
def test_the_one_whose_support_ends_first(versions: list[str], first: str) -> None:
    """Of those that have ended, end together, or of which nobody knows, the oldest."""
    for each in (versions, versions[::-1]):
        job = {"settings": {"job_clusters": [spec(version) for version in each]}}
        assert columns(of_job, job)["runtime"] == first


def test_clusters_of_one_runtime_have_photon_if_one_has() -> None:
    """And it is not known if one may have."""
    key = "16.4.x-scala2.12"
    both = [spec(key), spec(key, runtime_engine="PHOTON"), spec(key, runtime_engine="ION")]
    for clusters, photon in [(both, True), (both[::2], None), (both[:1], False)]:
        said = columns(of_job, {"settings": {"job_clusters": clusters}})
        assert said.get("runtime_photon") is photon
        assert json.loads(said["runtimes"]) == [key]


def test_a_pool_has_those_it_preloads() -> None:
    """Its clusters choose Photon or not."""
    pool = {"preloaded_spark_versions": ["17.3.x-scala2.13", 7, "14.3.x-scala2.12"]}
    said = columns(of_pool, pool)

    assert json.loads(said["runtimes"]) == ["14.3.x-scala2.12", "17.3.x-scala2.13"]
    assert said["runtime_ml"] is False
    assert "runtime_photon" not in said
    assert columns(of_pool, {"preloaded_spark_versions": []}) == {}


def policy(**rules: Any) -> dict[str, Any]:
    return {"definition": json.dumps({key.replace("__", "."): rules[key] for key in rules})}


A, B, C = "13.3.x-scala2.12", "14.3.x-scala2.12", "15.4.x-scala2.12"


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ({"type": "fixed", "value": A, "hidden": True}, [A]),
        ({"type": "fixed", "value": "auto:latest-lts"}, ["auto:latest-lts"]),
        ({"type": "allowlist", "values": [B, A, 1], "defaultValue": C}, [A, B, C]),
        ({"type": "blocklist", "values": [A, B], "defaultValue": C}, [C]),
        ({"type": "regex", "pattern": r"1[34]\.[0-9]+\.x-scala.*"}, []),
        ({"type": "regex", "pattern": ".*", "defaultValue": A}, [A]),
        ({"type": "unlimited", "defaultValue": A}, [A]),
        ({"type": "unlimited", "isOptional": True}, []),
        ({"type": "forbidden", "hidden": True}, []),
        ({"value": A}, []),
        (A, []),
    ],
    ids=str,
)
def test_a_policy_has_those_it_sets_allows_or_suggests(rule: Any, named: list[str]) -> None:
    """Patterns name none, and what is forbidden does not run."""
    assert all_of(of_policy, policy(spark_version=rule)) == named
    nested = policy(job_clusters__new_cluster__spark_version=rule)
    assert all_of(of_policy, nested) == named
    assert all_of(of_policy, policy(node_type_id=rule, my_spark_version=rule)) == []


def test_a_policy_that_sets_the_engine_tells_of_photon() -> None:
    """Beside the version, at its own place; otherwise a cluster decides."""
    version = {"type": "fixed", "value": A}
    photon = {"type": "fixed", "value": "PHOTON"}
    either = {"type": "unlimited", "defaultValue": "PHOTON"}

    def said(**rules: Any) -> bool | None:
        return columns(of_policy, policy(**rules)).get("runtime_photon")

    assert said(spark_version=version, runtime_engine=photon) is True
    assert said(
        spark_version=version, runtime_engine={"type": "fixed", "value": "STANDARD"}
    ) is (False)
    assert said(spark_version=version, runtime_engine=either) is None
    assert said(spark_version=version) is None
    assert said(clusters__spark_version=version, runtime_engine=photon) is None
    assert said(clusters__spark_version=version, clusters__runtime_engine=photon) is True


@pytest.mark.parametrize(
    "text", [None, 7, "", "{", "[]", "null", '"x"', {}, "\ud800"], ids=ascii
)
def test_a_definition_that_is_none_names_none(text: Any) -> None:
    """A policy of a family may have an empty one."""
    assert columns(of_policy, {"definition": text}) == {}


WORDS = [
    *("settings", "tasks", "job_clusters", "new_cluster", "for_each_task", "task"),
    *("spark_version", "runtime_engine", "use_ml_runtime", "preloaded_spark_versions"),
    *("type", "value", "values", "defaultValue", "fixed", "allowlist", "PHOTON", A, "5.5"),
]
LEAVES = st.none() | st.booleans() | st.integers() | st.sampled_from(WORDS) | st.text()
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)
RECORDS = st.dictionaries(st.sampled_from(WORDS), JSON, max_size=5)


@settings(deadline=None)
@given(RECORDS, st.sampled_from([of_cluster, of_job, of_pool]))
def test_no_record_is_refused(record: Any, uses: Uses) -> None:
    """Whatever stands where something else is expected."""
    check(columns(uses, record))


@settings(deadline=None)
@given(st.one_of(JSON, RECORDS).map(json.dumps) | JSON)
def test_no_definition_is_refused(definition: Any) -> None:
    """Nor JSON in it of any shape."""
    check(columns(of_policy, {"definition": definition}))


def check(said: dict[str, Any]) -> None:
    """What is said is so by the texts alone, and of the right type."""
    if not said:
        return
    versions = [parse(text) for text in json.loads(said["runtimes"])]
    assert parse(said["runtime"]) in versions
    assert versions == sorted(versions)
    ends = [end for each in versions if (end := support_end(each)) is not None]
    if not any(map(has_ended, versions)):
        assert said.get("runtime_support_ends") == min(ends, default=None)


def test_four_resources_have_these_columns() -> None:
    """The same in each, and no other table has one of them."""
    for name, resource in RESOURCES.items():
        known = set(columns_of(resource).schema.names)
        expected = set(COLUMNS) if name in HAVE_RUNTIMES else set()
        assert known & set(COLUMNS) == expected


def row(number: int, record: Any) -> Row:
    return Row(
        str(number), f"c{number}", None, json.dumps(record).encode(), 1_700_000_000_000
    )


def publish(
    store: Store, columns: Columns, *versions: str, workspace: str = "prod"
) -> None:
    rows = [row(number, {"spark_version": each}) for number, each in enumerate(versions)]
    store.publish("clusters", {workspace: [Block.of(rows)]}, columns, run_id="run")


def test_a_table_without_these_columns_gets_them(tmp_path: Path) -> None:
    """What was published before has null there; the date is a date to Delta."""
    store = Store(Folder.open(tmp_path))
    earlier = Columns(catalog.endpoint("clusters.list", "workspace").fields)
    publish(store, earlier, A, workspace="old")
    before = DeltaTable(tmp_path / "clusters").schema().fields
    assert not {each.name for each in before} & set(COLUMNS)

    publish(store, columns_of(RESOURCES["clusters"]), A, "7.3.x-scala2.12")

    asked = ["workspace", "spark_version", "runtime", "runtime_support_ends"]
    found = sorted(tuple(each.values()) for each in store.read("clusters", asked))
    assert found == [
        ("old", A, None, None),
        ("prod", A, A, date(2026, 8, 22)),
        ("prod", "7.3.x-scala2.12", "7.3.x-scala2.12", None),
    ]
    types = {
        each.name: each.type for each in DeltaTable(tmp_path / "clusters").schema().fields
    }
    assert str(types["runtime_support_ends"]) == 'PrimitiveType("date")'

    publish(store, earlier, A)  # and an earlier version still writes to it
    assert {each["runtime"] for each in store.read("clusters")} == {None}


def documented_query() -> str:
    """Return the query that the README shows."""
    blocks = re.findall(r"```sql\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    (query,) = (str(block) for block in blocks)
    return query


def out_of_support(folder: Path, name: str) -> list[dict[str, Any]]:
    query = documented_query().replace("clusters", name)
    table = DeltaTable(folder / name)
    found = Table(QueryBuilder().register(name, table).execute(query).read_all())
    columns = [list(found.column(column).to_pylist()) for column in found.column_names]
    rows = zip(*columns, strict=True)
    return [dict(zip(found.column_names, row, strict=True)) for row in rows]


@pytest.mark.wire
async def test_what_runs_out_of_support_is_one_query(
    tmp_path: Path, unlimited: Limits
) -> None:
    """The README's, of a whole inventory: just those of which it is known."""
    async with Simulator(2, scale=0.3, limits=False, account=False) as simulator:
        await taken(fleet_of(simulator, limits=unlimited), tmp_path, *HAVE_RUNTIMES)
        today = datetime.now(UTC).date()
        expected = [
            (each.name, record["cluster_name"], record["spark_version"])
            for each in simulator.workspaces
            for record in each.truth("clusters")
            if has_ended(version := parse(record["spark_version"]))
            or (support_end(version) or today) < today
        ]
        total = sum(len(each.truth("clusters")) for each in simulator.workspaces)
    found = await asyncio.to_thread(out_of_support, tmp_path, "clusters")

    shown = [(each["workspace"], each["name"], each["runtime"]) for each in found]
    assert sorted(shown) == sorted(expected)
    assert 0 < len(expected) < total
    ends = [each["runtime_support_ends"] for each in found]
    assert ends == sorted(ends, key=lambda day: day or date.min)
    assert None in ends


@pytest.mark.parametrize(
    ("name", "ended", "other"),
    [
        ("clusters", {"spark_version": A}, {"spark_version": "custom:x"}),
        ("jobs", JOB, {"settings": spec("18.2.x-scala2.13")}),
        (
            "instance_pools",
            {"preloaded_spark_versions": ["7.3.x-scala2.12", "19.x-scala2.13"]},
            {"preloaded_spark_versions": ["19.x-scala2.13"]},
        ),
        (
            "cluster_policies",
            policy(spark_version={"type": "allowlist", "values": [A, "auto:latest-lts"]}),
            policy(spark_version={"type": "blocklist", "values": [A]}),
        ),
    ],
)
def test_the_query_is_that_of_all_four_tables(
    tmp_path: Path, name: str, ended: Any, other: Any
) -> None:
    """With the table's name in it."""
    store = Store(Folder.open(tmp_path))
    rows = [Block.of([row(1, ended), row(2, other), row(3, {})])]
    store.publish(name, {"prod": rows}, columns_of(RESOURCES[name]), run_id="run")
    assert [each["name"] for each in out_of_support(tmp_path, name)] == ["c1"]


@pytest.mark.wire
async def test_jobs_pools_and_policies_have_a_runtime(
    tmp_path: Path, unlimited: Limits
) -> None:
    """In the tables of a whole inventory."""
    async with Simulator(1, scale=0.05, limits=False, account=False) as simulator:
        await taken(fleet_of(simulator, limits=unlimited), tmp_path, *HAVE_RUNTIMES)
    store = Store(Folder.open(tmp_path, create=False))
    for name, runtime, form in [
        ("jobs", "16.4.x-scala2.12", "dbr"),
        ("instance_pools", "16.4.x-scala2.12", "dbr"),
        ("cluster_policies", "auto:latest-lts", "policy"),
    ]:
        rows = list(store.read(name, ["runtime", "runtime_form", "runtimes"]))
        assert rows != []
        assert {tuple(each.values()) for each in rows} == {
            (runtime, form, json.dumps([runtime]))
        }
