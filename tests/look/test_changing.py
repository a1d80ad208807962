"""The fields that are left out of comparisons."""

from pathlib import Path

import pytest
from databricks.sdk.service import (
    billing,
    catalog,
    compute,
    jobs,
    ml,
    pipelines,
    serving,
    settings,
    sql,
)

from asyncdbx.errors import ConfigError
from asyncdbx.inventory.resources import RESOURCES
from asyncdbx.look.changing import FILE, Changing
from asyncdbx.look.path import parse_path

OF = {
    "clusters": [compute.ClusterDetails],
    "instance_pools": [compute.InstancePoolAndStats],
    "libraries": [compute.ClusterLibraryStatuses, compute.LibraryFullStatus],
    "jobs": [jobs.BaseJob],
    "job_runs": [jobs.Run, jobs.RunTask],
    "pipelines": [pipelines.GetPipelineResponse],
    "warehouses": [sql.EndpointInfo],
    "alerts": [sql.ListAlertsResponseAlert, sql.AlertV2, sql.AlertV2Evaluation],
    "serving_endpoints": [serving.ServingEndpoint, serving.ServedEntityOutput],
    "tokens": [settings.TokenInfo],
    "registered_models": [ml.ModelDatabricks, ml.ModelVersion],
    "model_versions": [ml.ModelVersion, catalog.ModelVersionInfo],
    "tables": [catalog.TableInfo],
    "log_delivery": [billing.LogDeliveryConfiguration, billing.LogDeliveryStatus],
}
# What no dataclass of the SDK has; the file says where it is from.
ELSEWHERE = {
    "last_activity_time",
    "registered_model_databricks",
    "delta.lastCommitTimestamp",
    "*",
}


def test_the_sdk_knows_every_field() -> None:
    """A field that is misspelled would leave nothing out, and nobody would see it."""
    known = {
        name: {field for of in classes for field in of.__dataclass_fields__}
        for name, classes in OF.items()
    }
    entries = Changing.known().entries
    assert {each.resource for each in entries} == set(OF)
    for each in entries:
        names = {step for step in parse_path(each.field) if isinstance(step, str)}
        assert names - known[each.resource] - ELSEWHERE == set(), each


def test_each_entry_says_why() -> None:
    """No field twice, and every resource is one."""
    entries = Changing.known().entries
    assert len({(each.resource, each.field) for each in entries}) == len(entries) > 50
    assert all(len(each.why) > 10 for each in entries)
    assert {each.resource for each in entries} <= set(RESOURCES)


def test_of_a_resource() -> None:
    """Its own fields, and those of all."""
    changing = Changing().with_fields(["jobs.a.b", "*.c", "users.d", "jobs.t[*].x"])
    assert changing.of("jobs") == {"a": {"b": None}, "c": None, "t": {"*": {"x": None}}}
    assert changing.of("dbfs") == {"c": None}
    assert Changing.known().of("dbfs") == {}
    assert Changing().of("clusters") == {}


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("state", "'state' is no RESOURCE.FIELD; write clusters.state or *.etag"),
        ("jobs.", "'jobs.' is no RESOURCE.FIELD"),
        (".x", "'.x': there is no resource ''"),
        ("jbs.x", "'jbs.x': there is no resource 'jbs'; did you mean jobs?"),
        ("jobs.a..b", "'jobs.a..b': 'a..b' is no field; write settings.tasks[*].libraries"),
    ],
)
def test_a_field_that_cannot_be_ignored(field: str, words: str) -> None:
    """Said when it is given, not when nothing comes of it."""
    with pytest.raises(ConfigError) as caught:
        Changing().with_fields([field])
    assert str(caught.value).startswith(words)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    """In the form of ours; a dotted name needs no quotes."""
    file = tmp_path / "ignore.toml"
    file.write_text(
        '[jobs]\nsettings.tags.at = "a"\n"tasks[*].x" = "b"\n[jobs.deep]\ny = "c"\n'
        '["*"]\netag = "d"\n'
    )
    found = Changing().with_file(file).entries
    assert [(each.resource, each.field, each.why) for each in found] == [
        ("jobs", "settings.tags.at", "a"),
        ("jobs", "tasks[*].x", "b"),
        ("jobs", "deep.y", "c"),
        ("*", "etag", "d"),
    ]
    assert Changing().with_file(FILE) == Changing.known()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[jobs", "is no TOML: "),
        ("[jbs]\nx = 'y'", "jbs.x: there is no resource 'jbs'; did you mean jobs?"),
        ("[jobs]\nx = 1", "jobs.x must say why, in quotes"),
        ("[jobs]\nx = true", "jobs.x must say why, in quotes"),
        ("jobs = 'x'", "jobs is no table; write [jobs] first"),
        ("[jobs]\n'a[' = 'y'", "jobs.a[: 'a[' is no field"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    """The file and the field are named."""
    file = tmp_path / "ignore.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        Changing().with_file(file)
    assert str(caught.value).startswith(str(file))
    assert words in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """Not there, a folder, not UTF-8."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name, words in (
        ("none", "No such file"),
        (".", "Is a directory"),
        ("binary", "TOML"),
    ):
        with pytest.raises(ConfigError, match=words):
            Changing().with_file(tmp_path / name)
