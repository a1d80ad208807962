"""``asyncdbx query`` from outside: formats, files, errors, a closed pipe, real tables."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from cli_process import started
from cli_ran import Asyncdbx
from hypothesis import given, settings
from hypothesis import strategies as st
from inventory_runs import Runs, files, records

from asyncdbx.cli.sql_values import sheet_of
from asyncdbx.look.duck import opened
from asyncdbx.simulator import Simulator

BOTH = ("-p", "prod", "-p", "dev")
JOBS = ("prod", "jobs")


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """An inventory of two runs."""
    runs = Runs(tmp_path / "inventory")
    runs.run({JOBS: records("1", "2", n=1), ("prod", "users"): records("u")})
    runs.run({JOBS: records("2", "3", n=2), ("prod", "clusters"): {}})
    return runs


def query(asyncdbx: Asyncdbx, runs: Runs, *arguments: str) -> Any:
    return asyncdbx("query", str(runs.folder), *arguments)


@pytest.mark.wire
def test_a_real_inventory(fleet: Simulator, asyncdbx: Asyncdbx, tmp_path: Path) -> None:
    """Every table of everything that there is, and what is in the bodies."""
    to = str(tmp_path / "to")
    assert asyncdbx("inventory", "--all-profiles", "--to", to).code == 0
    tables = asyncdbx("query", to).lines
    names = {each["table"] for each in tables}
    assert names == {each.name for each in Path(to).glob("*/") if each.name != "_run"}
    assert len(names) == 46
    union = " UNION ALL ".join(
        f"SELECT '{name}' AS name, count(*) AS n FROM {name}" for name in sorted(names)
    )
    counted = {each["name"]: each["n"] for each in asyncdbx("query", to, union).lines}
    assert counted == {each["table"]: each["rows"] for each in tables}
    truth = {
        (workspace.name, each["settings"]["name"])
        for workspace in fleet.workspaces
        for each in workspace.truth("jobs")
    }
    sql = "SELECT workspace, body->>'$.settings.name' AS name, body FROM jobs"
    found = asyncdbx("query", to, sql).lines
    assert {(each["workspace"], each["name"]) for each in found} == truth
    assert {each["body"]["settings"]["name"] for each in found} == {
        name for _, name in truth
    }


def test_each_format(asyncdbx: Asyncdbx, runs: Runs) -> None:
    """The same rows as lines, an array, CSV and a table."""
    sql = "SELECT id, n, [id] AS list, body FROM jobs ORDER BY id"
    body = {"name": "name of 2", "n": 2}
    first = {"id": "2", "n": 2, "list": ["2"], "body": body}
    ran = query(asyncdbx, runs, sql)
    assert (ran.code, ran.err, ran.lines[0]) == (0, "", first)
    assert len(ran.lines) == 2
    assert json.loads(query(asyncdbx, runs, sql, "-o", "json").out)[0] == first
    rows = list(csv.reader(io.StringIO(query(asyncdbx, runs, sql, "-o", "csv").out)))
    assert rows[:2] == [["id", "n", "list", "body"], ["2", "2", '["2"]', json.dumps(body)]]
    table = query(asyncdbx, runs, sql, "-o", "table").out.splitlines()
    assert table[:2] == [
        "id  n  list   body",
        '2   2  ["2"]  {"name": "name of 2", "n": 2}',
    ]


def test_nothing_found(asyncdbx: Asyncdbx, runs: Runs) -> None:
    """Each format says so in its way."""
    sql = "SELECT id, n FROM clusters"
    outs = [query(asyncdbx, runs, sql, "-o", form).out for form in ("jsonl", "json", "csv")]
    assert outs == ["", "[]\n", "id,n\n"]
    assert query(asyncdbx, runs, sql, "-o", "table").out == "id  n\n"


def test_columns_with_any_name(asyncdbx: Asyncdbx, runs: Runs) -> None:
    """Commas, quotes, escapes; two with one name are two."""
    sql = 'SELECT 1 AS "a,b", 2 AS x, 3 AS x, 4 AS x_1, 5 AS "\x1b[2J", 6 AS x, 7 AS "=1"'
    (row,) = query(asyncdbx, runs, sql).lines
    assert list(row.items()) == [
        ("a,b", 1), ("x", 2), ("x_2", 3), ("x_1", 4), ("\x1b[2J", 5), ("x_3", 6), ("=1", 7),
    ]  # fmt: skip
    head, values = csv.reader(io.StringIO(query(asyncdbx, runs, sql, "-o", "csv").out))
    assert dict(zip(head, map(int, values), strict=True)) == row
    safe = query(asyncdbx, runs, sql, "-o", "csv", "--csv-safe").out
    assert next(csv.reader(io.StringIO(safe)))[-1] == "'=1"
    assert "\x1b" not in query(asyncdbx, runs, sql, "-o", "table").out


MOST, LEAST = str(2**127 - 1), str(-(2**127))
LONG = "123456789012345678901234567890"
UUID = "550e8400-e29b-41d4-a716-446655440000"
TYPES = {
    "9007199254740993": "9007199254740993",
    "18446744073709551615::UBIGINT": "18446744073709551615",
    f"{MOST}::HUGEINT": MOST,
    f"({LEAST})::HUGEINT": LEAST,
    "12345678901234567890.1234567890::DECIMAL(38, 10)": "12345678901234567890.1234567890",
    "0.0000001::DECIMAL(18, 7)": "0.0000001",
    "1.5::DOUBLE": "1.5",
    "'nan'::DOUBLE": "null",
    "'-infinity'::FLOAT": "null",
    "true": "true",
    "NULL": "null",
    "DATE '2026-11-26'": '"2026-11-26"',
    "TIMESTAMP '2026-11-26 07:15:02.5'": '"2026-11-26T07:15:02.500000"',
    "TIMESTAMPTZ '2026-11-26 07:15:02+01'": '"2026-11-26T06:15:02Z"',
    "TIME '07:15:02'": '"07:15:02"',
    "'07:15:02+02'::TIMETZ": '"07:15:02+02:00"',
    "INTERVAL 3 DAY": '"3 days, 0:00:00"',
    "'\\x00\\xFF'::BLOB": '"AP8="',
    f"'{UUID}'::UUID": f'"{UUID}"',
    "'x\"y'": '"x\\"y"',
    "[1, NULL]": "[1,null]",
    f"[{MOST}]": f"[{MOST}]",
    "{'a': 1.10::DECIMAL(4,2), 'b': ['[1,  2]'::JSON]}": '{"a":1.10,"b":[[1,  2]]}',
    "{'a': NULL::HUGEINT, 'b': NULL::JSON}": '{"a":null,"b":null}',
    "[1, 2]::INTEGER[2]": "[1,2]",
    "MAP {'k': 1, 'l': NULL}": '{"k":1,"l":null}',
    "MAP {DATE '2026-11-26': '{}'::JSON}": '{"2026-11-26":{}}',
    "MAP {1: 2}": '{"1":2}',
    f"""'{{"n": {LONG},\n"f": 1.10}}'::JSON""": f'{{"n": {LONG}, "f": 1.10}}',
    "NULL::JSON": "null",
    "'GOOSE'::ENUM ('GOOSE')": '"GOOSE"',
    "'1010'::BIT": '"1010"',
}


@pytest.mark.parametrize("sql", TYPES)
def test_values_keep_their_types_and_digits(
    asyncdbx: Asyncdbx, runs: Runs, sql: str
) -> None:
    """In JSON as JSON; in CSV as its text."""
    ran = query(asyncdbx, runs, f"SELECT {sql} AS v")
    assert (ran.code, ran.out) == (0, f'{{"v":{TYPES[sql]}}}\n')
    ran = query(asyncdbx, runs, f"SELECT {sql} AS v", "-o", "csv")
    (cell,) = list(csv.reader(io.StringIO(ran.out)))[1] or [""]
    expected = "" if TYPES[sql] == "null" else TYPES[sql].strip('"').replace('\\"', '"')
    assert cell == (expected if "JSON" not in sql or "{'" in sql else cell)


@settings(max_examples=30)
@given(st.lists(st.integers(-(2**127), 2**127 - 1), min_size=1))
def test_integers_of_any_size(numbers: list[int]) -> None:
    """No digit is lost, in a list or on its own."""
    with opened() as duck:
        listed = ", ".join(f"({each})::HUGEINT" for each in numbers)
        result = duck.run(f"SELECT [{listed}] AS v, ({numbers[0]})::HUGEINT AS w")
        sheet = sheet_of(result.columns)
        (row,) = result.rows()
    assert json.loads(sheet.json(row)) == {"v": numbers, "w": numbers[0]}
    assert sheet.csv[1].value(row) == numbers[0]


def test_every_type_of_duckdb_can_be_printed() -> None:
    """Whatever is in it: JSON that can be read, and a cell."""
    with opened() as duck:
        result = duck.run("FROM test_all_types()")
        sheet = sheet_of(result.columns)
        for row in result.rows():
            assert isinstance(orjson.loads(sheet.json(row)), dict)
            assert all(isinstance(str(column.value(row)), str) for column in sheet.csv)


def test_the_tables_as_they_were(asyncdbx: Asyncdbx, runs: Runs) -> None:
    """--at takes a run or a time, and says on stderr which run that is."""
    sql = "SELECT id FROM jobs ORDER BY id"
    for at, expected in (("previous", "12"), ("last", "23"), ("2026-11-21", "12")):
        ran = query(asyncdbx, runs, sql, "--at", at)
        assert "".join(each["id"] for each in ran.lines) == expected
        run, day = (runs.ids[0], 20) if expected == "12" else (runs.ids[1], 21)
        assert ran.err == f"as of run {run}, which ended 2026-11-{day} 02:10:00 UTC\n"
    tables = query(asyncdbx, runs, "--at", runs.ids[0]).lines
    assert {each["table"]: each["rows"] for each in tables} == {
        "_listings": 2,
        "jobs": 2,
        "users": 1,
    }
    ran = query(asyncdbx, runs, sql, "--at", "2020-01-01")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("asyncdbx: no run had ended by 2020-01-01; there are: ")


def test_sql_from_a_file_and_from_stdin(
    asyncdbx: Asyncdbx, runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """-f FILE, and - for stdin; not both that and an argument."""
    file = tmp_path / "q.sql"
    file.write_text("-- of Ülrich\nSELECT 'ü' AS v\n;\n")
    assert query(asyncdbx, runs, "-f", str(file)).lines == [{"v": "ü"}]
    stdin = io.TextIOWrapper(io.BytesIO(file.read_bytes()))
    monkeypatch.setattr("sys.stdin", stdin)
    assert query(asyncdbx, runs, "-f", "-").lines == [{"v": "ü"}]
    ran = query(asyncdbx, runs, "SELECT 1", "-f", str(file))
    assert (ran.code, ran.err) == (2, "asyncdbx: give the SQL or a file of it, not both\n")
    file.write_bytes(b"SELECT '\xff'")
    for name, words in ((file, "is no UTF-8: "), (tmp_path / "none", "No such file")):
        ran = query(asyncdbx, runs, "-f", str(name))
        assert (ran.code, ran.out) == (2, "")
        assert words in ran.err


def test_without_sql_the_tables_are_listed(asyncdbx: Asyncdbx, runs: Runs) -> None:
    """With their columns and rows; a damaged one is named, and the others are shown."""
    ran = query(asyncdbx, runs)
    (jobs,) = [each for each in ran.lines if each["table"] == "jobs"]
    assert (jobs["rows"], jobs["columns"]["n"], jobs["columns"]["body"]) == (
        2,
        "BIGINT",
        "JSON",
    )
    assert [each["table"] for each in ran.lines] == [
        "_listings",
        "clusters",
        "jobs",
        "users",
    ]
    table = query(asyncdbx, runs, "-o", "table").out.splitlines()
    assert table[0].split() == ["table", "rows", "columns"]
    assert table[3].startswith(
        "jobs          2  workspace, id, name, parent, n, state, body,"
    )
    shutil.rmtree(runs.folder / "jobs" / "_delta_log")
    (runs.folder / "jobs" / "_delta_log").mkdir()
    ran = query(asyncdbx, runs)
    assert ran.code == 3
    assert [each["table"] for each in ran.lines] == ["_listings", "clusters", "users"]
    assert ran.err.startswith("asyncdbx: table jobs in ")


LOST = 'Binder Error: Referenced column "idd" not found in FROM clause!'
ERRORS = {
    "SELECT idd FROM jobs": f'asyncdbx: {LOST}\n  Candidate bindings: "id"',
    "SELEC 1": 'syntax error at or near "SELEC"\n  LINE 1: SELEC 1\n          ^^^^^',
    "SELECT\n  1 +\n  nope FROM jobs": "\n  LINE 3:   nope FROM jobs\n            ^^^^",
    "FROM pipelines": "asyncdbx: this inventory has not taken pipelines\n  Catalog Error: ",
    "FROM jbos": "asyncdbx: Catalog Error: Table with name jbos does not exist!\n",
    "SELECT error(E'a\nasyncdbx: b\x1b')": "Input Error: a\n  asyncdbx: b\\x1b",
    "SELECT 'x'::INTEGER": "Conversion Error: Could not convert string 'x' to INT32",
    "DELETE FROM jobs": "asyncdbx: only a statement that reads can be run: ",
    "FROM 'https://example.com/x.csv'": "asyncdbx: Permission Error: ",
    "SELECT 1; SELECT 2": "asyncdbx: give one statement; WITH has room for steps",
    "": "asyncdbx: give one statement",
}


@pytest.mark.parametrize("sql", ERRORS)
def test_an_error_of_sql_is_one_error(asyncdbx: Asyncdbx, runs: Runs, sql: str) -> None:
    """DuckDB's words, with the line; exit code 2, no traceback, and nothing on stdout."""
    ran = query(asyncdbx, runs, sql)
    assert (ran.code, ran.out) == (2, "")
    assert ERRORS[sql] in ran.err
    first, *others = ran.err.splitlines()
    assert first.startswith("asyncdbx: ")
    assert all(line.startswith("  ") for line in others)


