"""Two runs compared: what was added, removed, changed, and what nobody can tell."""

import random
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable, write_deltalake
from inventory_runs import Merged, Runs, files, records

from asyncdbx.errors import StoreError, UsageError
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.rows import LEADING, TRAILING, Columns
from asyncdbx.look import ABSENT, Change, Changing, Count, Note, compare, differ
from asyncdbx.look.tables import read_table

PROD, DEV, USERS = ("prod", "jobs"), ("dev", "jobs"), ("prod", "users")


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """An empty inventory."""
    return Runs(tmp_path / "inventory #1")


def changes(
    runs: Runs, since: str | None = None, until: str = "last", *names: str, **options: Any
) -> list[Change]:
    with compare(runs.folder, since, until, names, **options) as found:
        return list(found.changes())


def notes(runs: Runs, since: str | None = None, until: str = "last") -> list[Note]:
    with compare(runs.folder, since, until) as found:
        return list(found.notes)


def short(found: Iterable[Change]) -> list[tuple[str, str, str, str]]:
    return [(each.workspace, each.resource, each.id, each.change) for each in found]


def counts(runs: Runs, since: str | None = None) -> list[Count]:
    with compare(runs.folder, since) as found:
        return found.counts()


def test_added_removed_and_changed(runs: Runs) -> None:
    """By resource, workspace and id; with the names and the fields."""
    runs.run({
        PROD: {"1": {"name": "one", "n": 1}, "2": {"name": "two"}, "3": {"name": "same"}},
        DEV: records("7"),
        USERS: records("u"),
    })  # fmt: skip
    runs.run({
        PROD: {"1": {"name": "uno", "m": None}, "3": {"name": "same"}, "4": {"name": "4"}},
        DEV: {},
        USERS: records("u"),
    })  # fmt: skip
    found = changes(runs)
    assert short(found) == [
        ("dev", "jobs", "7", "removed"),
        ("prod", "jobs", "1", "changed"),
        ("prod", "jobs", "2", "removed"),
        ("prod", "jobs", "4", "added"),
    ]
    assert [each.name for each in found] == ["name of 7", "uno", "two", "4"]
    assert [(each.field, each.before, each.after) for each in found[1].fields] == [
        ("name", "one", "uno"),
        ("n", 1, ABSENT),
        ("m", ABSENT, None),
    ]
    assert counts(runs) == [
        Count("dev", "jobs", 0, 1, 0, 0),
        Count("prod", "jobs", 1, 1, 1, 1),
        Count("prod", "users", 0, 0, 0, 1),
    ]
    assert notes(runs) == []
    assert short(changes(runs, None, "last", "users")) == []


def test_any_two_runs(runs: Runs) -> None:
    """Not only neighbours; each as it was."""
    for number in (1, 1, 3, 1):
        runs.run({PROD: records("a", n=number)})
    assert changes(runs, runs.ids[0], runs.ids[1]) == []
    assert changes(runs, runs.ids[0], runs.ids[3]) == []
    (change,) = changes(runs, runs.ids[1], runs.ids[2])
    assert (change.fields[0].before, change.fields[0].after) == (1, 3)
    (change,) = changes(runs, until="previous")
    assert change.fields[0].after == 3


def test_json_that_means_the_same_is_no_change(runs: Runs) -> None:
    """Keys in another order, another spelling: nothing has happened."""
    runs.run({PROD: {"1": '{"a": 1, "b": [1.50]}', "2": '{"i": 123456789012345678901}'}})
    runs.run({PROD: {"1": '{"b":[1.5],"a":1.0}', "2": '{"i": 123456789012345678902}'}})
    (change,) = changes(runs)
    (field,) = change.fields
    assert (change.id, field.after - field.before) == ("2", 1)
    assert counts(runs) == [Count("prod", "jobs", 0, 0, 1, 1)]


def test_what_changes_by_itself_is_left_out(runs: Runs) -> None:
    """Of its resource only, and counted as unchanged."""
    clusters = ("prod", "clusters")
    for state in ("RUNNING", "TERMINATED"):
        runs.run({clusters: records("c", state=state), PROD: records("j", state=state)})
    changing = Changing.known()
    assert short(changes(runs, changing=changing)) == [("prod", "jobs", "j", "changed")]
    assert len(changes(runs)) == 2
    assert changes(runs, changing=changing.with_fields(["*.state"])) == []


