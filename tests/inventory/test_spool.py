"""The spool: what was flushed survives anything, whole, and comes once."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from asyncdbx.errors import StoreError
from asyncdbx.inventory.rows import Row
from asyncdbx.inventory.spool import Failure, Sample, Spool, Unit, batch, discard
from asyncdbx.inventory.spool import spool as spool_module

PLAN = {"fleet": ["prod"], "resources": ["dbfs", "jobs"]}
DBFS = ("prod", "dbfs")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the spool lies; its folder does not exist yet."""
    return tmp_path / "_run" / "spool.sqlite"


@pytest.fixture
def spool(file: Path) -> Iterator[Spool]:
    """A new spool."""
    with Spool.open(file, PLAN) as opened:
        yield opened


def directory(number: int, resource: str = "dbfs") -> Unit:
    return Unit("prod", resource, "0:list", f'{{"path":"/{number}"}}')


def record(number: int, body: bytes = b"{}") -> Row:
    return Row(f"/{number:05}", f"n{number}", None, body, 1_700_000_000_000 + number)


def hand_out(spool: Spool, limit: int = 1000) -> list[tuple[int, Unit]]:
    return spool.pending(*DBFS, limit)


def all_rows(spool: Spool, resource: str = "dbfs") -> list[Row]:
    return [row for block in spool.blocks("prod", resource) for row in block.rows()]


def fill(spool: Spool, records: Sequence[Row]) -> None:
    spool.add([directory(0)])
    ((unit_id, _),) = hand_out(spool)
    spool.commit(unit_id, outcome="done", records=records)


def test_a_unit_is_handed_out_once(spool: Spool) -> None:
    """Oldest first, never twice, and a limit is a limit."""
    spool.add(directory(number) for number in range(5))
    assert [unit for _, unit in hand_out(spool, 2)] == [directory(0), directory(1)]
    assert [unit for _, unit in hand_out(spool, 0)] == []
    assert [unit for _, unit in hand_out(spool)] == [
        directory(2),
        directory(3),
        directory(4),
    ]
    assert hand_out(spool) == []
    assert spool.open_units(*DBFS) == 5


def test_a_loop_cannot_happen(spool: Spool) -> None:
    """A unit that leads back to itself or its parent is known, and is not added."""
    spool.add([directory(0), directory(0)])
    ((first, _),) = hand_out(spool)
    spool.commit(first, outcome="done", children=[directory(0), directory(1)])
    ((second, unit),) = hand_out(spool)
    assert unit == directory(1)
    spool.commit(second, outcome="done", children=[directory(0), directory(1)])
    assert hand_out(spool) == []
    assert spool.open_units(*DBFS) == 0
    assert spool.summary(*DBFS).units["done"] == 2


def test_a_page_chain_stays_in_hand_and_resumes_at_its_cursor(file: Path) -> None:
    """Its records and where it stands are one; opened again, it goes on there."""
    with Spool.open(file, PLAN) as spool:
        spool.add([directory(0)])
        ((unit_id, _),) = hand_out(spool)
        spool.commit(unit_id, outcome="pending", records=[record(1)], cursor='"p2"')
        assert hand_out(spool) == []
        spool.commit(unit_id, outcome="pending", records=[record(2)], cursor='"p3"')
    with Spool.open(file, PLAN) as spool:
        ((unit_id, unit),) = hand_out(spool)
        assert unit.cursor == '"p3"'
        spool.commit(unit_id, outcome="done", records=[record(3)])
        assert sorted(all_rows(spool)) == [record(1), record(2), record(3)]
        assert spool.open_units(*DBFS) == 0
    with Spool.open(file, PLAN) as spool:
        assert hand_out(spool) == []


def test_only_a_unit_in_hand_can_be_committed(spool: Spool) -> None:
    """A unit is not finished twice."""
    spool.add([directory(0)])
    ((unit_id, _),) = hand_out(spool)
    spool.commit(unit_id, outcome="done")
    with pytest.raises(KeyError):
        spool.commit(unit_id, outcome="done")


def test_children_that_fail_leave_nothing(spool: Spool) -> None:
    """A commit is all or nothing before it reaches the file, too."""

    def children() -> Iterator[Unit]:
        yield directory(1)
        raise LookupError

    spool.add([directory(0)])
    ((unit_id, _),) = hand_out(spool)
    with pytest.raises(LookupError):
        spool.commit(unit_id, outcome="done", records=[record(1)], children=children())
    summary = spool.summary(*DBFS)
    assert (summary.records, summary.calls, summary.units["pending"]) == (0, 0, 1)


