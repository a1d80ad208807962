"""``asyncdbx inventory`` from outside: exit codes, streams, signals, bad input, secrets."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_process import started, until
from cli_ran import Asyncdbx
from inventoried import table

from asyncdbx.cli.inventory import seconds
from asyncdbx.errors import UsageError
from asyncdbx.simulator import Fault, Simulator

pytestmark = pytest.mark.wire

BOTH = ("-p", "prod", "-p", "dev")


@pytest.fixture
def slow(fleet: Simulator) -> Iterator[Simulator]:
    """The fleet, each answer of which takes a while."""
    for each in fleet.workspaces:
        each.server.latency = 0.02
    yield fleet
    for each in fleet.workspaces:
        each.server.latency = 0.0


def count(fleet: Simulator) -> int:
    return sum(each.requests for each in fleet.everyone)


def assert_tables_are_the_truth(folder: Path, fleet: Simulator, *names: str) -> None:
    """Each record once, none twice."""
    for workspace in fleet.workspaces:
        for name in names:
            rows = table(folder, name, workspace.name)
            assert len({row["id"] for row in rows}) == len(rows)
            found = sorted(json.dumps(row["record"], sort_keys=True) for row in rows)
            truth = [json.dumps(each, sort_keys=True) for each in workspace.truth(name)]
            assert found == sorted(truth)


def test_the_whole_fleet_into_tables(
    fleet: Simulator, asyncdbx: Asyncdbx, tmp_path: Path
) -> None:
    """Nothing on stdout; on stderr a line for each workspace and where the tables are."""
    ran = asyncdbx("inventory", "--all-profiles", "--to", str(tmp_path / "to"))
    assert (ran.code, ran.out) == (0, "")
    *workspaces, last = ran.err.splitlines()
    assert [line.split()[:5] for line in workspaces] == [
        ["prod", "33", "of", "33", "listings"],
        ["dev", "33", "of", "33", "listings"],
        ["account", "10", "of", "10", "listings"],
    ]
    assert last.startswith(f"Tables: {tmp_path}/to  (run 20")
    assert_tables_are_the_truth(tmp_path / "to", fleet, "dbfs", "permissions", "jobs")


@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "table"])
def test_how_each_listing_ended_on_stdout(
    fleet: Simulator, asyncdbx: Asyncdbx, tmp_path: Path, form: str
) -> None:
    """As data, in each format, those that are missing too; exit code 3."""
    fleet["dev"].faults.append(Fault("/api/2.1/clusters/list", "deny"))
    ran = asyncdbx("inventory", "clusters", *BOTH, "--to", str(tmp_path / "to"), "-o", form)
    assert ran.code == 3
    assert "asyncdbx: dev clusters: denied: " in ran.err
    assert "HTTP 403 PERMISSION_DENIED" in ran.err
    match form:
        case "jsonl":
            found = [(each["workspace"], each["status"]) for each in ran.lines]
        case "json":
            found = [(each["workspace"], each["status"]) for each in json.loads(ran.out)]
        case "csv":
            rows = [line.split(",") for line in ran.out.splitlines()[1:]]
            found = [(row[0], row[2]) for row in rows]
        case _:
            rows = [line.split() for line in ran.out.splitlines()[1:]]
            found = [(row[0], row[2]) for row in rows if row[0] in {"prod", "dev"}]
    assert found == [("prod", "complete"), ("dev", "denied")]


def test_only_and_except_choose(
    fleet: Simulator, asyncdbx: Asyncdbx, tmp_path: Path
) -> None:
    """Commas, spaces, repetition; what they follow from is listed but not published."""
    ran = asyncdbx(
        "inventory", "-p", "prod", "--only", "secrets, jobs,", "--only", "clusters",
        "--except", "jobs", "--to", str(tmp_path / "to"), "-o", "jsonl",
    )  # fmt: skip
    assert ran.code == 0
    assert [each["resource"] for each in ran.lines] == ["clusters", "secrets"]
    tables = {each.name for each in (tmp_path / "to").iterdir() if each.name[0] != "_"}
    assert tables == {"clusters", "secrets"}


NONSENSE: list[tuple[str, str]] = [
    ("-p prd", "prd"),
    ("clusterz -p prod", "no resource 'clusterz'; did you mean clusters?"),
    ("--only jbs -p prod", "no resource 'jbs'; did you mean jobs?"),
    ("--except zzzz -p prod", "no resource 'zzzz'. There are: clusters,"),
    ("jobs --except jobs -p prod", "no resource is left to list"),
    ("-p elsewhere", "http://"),
    ("-p prod --deadline soon", "--deadline 'soon' is no time; write 90s"),
    ("-p prod --deadline 0", "--deadline '0' is no time"),
    ("-p prod --deadline -5s", "--deadline '-5s' is no time"),
    ("-p prod --keep ever", "--keep 'ever' is no time"),
    ("-p prod --keep 23h", "--keep '23h' is less than a day"),
    ("-p prod --retry-failed", "there is no inventory in"),
    ("jobs -p prod --retry-failed", "it takes no resources and no --fresh"),
    ("-p prod --retry-failed --except jobs", "it takes no resources and no --fresh"),
    ("-p prod --retry-failed --fresh", "it takes no resources and no --fresh"),
    ("-p prod --limits none.toml", "none.toml cannot be read"),
    ("workspaces -p prod", "workspaces: only an account has that, and no account"),
    ("jobs workspaces -p prod", "workspaces: only an account has that"),
    ("jobs -p account", "jobs: only a workspace has that"),
]


@pytest.mark.parametrize(("line", "words"), NONSENSE)
def test_what_makes_no_sense_is_said_in_a_sentence(
    fleet: Simulator, asyncdbx: Asyncdbx, tmp_path: Path, line: str, words: str
) -> None:
    """Exit code 2, nothing is created, and nobody is called."""
    with Path(os.environ["DATABRICKS_CONFIG_FILE"]).open("a") as profiles:
        profiles.write("\n[elsewhere]\nhost = http://example.com\ntoken = x\n")
    before = count(fleet)
    ran = asyncdbx("inventory", *line.split(), "--to", str(tmp_path / "to"))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("asyncdbx: ")
    assert words in ran.err
    assert "Traceback" not in ran.err
    assert not (tmp_path / "to").exists()
    assert count(fleet) == before


def test_a_limits_file_that_cannot_be_read_names_the_line(
    fleet: Simulator, asyncdbx: Asyncdbx, tmp_path: Path
) -> None:
    """Of broken TOML, and of a value that makes no sense."""
    file, to = tmp_path / "mine.toml", str(tmp_path / "to")
    file.write_text("[default]\nper_second = 5\nin_flight = = 3\n")
    ran = asyncdbx("inventory", "-p", "prod", "--to", to, "--limits", str(file))
    assert ran.code == 2
    assert "line 3" in ran.err
    file.write_text("[default]\nper_second = -5\nin_flight = 3\n")
    ran = asyncdbx("inventory", "-p", "prod", "--to", to, "--limits", str(file))
    assert ran.code == 2
    assert "line 2" in ran.err


def test_a_folder_that_cannot_be_used(
    fleet: Simulator, asyncdbx: Asyncdbx, tmp_path: Path
) -> None:
    """Somebody else's, a file, one below a file, one where nobody can write."""
    theirs, file = tmp_path / "theirs", tmp_path / "file"
    theirs.mkdir()
    (theirs / "thesis.doc").touch()
    file.touch()
    before = count(fleet)
    for folder, words in (
        (theirs, "is not an asyncdbx inventory"),
        (file, "is a file"),
        (file / "below", "Not a directory"),
        (Path("/proc/asyncdbx"), "cannot be used"),
    ):
        ran = asyncdbx("inventory", "-p", "prod", "--to", str(folder))
        assert (ran.code, ran.out) == (2, "")
        assert len(ran.err.splitlines()) == 1
        assert words in ran.err
    assert [each.name for each in theirs.iterdir()] == ["thesis.doc"]
    assert file.read_bytes() == b""
    assert count(fleet) == before


