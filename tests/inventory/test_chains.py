"""A chain of pages that is refused in its middle is never taken for a whole one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inventoried import by_key, table, taken
from scripted_api import Reply, refused, scripted_api

from asyncdbx.catalog.limits import Limits
from asyncdbx.errors import Incomplete
from asyncdbx.inventory.resources import choose
from asyncdbx.inventory.rows import Row
from asyncdbx.inventory.spool import Spool, Unit
from asyncdbx.inventory.stream import Found, Missing, stream

pytestmark = pytest.mark.wire


FIRST_OF_TWO: Reply = (
    200,
    {"tables": [{"name": "t", "full_name": "c.s.t"}], "next_page_token": "2"},
)


def one_schema(
    tables: Callable[[dict[str, str]], Reply],
) -> Callable[[str, dict[str, str]], Reply]:
    """Return the replies of a catalog with one schema, which has these tables."""

    def replies(path: str, arguments: dict[str, str]) -> Reply:
        if path.endswith("/catalogs"):
            return 200, {"catalogs": [{"name": "c", "full_name": "c"}]}
        if path.endswith("/schemas"):
            schema = {"name": "s", "catalog_name": "c", "full_name": "c.s"}
            return 200, {"schemas": [schema]}
        return tables(arguments)

    return replies


def tasks(first: int) -> list[dict[str, str]]:
    return [{"task_key": f"t{number}"} for number in range(first, first + 100)]


async def test_a_job_whose_second_page_is_refused_is_missing(
    tmp_path: Path, unlimited: Limits
) -> None:
    """400 behind its first page, twice, does not say that a job was deleted."""

    def replies(path: str, arguments: dict[str, str]) -> Reply:
        if path.endswith("/jobs/list"):
            job = {"job_id": 1, "settings": {"tasks": tasks(0)}, "has_more": True}
            return 200, {"jobs": [job, {"job_id": 2, "settings": {}}], "has_more": False}
        if "page_token" in arguments:
            return refused(400, "INVALID_PARAMETER_VALUE")
        job = {"job_id": 1, "settings": {"tasks": tasks(0)}}
        return 200, {**job, "has_more": True, "next_page_token": "two"}

    async with scripted_api(replies) as fleet:
        verdict = await taken(fleet(unlimited), tmp_path, "jobs")
    ended = by_key(verdict)["prod/jobs"]
    assert (ended.status, ended.gone, verdict.exit_code) == ("partial", 0, 3)
    (row,) = table(tmp_path, "_missing")
    assert (row["kind"], row["what"], row["pages"]) == ("object", "job_id=1", 1)


@pytest.mark.parametrize("code", ["NOT_FOUND", "RESOURCE_DOES_NOT_EXIST"])
async def test_a_schema_whose_second_page_is_not_found_is_missing(
    tmp_path: Path, unlimited: Limits, code: str
) -> None:
    """404 for a page token does not make the first page the whole listing."""

    def tables(arguments: dict[str, str]) -> Reply:
        if "page_token" in arguments:
            return refused(404, code)
        return FIRST_OF_TWO

    async with scripted_api(one_schema(tables)) as fleet:
        verdict = await taken(fleet(unlimited), tmp_path, "tables")
    ended = by_key(verdict)["prod/tables"]
    assert (ended.status, ended.gone) == ("partial", 0)


async def test_a_token_that_is_not_found_begins_the_listing_anew(
    tmp_path: Path, unlimited: Limits
) -> None:
    """A server may say so with 404 too, and the listing begins anew."""
    refusals = [refused(404, "NOT_FOUND")]

    def tables(arguments: dict[str, str]) -> Reply:
        if "page_token" in arguments:
            two = 200, {"tables": [{"name": "u", "full_name": "c.s.u"}]}
            return refusals.pop() if refusals else two
        return FIRST_OF_TWO

    async with scripted_api(one_schema(tables)) as fleet:
        verdict = await taken(fleet(unlimited), tmp_path, "tables")
    assert (verdict.exit_code, by_key(verdict)["prod/tables"].gone) == (0, 0)
    assert [row["id"] for row in table(tmp_path, "tables")] == ["c.s.t", "c.s.u"]


async def test_a_schema_that_is_deleted_between_its_pages_is_gone(
    tmp_path: Path, unlimited: Limits
) -> None:
    """Half of what has been deleted is not listed as if it were there."""
    asked: list[dict[str, str]] = []

    def tables(arguments: dict[str, str]) -> Reply:
        asked.append(arguments)
        if len(asked) > 1:
            return refused(404, "SCHEMA_DOES_NOT_EXIST")
        return FIRST_OF_TWO

    async with scripted_api(one_schema(tables)) as fleet:
        verdict = await taken(fleet(unlimited), tmp_path, "tables")
    ended = by_key(verdict)["prod/tables"]
    assert (ended.status, ended.gone, ended.records) == ("complete", 1, 0)
    assert table(tmp_path, "tables") == []


async def test_a_listing_begun_anew_does_not_go_on_in_its_middle(
    tmp_path: Path, unlimited: Limits
) -> None:
    """The cursor of before a restart is not gone back to, though a page changes then.

    The second page is refused once with 400; then the first one breaks off and has others
    when it is asked for again; and again.
    """
    firsts = iter(range(100))
    refusals = [refused(400, "INVALID_PARAMETER_VALUE")]

    def page(*numbers: int) -> dict[str, Any]:
        return {"runs": [{"run_id": n, "pad": "x" * 100_000} for n in numbers]}

    def replies(path: str, arguments: dict[str, str]) -> Reply:
        if arguments.get("page_token") == "two":
            return refusals.pop() if refusals else (200, page(3))
        whole = {**page(1, 2), "next_page_token": "two"}
        number = next(firsts)
        if number == 1:  # breaks off behind the first record
            return 200, json.dumps(whole).encode()[:150_000]
        if number == 2:  # and has others
            return 200, {**page(9, 2), "next_page_token": "two"}
        return 200, whole

    async with scripted_api(replies) as fleet:
        verdict = await taken(fleet(unlimited), tmp_path, "job_runs")
    ids = [row["id"] for row in table(tmp_path, "job_runs")]
    assert (verdict.exit_code, ids) == (0, ["1", "2", "3"])


def test_what_is_gone_leaves_no_half_of_a_page(tmp_path: Path) -> None:
    """Staged records of a page that never came whole are not the listing's."""
    with Spool.open(tmp_path / "spool.sqlite", {}) as spool:
        spool.add([Unit("prod", "dbfs", "0:list", '{"path":"/gone"}')])
        ((number, _),) = spool.pending("prod", "dbfs", 1)
        spool.stage(number, [Row("/gone/a", None, None, b"{}", 1)])
        spool.commit(number, outcome="gone")
        assert list(spool.blocks("prod", "dbfs")) == []
        assert spool.summary("prod", "dbfs").records == 0