def test_an_id_that_comes_again_is_one_record(spool: Spool) -> None:
    """Within a commit, between two, and after a flush: the newest stays."""
    spool.add([directory(0), directory(1), directory(0, "jobs")])
    (first, _), (second, _) = hand_out(spool)
    spool.commit(first, outcome="done", records=[record(1), record(1, b'{"v":2}')])
    spool.flush()
    spool.commit(second, outcome="done", records=[record(2), record(1, b'{"v":3}')])
    ((other, _),) = spool.pending("prod", "jobs", 1)
    spool.commit(other, outcome="done", records=[record(1)])
    assert all_rows(spool) == [record(2), record(1, b'{"v":3}')]
    assert all_rows(spool, "jobs") == [record(1)]


def test_records_keep_every_byte(spool: Spool) -> None:
    """Ids of any characters and bodies of any bytes come back, in their order."""
    ids = ["", "a", "a\0b", "'", "%", "Z", "ü", "😀", "9" * 5000]
    rows = [Row(each, None, each, b'{"\xc3\xbc":\n1e400 }', 2**53) for each in ids]
    fill(spool, rows)
    assert all_rows(spool) == rows


def test_rows_come_in_batches(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch ends after so many rows or so many bytes; all rows come, the newest first."""
    monkeypatch.setattr(batch, "LARGEST", 250)
    monkeypatch.setattr(batch, "LARGEST_BYTES", 500_000)
    rows = [record(number, b"x" * (number // 500 * 50_000)) for number in range(530)]
    fill(spool, rows)
    batches = [list(block.rows()) for block in spool.blocks(*DBFS)]
    assert [len(each) for each in batches] == [10, 10, 10, 250, 250]
    assert [row for each in reversed(batches) for row in each] == rows
    assert list(spool.blocks("prod", "unknown")) == []


def test_a_listing_sums_up(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts, times and the first failures, buffered commits included."""
    clock = iter(range(1000, 2000, 100))
    monkeypatch.setattr(spool_module, "now", lambda: next(clock))
    spool.add(directory(number) for number in range(4))
    assert spool.summary(*DBFS).started_at is None
    one, two, three, four = (unit_id for unit_id, _ in hand_out(spool))
    spool.commit(one, outcome="done", records=[record(1)], calls=3, throttled=2)
    spool.commit(two, outcome="denied", error="403", calls=1)
    spool.commit(three, outcome="partial", error="timed out", calls=5, throttled=1)
    assert spool.summary(*DBFS).ended_at is None
    spool.commit(four, outcome="unavailable", error="off")
    summary = spool.summary(*DBFS)
    assert summary.units == {
        "pending": 0,
        "done": 1,
        "gone": 0,
        "partial": 1,
        "denied": 1,
        "unavailable": 1,
    }
    assert (summary.records, summary.calls, summary.throttled) == (1, 10, 3)
    assert (summary.started_at, summary.ended_at) == (1000, 1400)
    assert summary.published_at is None
    assert summary.failures == (
        Failure("0:list", '{"path":"/1"}', "denied", 0, "403"),
        Failure("0:list", '{"path":"/2"}', "partial", 0, "timed out"),
        Failure("0:list", '{"path":"/3"}', "unavailable", 0, "off"),
    )
    assert spool.summaries() == [summary]


def test_a_listing_that_gets_a_unit_again_is_not_ended(spool: Spool) -> None:
    """A follower has ended only while nothing more has followed."""
    spool.add([directory(0), directory(0, "jobs")])
    ((job, _),) = spool.pending("prod", "jobs", 1)
    spool.commit(job, outcome="done")
    assert spool.summary("prod", "jobs").ended_at is not None
    ((unit_id, _),) = hand_out(spool)
    spool.commit(unit_id, outcome="done", children=[directory(1, "jobs")])
    assert spool.summary("prod", "jobs").ended_at is None
    assert spool.open_units("prod", "jobs") == 1


def test_a_run_goes_on_where_it_was(file: Path) -> None:
    """The same plan, in any order of its keys, is the same run."""
    with Spool.open(file, PLAN) as spool:
        assert not spool.resumed
        spool.add(directory(number) for number in range(3))
        unit_id = hand_out(spool)[1][0]
        spool.commit(unit_id, outcome="denied", error="no")
        spool.mark_published("prod", "jobs", 0)
        before = spool.summaries()
        about = (spool.run_id, spool.started_at)
    with Spool.open(file, dict(reversed(PLAN.items()))) as again:
        assert again.resumed
        assert (again.run_id, again.started_at) == about
        assert again.summaries() == before
        assert again.summary("prod", "jobs").published_at is not None
        assert [unit for _, unit in hand_out(again)] == [directory(0), directory(2)]
        again.add([directory(1), directory(3)])
        assert [unit for _, unit in hand_out(again)] == [directory(3)]


def test_failed_units_can_be_tried_again(file: Path) -> None:
    """Only they become pending, and their listing is open again."""
    with Spool.open(file, PLAN) as spool:
        spool.add(directory(number) for number in range(3))
        one, two, three = (unit_id for unit_id, _ in hand_out(spool))
        spool.commit(one, outcome="done", records=[record(1)])
        for page in ('"p6"', '"p7"'):
            spool.commit(two, outcome="pending", cursor=page)
        spool.commit(two, outcome="partial", error="cut")
        with pytest.raises(RuntimeError, match="units are in hand"):
            spool.retry_failed()
        spool.commit(three, outcome="denied", error="no")
        assert [each.pages for each in spool.summary(*DBFS).failures] == [2, 0]
        assert spool.retry_failed() == 2
        summary = spool.summary(*DBFS)
        assert summary.ended_at is None
        assert (summary.failures, summary.records) == ((), 1)
        cursors = [unit.cursor for _, unit in hand_out(spool)]
        assert cursors == ['"p7"', None]


def test_what_is_published_is_neither_kept_nor_tried_again(spool: Spool) -> None:
    """It is whole although one service that it may come from is unavailable."""
    spool.add([directory(0), directory(1)])
    (one, _), (two, _) = hand_out(spool)
    spool.commit(one, outcome="done", records=[record(1), record(1)])
    spool.commit(two, outcome="unavailable", error="off")
    spool.mark_published(*DBFS, 1)
    assert (all_rows(spool), spool.summary(*DBFS).records) == ([], 1)
    assert spool.retry_failed() == 0
    assert spool.summary(*DBFS).published_at is not None


def test_a_chain_that_starts_again_has_brought_nothing(file: Path) -> None:
    """What its pages brought is forgotten, staged, waiting or written; no other's is."""
    with Spool.open(file, PLAN) as spool:
        spool.add([directory(0), directory(1), directory(2)])
        (chain, _), (single, _), (other, _) = hand_out(spool)
        spool.commit(chain, outcome="pending", records=[record(1)], cursor='"p2"')
        spool.commit(single, outcome="done", records=[record(2)])
        spool.commit(other, outcome="pending", records=[record(3)], cursor='"p2"')
    with Spool.open(file, PLAN) as spool:
        (chain, _), (other, _) = hand_out(spool)
        spool.commit(chain, outcome="pending", records=[record(4)], cursor='"p3"')
        spool.stage(chain, [record(5)])
        spool.restart(chain)
        assert spool.summary(*DBFS).records == 2
        spool.commit(chain, outcome="done", records=[record(6)])
        spool.commit(other, outcome="done")
        assert sorted(all_rows(spool)) == [record(2), record(3), record(6)]
        assert spool.summary(*DBFS).records == 3


@pytest.mark.parametrize(
    ("plan", "differing"),
    [
        ({**PLAN, "fleet": ["dev"]}, "fleet"),
        ({"fleet": [], "resources": []}, "fleet and resources"),
        ({**PLAN, "limit": 3}, "limit"),
    ],
)
def test_the_spool_of_another_plan_is_refused(
    spool: Spool, file: Path, plan: dict[str, object], differing: str
) -> None:
    """The sentence says what differs and the two ways out; nothing is lost."""
    spool.flush()
    message = f"holds an unfinished run with other {differing}: finish it .* with --fresh"
    with pytest.raises(StoreError, match=message):
        Spool.open(file, plan)
    with Spool.open(file, PLAN) as again:
        assert again.run_id == spool.run_id


def test_what_is_no_spool_of_ours_is_refused(file: Path) -> None:
    """Damage, another version and other programs' files are told apart, and kept."""
    Spool.open(file, PLAN).close()
    whole = file.read_bytes()
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version = 7")
    with pytest.raises(StoreError, match="has format 7 and this asyncdbx writes format 3"):
        Spool.open(file, PLAN)
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA application_id = 7")
    with pytest.raises(StoreError, match="is not a spool of asyncdbx; move it away"):
        Spool.open(file, PLAN)
    for damaged in (b"no database at all " * 100, whole[:-8192], whole[:8192] * 3):
        file.write_bytes(damaged)
        message = "is damaged .*: move it away to keep it, or start over with --fresh"
        with pytest.raises(StoreError, match=message):
            Spool.open(file, PLAN)
        assert file.read_bytes() == damaged


def test_a_place_that_cannot_hold_a_spool_is_a_sentence(file: Path) -> None:
    """Something in the way of the file or its folder is named."""
    file.mkdir(parents=True)
    with pytest.raises(StoreError, match=r"spool\.sqlite cannot be used: unable to open"):
        Spool.open(file, PLAN)
    with pytest.raises(StoreError, match=r"spool\.sqlite cannot be used: Is a directory"):
        discard(file)
    with pytest.raises(StoreError, match=r"x cannot be used: File exists"):
        (file.parent / "file").touch()
        Spool.open(file.parent / "file" / "x", PLAN)


def test_discarding_begins_anew(file: Path) -> None:
    """All of it is gone, and a spool that is not there is no error."""
    with Spool.open(file, PLAN) as spool:
        spool.add([directory(0)])
        first = spool.run_id
    discard(file)
    assert list(file.parent.iterdir()) == []
    with Spool.open(file, PLAN) as again:
        assert (again.resumed, hand_out(again)) == (False, [])
        assert again.run_id != first
    discard(file)
    discard(file)
    assert list(file.parent.iterdir()) == []


def test_a_flush_that_fails_can_be_tried_again(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk loses nothing: what was committed waits in memory."""
    spool.add([directory(0), directory(1)])
    (first, _), (second, _) = hand_out(spool)
    pages = spool._db.execute("PRAGMA page_count").fetchone()[0]
    spool._db.execute(f"PRAGMA max_page_count = {pages}")
    large = [record(number, os.urandom(10_000)) for number in range(3)]
    spool.commit(first, outcome="done", records=large, children=[directory(2)])
    for _ in range(2):
        with pytest.raises(StoreError, match="disk is full; make room and run the same"):
            spool.flush()
    spool._db.execute("PRAGMA max_page_count = 1000000")
    spool.commit(second, outcome="done", records=[record(7)])
    summary = spool.summary(*DBFS)
    assert (summary.records, summary.calls) == (4, 2)
    assert (summary.units["done"], summary.units["pending"]) == (2, 1)


def test_a_spool_in_use_elsewhere_is_a_sentence(spool: Spool, file: Path) -> None:
    """Another program that holds the file is named as the reason."""
    spool._db.execute("PRAGMA busy_timeout = 0")
    spool.add([directory(0)])
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="is in use by another program"):
            spool.flush()
        db.execute("ROLLBACK")
    assert len(hand_out(spool)) == 1


def test_reading_goes_on_while_others_commit(spool: Spool) -> None:
    """One thread reads a listing that has ended, the other writes to another."""
    fill(spool, [record(number) for number in range(20_000)])
    spool.add(directory(number, "jobs") for number in range(300))
    found: list[Row] = []
    thread = threading.Thread(target=lambda: found.extend(all_rows(spool)))
    thread.start()
    for unit_id, _ in spool.pending("prod", "jobs", 300):
        spool.commit(unit_id, outcome="done", records=[record(unit_id)])
        spool.flush()
    thread.join()
    assert sorted(found) == [record(number) for number in range(20_000)]
    assert spool.summary("prod", "jobs").records == 300


# Each directory has two below it, down to number 2,000, and three records on two pages.
DIRECTORIES = 2_000
CRAWL = """
import sys
from pathlib import Path
from typing import Any
sys.path.insert(0, sys.argv[2])
import test_spool
test_spool.crawl(Path(sys.argv[1]))
"""


def crawl(file: Path) -> None:
    """Visit all directories, and tell after some how many records are surely kept."""
    with Spool.open(file, PLAN) as spool:
        spool.add([directory(1)])
        while units := hand_out(spool, 20):
            for unit_id, unit in units:
                visit(spool, unit_id, unit)
            spool.flush()
            if units[0][0] % 3 == 0:
                sys.stdout.write(f"{spool.summary(*DBFS).records}\n")
                sys.stdout.flush()


def visit(spool: Spool, unit_id: int, unit: Unit) -> None:
    number = int(unit.key[10:-2])
    if unit.cursor is None:
        spool.commit(unit_id, outcome="pending", records=pages(number)[0], cursor="2")
    children = [directory(each) for each in below(number)]
    spool.commit(unit_id, outcome="done", records=pages(number)[1], children=children)


def pages(number: int) -> tuple[list[Row], list[Row]]:
    return (
        [record(number)],
        [record(number + DIRECTORIES), record(number + 2 * DIRECTORIES)],
    )


def below(number: int) -> list[int]:
    return [each for each in (2 * number, 2 * number + 1) if each < DIRECTORIES]


def killed(file: Path, reports: int) -> bool:
    """Crawl in a process that is killed after so many reports; return if it was.

    What it had reported as kept must be in the file, and nothing half.
    """
    kept = 0
    command = [sys.executable, "-c", CRAWL, str(file), str(Path(__file__).parent)]
    with subprocess.Popen(  # noqa: S603 - our own program
        command, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for _ in range(reports):
            line = process.stdout.readline()
            if not line:
                break
            kept = int(line)
        process.kill()
    assert check_whole(file) >= kept
    return process.returncode != 0


def check_whole(file: Path) -> int:
    """Compare records and units in the file; return how many records there are."""
    with contextlib.closing(sqlite3.connect(file)) as db:
        packed = db.execute("SELECT records, ids, rest FROM batch")
        ids = {row.id for each in packed for row in batch.Batch._make(each).read().rows()}
        units = {
            int(key[10:-2]): (state, cursor)
            for key, state, cursor in db.execute("SELECT key, state, cursor FROM unit")
        }
        (counted,) = db.execute("SELECT records FROM listing").fetchone() or (0,)
    expected = set[str]()
    for number, (state, cursor) in units.items():
        first, second = pages(number)
        expected |= {row.id for row in first if cursor or state == "done"}
        expected |= {row.id for row in second if state == "done"}
        assert state == "pending" or units.keys() >= set(below(number))
    assert ids == expected
    assert counted == len(ids)
    return counted


def test_a_crawl_killed_again_and_again_ends_complete(file: Path) -> None:
    """After every kill the file is whole, holds all that was flushed, and goes on."""
    kills = sum(killed(file, reports) for reports in (1, 2, 3, 4, 5, 6))
    crawl(file)
    with Spool.open(file, PLAN) as spool:
        summary = spool.summary(*DBFS)
        assert sorted(row.id for row in all_rows(spool)) == sorted(
            row.id
            for number in range(1, DIRECTORIES)
            for page in pages(number)
            for row in page
        )
    assert kills == 6
    assert (summary.units["done"], summary.units["pending"]) == (DIRECTORIES - 1, 0)
    assert summary.records == 3 * (DIRECTORIES - 1)


def test_a_spool_killed_while_it_is_begun_is_begun_anew(file: Path) -> None:
    """A file without tables holds nothing, and nothing stands in the way."""
    file.parent.mkdir()
    file.touch()
    with Spool.open(file, PLAN) as spool:
        assert not spool.resumed


def staged(file: Path) -> int:
    """Return how many records are put aside in the file."""
    with contextlib.closing(sqlite3.connect(file)) as db:
        count: int = db.execute(
            "SELECT coalesce(sum(records), 0) FROM batch WHERE NOT whole"
        ).fetchone()[0]
        return count


def test_what_is_put_aside_is_no_ones_until_its_page_is_whole(
    spool: Spool, file: Path
) -> None:
    """The commit makes it the listing's, in order, with what came last."""
    spool.add([directory(0)])
    ((unit_id, _),) = hand_out(spool)
    spool.stage(unit_id, [record(1), record(2)])
    spool.stage(unit_id, [record(3), record(1, b'{"newer":1}')], [directory(7)])

    assert (all_rows(spool), spool.summary(*DBFS).records) == ([], 0)
    assert [unit for _, unit in hand_out(spool)] == [directory(7)]

    spool.commit(unit_id, outcome="done", records=[record(4)])

    newest = [record(1, b'{"newer":1}'), record(2), record(3), record(4)]
    assert sorted(all_rows(spool)) == newest
    assert staged(file) == 0


def test_two_pages_of_a_unit_are_put_aside_one_after_the_other(spool: Spool) -> None:
    """Each is committed at its end."""
    spool.add([directory(0)])
    ((unit_id, _),) = hand_out(spool)
    spool.stage(unit_id, [record(1)])
    spool.commit(unit_id, outcome="pending", cursor="next")
    assert all_rows(spool) == [record(1)]
    spool.stage(unit_id, [record(2)])
    spool.commit(unit_id, outcome="done")
    assert sorted(all_rows(spool)) == [record(1), record(2)]


def test_the_second_page_that_is_put_aside_is_not_the_first_ones(spool: Spool) -> None:
    """If it fails, nothing of it is kept, also if the first one's end waits."""
    spool.add([directory(0)])
    ((unit_id, _),) = hand_out(spool)
    spool.stage(unit_id, [record(1)])
    spool.commit(unit_id, outcome="pending", cursor="next")
    spool.stage(unit_id, [record(2)])
    spool.commit(unit_id, outcome="partial", error="cut")
    assert (all_rows(spool), spool.summary(*DBFS).records) == ([record(1)], 1)


@pytest.mark.parametrize("outcome", ["partial", "denied", "unavailable"])
def test_what_was_put_aside_of_a_page_that_failed_is_forgotten(
    spool: Spool, file: Path, outcome: Any
) -> None:
    """The pages before it stand."""
    spool.add([directory(0)])
    ((unit_id, _),) = hand_out(spool)
    spool.commit(unit_id, outcome="pending", records=[record(1)], cursor="next")
    spool.stage(unit_id, [record(2)])
    spool.commit(unit_id, outcome=outcome, error="cut")
    assert (all_rows(spool), staged(file)) == ([record(1)], 0)


def test_a_page_that_is_fetched_anew_begins_with_nothing_aside(spool: Spool) -> None:
    """Also if nothing was put aside."""
    spool.add([directory(0)])
    ((unit_id, _),) = hand_out(spool)
    spool.unstage(unit_id)
    spool.stage(unit_id, [record(1), record(2)])
    spool.unstage(unit_id)
    spool.stage(unit_id, [record(3)])
    spool.commit(unit_id, outcome="done")
    assert all_rows(spool) == [record(3)]


def test_a_spool_that_is_opened_again_has_nothing_aside(file: Path) -> None:
    """The page was never whole, so it is fetched again."""
    with Spool.open(file, PLAN) as spool:
        spool.add([directory(0)])
        ((unit_id, _),) = hand_out(spool)
        spool.stage(unit_id, [record(1)])
    assert staged(file) == 1
    with Spool.open(file, PLAN) as spool:
        assert staged(file) == 0
        ((unit_id, _),) = hand_out(spool)
        spool.stage(unit_id, [record(2)])
        spool.commit(unit_id, outcome="done")
        assert all_rows(spool) == [record(2)]


def test_only_of_a_unit_in_hand_something_can_be_put_aside(spool: Spool) -> None:
    """Anything else is a bug."""
    with pytest.raises(KeyError):
        spool.stage(7, [record(1)])


def test_a_wrong_bit_in_a_record_is_seen(file: Path) -> None:
    """SQLite does not see it, but a checksum does; nothing is deleted."""
    with Spool.open(file, PLAN) as spool:
        fill(spool, [record(number) for number in range(100)])
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        ((packed,),) = db.execute("SELECT rest FROM batch")
        middle = len(packed) // 2
        broken = packed[:middle] + bytes([packed[middle] ^ 1]) + packed[middle + 1 :]
        db.execute("UPDATE batch SET rest = ?", (broken,))
    damaged = r"is damaged \(Error -3 .*\) and cannot be resumed: move it away to keep"
    with Spool.open(file, PLAN) as spool, pytest.raises(StoreError, match=damaged):
        all_rows(spool)
    assert file.exists()


def test_samples_come_back_in_the_order_of_time(file: Path) -> None:
    """Of all processes of a run."""
    late, early = (Sample("prod", "dbfs", at, 1.0, 5, 1, None, 3) for at in (9, 7))
    with Spool.open(file, PLAN) as spool:
        spool.add_samples([late])
    with Spool.open(file, PLAN) as spool:
        spool.add_samples([early])
        assert list(spool.samples()) == [early, late]


def test_failures_can_be_read_one_by_one(spool: Spool) -> None:
    """However many there are, in the order they were found."""
    count = spool_module.SOME + 5
    spool.add(directory(number) for number in range(count))
    for unit_id, _ in hand_out(spool, count):
        spool.commit(unit_id, outcome="denied", error=str(unit_id))
    assert [each.key for each in spool.failures(*DBFS)] == [
        directory(number).key for number in range(count)
    ]
    assert len(spool.summary(*DBFS).failures) == 5