def test_nothing_succeeded(fleet: Simulator, asyncdbx: Asyncdbx, tmp_path: Path) -> None:
    """A wrong token everywhere: exit code 1, and the 401 is named."""
    profiles = Path(os.environ["DATABRICKS_CONFIG_FILE"])
    text = profiles.read_text()
    for each in fleet.workspaces:
        text = text.replace(each.token, "dapi-wrong")
    profiles.write_text(text)
    ran = asyncdbx("inventory", "jobs", "clusters", *BOTH, "--to", str(tmp_path / "to"))
    assert ran.code == 1
    assert ran.err.count(": partial: ") == 4
    assert "HTTP 401 UNAUTHENTICATED" in ran.err
    assert "dapi-wrong" not in ran.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_the_same_command_goes_on_after_a_signal(
    slow: Simulator, asyncdbx: Asyncdbx, tmp_path: Path, number: signal.Signals
) -> None:
    """Fewer calls than a whole run, no record lost, none twice."""
    names = ("dbfs", "permissions", "jobs", "secrets")
    line = ("inventory", *names, *BOTH, "--to", str(tmp_path / "to"), "-o", "jsonl")
    begin = count(slow)
    with started(*line, folder=tmp_path) as process:
        until(lambda: count(slow) >= begin + 120)
        process.send_signal(number)
        out, err = process.communicate(timeout=15)
    assert out == b""
    assert process.returncode == (130 if number is signal.SIGINT else -number)
    said = b"asyncdbx: interrupted" if number is signal.SIGINT else b""
    assert err.strip() == said
    asked = count(slow)
    for each in slow.workspaces:
        each.server.latency = 0.0
    ran = asyncdbx(*line)
    assert ran.code == 0
    assert count(slow) - asked < sum(each["calls"] for each in ran.lines)
    assert_tables_are_the_truth(tmp_path / "to", slow, *names)