def test_a_table_that_grew_columns(runs: Runs) -> None:
    """Columns are not what is compared; bodies are."""
    runs.run({PROD: records("1", n=1), DEV: records("2")})
    more = Columns({"n": "int64", "size": "float"})
    runs.run({PROD: records("1", n=1, size=2), DEV: records("2")}, columns=more)
    (change,) = changes(runs)
    assert [each.field for each in change.fields] == ["size"]


def test_odd_names(runs: Runs) -> None:
    """Of workspaces and of records."""
    names = ["it's", "a/b", "100%", "ü漢😀", '"q"', "new\nline", " lead", "[x]*", ".."]
    runs.run({(name, "jobs"): records(*names) for name in names})
    runs.run({(name, "jobs"): records(*names, n=1) for name in names})
    expected = [(one, "jobs", other, "changed") for one in sorted(names) for other in names]
    assert sorted(short(changes(runs))) == sorted(expected)


def test_a_listing_that_was_not_complete(runs: Runs) -> None:
    """An older one stands for it, on either side, and that is said."""
    runs.run({PROD: records("1"), DEV: records("1")})
    runs.run({PROD: "partial", DEV: records("2")})
    runs.run({PROD: records("3"), DEV: "denied"})
    one, two, three = runs.ids
    assert short(changes(runs, one, two)) == [
        ("dev", "jobs", "1", "removed"),
        ("dev", "jobs", "2", "added"),
    ]
    assert notes(runs, one, two) == [Note(*PROD, "same", "partial", one)]
    assert short(changes(runs, two, three)) == [
        ("prod", "jobs", "1", "removed"),
        ("prod", "jobs", "3", "added"),
    ]
    assert notes(runs, two, three) == [
        Note(*DEV, "same", "denied", two),
        Note(*PROD, "since", "partial", one),
    ]
    assert len(changes(runs, one, three)) == 4
    assert notes(runs, one, three) == [Note(*DEV, "until", "denied", two)]


def test_a_listing_that_was_merged(runs: Runs) -> None:
    """What came is compared, nothing counts as removed, and it is said, of either side."""
    runs.run({PROD: records("1", "2")})
    runs.run({PROD: Merged(records("2", "3", n=1))})
    runs.run({PROD: "denied"})
    runs.run({PROD: records("3", n=1)})
    one, two, three, four = runs.ids
    assert short(changes(runs, one, two)) == [
        ("prod", "jobs", "2", "changed"),
        ("prod", "jobs", "3", "added"),
    ]
    assert notes(runs, one, two) == [Note(*PROD, "merged", "partial", two)]
    assert notes(runs, one, three) == [Note(*PROD, "until", "denied", two)]
    assert notes(runs, two, three) == [Note(*PROD, "same", "denied", two)]
    assert short(changes(runs, two, four)) == [
        ("prod", "jobs", "1", "removed"),
        ("prod", "jobs", "2", "removed"),
    ]
    assert notes(runs, two, four) == [Note(*PROD, "merged", "partial", two)]


def test_a_listing_that_was_not_asked_for(runs: Runs) -> None:
    """A run of a few resources says nothing of the others."""
    runs.run({PROD: records("1"), USERS: records("u")})
    runs.run({PROD: records("2")})
    one, two = runs.ids
    assert short(changes(runs)) == [
        ("prod", "jobs", "1", "removed"),
        ("prod", "jobs", "2", "added"),
    ]
    assert notes(runs) == [Note(*USERS, "same", None, one)]
    runs.run({USERS: records("v")})
    assert notes(runs, one) == [Note(*PROD, "until", None, two)]


def test_what_is_new_in_the_inventory_is_not_added(runs: Runs) -> None:
    """Nobody knows how long it has been there, whatever the older run tried."""
    runs.run({PROD: records("1"), DEV: "denied"})
    runs.run({PROD: records("1"), DEV: records("1", "2"), USERS: records("u")})
    assert changes(runs) == []
    assert notes(runs) == [
        Note(*DEV, "new", "denied", None, 2),
        Note(*USERS, "new", None, None, 1),
    ]
    assert counts(runs) == [Count("prod", "jobs", 0, 0, 0, 1)]


