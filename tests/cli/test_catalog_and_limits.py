"""``asyncdbx catalog`` and ``asyncdbx limits``: what is known, without any workspace."""

import csv
import io
from pathlib import Path

import pytest
from cli_ran import Asyncdbx

from asyncdbx import catalog
from asyncdbx.catalog.limits import Limits


def test_the_catalog_lists_every_endpoint(asyncdbx: Asyncdbx) -> None:
    """Of both scopes, with what is needed to choose one."""
    ran = asyncdbx("catalog")

    assert [(line["scope"], line["name"]) for line in ran.lines] == catalog.names()
    assert next(line for line in ran.lines if line["name"] == "dbfs.list") == {
        "name": "dbfs.list",
        "scope": "workspace",
        "method": "GET",
        "path": "/api/2.0/dbfs/list",
        "paging": None,
        "limit_group": "dbfs",
        "repeat_safe": True,
    }


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("dbfs.l", "dbfs.list"),
        ("DBFS/List", "dbfs.list"),
        ("GET /api/2.0/dbfs/list", "dbfs.list"),
        ("d?fs.list", "dbfs.list"),
        ("get /api/*/dbfs/l*t", "dbfs.list"),
    ],
)
def test_a_pattern_finds_names_and_paths(
    asyncdbx: Asyncdbx, pattern: str, name: str
) -> None:
    """Any part of them; * and ? stand for others; capitals do not matter."""
    ran = asyncdbx("catalog", pattern)

    assert [line["name"] for line in ran.lines] == [name]


def test_a_scope_can_be_chosen(asyncdbx: Asyncdbx) -> None:
    """One name may stand for two calls."""
    both = asyncdbx("catalog", "users.list").lines
    one = asyncdbx("catalog", "users.list", "--scope", "account").lines

    assert [line["scope"] for line in both] == ["workspace", "account"]
    assert [line["scope"] for line in one] == ["account"]


def test_a_name_shows_everything(asyncdbx: Asyncdbx) -> None:
    """Arguments, paging, fields."""
    (line,) = asyncdbx("catalog", "jobs.list", "-o", "jsonl").lines

    assert line["query_arguments"]["expand_tasks"] == "expand_tasks"
    assert line["pages"]["response_token"] == "next_page_token"
    assert line["fields"]["job_id"] == "int64"


def test_a_name_as_a_table_is_a_list_of_facts(asyncdbx: Asyncdbx) -> None:
    """Those there are."""
    ran = asyncdbx("catalog", "jobs.list", "-o", "table")

    facts = dict(line.split(maxsplit=1) for line in ran.out.splitlines()[1:])
    assert facts["path"] == "/api/2.2/jobs/list"
    assert "upload" not in facts


def test_an_unknown_pattern_names_the_near_one(asyncdbx: Asyncdbx) -> None:
    """It is a usage error."""
    ran = asyncdbx("catalog", "clsters.list")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "asyncdbx: no endpoint has 'clsters.list' in its name or path,"
        " did you mean 'clusters.list'?\n"
    )


def test_limits_need_no_workspace(asyncdbx: Asyncdbx) -> None:
    """The general table: every group, and where its numbers come from."""
    ran = asyncdbx("limits")

    assert [line["group"] for line in ran.lines] == [
        limit.group for limit in Limits.load().groups()
    ]
    assert {line["workspace"] for line in ran.lines} == {None}
    assert all(line["source"] for line in ran.lines)


MINE = """
[groups.dbfs]
per_second = 10
[workspace.dev.groups.dbfs]
per_second = "unlimited"
"""

PROFILES = """
[dev]
host = https://dev.example.com
token = dapiCANARY
[prod]
host = https://prod.example.com
token = dapiCANARY
"""


def test_limits_of_ones_own(
    asyncdbx: Asyncdbx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workspace has a row where it is an exception, and each row says whose it is."""
    limits = tmp_path / "mine.toml"
    limits.write_text(MINE)
    (tmp_path / ".databrickscfg").write_text(PROFILES)
    monkeypatch.setenv("ASYNCDBX_LIMITS", str(limits))
    ran = asyncdbx("limits", "--all-profiles")

    changed = [line for line in ran.lines if line["group"] == "dbfs"]
    assert [(line["workspace"], line["per_second"]) for line in changed] == [
        (None, 10.0),
        ("dev", None),
    ]
    assert str(limits) in changed[0]["source"]
    assert "[workspace.dev.groups.dbfs]" in changed[1]["source"]
    assert "CANARY" not in ran.out + ran.err


def test_limits_as_a_table(asyncdbx: Asyncdbx) -> None:
    """Rates as people write them."""
    ran = asyncdbx("limits", "-o", "table")

    heading = " ".join(ran.out.splitlines()[0].split())
    assert heading == "workspace group per_second learned age now in_flight source"
    assert " dbfs " in ran.out
    assert " 30 " in ran.out


def test_limits_as_csv(asyncdbx: Asyncdbx) -> None:
    """Numbers stay numbers."""
    rows = csv.DictReader(io.StringIO(asyncdbx("limits", "-o", "csv").out))

    assert {row["group"]: row["per_second"] for row in rows}["dbfs"] == "30.0"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[groups.dbfs\n", "line 1"),
        ("[groups.dbfs]\nper_second = 0\n", "line 2"),
        ("[groups.dfbs]\nper_second = 1\n", "'dfbs' is neither a limit group nor an"),
    ],
)
def test_a_file_that_cannot_be_used_is_said(
    asyncdbx: Asyncdbx, tmp_path: Path, text: str, says: str
) -> None:
    """With its name and the line."""
    limits = tmp_path / "mine.toml"
    limits.write_text(text)
    ran = asyncdbx("limits", "--limits", str(limits))

    assert (ran.code, ran.out) == (2, "")
    assert str(limits) in ran.err
    assert says in ran.err


def test_an_unknown_profile_is_said(asyncdbx: Asyncdbx, tmp_path: Path) -> None:
    """Also where a profile is not needed."""
    (tmp_path / ".databrickscfg").write_text(PROFILES)
    ran = asyncdbx("limits", "-p", "nix")

    assert (ran.code, ran.out) == (2, "")
    assert "has no profile 'nix'" in ran.err