def test_the_deadline_and_what_follows_it(
    slow: Simulator, asyncdbx: Asyncdbx, tmp_path: Path
) -> None:
    """Exit code 5; other arguments are refused with the way out; --fresh is one."""
    to = str(tmp_path / "to")
    line = ("inventory", "dbfs", "permissions", *BOTH, "--to", to)
    ran = asyncdbx(*line, "--deadline", "0.2s")
    assert (ran.code, ran.out) == (5, "")
    assert ran.err == (
        "asyncdbx: the deadline of 0.2 s is reached; the same command goes on where it"
        " was\n"
    )
    ran = asyncdbx("inventory", "jobs", "-p", "prod", "--to", to)
    assert ran.code == 2
    assert "unfinished run with other resources and workspaces" in ran.err
    assert ran.err.rstrip().endswith("or start over with --fresh")
    ran = asyncdbx("inventory", "jobs", "-p", "prod", "--to", to, "--fresh")
    assert ran.code == 0
    assert_tables_are_the_truth(tmp_path / "to", slow)
    assert len(table(tmp_path / "to", "jobs")) == len(slow["prod"].truth("jobs"))


def test_what_is_missing_can_be_fetched_alone(
    fleet: Simulator, asyncdbx: Asyncdbx, tmp_path: Path
) -> None:
    """With exit code 0 in the end, and again if there is nothing to fetch."""
    to = ("--to", str(tmp_path / "to"))
    fleet["dev"].faults.append(Fault("/api/2.1/clusters/list", "deny"))
    ran = asyncdbx("inventory", "clusters", "jobs", *BOTH, *to, "--keep", "30d")
    assert ran.code == 3
    fleet["dev"].faults.clear()
    before = count(fleet)
    ran = asyncdbx("inventory", *BOTH, *to, "--retry-failed")
    assert (ran.code, count(fleet) - before) == (0, 1)
    assert "dev   2 of 2 listings complete" in ran.err
    assert_tables_are_the_truth(tmp_path / "to", fleet, "clusters", "jobs")
    ran = asyncdbx("inventory", *BOTH, *to, "--retry-failed")
    assert (ran.code, ran.err) == (0, "Nothing is missing in the last run.\n")


def test_a_second_run_is_told_who_holds_the_folder(
    slow: Simulator, asyncdbx: Asyncdbx, tmp_path: Path
) -> None:
    """Exit code 4, with its process id; the first is not disturbed."""
    line = ("inventory", "dbfs", "jobs", *BOTH, "--to", str(tmp_path / "to"))
    begin = count(slow)
    with started(*line, folder=tmp_path) as process:
        until(lambda: count(slow) >= begin + 5)
        ran = asyncdbx(*line)
        assert ran.code == 4
        assert f"is in use by process {process.pid}, since 20" in ran.err
        for each in slow.workspaces:
            each.server.latency = 0.0
        process.communicate(timeout=15)
        assert process.returncode == 0
    assert_tables_are_the_truth(tmp_path / "to", slow, "dbfs", "jobs")


def logged(text: str) -> list[dict[str, Any]]:
    """Return the events of a JSON log; every line must be one."""
    events: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    assert all(each["time"].endswith("Z") and each["event"] for each in events)
    return events


