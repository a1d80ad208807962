"""``asyncdbx diff`` from outside: formats, notes, options, a real fleet that changes."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_ran import Asyncdbx, Ran
from inventoried import in_thread
from inventory_runs import Runs, records

from asyncdbx.simulator import Simulator

BOTH = ("-p", "prod", "-p", "dev")
JOBS, DEV_JOBS, CLUSTERS = ("prod", "jobs"), ("dev", "jobs"), ("prod", "clusters")


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """An inventory of two runs: a job added, one removed, one changed, one as it was."""
    runs = Runs(tmp_path / "inventory")
    old = {"1": job("one", 1), "2": job("two", 1), "3": job("three", 1)}
    new = {"1": job("one", 5), "3": job("three", 1), "4": job("four", 1)}
    runs.run({JOBS: old, CLUSTERS: records("c", state="RUNNING")})
    runs.run({JOBS: new, CLUSTERS: records("c", state="TERMINATED")})
    return runs


def job(name: str, runs: int) -> dict[str, Any]:
    return {
        "name": name,
        "settings": {"max_concurrent_runs": runs, "long": "x" * 99 * runs},
    }


def diff(asyncdbx: Asyncdbx, runs: Runs, *arguments: str) -> Ran:
    return asyncdbx("diff", str(runs.folder), *arguments)


FIELD = "settings.max_concurrent_runs"
CHANGED = {
    "workspace": "prod",
    "resource": "jobs",
    "id": "1",
    "name": "one",
    "change": "changed",
    "fields": [
        {"field": FIELD, "before": 1, "after": 5},
        {"field": "settings.long", "before": "x" * 99, "after": "x" * 495},
    ],
}


def test_each_format(asyncdbx: Asyncdbx, runs: Runs) -> None:
    """The same changes as lines, an array, CSV and a table; the exit code is 0."""
    ran = diff(asyncdbx, runs)
    assert ran.code == 0
    assert ran.lines == [
        CHANGED,
        {**CHANGED, "id": "2", "name": "two", "change": "removed", "fields": []},
        {**CHANGED, "id": "4", "name": "four", "change": "added", "fields": []},
    ]
    assert ran.err == (
        "1 added, 1 removed, 1 changed, 2 unchanged:"
        f" from run {runs.ids[0]}, which ended 2026-11-20 02:10:00 UTC,"
        f" to run {runs.ids[1]}, which ended 2026-11-21 02:10:00 UTC\n"
    )
    assert json.loads(diff(asyncdbx, runs, "-o", "json").out) == ran.lines
    rows = list(csv.DictReader(io.StringIO(diff(asyncdbx, runs, "-o", "csv").out)))
    assert [{**row, "fields": json.loads(row["fields"])} for row in rows] == ran.lines
    table = diff(asyncdbx, runs, "-o", "table").out.splitlines()
    assert table == [
        "workspace  resource  change   id  name  fields",
        f"prod       jobs      changed  1   one   {FIELD}: 1 → 5, settings.long",
        "prod       jobs      removed  2   two",
        "prod       jobs      added    4   four",
    ]


def test_counts(asyncdbx: Asyncdbx, runs: Runs) -> None:
    """Of each listing, those without any change too."""
    ran = diff(asyncdbx, runs, "--counts")
    none = {"added": 0, "removed": 0, "changed": 0, "unchanged": 1}
    assert ran.lines == [
        {"workspace": "prod", "resource": "clusters", **none},
        {
            "workspace": "prod",
            "resource": "jobs",
            "added": 1,
            "removed": 1,
            "changed": 1,
            "unchanged": 1,
        },
    ]
    table = diff(asyncdbx, runs, "--counts", "-o", "table").out.splitlines()
    assert table[1].split() == ["prod", "clusters", "0", "0", "0", "1"]


def test_which_fields_are_left_out(asyncdbx: Asyncdbx, runs: Runs, tmp_path: Path) -> None:
    """Those that change by themselves, those that are named; all on demand."""
    state = {"field": "state", "before": "RUNNING", "after": "TERMINATED"}
    assert diff(asyncdbx, runs, "clusters").lines == []
    (all_fields,) = diff(asyncdbx, runs, "clusters", "--all-fields").lines
    assert all_fields["fields"] == [state]
    named = ("clusters", "--all-fields", "--ignore", "clusters.state")
    assert diff(asyncdbx, runs, *named).lines == []
    file = tmp_path / "ignore.toml"
    file.write_text("[jobs]\nsettings.long = 'grows'\n")
    ran = diff(asyncdbx, runs, "--ignore-file", str(file), "--ignore", "*.name")
    assert [len(each["fields"]) for each in ran.lines] == [1, 0, 0]
    ran = diff(asyncdbx, runs, "--ignore", "jobs.settings")
    assert [each["change"] for each in ran.lines] == ["removed", "added"]
    ran = diff(asyncdbx, runs, "--ignore", "settings")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("asyncdbx: 'settings' is no RESOURCE.FIELD; ")


def test_what_is_left_out_can_be_seen(asyncdbx: Asyncdbx) -> None:
    """With why, without any inventory; what was named on the command line too."""
    entries = asyncdbx("diff", "--show-ignored", "--ignore", "jobs.settings.tags").lines
    assert {
        "resource": "clusters",
        "field": "state",
        "why": "it starts and stops",
    } in entries
    assert entries[-1]["field"] == "settings.tags"
    only = asyncdbx("diff", "--show-ignored", "--all-fields", "--ignore", "*.x")
    assert only.lines == [{"resource": "*", "field": "x", "why": "asked for"}]
    ran = asyncdbx("diff", "--counts")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("asyncdbx: Missing argument 'DIR'.\n")


def test_runs_by_id_and_by_time(asyncdbx: Asyncdbx, runs: Runs) -> None:
    """Any two, by whatever names them."""
    runs.run({JOBS: {"1": job("one", 1)}, CLUSTERS: {}})
    one, two, three = runs.ids
    for arguments, expected in (
        ((), (two, three)),
        (("--to", "previous"), (one, two)),
        (("--from", one[:8]), (one, three)),
        (("--from", "2026-11-21", "--to", "2026-11-22T02:09:59Z"), (one, two)),
        (("--from", one, "--to", two), (one, two)),
    ):
        err = diff(asyncdbx, runs, *arguments).err
        assert [each for each in runs.ids if each in err] == list(expected)
    ran = diff(asyncdbx, runs, "--from", "last", "--to", "previous")
    assert (ran.code, ran.err) == (2, f"asyncdbx: run {three} is not before run {two}\n")
    ran = diff(asyncdbx, runs, "--from", "1999-01-01")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("asyncdbx: no run had ended by 1999-01-01; there are: ")


def test_one_run_is_not_enough(asyncdbx: Asyncdbx, tmp_path: Path) -> None:
    """Nor is none."""
    runs = Runs(tmp_path / "to")
    ran = diff(asyncdbx, runs)
    assert (ran.code, ran.err) == (2, "asyncdbx: there is no last run; there is none\n")
    run = runs.run({JOBS: records("1")})
    ran = diff(asyncdbx, runs)
    assert ran.code == 2
    assert ran.err == f"asyncdbx: {run} is the first run; two are needed to compare\n"


def test_what_cannot_be_told_is_said_once_for_all(
    asyncdbx: Asyncdbx, tmp_path: Path
) -> None:
    """Not a line for each of a fleet's listings."""
    runs = Runs(tmp_path / "to")
    names = [f"w{number}" for number in range(8)]
    all_jobs = {(name, "jobs"): records("1") for name in names}
    all_users = {(name, "users"): records("1") for name in names}
    runs.run({**all_jobs, **all_users, JOBS: "denied"})
    runs.run({**all_jobs, ("w0", "jobs"): "partial", JOBS: records("1", "2")})
    runs.run({("w1", "jobs"): records("2"), ("test", "jobs"): "denied"})
    one, two, three = runs.ids
    lines = diff(asyncdbx, runs, "--from", one, "--to", two).err.splitlines()
    same = f"in run {two}, and not since run {one}: nothing to compare"
    new = "2 records are new in the inventory, and not counted as added"
    assert lines[:-1] == [
        f"asyncdbx: prod: jobs: no complete listing up to run {one}: {new}",
        f"asyncdbx: w0: jobs: not complete {same}",
        f"asyncdbx: w0, w1, w2, w3, w4 and 3 more: users: not taken {same}",
    ]
    err = diff(asyncdbx, runs, "jobs", "--to", three).err
    assert f"test: jobs: denied in run {three}, and never complete: not compared" in err
    err = diff(asyncdbx, runs, "jobs", "--from", two, "--to", three).err
    assert "w0: jobs: not taken in" in err
    runs.run({("w0", "jobs"): records("3")})
    err = diff(asyncdbx, runs, "jobs", "--from", two).err
    assert f"w0: jobs: not complete in run {two}, so compared with run {one}" in err
    assert (
        f"w1: jobs: not taken in run {runs.ids[3]}, so as they were in run {three}" in err
    )


