"""What --keep deletes is ours and old; without it nothing is forgotten."""

import os
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from arro3.core import Array, DataType, RecordBatch
from deltalake import DeltaTable, write_deltalake

from asyncdbx.cli.inventory import _age
from asyncdbx.inventory import run, store
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.rows import Block, Columns, Row
from asyncdbx.inventory.store import Store

COLUMNS = Columns({"n": "int64"})
DAY = 86_400


def publish(store_: Store, number: int) -> None:
    row = Row(f"id-{number}", None, None, b'{"n":%d}' % number, 0)
    store_.publish("jobs", "prod", COLUMNS, [Block.of([row])], run_id=f"run {number}")


def age(folder: Path, days: int) -> None:
    """Make all files of a table older, and what its log says of their deletion."""
    at = time.time() - days * DAY
    for file in folder.rglob("*"):
        if file.suffix == ".json":
            words = r'"(timestamp|deletionTimestamp|modificationTime)":\d+'
            older = rf'"\1":{int(at * 1000)}'
            file.write_text(re.sub(words, older, file.read_text()))
        os.utime(file, (at, at))


def test_tables_of_others_are_left_alone(tmp_path: Path) -> None:
    """Proves: a table that somebody keeps beside ours loses its versions and its files."""
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
    """Proves: --keep 30d, given once, goes on to forget versions, but not their files."""
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
    """Proves: only new tables are kept for ever; others forget after Delta's 30 days."""
    ours = Store(Folder.open(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(store, "RETENTION", ())
        for number in range(12):
            publish(ours, number)
    ours.retain("jobs", None)
    age(tmp_path / "jobs", 60)
    for number in range(12, 24):
        publish(ours, number)
    assert DeltaTable(tmp_path / "jobs", version=0).version() == 0


@pytest.mark.parametrize("text", ["999999d", "99999999999999d"])
def test_for_ever_is_an_age(text: str) -> None:
    """Proves: 999,999 days before now is no date: an error, behind all the work."""
    assert datetime.now(UTC) - _age(text) < datetime(1990, 1, 1, tzinfo=UTC)