def test_a_json_log_says_how_each_listing_ended(
    fleet: Simulator, asyncdbx: Asyncdbx, tmp_path: Path
) -> None:
    """Every line of stderr parses; the last has the run and the exit code."""
    fleet["dev"].faults.append(Fault("/api/2.2/jobs/list", "no_key"))
    to = tmp_path / "to"
    line = ("inventory", "clusters", "jobs", *BOTH, "--to", str(to))
    ran = asyncdbx(*line, "--log-format", "json")
    *listings, end = logged(ran.err)
    assert [(each["event"], each["workspace"], each["status"]) for each in listings] == [
        ("listing", "prod", "complete"),
        ("listing", "prod", "complete"),
        ("listing", "dev", "complete"),
        ("listing", "dev", "partial"),
    ]
    assert "an answer without 'jobs'" in listings[-1]["error"]
    assert (end["event"], end["exit_code"], ran.code) == ("end", 3, 3)
    assert {row["run_id"] for row in table(to, "clusters")} == {end["run_id"]}


@pytest.mark.parametrize(
    ("line", "code"),
    [("-p nobody", 2), ("-p prod clusterz", 2), ("-p prod --deadline 0.01s", 5)],
)
def test_a_json_log_says_why_a_run_ended_early(
    slow: Simulator, asyncdbx: Asyncdbx, tmp_path: Path, line: str, code: int
) -> None:
    """One line of JSON, like all others."""
    to = str(tmp_path / "to")
    ran = asyncdbx("inventory", *line.split(), "--to", to, "--log-format", "json")
    (event,) = logged(ran.err)
    assert (event["event"], event["exit_code"], ran.code) == ("error", code, code)
    words = ["nobody", "did you mean clusters?", "deadline of 0.01 s is reached"]
    assert any(each in event["error"] for each in words)


def test_a_json_log_says_that_a_run_was_interrupted(
    slow: Simulator, tmp_path: Path
) -> None:
    """Ctrl-C is a line of JSON too, and the exit code is the contract's."""
    line = ("inventory", "dbfs", *BOTH, "--to", "to", "--log-format", "json")
    begin = count(slow)
    with started(*line, folder=tmp_path) as process:
        # What arrives may still be of the test before, so not only that.
        until((tmp_path / "to" / "_run" / "spool.sqlite").exists)
        until(lambda: count(slow) >= begin + 5)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=15)
    (event,) = logged(err.decode())
    assert (event["error"], event["exit_code"]) == ("interrupted", 130)
    assert process.returncode == 130


def assert_nowhere(folder: Path, token: bytes) -> None:
    """No file below a folder holds the token."""
    files = [each for each in folder.rglob("*") if each.is_file()]
    assert files != []
    assert [each for each in files if token in each.read_bytes()] == []


def test_the_token_is_nowhere(
    slow: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in arguments, output, log, spool or tables, killed or whole, with debugging."""
    monkeypatch.setenv("ASYNCDBX_DEBUG", "1")
    token, to = slow["prod"].token.encode(), tmp_path / "to"
    slow["prod"].faults.append(Fault("/api/2.1/clusters/list", "deny"))
    names = ("dbfs", "clusters", "permissions", "tokens")
    line = ("inventory", *names, "-p", "prod", "--to", str(to), "-o", "jsonl")
    begin = count(slow)
    with started(*line, "--log-format", "json", folder=tmp_path) as process:
        until(lambda: count(slow) >= begin + 60)
        proc = Path(f"/proc/{process.pid}")
        assert token not in (proc / "cmdline").read_bytes()
        assert token not in (proc / "environ").read_bytes()
        process.kill()
        said = b"".join(process.communicate(timeout=15))
    assert token not in said
    assert (to / "_run" / "spool.sqlite").exists()
    assert_nowhere(to, token)
    slow["prod"].faults.clear()
    with started(*line, folder=tmp_path, stdout=subprocess.PIPE) as process:
        said = b"".join(process.communicate(timeout=30))
    assert process.returncode == 0
    assert said != b""
    assert token not in said
    assert_nowhere(to, token)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("45", 45), ("90s", 90), ("1.5m", 90), (" 2h ", 7200), ("1d", 86400)],
)
def test_a_time(text: str, expected: float) -> None:
    """Seconds, minutes, hours, days."""
    assert seconds("--deadline", text) == expected


@pytest.mark.parametrize("text", ["", "s", "1w", "0", "0.0h", "-1s", "1 h 2", "1e3", "inf"])
def test_no_time(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(UsageError, match="is no time; write 90s, 30m, 2h or 7d"):
        seconds("--deadline", text)
