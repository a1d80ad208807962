"""Versions of tables: kept unless told otherwise, and the present one always."""

import os
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.ledger import LANES, LISTINGS
from asyncdbx.inventory.rows import Block, Columns, Row
from asyncdbx.inventory.store import Store

COLUMNS = Columns({"n": "int64"})
NOW = timedelta(0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three versions of a table with two workspaces."""
    store = Store(Folder.open(tmp_path))
    for number in range(3):
        publish(store, "prod", number)
    publish(store, "dev", 7)
    return store


def publish(store: Store, workspace: str, number: int) -> None:
    row = Row(f"id-{number}", None, None, b'{"n":%d}' % number, 0)
    store.publish("jobs", {workspace: [Block.of([row])]}, COLUMNS, run_id=f"run {number}")


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("jobs/workspace=*/*.parquet"))


def ids(table: DeltaTable) -> Sequence[str]:
    folder = Path(table.table_uri)
    assert all((folder / file).exists() for file in table.file_uris())
    return sorted(table.file_uris())


def test_what_was_replaced_lately_is_kept(store: Store, tmp_path: Path) -> None:
    """Every version can still be read, and pruning again changes nothing."""
    before = files(tmp_path)
    store.prune("jobs", timedelta(days=30))
    version = DeltaTable(tmp_path / "jobs").version()
    store.prune("jobs", timedelta(days=30))
    assert files(tmp_path) == before
    assert DeltaTable(tmp_path / "jobs").version() == version
    for number in range(4):
        assert ids(DeltaTable(tmp_path / "jobs", version=number))


def test_what_was_replaced_long_ago_is_deleted(store: Store, tmp_path: Path) -> None:
    """Files that only old versions have are gone, and the log knows of them no more."""
    present = list(store.read("jobs"))
    store.prune("jobs", NOW)
    assert len(files(tmp_path)) == 2
    assert list(store.read("jobs")) == present
    with pytest.raises(DeltaError):
        DeltaTable(tmp_path / "jobs", version=0)
    publish(store, "prod", 9)
    assert sorted(row["id"] for row in store.read("jobs")) == ["id-7", "id-9"]


def test_an_old_file_that_was_replaced_lately_is_kept(store: Store, tmp_path: Path) -> None:
    """It is the day of its replacement that counts, not of its writing."""
    year_ago = time.time() - 365 * 86400
    for file in files(tmp_path):
        os.utime(file, (year_ago, year_ago))
    before = files(tmp_path)
    for number in range(12):  # a checkpoint, which forgets what may be forgotten
        publish(store, "dev", number)
    store.prune("jobs", timedelta(days=30))
    assert set(before) <= set(files(tmp_path))


def test_what_a_dead_writer_left_is_deleted_once_it_is_old(
    store: Store, tmp_path: Path
) -> None:
    """A young one may belong to a writer that lives."""
    orphan = files(tmp_path)[0].with_name("part-00000-orphan.parquet")
    orphan.write_bytes(b"PAR1")
    store.prune("jobs", timedelta(days=30))
    assert orphan.exists()
    year_ago = time.time() - 365 * 86400
    os.utime(orphan, (year_ago, year_ago))
    store.prune("jobs", timedelta(days=30))
    assert not orphan.exists()


def test_rows_of_old_runs_are_forgotten(store: Store) -> None:
    """Those of the runs from a moment on stay; a table that is not there is no error."""
    for run_id in ("20250101T000000Z-a", "20260101T000000Z-b"):
        store.replace_run(LANES, run_id, [(run_id, "prod", "dbfs", 0, 1.0, 5, 0, None, 0)])
    store.forget_runs(LANES, "20251231")
    store.forget_runs(LISTINGS, "20251231")
    assert [row["run_id"] for row in store.read("_lanes")] == ["20260101T000000Z-b"]
    store.prune("_lanes", NOW)
    store.prune("no such table", NOW)
    assert store.count("_lanes") == 1