def test_a_run_under_way(asyncdbx: Asyncdbx, runs: Runs) -> None:
    """It can be compared by its id, and that it has not ended is said."""
    going = runs.run({JOBS: {}}, ends=False)
    ran = diff(asyncdbx, runs, "--from", "last", "--to", going)
    assert [each["change"] for each in ran.lines] == ["removed"] * 3
    assert (
        f"asyncdbx: run {going} has not ended: what it has not listed is as it was"
        in ran.err
    )
    assert ran.err.endswith(f"to run {going}, which has not ended\n")


def test_names_that_a_terminal_would_obey(asyncdbx: Asyncdbx, tmp_path: Path) -> None:
    """Of records, fields, values and workspaces: they are shown."""
    runs = Runs(tmp_path / "to")
    evil = "\x1b[2J\u202e"
    for value in (1, evil):
        runs.run({(evil, "jobs"): {evil: {"name": evil, evil: value}}, JOBS: "denied"})
    for form in ("table", "csv"):
        ran = diff(asyncdbx, runs, "-o", form)
        assert ran.code == 0
        if form == "table":
            assert "\x1b" not in ran.out + ran.err
            assert "\u202e" not in ran.out + ran.err
    (change,) = diff(asyncdbx, runs).lines
    assert change["fields"] == [
        {"field": '["\\u001b[2J\\u202e"]', "before": 1, "after": evil}
    ]


