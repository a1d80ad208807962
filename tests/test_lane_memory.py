"""What a lane is called in the memory of a host, and how it is forgotten."""

from pathlib import Path

import pytest
from lanes import remember, remembered

from asyncdbx.catalog.limits import Limit, Limits
from asyncdbx.config import Pat, WorkspaceConfig, lane_group, lane_key
from asyncdbx.config.secret import Secret
from asyncdbx.fleet import Fleet
from asyncdbx.limiter import opened

HOST = "https://one.example.com"
ALONE = WorkspaceConfig("alone", HOST)
ACCOUNT = WorkspaceConfig("account", HOST, "acc")
ONE = WorkspaceConfig("one", HOST, "acc", "111")
TWO = WorkspaceConfig("two", HOST, "acc", "222")
EVERYONE = (ALONE, ACCOUNT, ONE, TWO, WorkspaceConfig("other", "https://o.example.com"))


@pytest.mark.parametrize("config", EVERYONE, ids=lambda each: each.name)
@pytest.mark.parametrize("group", ["dbfs", "clusters.list", "account:users.list", "a b"])
def test_a_key_is_one_workspaces_and_gives_its_group_back(
    config: WorkspaceConfig, group: str
) -> None:
    """Also where several workspaces and their account have one host."""
    key = lane_key(config, group)
    found = {each.name: lane_group(each, key, {"a b"}) for each in EVERYONE}
    assert found == {each.name: group if each is config else None for each in EVERYONE}


def test_what_is_forgotten_says_nothing(tmp_path: Path) -> None:
    """Its place stays, and others keep what they know."""
    path = tmp_path / "lanes"
    for name in ("a", "b"):
        remember(path, name, limit=90.0)
    with opened(path) as file:
        file.record("a").forget()
    assert {key: said.limit for key, said in remembered(path).items()} == {"b": 90.0}
    with opened(path) as file:
        assert [each.key for each in file.records()] == ["a", "b"]


async def test_a_lane_by_an_endpoints_name() -> None:
    """It is the one its calls use; those of one group share it."""
    fleet = Fleet([WorkspaceConfig("one", HOST, login=Pat(Secret("x")))])
    lane = fleet["one"].lane("dbfs.list")
    assert (lane.group, lane.workspace, lane.rate) == ("dbfs", "one", 15.0)
    assert fleet["one"].ticket("dbfs.delete", {"path": "/x"}).queue.lane is lane
    assert [each for each, _ in fleet.lanes()] == [lane]


def test_the_limit_of_a_lane_by_its_name(tmp_path: Path) -> None:
    """A group's, an endpoint's, what a file says of a workspace; else the default."""
    file = tmp_path / "mine.toml"
    file.write_text('[workspace.prod.groups."clusters.list"]\nper_second = 3\n')
    limits = Limits.load(file)
    found = {
        name: limits.of_lane(name, "prod").per_second
        for name in ("dbfs", "clusters.list", "account:workspaces.list", "a group of old")
    }
    assert found == {
        "dbfs": 30,
        "clusters.list": 3,
        "account:workspaces.list": 15,
        "a group of old": 15,
    }
    assert limits.of_lane("clusters.list").per_second == 15


@pytest.mark.parametrize(
    ("per_second", "window", "believed", "measured"),
    [
        (30.0, 1.0, 0.0, None),
        (30.0, 1.0, 30.0, 30.0),
        (30.0, 1.0, 44.5, 44.5),
        (55 / 3, 60.0, 55 / 3 * 60 / 60, None),
        (55 / 3, 60.0, 17.0, 17.0),
        (None, 1.0, 17.0, None),
    ],
)
def test_what_is_believed_is_not_called_measured(
    per_second: float | None, window: float, believed: float, measured: float | None
) -> None:
    """A limit per minute is taken at its word until answers say otherwise."""
    limit = Limit("a", per_second, 20, "somebody", window)
    assert limit.measured(believed) == measured
