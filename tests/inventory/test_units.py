"""What a unit asks for and what follows from its answer, without any server."""

from typing import Any

import pytest

from asyncdbx.errors import BadAnswer
from asyncdbx.inventory.resources import RESOURCES
from asyncdbx.inventory.spool import Unit
from asyncdbx.inventory.units import (
    Found,
    Step,
    first_units,
    followers_of,
    is_first,
    reader,
    unit,
)


def found(name: str, *records: Any, step: Step | None = None, **arguments: Any) -> Found:
    """Return what records of a resource's first source lead to, with every resource."""
    resource = RESOURCES[name]
    done = unit("prod", name, step or Step(0), arguments)
    raw = [(repr(record).encode(), record) for record in records]
    return reader(done, resource, followers_of(RESOURCES.values()))(raw, 99)


def test_a_step_is_read_as_it_was_written() -> None:
    """Source and kind survive the spool."""
    for step in (Step(0), Step(12), Step(1, fetch=True)):
        assert Step.parse(str(step)) == step
    assert str(Step(1, fetch=True)) == "1:fetch"


def test_equal_arguments_make_equal_keys() -> None:
    """In whatever order they come."""
    one = unit("prod", "tables", Step(0), {"a": 1, "b": "ü"})
    assert one == unit("prod", "tables", Step(0), {"b": "ü", "a": 1})
    assert one.key == '{"a":1,"b":"ü"}'


def test_a_listing_begins_with_sources_that_follow_nothing() -> None:
    """All of them, and of a pure follower none."""
    assert len(first_units("prod", RESOURCES["alerts"])) == 2
    assert first_units("prod", RESOURCES["secrets"]) == []
    assert len(first_units("prod", RESOURCES["permissions"])) == 2


def test_a_first_unit_is_one_wherever_it_stands() -> None:
    """Also when it is resumed in the middle: its 404 is no object that has vanished."""
    jobs = RESOURCES["jobs"]
    (first,) = first_units("prod", jobs)
    assert is_first(first, jobs)
    assert is_first(Unit("prod", "jobs", first.step, first.key, '{"arguments":{}}'), jobs)
    assert not is_first(unit("prod", "jobs", Step(0, fetch=True), {"job_id": 1}), jobs)
    root, below = ({"path": "/"}, {"path": "/a"})
    assert is_first(unit("prod", "dbfs", Step(0), root), RESOURCES["dbfs"])
    assert not is_first(unit("prod", "dbfs", Step(0), below), RESOURCES["dbfs"])


def test_a_record_is_a_row_and_leads_to_its_permissions() -> None:
    """Id, name, parent and body of the row; one unit for the ACL."""
    record = {"cluster_id": "c1", "cluster_name": "etl"}
    result = found("clusters", record)
    assert [tuple(row) for row in result.rows] == [
        ("c1", "etl", None, repr(record).encode(), 99)
    ]
    arguments = {"request_object_type": "clusters", "request_object_id": "c1"}
    assert result.children == [unit("prod", "permissions", Step(0), arguments)]


def test_a_record_without_its_id_is_kept() -> None:
    """Under a name made of its bytes, the same each time, so that it is there once."""
    first, second, other = (found("clusters", {"n": n}).rows[0].id for n in (1, 1, 2))
    assert first == second != other
    assert first.startswith("?")


def test_a_record_that_needs_one_more_call_is_no_row_yet() -> None:
    """Only a job that has more is fetched again; what was fetched is kept as it is."""
    more, whole = {"job_id": 1, "has_more": True}, {"job_id": 2, "has_more": False}
    result = found("jobs", more, whole)
    assert [row.id for row in result.rows] == ["2"]
    fetch = unit("prod", "jobs", Step(0, fetch=True), {"job_id": 1})
    assert result.children[0] == fetch
    again = found("jobs", more, step=Step(0, fetch=True), job_id=1)
    assert [row.id for row in again.rows] == ["1"]
    assert [child.resource for child in again.children] == ["permissions"]


def test_followers_of_one_service_are_not_asked_of_the_other() -> None:
    """Alerts of the new service have permissions as alertsv2, of the old as alerts."""
    for number, kind in enumerate(("alerts", "alertsv2")):
        (child,) = found("alerts", {"id": "a"}, step=Step(number)).children
        assert f'"request_object_type":"{kind}"' in child.key


def test_directories_are_descended_into() -> None:
    """A directory below is a unit, a file is not, and the directory itself is not."""
    records = [
        {"path": "/a/b", "is_dir": True},
        {"path": "/a/f", "is_dir": False},
        {"path": "/a", "is_dir": True},
    ]
    result = found("dbfs", *records, path="/a")
    assert [child.key for child in result.children] == ['{"path":"/a/b"}']
    assert {row.parent for row in result.rows} == {"/a"}


@pytest.mark.parametrize(
    ("name", "record", "words"),
    [
        ("clusters", "text", "a record of clusters.list is no object"),
        ("clusters", None, "is no object"),
        ("secret_scopes", {"title": "x"}, "a record of secrets.list_scopes lacks 'name'"),
        ("catalogs", {"full_name": "x"}, "lacks 'name'"),
        ("secret_scopes", {"name": 2**70}, "a record of secrets.list_scopes is odd: "),
        ("workspace_objects", {"object_type": ["x"], "path": "/x"}, "is odd: "),
        (
            "dbfs",
            {"path": "/x", "is_dir": True},
            "'/x', listed in '/a', does not lie there",
        ),
        ("dbfs", {"is_dir": True}, "None, listed in '/a', does not lie there"),
    ],
)
def test_a_record_that_cannot_be_followed_is_a_bad_answer(
    name: str, record: Any, words: str
) -> None:
    """It says which call gave it; the crawl makes a partial listing of it."""
    with pytest.raises(BadAnswer, match=words):
        found(name, record, path="/a")
