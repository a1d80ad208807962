"""The runs of an inventory, and its tables as they were after each."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable
from inventory_runs import Runs, files, records

from asyncdbx.errors import StoreError, UsageError
from asyncdbx.inventory.folder import Folder
from asyncdbx.look import open_tables
from asyncdbx.look.duck import Duck, opened
from asyncdbx.look.history import History
from asyncdbx.look.tables import read_table


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """An empty inventory; deltalake finds no history in a folder of this name."""
    return Runs(tmp_path / "inventory #1")


@pytest.fixture
def duck() -> Iterator[Duck]:
    """A database."""
    with opened() as duck:
        yield duck


def history(runs: Runs, duck: Duck) -> History:
    return History(Folder.open(runs.folder, create=False), duck)


def ids(folder: Path, at: str | None, table: str = "jobs") -> list[str]:
    with open_tables(folder, at).query(f"SELECT id FROM {table} ORDER BY id") as result:
        return [row[0] for row in result.rows()]


PROD, DEV = ("prod", "jobs"), ("dev", "jobs")


def test_the_runs_in_their_order(runs: Runs, duck: Duck) -> None:
    """With their beginnings and ends."""
    one = runs.run({PROD: records("1"), DEV: "denied"})
    two = runs.run({DEV: "partial"})
    begin = datetime(2026, 11, 20, 2, tzinfo=UTC)
    later = begin + timedelta(days=1)
    minutes = timedelta(minutes=10)
    assert [
        (each.id, each.started_at, each.ended_at) for each in history(runs, duck).runs
    ] == [
        (one, begin, begin + minutes),
        (two, later, later + minutes),
    ]


def test_no_run_has_ended(runs: Runs, duck: Duck) -> None:
    """Neither in a new inventory nor while the first one is under way."""
    assert history(runs, duck).runs == []
    runs.run({PROD: records("1")}, ends=False)
    found = history(runs, duck)
    assert found.runs == []
    with pytest.raises(UsageError, match=r"^there is no last run; there is none$"):
        found.find("last")
    assert found.find(runs.ids[0]).ended_at is None
    assert ids(runs.folder, None) == ["1"]


def test_a_table_as_it_was_after_each_run(runs: Runs) -> None:
    """What a later run published is not there, what an earlier one left is."""
    runs.run({PROD: records("1"), DEV: records("8")})
    runs.run({PROD: records("2"), DEV: "denied"})
    runs.run({DEV: records("9")})
    runs.run({PROD: {}, DEV: {}})
    expected = [["1", "8"], ["2", "8"], ["2", "9"], []]
    assert [ids(runs.folder, run) for run in runs.ids] == expected
    assert ids(runs.folder, "previous") == ["2", "9"]
    assert ids(runs.folder, "2026-11-22T02:09") == ["2", "8"]
    assert ids(runs.folder, "2026-11-22T02:10") == ["2", "9"]


def test_a_table_that_was_not_there_yet(runs: Runs) -> None:
    """It is none, rather than an empty one."""
    runs.run({PROD: records("1")})
    runs.run({("prod", "users"): records("u")})
    assert ids(runs.folder, "last", "users") == ["u"]
    with pytest.raises(UsageError, match=f"has not taken users by run {runs.ids[0]}\n"):
        ids(runs.folder, "previous", "users")


def test_listings_are_shown_as_they_were_too(runs: Runs) -> None:
    """Each run adds its own."""
    for _ in range(3):
        runs.run({PROD: records("1")})
    for number, run in enumerate(runs.ids, 1):
        with open_tables(runs.folder, run).query("SELECT count(*) FROM _listings") as found:
            assert list(found.rows()) == [(number,)]


def test_a_run_that_has_not_ended(runs: Runs, duck: Duck) -> None:
    """It is not the last one; by its id one sees what it has published so far."""
    runs.run({PROD: records("1"), DEV: records("8")})
    going = runs.run({PROD: records("2")}, ends=False)
    assert ids(runs.folder, "last") == ["1", "8"]
    assert ids(runs.folder, going[:8]) == ["2", "8"]
    found = history(runs, duck)
    assert found.before(found.find(going)) == found.find("last")


def test_a_run_that_was_given_up_stands_where_its_id_does(runs: Runs) -> None:
    """Killed, and another one begun: what it published was there until then."""
    runs.run({PROD: records("1"), DEV: records("8")})
    given_up = runs.run({PROD: records("2")}, ends=False)
    runs.run({DEV: records("9")})
    assert ids(runs.folder, runs.ids[0]) == ["1", "8"]
    assert ids(runs.folder, given_up) == ["2", "8"]
    assert ids(runs.folder, "last") == ["2", "9"]


def test_a_clock_that_was_set_back(runs: Runs, duck: Duck) -> None:
    """The order is that in which runs have ended, not that of their ids."""
    runs.run({PROD: records("1")}, run_id="20261126T020000Z-aa")
    runs.run({PROD: records("2")}, run_id="20251126T020000Z-bb")
    runs.run({PROD: records("3")}, run_id="20251127T020000Z-cc")
    assert [run.id for run in history(runs, duck).runs] == runs.ids
    assert [ids(runs.folder, run) for run in runs.ids] == [["1"], ["2"], ["3"]]


def test_a_resumed_run_is_one(runs: Runs, duck: Duck) -> None:
    """It says twice how its listings ended."""
    run = runs.run({PROD: records("1")})
    runs.run({PROD: records("2"), DEV: records("9")}, run_id=run)
    assert [each.id for each in history(runs, duck).runs] == [run]
    assert ids(runs.folder, run) == ["2", "9"]


def test_what_others_did_to_a_table_belongs_to_the_run_before(runs: Runs) -> None:
    """Files put together after a run hold what it has left."""
    runs.run({PROD: records("1"), DEV: records("8")})
    DeltaTable(runs.folder / "jobs").optimize.compact()
    DeltaTable(runs.folder / "jobs").create_checkpoint()
    runs.run({PROD: records("2")})
    assert ids(runs.folder, "previous") == ["1", "8"]
    assert ids(runs.folder, "last") == ["2", "8"]


def many(runs: Runs, count: int) -> None:
    for number in range(count):
        runs.run({PROD: records(str(number)), ("prod", "users"): records("u")})


def test_a_log_that_was_cut(runs: Runs) -> None:
    """The oldest run that can still be read is named; others are read as ever."""
    many(runs, 25)
    cut = [f"{version:020}" for version in range(10)]
    for file in (runs.folder / "jobs" / "_delta_log").iterdir():
        if file.name[:20] in cut[:9] or file.name == f"{cut[9]}.json":
            file.unlink()
    assert [ids(runs.folder, runs.ids[at]) for at in (24, 12, 10)] == [
        ["24"],
        ["12"],
        ["10"],
    ]
    with pytest.raises(StoreError) as caught:
        ids(runs.folder, runs.ids[3])
    assert str(caught.value) == (
        f"table jobs in {runs.folder} can no longer be read as it was after run"
        f" {runs.ids[3]}: it has been vacuumed, or its log cut; the oldest one that can is"
        f" {runs.ids[10]}"
    )
    assert ids(runs.folder, runs.ids[3], "users") == ["u"]


def test_a_table_that_was_vacuumed(runs: Runs) -> None:
    """The log is whole, the files are gone."""
    many(runs, 6)
    for version in range(3):
        (file,) = read_table(Folder(runs.folder), "jobs", version).files
        Path(file.path).unlink()
    with pytest.raises(StoreError, match=f"the oldest one that can is {runs.ids[3]}$"):
        ids(runs.folder, runs.ids[1])
    assert ids(runs.folder, runs.ids[3]) == ["3"]
    shutil.rmtree(runs.folder / "jobs" / "workspace=prod")
    with pytest.raises(StoreError, match=r"or its log cut; none can$"):
        ids(runs.folder, runs.ids[1])


def test_a_damaged_log(runs: Runs) -> None:
    """Of a table, of the listings: one sentence that says of which."""
    many(runs, 2)
    log = runs.folder / "jobs" / "_delta_log" / f"{0:020}.json"
    text = log.read_text()
    log.write_text("nonsense")
    with pytest.raises(StoreError, match=r"^table jobs in .* cannot be read: "):
        ids(runs.folder, "previous")
    log.write_text(text)
    (runs.folder / "_listings" / "_delta_log" / f"{0:020}.json").write_text("{")
    with pytest.raises(StoreError, match=r"^table _listings in .* cannot be read: "):
        ids(runs.folder, "last")
    assert ids(runs.folder, None) == ["1"]


def test_listings_of_somebody_else(runs: Runs, duck: Duck) -> None:
    """They say nothing of runs."""
    runs.run({PROD: records("1")})
    shutil.copytree(runs.folder / "jobs", runs.folder / "_other")
    shutil.rmtree(runs.folder / "_listings")
    (runs.folder / "_other").rename(runs.folder / "_listings")
    with pytest.raises(
        StoreError, match=r"^table _listings in .* was not made by asyncdbx$"
    ):
        history(runs, duck)


def test_nothing_is_written(runs: Runs) -> None:
    """Looking leaves every byte as it was."""
    many(runs, 12)
    before = files(runs.folder)
    ids(runs.folder, "previous")
    ids(runs.folder, None)
    assert files(runs.folder) == before


def test_a_folder_that_is_no_inventory(tmp_path: Path) -> None:
    """It is said, and nothing is made of it."""
    (tmp_path / "file").touch()
    for folder, words in (
        (tmp_path, "is not an asyncdbx inventory"),
        (tmp_path / "none", "there is no inventory in"),
        (tmp_path / "file", "is a file"),
    ):
        with pytest.raises(StoreError, match=words):
            open_tables(folder)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_table_whose_log_was_cut_behind_its_last_version(runs: Runs) -> None:
    """A listing that was not complete for longer than versions are kept is still there."""
    runs.run({PROD: records("0")})
    runs.run({PROD: records("1")})
    runs.run({PROD: "partial"})
    runs.store.prune("jobs", timedelta(0))
    log = runs.folder / "jobs" / "_delta_log"
    assert not list(log.glob("0000000000000000000[01].json"))
    last = runs.run({PROD: "partial"})
    assert ids(runs.folder, "last") == ["1"]
    assert ids(runs.folder, last) == ["1"]