def test_values_of_any_kind(asyncdbx: Asyncdbx, tmp_path: Path) -> None:
    """Long integers keep their digits, what is nested deep is printed, null is a value."""
    runs = Runs(tmp_path / "to")
    deep = '{"a":' * 300 + "{}" + "}" * 300
    runs.run({JOBS: {"1": '{"n": 1, "o": 1, "p": {}}'}})
    runs.run(
        {JOBS: {"1": f'{{"n": 123456789012345678901234567890, "o": null, "d": {deep}}}'}}
    )
    ran = diff(asyncdbx, runs)
    (change,) = ran.lines
    fields = {each["field"]: each for each in change["fields"]}
    assert fields["n"]["after"] == 123456789012345678901234567890
    assert fields["o"] == {"field": "o", "before": 1, "after": None}
    assert fields["p"] == {"field": "p", "before": {}}
    assert "before" not in fields["d"]
    assert "123456789012345678901234567890" in ran.out
    table = diff(asyncdbx, runs, "-o", "table").out
    assert "n, o: 1 → null, p: {} → (none), and 1 more" in table


@pytest.fixture
def still(profiles: Path) -> Iterator[Simulator]:
    """A fleet in which time stands still."""
    options: dict[str, Any] = {"limits": False, "names": ("prod", "dev"), "speed": 0}
    with in_thread(Simulator(2, scale=0.03, **options)) as fleet:
        profiles.write_text(fleet.databrickscfg())
        yield fleet


def take(asyncdbx: Asyncdbx, to: str, *arguments: str) -> None:
    assert asyncdbx("inventory", "--all-profiles", "--to", to, *arguments).code == 0


@pytest.mark.wire
def test_a_fleet_that_does_not_change(
    still: Simulator, asyncdbx: Asyncdbx, tmp_path: Path
) -> None:
    """Of thousands of records none differs, in any field; and all were compared."""
    to = str(tmp_path / "to")
    take(asyncdbx, to)
    take(asyncdbx, to)
    ran = asyncdbx("diff", to, "--all-fields")
    assert (ran.code, ran.out) == (0, "")
    counts = asyncdbx("diff", to, "--counts").lines
    assert len(counts) == 2 * 33 + 10
    truth = sum(
        len(workspace.truth(each["resource"]))
        for workspace in still.everyone
        for each in counts
        if each["workspace"] == workspace.name
    )
    assert sum(each["unchanged"] for each in counts) == truth > 1_000


@pytest.mark.wire
def test_a_fleet_that_lives(fleet: Simulator, asyncdbx: Asyncdbx, tmp_path: Path) -> None:
    """Clusters start, runs go on: only what somebody did is a change."""
    to = str(tmp_path / "to")

    def call(path: str, **data: Any) -> Any:
        ran = asyncdbx("api", "POST", path, "-p", "prod", "--json", json.dumps(data))
        assert ran.code == 0, ran.err
        return json.loads(ran.out)

    cluster = next(
        each["cluster_id"]
        for each in fleet["prod"].truth("clusters")
        if each["state"] == "TERMINATED" and each["cluster_source"] != "JOB"
    )
    job_id = fleet["prod"].truth("jobs")[0]["job_id"]
    take(asyncdbx, to)
    call("/api/2.1/clusters/start", cluster_id=cluster)
    run_id = call("/api/2.2/jobs/run-now", job_id=job_id)["run_id"]
    call("/api/2.2/jobs/update", job_id=job_id, new_settings={"max_concurrent_runs": 777})
    take(asyncdbx, to)
    found = {
        (each["resource"], each["id"], each["change"]): each
        for each in asyncdbx("diff", to).lines
    }
    assert set(found) == {
        ("jobs", str(job_id), "changed"),
        ("job_runs", str(run_id), "added"),
    }
    (field,) = found["jobs", str(job_id), "changed"]["fields"]
    assert (field["field"], field["after"]) == (FIELD, 777)
    by_itself = asyncdbx("diff", to, "clusters", "--all-fields").lines
    assert [each["id"] for each in by_itself] == [cluster]
    assert "state" in {each["field"] for each in by_itself[0]["fields"]}
