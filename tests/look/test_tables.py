"""Tables as DuckDB sees them: names, types, versions, what is missing in a file."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable, write_deltalake
from inventory_runs import Runs, records
from odd_names import NAMES

from asyncdbx.errors import QueryError, StoreError
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.resources import RESOURCES
from asyncdbx.inventory.rows import Columns
from asyncdbx.look import open_tables
from asyncdbx.look.duck import opened
from asyncdbx.look.tables import count, read_table, table_names

ODD = [*NAMES, "a[b]", "[x]*", "a\tb", "\x7f", "percent%20", "plus+", "a&b;c", "x" * 100]


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """An empty inventory, in a folder whose name is no plain word either."""
    return Runs(tmp_path / "it's an ïnventory # 1")


def asked(folder: Path, sql: str, at: str | None = None) -> list[tuple[Any, ...]]:
    with open_tables(folder, at).query(sql) as result:
        return list(result.rows())


def test_any_name_of_a_workspace_is_itself(runs: Runs) -> None:
    """It is taken from the log, not out of a path; and a filter on it works."""
    runs.run({(name, "jobs"): records(f"of {name}") for name in ODD})
    rows = asked(runs.folder, "SELECT workspace, id FROM jobs")
    assert sorted(rows) == sorted((name, f"of {name}") for name in ODD)
    for name in ODD:
        quoted = name.replace("'", "''")
        sql = f"SELECT id FROM jobs WHERE workspace = '{quoted}'"
        assert asked(runs.folder, sql) == [(f"of {name}",)]


def test_a_filter_on_the_workspace_opens_no_other_file(runs: Runs) -> None:
    """So a fleet of hundreds costs one of them no more."""
    runs.run({(name, "jobs"): records("1") for name in ("prod", "dev")})
    for file in (runs.folder / "jobs" / "workspace=dev").iterdir():
        file.write_bytes(b"this is no parquet")
    sql = "SELECT id FROM jobs WHERE workspace = 'prod'"
    assert asked(runs.folder, sql) == [("1",)]
    with pytest.raises(QueryError, match=r"No magic bytes found .*/workspace=dev/"):
        asked(runs.folder, "SELECT id FROM jobs")


def test_columns_in_the_order_of_the_contract(runs: Runs) -> None:
    """Even where Delta has put those that came later at the end."""
    runs.run({("prod", "jobs"): records("1", n=1)})
    more = Columns({"n": "int64", "state": "str", "size": "float", "on": "bool"})
    runs.run({("dev", "jobs"): records("2", n=2, size=0.5, on=True)}, columns=more)
    with open_tables(runs.folder).query("FROM jobs ORDER BY id") as result:
        assert [(name, kind.name) for name, kind in result.columns] == [
            ("workspace", "VARCHAR"),
            ("id", "VARCHAR"),
            ("name", "VARCHAR"),
            ("parent", "VARCHAR"),
            ("n", "BIGINT"),
            ("state", "VARCHAR"),
            ("size", "DOUBLE"),
            ("on", "BOOLEAN"),
            ("body", "JSON"),
            ("fetched_at", "TIMESTAMP WITH TIME ZONE"),
            ("run_id", "VARCHAR"),
        ]
        old, new = result.rows()
    assert old[:8] == ("prod", "1", "name of 1", None, 1, None, None, None)
    assert new[4:8] == (2, None, 0.5, True)
    assert new[9] == datetime(2026, 11, 21, 2, tzinfo=UTC)
    assert str(new[9].tzinfo) == "UTC"


def test_a_table_without_a_file_has_its_columns(runs: Runs) -> None:
    """Never any row, and none any more."""
    runs.run({("prod", "jobs"): {}, ("prod", "users"): records("1")})
    runs.run({("prod", "users"): {}})
    for name in ("jobs", "users"):
        with open_tables(runs.folder).query(f"FROM {name}") as result:
            kinds = {each: kind.name for each, kind in result.columns}
            assert (kinds["n"], kinds["body"]) == ("BIGINT", "JSON")
            assert list(result.rows()) == []
    assert asked(runs.folder, "SELECT count(*) FROM users", "previous") == [(1,)]


def test_the_body_is_json_with_every_digit(runs: Runs) -> None:
    """Arrows, dots and functions; integers of any length, texts as they are."""
    body = (
        '{"a": 12345678901234567890123, "id":9007199254740993, "f": 1.10,'
        ' "s": {"x": ["y", {"z": null}]}, "u": "\\u00e9"}'
    )
    runs.run({("prod", "jobs"): {"1": body}})
    row = """
        SELECT body->>'$.a', body->'id', body.s.x[1]->>0, body->>'$.s.x[0]', body->>'u',
               (body->>'a')::HUGEINT, json_array_length(body->'s'->'x'), body
        FROM jobs"""
    assert asked(runs.folder, row) == [
        (
            "12345678901234567890123",
            "9007199254740993",
            None,
            "y",
            "é",
            12345678901234567890123,
            2,
            body,
        )
    ]
    keys = "SELECT key FROM jobs, json_each(body) ORDER BY key"
    assert [key for (key,) in asked(runs.folder, keys)] == ["a", "f", "id", "s", "u"]


def test_every_resource_can_be_named_without_quotes(runs: Runs) -> None:
    """tables, schemas, groups: none is a word of SQL."""
    runs.run({("prod", name): records("1") for name in RESOURCES})
    counts = " UNION ALL ".join(f"SELECT count(*) FROM {name}" for name in RESOURCES)
    assert asked(runs.folder, counts) == [(1,)] * len(RESOURCES)
    assert table_names(Folder(runs.folder)) == sorted(["_listings", *RESOURCES])


def test_other_tables_of_the_folder(runs: Runs) -> None:
    """``_listings`` and its like; partitioned as they are, of any type."""
    runs.run({("prod", "jobs"): records("1"), ("dev", "jobs"): "denied"})
    odd = "SELECT * FROM (VALUES ('x', 1, [1, 2]), ('y', NULL, [])) t(file, day, list)"
    with duckdb.connect() as source:
        write_deltalake(runs.folder / "_lanes", source.sql(odd), partition_by=["day"])
    found = "SELECT workspace, status FROM _listings ORDER BY ALL"
    assert asked(runs.folder, found) == [("dev", "denied"), ("prod", "complete")]
    rows = asked(runs.folder, "SELECT file, day, list FROM _lanes ORDER BY ALL")
    assert rows == [("x", 1, [1, 2]), ("y", None, [])]


def test_a_damaged_table_is_in_nobodys_way(runs: Runs) -> None:
    """Only who names it is told."""
    runs.run({("prod", "jobs"): records("1"), ("prod", "users"): records("1")})
    log = runs.folder / "users" / "_delta_log" / "00000000000000000000.json"
    log.write_text("nonsense")
    assert asked(runs.folder, "SELECT id FROM jobs") == [("1",)]
    with pytest.raises(StoreError, match=r"^table users in .* cannot be read: "):
        asked(runs.folder, "SELECT id FROM users")
    shutil.rmtree(log.parent)
    log.parent.mkdir()
    with pytest.raises(StoreError, match=r"^table users in .* cannot be read: "):
        asked(runs.folder, "SELECT id FROM users")


def test_a_table_with_a_feature_that_matters_is_refused(runs: Runs) -> None:
    """Deletion vectors: the files hold rows that are none any more."""
    runs.run({("prod", "jobs"): records("1")})
    table = DeltaTable(runs.folder / "jobs")
    table.alter.set_table_properties({"delta.enableDeletionVectors": "true"})
    with pytest.raises(StoreError, match="somebody gave it deletionVectors"):
        read_table(Folder(runs.folder), "jobs")


def test_rows_are_counted_where_the_log_does_not_say(runs: Runs) -> None:
    """Somebody else may have rewritten the files."""
    runs.run({("prod", "jobs"): records("1", "2"), ("dev", "jobs"): records("3")})
    for log in (runs.folder / "jobs" / "_delta_log").glob("*1.json"):
        text = log.read_text()
        assert '\\"numRecords\\":' in text
        log.write_text(text.replace('\\"numRecords\\":', '\\"others\\":'))
    table = read_table(Folder(runs.folder), "jobs")
    assert table.rows is None
    with opened() as duck:
        assert count(duck, table.files) == 3
