"""Publishing: whole listings into Delta tables, one commit each."""

import errno
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable, write_deltalake
from inventoried import earlier_listings
from odd_names import NAMES

from asyncdbx.errors import DiskFailed, StoreError
from asyncdbx.inventory import delta_commit
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.ledger import LISTINGS, listing_rows
from asyncdbx.inventory.rows import Block, Columns, Row
from asyncdbx.inventory.store import Store
from asyncdbx.inventory.verdict import Ended

COLUMNS = Columns({"n": "int64", "id": "str", "userName": "str"})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store in an empty folder."""
    return Store(Folder.open(tmp_path))


def row(number: int, body: str | None = None) -> Row:
    text = body or f'{{"n": "{number}", "userName": "u{number}"}}'
    return Row(f"id-{number}", f"name {number}", None, text.encode(), 1_700_000_000_000)


def publish(
    store: Store,
    workspace: str,
    batches: Iterable[Sequence[Row]],
    columns: Columns = COLUMNS,
    run_id: str = "run",
) -> None:
    store.publish("jobs", {workspace: map(Block.of, batches)}, columns, run_id=run_id)


def ids(store: Store, workspace: str) -> list[str]:
    return sorted(each["id"] for each in store.read("jobs", ["id"], workspace=workspace))


def delta(tmp_path: Path) -> DeltaTable:
    return DeltaTable(tmp_path / "jobs")


def test_a_row_has_what_the_contract_says(store: Store, tmp_path: Path) -> None:
    """Fixed columns around the typed ones; the body is what the server sent."""
    publish(store, "prod", [[row(9_007_199_254_740_993)]])
    (found,) = store.read("jobs")
    moment = found.pop("fetched_at")
    assert moment.timestamp() == 1_700_000_000
    assert str(moment.tzinfo) == "UTC"
    assert found == {
        "workspace": "prod",
        "id": "id-9007199254740993",
        "name": "name 9007199254740993",
        "parent": None,
        "n": 9_007_199_254_740_993,
        "userName": "u9007199254740993",
        "body": '{"n": "9007199254740993", "userName": "u9007199254740993"}',
        "run_id": "run",
    }
    assert list(store.read("jobs", ["userName"])) == [{"userName": "u9007199254740993"}]
    assert delta(tmp_path).metadata().partition_columns == ["workspace"]
    commit = delta(tmp_path).history(1)[0]
    assert [commit[key] for key in ("run_id", "resource")] == ["run", "jobs"]


def test_any_name_of_a_workspace_works(store: Store, tmp_path: Path) -> None:
    """Each keeps its own rows, whatever its name means to SQL or to a file system."""
    for turn in (1, 2):
        for number, name in enumerate(NAMES):
            publish(store, name, [[row(turn), row(10 + number)]])
    for number, name in enumerate(NAMES):
        assert ids(store, name) == sorted(["id-2", f"id-{10 + number}"])
        assert store.count("jobs", name) == 2
    assert store.count("jobs") == 2 * len(NAMES)
    assert {each["workspace"] for each in store.read("jobs")} == set(NAMES)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["_asyncdbx.json", "jobs"]


def test_a_listing_replaces_the_one_before_it(store: Store, tmp_path: Path) -> None:
    """One commit each; other workspaces and older versions stay."""
    publish(store, "prod", [[row(1)], [row(2)]])
    publish(store, "dev", [[row(3)]])
    publish(store, "prod", [[row(2), row(4)]])
    assert ids(store, "prod") == ["id-2", "id-4"]
    assert ids(store, "dev") == ["id-3"]
    assert delta(tmp_path).version() == 2


def test_an_empty_listing_is_published_too(store: Store) -> None:
    """Its table exists with its schema; what was there before is gone."""
    publish(store, "prod", [])
    assert store.tables() == ["jobs"]
    assert (store.count("jobs"), list(store.read("jobs"))) == (0, [])
    publish(store, "prod", [[row(1)]])
    publish(store, "dev", [[row(1)]])
    publish(store, "prod", [[]])
    assert (store.count("jobs", "prod"), store.count("jobs", "dev")) == (0, 1)


def test_publishing_again_gives_the_same(store: Store) -> None:
    """A run killed between publishing and noting it may publish again."""
    publish(store, "prod", [[row(1), row(2)]])
    before = list(store.read("jobs"))
    publish(store, "prod", [[row(1), row(2)]])
    assert list(store.read("jobs")) == before


def test_a_table_grows_columns(store: Store) -> None:
    """New typed columns are null in older rows; a missing one does no harm."""
    publish(store, "old", [[row(1)]])
    more = Columns({"n": "int64", "userName": "str", "size": "float", "on": "bool"})
    publish(store, "new", [[row(2, '{"n": 5, "size": 1, "on": true}')]], more)
    publish(store, "older", [[row(3)]])
    found = {
        each["workspace"]: (each["n"], each["size"], each["on"])
        for each in store.read("jobs")
    }
    assert found == {
        "old": (1, None, None),
        "new": (5, 1.0, True),
        "older": (3, None, None),
    }


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"n": "str"},
            "has column n of type long, and this asyncdbx writes n of type string",
        ),
        ({"username": "str"}, "has column userName of type string, .* writes username"),
    ],
)
def test_a_column_that_changes_its_type_is_refused(
    store: Store, tmp_path: Path, fields: dict[str, str], message: str
) -> None:
    """The sentence names the column, and the table is as it was."""
    publish(store, "prod", [[row(1)]])
    with pytest.raises(StoreError, match=message):
        publish(store, "prod", [[row(2)]], Columns(fields))
    assert ids(store, "prod") == ["id-1"]
    assert delta(tmp_path).version() == 0


def test_rows_that_break_off_are_not_published(store: Store, tmp_path: Path) -> None:
    """Half a listing never replaces a whole one, and the error stays itself."""

    def broken() -> Iterator[Block]:
        yield Block.of([row(2)])
        raise LookupError("the spool is gone")

    publish(store, "prod", [[row(1)]])
    for workspace in ("prod", "new"):
        with pytest.raises(LookupError, match="the spool is gone"):
            store.publish("jobs", {workspace: broken()}, COLUMNS, run_id="run")
    with pytest.raises(LookupError):
        store.publish("pipelines", {"prod": broken()}, COLUMNS, run_id="run")
    assert ids(store, "prod") == ["id-1"]
    assert delta(tmp_path).version() == 0
    assert store.tables() == ["jobs"]
    assert len([*tmp_path.rglob("*.parquet")]) == 1


@pytest.fixture(params=["new", "known"])
def commits(
    request: pytest.FixtureRequest, store: Store, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[..., None]], None]:
    """Put something in the place of what commits to a table; of it, it is told."""
    if request.param == "known":
        publish(store, "prod", [[row(1)]])
    known = request.param == "known"
    owner: Any = DeltaTable if known else delta_commit
    name = "create_write_transaction" if known else "create_table_with_add_actions"
    usual = getattr(owner, name)

    def replace(commit: Callable[..., None]) -> None:
        def instead(*args: Any, **options: Any) -> None:
            commit(lambda: usual(*args, **options))

        monkeypatch.setattr(owner, name, instead)

    return replace


def test_a_commit_that_fails_leaves_no_files(
    store: Store, tmp_path: Path, commits: Callable[[Callable[..., None]], None]
) -> None:
    """They would be nobody's, and fill a disk that is full already."""
    before = sorted(tmp_path.rglob("*.parquet"))

    def refuse(_: Callable[[], None]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    commits(refuse)
    with pytest.raises(DiskFailed, match="the disk is full"):
        publish(store, "prod", [[row(2)]])
    assert sorted(tmp_path.rglob("*.parquet")) == before


def test_what_fails_behind_a_commit_takes_no_files_from_it(
    store: Store, commits: Callable[[Callable[..., None]], None]
) -> None:
    """A checkpoint that does not fit comes after the version that has them."""

    def commit_and_fail(commit: Callable[[], None]) -> None:
        commit()
        raise OSError(errno.ENOSPC, "No space left on device")

    commits(commit_and_fail)
    with pytest.raises(DiskFailed, match="the disk is full"):
        publish(store, "prod", [[row(2)]])
    assert ids(store, "prod") == ["id-2"]


@pytest.mark.parametrize("letter", ["x", "é", "漢", "%"])
def test_a_long_name_of_a_workspace_is_no_matter(store: Store, letter: str) -> None:
    """Its directory's name, with each byte escaped, would be too long for the disk."""
    names = [100 * letter, 99 * letter + "y"]
    for number, name in enumerate(names):
        publish(store, name, [[row(number)]])
        publish(store, name, [[row(number)]])
    assert [ids(store, name) for name in names] == [["id-0"], ["id-1"]]


def test_a_body_that_is_no_json_is_not_published(store: Store) -> None:
    """A damaged record stops its listing with a sentence."""
    with pytest.raises(StoreError, match=r"^a spooled record is damaged .* with --fresh$"):
        publish(store, "prod", [[row(1, "{")]])
    assert store.tables() == []


def test_tables_of_others_are_refused(store: Store, tmp_path: Path) -> None:
    """Neither files nor Delta tables that somebody else made are overwritten."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "notes.txt").touch()
    with pytest.raises(StoreError, match="jobs is not a table of asyncdbx; move it away"):
        publish(store, "prod", [[row(1)]])
    (tmp_path / "jobs" / "notes.txt").unlink()
    batch = COLUMNS.batch(Block.of([row(1)]), workspace="prod", run_id="run")
    write_deltalake(tmp_path / "jobs", batch)
    with pytest.raises(StoreError, match="was not made by asyncdbx; move it away"):
        publish(store, "prod", [[row(1)]])
    write_deltalake(tmp_path / "_listings", batch)
    with pytest.raises(StoreError, match=r"table _listings in .* was not made by asyncdbx"):
        store.replace_run(LISTINGS, "run", [])
    assert (delta(tmp_path).version(), store.count("_listings")) == (0, 1)


def test_a_damaged_table_is_a_sentence(store: Store, tmp_path: Path) -> None:
    """What deltalake says is put into one line that names the table."""
    publish(store, "prod", [[row(1)]])
    log = tmp_path / "jobs" / "_delta_log" / "00000000000000000000.json"
    log.write_text("nonsense")
    store = Store(Folder.open(tmp_path))
    with pytest.raises(
        StoreError, match=r"table jobs in .* could not be written: "
    ) as caught:
        publish(store, "prod", [[row(2)]])
    assert "\n" not in str(caught.value)
    with pytest.raises(StoreError, match=r"table jobs in .* cannot be read: "):
        store.count("jobs")
    with pytest.raises(StoreError, match=r"table jobs in .* cannot be read: "):
        list(store.read("jobs"))


def test_what_a_kill_leaves_of_a_first_publish_is_no_obstacle(
    store: Store, tmp_path: Path
) -> None:
    """Data files without a commit are ours, and nobody reads them."""
    orphan = tmp_path / "jobs" / "workspace=prod" / "part-0.parquet"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"half a fi")
    (tmp_path / "jobs" / "_delta_log").mkdir()
    publish(store, "prod", [[row(1)]])
    assert ids(store, "prod") == ["id-1"]


PRELUDE = """
import resource, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from test_store import COLUMNS, Folder, Store, StoreError, publish, row
store = Store(Folder.open(Path(sys.argv[1])))
publish(store, "prod", [[row(1)]])
"""

FULL = """
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    publish(store, "prod", [[row(n, '"%s"' % hash(("x", n))) for n in range(20_000)]])
except StoreError as error:
    print(error, end="")
"""

LARGE = """
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

def batches():
    for number in range(400):
        body = '{"n": %d, "pad": "%s"}' % (number, "x" * 1000)
        yield [row(500 * number + each, body) for each in range(500)]

publish(store, "prod", batches())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, end="")
"""


def run(program: str, folder: Path) -> str:
    """Run a program in a process of its own and return what it printed."""
    here = map(str, Path(__file__).parents[:2])
    command = [sys.executable, "-c", PRELUDE + program, str(folder), *here]
    done = subprocess.run(  # noqa: S603 - our own program
        command, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_a_file_system_that_refuses_leaves_the_old_listing(
    store: Store, tmp_path: Path
) -> None:
    """A write that fails half-way is one sentence, and readers see what was there."""
    where = f"table jobs in {tmp_path} could not be written"
    assert run(FULL, tmp_path) == f"{where}: File too large"
    assert ids(store, "prod") == ["id-1"]


def test_publishing_takes_memory_for_a_piece_only(store: Store, tmp_path: Path) -> None:
    """200,000 rows of 1 kB, 200 MB in all, pass through, and memory grows by half of it."""
    grown = int(
        run(LARGE, tmp_path)
    )  # kB; 100,000 of them, and no more for 4 times the rows
    assert store.count("jobs", "prod") == 200_000
    assert grown < 150_000


def test_resources_are_published_side_by_side(store: Store) -> None:
    """Threads may publish at once; those of one table wait for each other."""

    def publish_one(number: int) -> None:
        name = f"r{number % 2}"
        store.publish(
            name, {f"w{number}": [Block.of([row(number)])]}, COLUMNS, run_id="run"
        )

    threads = [threading.Thread(target=publish_one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (store.count("r0"), store.count("r1")) == (4, 4)


def ended(resource: str, status: Any = "complete", error: str = "") -> Ended:
    pace = ("dbfs", 29.4, 0.5, None)
    times = 1_700_000_000_123, None
    return Ended("prod", resource, status, 3, 2, 1, *pace, *times, error, "merged")


def append_listings(store: Store, run_id: str, listings: Sequence[Ended]) -> None:
    known = store.run_rows(LISTINGS, run_id)
    store.replace_run(LISTINGS, run_id, listing_rows(run_id, listings, known))


def test_a_run_says_how_each_listing_ended(store: Store) -> None:
    """One row per listing and run, times in UTC."""
    append_listings(store, "run 1", [ended("jobs"), ended("dbfs", "partial", "it's /a")])
    append_listings(store, "run 2", [ended("jobs")])
    append_listings(store, "run 3", [])
    rows = sorted(store.read("_listings"), key=lambda each: (each["run_id"], each["error"]))
    assert [(each["run_id"], each["resource"], each["status"]) for each in rows] == [
        ("run 1", "jobs", "complete"),
        ("run 1", "dbfs", "partial"),
        ("run 2", "jobs", "complete"),
    ]
    started = rows[1].pop("started_at")
    assert f"{started:%Y-%m-%d %H:%M:%S.%f %Z}" == "2023-11-14 22:13:20.123000 UTC"
    assert rows[1] == {
        "run_id": "run 1",
        "workspace": "prod",
        "resource": "dbfs",
        "status": "partial",
        "records": 3,
        "calls": 2,
        "throttled": 1,
        "lane": "dbfs",
        "rate": 29.4,
        "waited": 0.5,
        "paused": None,
        "ended_at": None,
        "gone": 0,
        "published": "merged",
        "error": "it's /a",
    }
    assert store.tables() == []


def test_a_resumed_run_has_one_row_per_listing_still(store: Store) -> None:
    """What it said of a listing before gives way to what it says now."""
    append_listings(store, "other", [ended("jobs")])
    append_listings(store, "run", [ended("jobs"), ended("dbfs", "partial")])
    append_listings(store, "run", [ended("jobs"), ended("dbfs"), ended("users")])
    found = {
        (each["run_id"], each["resource"]): (each["status"], each["started_at"].microsecond)
        for each in store.read("_listings")
    }
    assert found == {
        ("other", "jobs"): ("complete", 123_000),
        ("run", "jobs"): ("complete", 123_000),
        ("run", "dbfs"): ("complete", 123_000),
        ("run", "users"): ("complete", 123_000),
    }
    assert store.count("_listings") == 4


def test_a_run_keeps_the_pace_that_only_an_earlier_process_knew(store: Store) -> None:
    """What ends again in a process that asked nothing is as fast as it was."""
    append_listings(store, "run", [ended("jobs")])
    unknown = replace(ended("jobs"), rate=None, waited=None, paused=None)
    append_listings(store, "run", [unknown, replace(unknown, resource="dbfs")])
    found = {each["resource"]: each["rate"] for each in store.read("_listings")}
    assert found == {"jobs": 29.4, "dbfs": None}


PACE_OF = ("lane", "rate", "waited", "paused")


def test_a_listings_table_of_an_earlier_version_gets_the_new_columns(
    store: Store, tmp_path: Path
) -> None:
    """Its rows have nulls there, before and after; the run that wrote them may go on."""
    earlier_listings(tmp_path)
    (before,) = store.read("_listings")
    assert [before[name] for name in PACE_OF] == [None] * 4
    assert list(store.read("_listings", ["calls", "lane"])) == [{"calls": 7, "lane": None}]
    for _ in range(2):
        append_listings(store, "new", [ended("jobs")])
    rows = {(row["run_id"], row["resource"]): row for row in store.read("_listings")}
    assert {key: tuple(row[name] for name in PACE_OF) for key, row in rows.items()} == {
        ("old", "old"): (None, None, None, None),
        ("new", "jobs"): ("dbfs", 29.4, 0.5, None),
    }
    assert rows["old", "old"] == before
    assert {row["rate"] for row in store.read("_listings", ["rate"])} == {None, 29.4}