def test_an_empty_listing_is_one(runs: Runs) -> None:
    """What comes after it is added, and it takes away what was there."""
    runs.run({PROD: {}, DEV: records("1")})
    runs.run({PROD: records("1"), DEV: {}})
    runs.run({PROD: {}, DEV: {}})
    one, two, three = runs.ids
    assert short(changes(runs, one, two)) == [
        ("dev", "jobs", "1", "removed"),
        ("prod", "jobs", "1", "added"),
    ]
    assert changes(runs, one, three) != []
    assert notes(runs, one, three) == []
    assert counts(runs, two) == [
        Count("dev", "jobs", 0, 0, 0, 0),
        Count("prod", "jobs", 0, 1, 0, 0),
    ]


def test_what_was_never_listed(runs: Runs) -> None:
    """A denied listing is named; a service that is not enabled is not, every night."""
    for _ in range(2):
        runs.run({PROD: records("1"), DEV: "denied", ("test", "jobs"): "unavailable"})
    assert notes(runs) == [Note(*DEV, "never", "denied")]
    assert counts(runs) == [Count("prod", "jobs", 0, 0, 0, 1)]


def test_a_workspace_that_left_the_fleet(runs: Runs) -> None:
    """Its records stay in the tables, and nothing is known of them any more."""
    runs.run({PROD: records("1"), DEV: records("1")})
    runs.run({PROD: records("1")})
    assert changes(runs) == []
    assert notes(runs) == [Note(*DEV, "same", None, runs.ids[0])]


def test_a_run_that_has_not_ended(runs: Runs) -> None:
    """What it has published so far is compared; of the rest it says nothing."""
    runs.run({PROD: records("1"), DEV: records("1")})
    going = runs.run({PROD: records("2")}, ends=False)
    assert short(changes(runs, "last", going)) == [
        ("prod", "jobs", "1", "removed"),
        ("prod", "jobs", "2", "added"),
    ]
    assert notes(runs, "last", going) == []


def test_a_run_that_was_given_up_is_compared_by_what_it_published(runs: Runs) -> None:
    """There is no word of it among the listings, but its records are there."""
    given_up = runs.run({PROD: records("1")}, ends=False)
    runs.run({PROD: records("2"), DEV: records("8")})
    assert short(changes(runs, given_up)) == [
        ("prod", "jobs", "1", "removed"),
        ("prod", "jobs", "2", "added"),
    ]
    assert notes(runs, given_up) == [Note(*DEV, "new", None, None, 1)]


def test_changes_can_be_read_again(runs: Runs) -> None:
    """They are the same, and are counted once."""
    runs.run({PROD: records("1", "2")})
    runs.run({PROD: records("1")})
    with compare(runs.folder) as found:
        assert list(found.changes()) == list(found.changes()) != []
        assert found.counts() == [Count("prod", "jobs", 0, 1, 0, 1)]


def test_equal_listings_are_not_read(runs: Runs) -> None:
    """A listing that no run in between has replaced costs nothing."""
    runs.run({PROD: records("1"), DEV: records("1")})
    runs.run({PROD: records("2")})
    for file in (runs.folder / "jobs" / "workspace=dev").iterdir():
        file.write_bytes(b"no parquet")
    assert len(changes(runs)) == 2


def test_files_put_together_since_are_compared_all_the_same(runs: Runs) -> None:
    """Records count, not the files they are in."""
    runs.run({PROD: records("1", "2")})
    DeltaTable(runs.folder / "jobs").optimize.compact()
    runs.run({PROD: records("1", "3")})
    assert short(changes(runs)) == [
        ("prod", "jobs", "2", "removed"),
        ("prod", "jobs", "3", "added"),
    ]


