"""What SQL may not do: change the inventory, read anything else, reach the network."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from inventory_runs import Runs, files, records

from asyncdbx.errors import AsyncdbxError, QueryError
from asyncdbx.look import open_tables
from asyncdbx.look.duck import opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An inventory with a table of two files, and a file beside it."""
    inventory = tmp_path / "inventory"
    runs = Runs(inventory)
    runs.run({("prod", "jobs"): records("1"), ("dev", "jobs"): records("2")})
    (tmp_path / "secret.txt").write_text("s3cr3t")
    (inventory / "_run").mkdir()
    (inventory / "_run" / "spool.sqlite").write_text("s3cr3t")
    return inventory


def serialized(sql: str) -> str:
    """Return a statement as DuckDB keeps it in JSON, in quotes."""
    with duckdb.connect() as other:
        row = other.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    assert row is not None
    return "'" + str(row[0]).replace("'", "''") + "'"


def attacks(folder: Path) -> list[str]:
    """Return statements that would change a file, each of which DuckDB can run."""
    file = next((folder / "jobs" / "workspace=prod").iterdir())
    target = f"'{file}' (FORMAT csv, USE_TMP_FILE false)"
    copy = f"COPY (SELECT 1) TO {target}"
    within = f"WITH x AS ({copy}) FROM jobs"  # a table that is named has files to open
    return [
        copy,
        within,
        f"WITH x AS MATERIALIZED ({copy}) FROM x",
        f"SELECT * FROM ({within})",
        f"SELECT ({within})",
        f"FROM jobs, query('{within.replace(chr(39), chr(39) * 2)}')",
        f"FROM json_execute_serialized_sql({serialized(within)}), jobs",
        f"FROM jobs, system.main.json_execute_serialized_sql({serialized(within)})",
        f"PRAGMA json_execute_serialized_sql({serialized(within)})",
        f"EXPLAIN ANALYZE {copy}",
        f"EXPLAIN ANALYZE {within}",
        f"SELECT 1; {copy}",
        f"PREPARE p AS {copy}",
        f"EXECUTE IMMEDIATE '{copy.replace(chr(39), chr(39) * 2)}'",
        f"ATTACH '{file}' AS other",
        f"ATTACH '{folder}/new.duckdb' AS other",
        f"EXPORT DATABASE '{folder}/export'",
        f"CREATE TABLE t AS SELECT 1; COPY t TO {target}",
        "CREATE PERSISTENT SECRET s (TYPE http)",
        "WITH x AS (DELETE FROM jobs RETURNING *) FROM x",
        "DROP VIEW jobs",
        f"SET temp_directory = '{folder}'",
        f"CALL enable_logging(storage = 'file', storage_path = '{folder}')",
        f"PRAGMA profiling_output = '{folder}/profile'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CHECKPOINT",
        "",
        ";",
        "-- nothing",
    ]


def test_no_statement_changes_anything(folder: Path) -> None:
    """Each is refused, and every file below the folder is as it was."""
    before = files(folder)
    for sql in attacks(folder):
        with pytest.raises(QueryError), open_tables(folder).query(sql) as result:
            list(result.rows())
    assert files(folder) == before


def test_the_attacks_are_ones(folder: Path) -> None:
    """Without the fence some of them do write: DuckDB takes them for SELECT."""
    before = files(folder)
    wrote = 0
    for sql in attacks(folder)[1:9]:
        with duckdb.connect() as bare:
            bare.execute("CREATE VIEW jobs AS SELECT 1")
            try:
                bare.execute(sql).fetchall()
            except duckdb.Error:
                continue
        wrote += files(folder) != before
    assert wrote >= 4


@pytest.mark.parametrize(
    "sql",
    [
        "FROM read_text('{}/secret.txt')",
        "FROM read_text('{}/inventory/_run/spool.sqlite')",
        "FROM read_csv('/etc/passwd')",
        "FROM '/etc/passwd'",
        "FROM '{}/secret.csv'",
        "FROM glob('/etc/*')",
        "FROM 'https://example.com/x.parquet'",
        "FROM read_parquet('s3://bucket/x')",
        "FROM sniff_csv('/etc/passwd')",
        "FROM parquet_metadata('/etc/passwd')",
        "SELECT getenv('HOME')",
        "FROM duckdb_secrets()",
        "FROM which_secret('x', 's3')",
        "FROM folder",
        "FROM sql",
    ],
)
def test_nothing_else_is_read(folder: Path, sql: str) -> None:
    """No file, no network, no environment, no variable of this program."""
    with (
        pytest.raises(QueryError) as caught,
        open_tables(folder).query(sql.format(folder.parent)) as result,
    ):
        list(result.rows())
    assert "s3cr3t" not in str(caught.value)