def test_a_folder_that_cannot_be_asked(asyncdbx: Asyncdbx, tmp_path: Path) -> None:
    """No inventory, nothing at all."""
    (tmp_path / "mine.txt").touch()
    ran = asyncdbx("query", str(tmp_path), "SELECT 1")
    assert (ran.code, ran.out) == (2, "")
    assert "is not an asyncdbx inventory" in ran.err
    assert "there is no inventory in" in asyncdbx("query", str(tmp_path / "none")).err


def test_a_query_that_writes_changes_nothing(asyncdbx: Asyncdbx, runs: Runs) -> None:
    """Not even one that DuckDB takes for a SELECT."""
    before = files(runs.folder)
    (file,) = (runs.folder / "clusters" / "_delta_log").glob("*.json")
    for sql in (
        f"COPY jobs TO '{file}'",
        f"WITH x AS (COPY (FROM jobs) TO '{file}' (FORMAT csv)) SELECT 1",
    ):
        assert query(asyncdbx, runs, sql).code == 2
    assert files(runs.folder) == before


def test_a_reader_that_goes_away_ends_it_quietly(runs: Runs) -> None:
    """``asyncdbx query … | head -1`` of a result without end."""
    sql = "SELECT range, repeat('x', 100) FROM range(1_000_000_000)"
    with started("query", str(runs.folder), sql, folder=runs.folder) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b'{"range":0,')
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=20) == 141


MEASURED = """
import re, sys
from pathlib import Path
from asyncdbx.cli.app import run
code = run(sys.argv[1:])
peak = re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(code, peak, file=sys.stderr)
"""


def test_a_result_of_any_length_takes_little_memory(runs: Runs) -> None:
    """300 MB of rows leave through 200 MB at the most, most of which is libraries."""
    sql = "SELECT range, repeat('x', 1000) AS pad FROM range(300_000)"
    source = str(Path(__file__).parents[2])
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", MEASURED, "query", str(runs.folder), sql],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": source},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines, strange = 0, []
        for line in process.stdout:
            lines += 1
            if not line.startswith(b'{"range":'):
                strange.append(line)
        code, peak = map(int, process.stderr.read().split())
    assert (strange, lines, code) == ([], 300_000, 0)
    assert peak < 200_000  # kB