def random_runs(seed: int, size: int) -> list[dict[tuple[str, str], Mapping[str, Any]]]:
    """Return two runs of several listings with some of everything."""
    dice = random.Random(seed)  # noqa: S311 - the same every time
    listings: list[dict[tuple[str, str], Mapping[str, Any]]] = [{}, {}]
    for workspace in ("prod", "dev", "ü"):
        for resource in ("jobs", "users"):
            old = {str(dice.randrange(10 * size)): {"n": 0} for _ in range(size)}
            new: dict[str, Any] = {
                each: {"n": dice.randrange(3), "x": "y" * dice.randrange(99)}
                if dice.random() < 0.3
                else body
                for each, body in old.items()
                if dice.random() < 0.8
            }
            new |= {f"new {dice.randrange(size)}": {"n": 0} for _ in range(size // 9)}
            listings[0][workspace, resource] = old
            listings[1][workspace, resource] = new
    return listings


@pytest.mark.parametrize("piece", [1, 2_000, 2**24])
def test_exactly_what_differs(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    """Of some thousand records, in pieces of whatever size."""
    monkeypatch.setattr(differ, "PIECE", piece)
    before, after = random_runs(seed=piece, size=30 if piece == 1 else 1_000)
    runs.run(before)
    runs.run(after)
    expected = []
    for (workspace, resource), old in before.items():
        new = after[workspace, resource]
        for each in {**old, **new}:
            if each not in new:
                expected.append((workspace, resource, each, "removed"))
            elif each not in old:
                expected.append((workspace, resource, each, "added"))
            elif old[each] != new[each]:
                expected.append((workspace, resource, each, "changed"))
    found = short(changes(runs))
    assert sorted(found) == sorted(expected)
    order = [("jobs", "users").index(each[1]) for each in found]
    assert found == [x for _, x in sorted(zip(order, found, strict=True))]
    total = sum(count.unchanged + count.added + count.changed for count in counts(runs))
    assert total == sum(map(len, after.values()))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("last", "previous"), "is not before run"),
        (("last", "last"), "is not before run"),
        ((None, "0"), "is the first run; two are needed to compare"),
        (("2031", "last"), "no run begins with '2031'"),
        ((None, "last", "jbs"), "no resource 'jbs'; did you mean jobs?"),
        ((None, "last", "pipelines"), "this inventory has not taken pipelines"),
    ],
)
def test_what_makes_no_sense(runs: Runs, arguments: tuple[Any, ...], words: str) -> None:
    """One sentence each."""
    for number in range(2):
        runs.run({PROD: records(str(number))}, run_id=f"{number}")
    with pytest.raises(UsageError) as caught:
        changes(runs, *arguments)
    assert words in str(caught.value)


def test_files_that_are_gone(runs: Runs) -> None:
    """Said before anything is compared, with the oldest run that can be."""
    for number in range(3):
        runs.run({PROD: records(str(number)), DEV: records("same")})
    table = DeltaTable(str(runs.folder / "jobs"))
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    with pytest.raises(StoreError, match=f"the oldest one that can is {runs.ids[2]}$"):
        changes(runs)


def test_a_table_of_somebody_else(runs: Runs) -> None:
    """Without our columns, or not partitioned as ours are."""
    for _ in range(2):
        runs.run({PROD: records("1"), USERS: records("1")})
    jobs = runs.folder / "jobs"
    ours = ", ".join(f"'x' AS {name}" for name in (*LEADING, *TRAILING))
    for columns, partition in (("1 AS id, 'x' AS workspace", ["workspace"]), (ours, None)):
        shutil.rmtree(jobs)
        with duckdb.connect() as other:
            write_deltalake(jobs, other.sql(f"SELECT {columns}"), partition_by=partition)
        log = jobs / "_delta_log" / f"{0:020}.json"
        log.write_text(
            log.read_text().replace('"engineInfo"', f'"run_id":"{runs.ids[0]}","x"')
        )
        with pytest.raises(StoreError, match=r"^table jobs in .* was not made by asyncdbx"):
            changes(runs)


def test_a_body_that_is_no_json(runs: Runs) -> None:
    """The record is named; it cannot have come from a run."""
    for body in ('{"n": 1}', '{"n": 2}'):
        runs.run({PROD: {"1": body}})
    (file,) = read_table(Folder(runs.folder), "jobs").files
    with duckdb.connect() as other:
        rows = other.read_parquet(file.path).project("* REPLACE ('nonsense' AS body)")
        rows.write_parquet(f"{file.path}.new")
    Path(f"{file.path}.new").rename(file.path)
    with pytest.raises(StoreError, match=r"^jobs 1 of prod is damaged: byte 0: "):
        changes(runs)


def test_nothing_is_written(runs: Runs) -> None:
    """Comparing leaves every byte as it was."""
    for number in range(2):
        runs.run({PROD: records(str(number))})
    before = files(runs.folder)
    assert len(changes(runs)) == 2
    assert files(runs.folder) == before