def test_the_second_wall(folder: Path, tmp_path: Path) -> None:
    """Even a statement that was not looked at sees nothing but the files it was given."""
    with opened() as duck:
        duck.lock([])
        for sql in (
            f"FROM read_text('{tmp_path}/secret.txt')",
            f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
            f"SET temp_directory = '{tmp_path}'",
            "SET enable_external_access = true",
            "SET lock_configuration = false",
            "INSTALL httpfs",
            f"ATTACH '{tmp_path}/db'",
        ):
            with pytest.raises(AsyncdbxError):
                duck.run(sql)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["inventory", "secret.txt"]


@pytest.mark.parametrize(
    ("sql", "first"),
    [
        ("SELECT id FROM jobs ORDER BY id; ", "1"),
        ("FROM jobs SELECT id ORDER BY id -- and nothing else", "1"),
        ("VALUES (1), (2)", 1),
        (
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION SELECT 2 FROM t) FROM t",
            1,
        ),
        ("SELECT 1 UNION ALL SELECT 1 INTERSECT SELECT 2", 1),
        ("TABLE jobs", "dev"),
        ("DESCRIBE jobs", "workspace"),
        ("SHOW TABLES", "_listings"),
        ("SUMMARIZE jobs", "workspace"),
        ("PIVOT (SELECT workspace FROM jobs) ON workspace IN ('dev') USING count(*)", 1),
        ("SELECT table_name FROM information_schema.tables ORDER BY ALL", "_listings"),
        ("SELECT e.key FROM jobs, json_each(body) e", "name"),
        ("SELECT unnest([3])", 3),
        ("FROM range(3)", 0),
        ("SELECT id FROM JOBS ORDER BY ALL", "1"),
        ('SELECT id FROM main."jobs" ORDER BY ALL', "1"),
        ("WITH jobs AS (SELECT 7 AS n) FROM jobs", 7),
        ("SELECT copy FROM (SELECT 'COPY jobs TO x' AS copy)", "COPY jobs TO x"),
    ],
)
def test_what_reads_runs(folder: Path, sql: str, first: object) -> None:
    """All kinds of statements that give rows."""
    with open_tables(folder).query(sql) as result:
        assert next(iter(result.rows()))[0] == first


def test_a_statement_nested_deep_is_no_crash(folder: Path) -> None:
    """It is refused in a sentence."""
    for depth in (5_000, 50_000):
        sql = "SELECT " + "(" * depth + "1" + ")" * depth
        with pytest.raises(AsyncdbxError), open_tables(folder).query(sql):
            pass


def test_what_spills_lies_elsewhere_and_is_gone_afterwards(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the folder for temporary files, while the query runs."""
    spill = tmp_path / "spill"
    spill.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spill))
    before = files(folder)
    with opened(memory="40MB", threads=1) as duck:
        rows = duck.run("SELECT md5(range::VARCHAR) AS m FROM range(2_000_000) ORDER BY m")
        assert len(next(rows.rows())[0]) == 32
        assert [
            each.stat().st_size > 0 for each in spill.rglob("*") if each.is_file()
        ] != []
    assert list(spill.iterdir()) == []
    assert files(folder) == before


def test_too_little_memory_is_a_sentence() -> None:
    """One line, without advice on settings that are locked."""
    sql = "SELECT string_agg(repeat('x', 1000), '') FROM range(1_000_000)"
    with opened(memory="20MB") as duck, pytest.raises(AsyncdbxError) as caught:
        list(duck.run(sql).rows())
    assert str(caught.value).startswith("Out of Memory Error: ")
    assert "\n" not in str(caught.value)
    assert not isinstance(caught.value, QueryError)


SLOW = """
from asyncdbx.look.duck import opened
with opened(threads=1) as duck:
    duck.run("SET progress_bar_time = 1")
    print(next(duck.run("SELECT count(md5(range::VARCHAR)) FROM range(3_000_000)").rows()))
"""


def test_no_progress_is_shown_amid_the_data() -> None:
    """DuckDB would, on stdout, of a query that takes a while."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", SLOW], capture_output=True, check=True, env=environment
    )
    assert (done.stdout, done.stderr) == (b"(3000000,)\n", b"")


ENDLESS = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from asyncdbx.look.duck import opened
with opened() as duck:
    print("running", flush=True)
    duck.run("SELECT count(*) FROM range(1000000) a, range(1000000) b"
             " WHERE hash(a.range + b.range) % 7 = 1")
"""


def test_an_interrupt_ends_a_query_at_once() -> None:
    """While it computes, and DuckDB gives Python no chance to notice."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", ENDLESS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"running\n"
        time.sleep(0.5)
        for _ in range(2):  # people are impatient
            process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert err.splitlines()[-1] == b"KeyboardInterrupt"
    assert json.dumps(process.returncode) in {"-2", "1"}
