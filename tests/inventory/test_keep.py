"""What --keep deletes is ours and old; without it nothing is forgotten."""

import os
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from arro3.core import Array, DataType, RecordBatch
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from asyncdbx.cli.inventory import _age
from asyncdbx.inventory import delta_commit, run
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.rows import Block, Columns, Row
from asyncdbx.inventory.store import Store

COLUMNS = Columns({"n": "int64"})
DAY = 86_400


def publish(store_: Store, number: int) -> None:
    row = Row(f"id-{number}", None, None, b'{"n":%d}' % number, 0)
    store_.publish("jobs", {"prod": [Block.of([row])]}, COLUMNS, run_id=f"run {number}")


def age(folder: Path, days: int) -> None:
    """Make what is new of a table older, and what its log says of when that was."""
    at = time.time() - days * DAY
    new = time.time() - DAY
    for file in (each for each in folder.rglob("*") if each.stat().st_mtime > new):
        if file.suffix == ".json":
            words = r'"(timestamp|deletionTimestamp|modificationTime)":\d+'
            older = rf'"\1":{int(at * 1000)}'
            file.write_text(re.sub(words, older, file.read_text()))
        os.utime(file, (at, at))


def can_read(path: Path, version: int) -> bool:
    """Return whether a version of a table is in its log, and all its files are there."""
    try:
        table = DeltaTable(path, version=version)
    except DeltaError:
        return False
    return all(Path(file).exists() for file in table.file_uris())


def test_tables_of_others_are_left_alone(tmp_path: Path) -> None:
    """A table that somebody keeps beside ours has its versions and its files still."""
    ours = Store(Folder.open(tmp_path))
    theirs = tmp_path / "report"
    for number in range(2):
        batch = RecordBatch.from_pydict({"n": Array([number], DataType.int64())})
        write_deltalake(theirs, batch, mode="overwrite")
    (theirs / "notes.csv").write_text("mine")
    age(theirs, 400)
    before = sorted(each.name for each in theirs.rglob("*"))
    run._prune(ours, timedelta(days=30), "20260101T000000Z")
    assert sorted(each.name for each in theirs.rglob("*")) == before


def test_without_keep_nothing_is_forgotten_though_it_was_given_once(tmp_path: Path) -> None:
    """Versions are remembered as their files are."""
    ours = Store(Folder.open(tmp_path))
    publish(ours, 0)
    ours.retain("jobs", timedelta(days=30))
    ours.retain("jobs", None)
    for number in range(1, 12):
        publish(ours, number)
    age(tmp_path / "jobs", 60)
    for number in range(12, 24):  # a checkpoint, which forgets what may be forgotten
        publish(ours, number)
    assert DeltaTable(tmp_path / "jobs", version=0).version() == 0


def test_without_keep_tables_of_earlier_versions_forget_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Delta's own 30 days hold for them no more."""
    ours = Store(Folder.open(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(delta_commit, "retention", lambda _: {})
        for number in range(12):
            publish(ours, number)
    ours.retain("jobs", None)
    age(tmp_path / "jobs", 60)
    for number in range(12, 24):
        publish(ours, number)
    assert DeltaTable(tmp_path / "jobs", version=0).version() == 0


@pytest.mark.parametrize("retained", [True, False])
def test_what_was_replaced_within_the_time_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, retained: bool
) -> None:
    """Whatever the log has forgotten of deleted files; and what is older is gone."""
    ours = Store(Folder.open(tmp_path))
    with monkeypatch.context() as patch:
        if not retained:  # as earlier versions made tables
            patch.setattr(delta_commit, "retention", lambda _: {})
        for days in (90, 60, 25, 20, 12):
            publish(ours, days)
            age(tmp_path / "jobs", days)
    for number in range(5):  # a checkpoint, which forgets files deleted long ago
        publish(ours, number)
    ours.prune("jobs", timedelta(days=30))
    readable = [version for version in range(10) if can_read(tmp_path / "jobs", version)]
    assert readable == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert len([*tmp_path.glob("jobs/workspace=prod/*.parquet")]) == len(readable)


def test_the_log_does_not_repeat_all_that_was_ever_replaced(tmp_path: Path) -> None:
    """A checkpoint knows of the files deleted in the last days, and no others."""
    ours = Store(Folder.open(tmp_path))
    for number in range(8):
        publish(ours, number)
    age(tmp_path / "jobs", 60)
    for number in range(8, 12):
        publish(ours, number)
    (checkpoint,) = tmp_path.glob("jobs/_delta_log/*.checkpoint.parquet")
    counted = f"SELECT count(remove) FROM '{checkpoint}'"
    assert duckdb.execute(counted).fetchall() == [(2,)]
    assert DeltaTable(tmp_path / "jobs", version=0).version() == 0


@pytest.mark.parametrize("text", ["999999d", "99999999999999d"])
def test_for_ever_is_an_age(text: str) -> None:
    """No date is so long before now, and it must not fail once all the work is done."""
    assert datetime.now(UTC) - _age(text) < datetime(1990, 1, 1, tzinfo=UTC)