async def test_a_streamed_schema_whose_second_page_is_not_found_is_missing(
    unlimited: Limits,
) -> None:
    """`asyncdbx list` says that it is not all, and does not take the listing for gone."""

    def tables(arguments: dict[str, str]) -> Reply:
        if "page_token" in arguments:
            return refused(404, "NOT_FOUND")
        return FIRST_OF_TWO

    async with (
        scripted_api(one_schema(tables)) as fleet,
        fleet(unlimited) as entered,
        stream([*entered], choose(("tables",))) as records,
    ):
        items = [item async for item in records]
    assert [type(item) for item in items] == [Found, Missing]
    assert records.gone == 0


async def test_a_walked_directory_whose_second_page_is_not_found_is_missing(
    unlimited: Limits,
) -> None:
    """`asyncdbx tree` does not take it for vanished."""

    def replies(path: str, arguments: dict[str, str]) -> Reply:
        if "page_token" in arguments:
            return refused(404, "NOT_FOUND")
        below = path.removeprefix("/api/2.0/fs/directories")
        if below.endswith("/v"):
            entry = {"path": f"{below}/d", "is_directory": True, "name": "d"}
            return 200, {"contents": [entry]}
        entry = {"path": f"{below}/f", "is_directory": False, "name": "f"}
        return 200, {"contents": [entry], "next_page_token": "2"}

    async with scripted_api(replies) as fleet, fleet(unlimited) as entered:
        walk = entered["prod"].walk("/Volumes/c/s/v")
        with pytest.raises(Incomplete, match="could not list /Volumes/c/s/v/d"):
            async for _ in walk:
                pass
    assert walk.vanished == []


@pytest.mark.parametrize("more", [{"next_page_token": "two"}, {"has_more": True}])
@pytest.mark.parametrize("records", [[], [{"key": "k"}]])
async def test_a_listing_that_has_pages_from_now_on_is_partial(
    tmp_path: Path, unlimited: Limits, more: dict[str, Any], records: list[Any]
) -> None:
    """Where the catalog knows of no pages, the first of several is not the whole."""

    def replies(path: str, _: dict[str, str]) -> Reply:
        if path.endswith("/scopes/list"):
            return 200, {"scopes": [{"name": "s"}]}
        return 200, {"secrets": records, **more}

    async with scripted_api(replies) as fleet:
        verdict = await taken(fleet(unlimited), tmp_path, "secrets")
    assert by_key(verdict)["prod/secrets"].status == "partial"
