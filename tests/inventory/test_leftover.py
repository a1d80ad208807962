"""What runs leave behind is never mixed: a killed retry's log, an empty spool."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from asyncdbx.inventory import leftover
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.leftover import last_run, put_away
from asyncdbx.inventory.rows import Row
from asyncdbx.inventory.spool import Spool, Unit, discard, file

PLAN: dict[str, Any] = {"resources": ["dbfs"], "workspaces": []}
ROOT = Unit("prod", "dbfs", "0:list", '{"path":"/"}')


def partial_run(folder: Folder, word: str) -> str:
    """Leave the spool of a run that has ended and lacks something; return its id."""
    with Spool.open(folder.spool, PLAN) as spool:
        spool.add([ROOT])
        ((number, _),) = spool.pending("prod", "dbfs", 1)
        rows = [Row(f"{word}{i}", None, None, b"{}", 1) for i in range(100)]
        spool.commit(number, outcome="pending", records=rows, cursor="{}")
        spool.commit(number, outcome="partial", error=word)
        run_id = spool.run_id
    put_away(folder, folder.spool, complete=False)
    return run_id


def killed_retry(folder: Folder) -> None:
    """Leave what a retry leaves that is killed with SIGKILL: a file and its log."""
    spool = Spool.open(folder.last_spool, PLAN)
    spool.retry_failed()
    ((number, _),) = spool.pending("prod", "dbfs", 1)
    rows = [Row(f"retried{i}", None, None, b"{}", 1) for i in range(2000)]
    spool.commit(number, outcome="done", records=rows)
    spool.flush()
    kept = folder.path / "kept"
    kept.mkdir()
    for each in folder.last_spool.parent.glob("last.sqlite*"):
        shutil.copy(each, kept)
    spool.close()
    for each in kept.iterdir():
        shutil.copy(each, folder.last_spool.parent)


def test_the_log_of_a_killed_retry_is_not_read_into_a_later_run(tmp_path: Path) -> None:
    """last.sqlite-wal does not outlive its file: SQLite would replay it into the next."""
    folder = Folder.open(tmp_path)
    (tmp_path / "_run").mkdir()
    partial_run(folder, "monday")
    killed_retry(folder)
    assert (tmp_path / "_run" / "last.sqlite-wal").stat().st_size > 0
    run_id = partial_run(folder, "tuesday")
    with Spool.open(folder.last_spool, PLAN) as spool:
        assert spool.run_id == run_id
        ids = [id_ for block in spool.blocks("prod", "dbfs") for id_ in block.ids]
        assert sorted(ids) == sorted(f"tuesday{i}" for i in range(100))
        assert [each.error for each in spool.failures("prod", "dbfs")] == ["tuesday"]
    with closing(sqlite3.connect(folder.last_spool)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_an_older_run_is_not_retried_after_a_complete_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill between the two deletions leaves no last.sqlite of the run before."""
    folder = Folder.open(tmp_path)
    monday = partial_run(folder, "monday")
    with Spool.open(folder.spool, PLAN) as spool:
        tuesday = spool.run_id
    usual = discard

    def killed(which: Path) -> None:
        usual(which)
        raise KeyboardInterrupt

    monkeypatch.setattr(leftover, "discard", killed)
    with pytest.raises(KeyboardInterrupt):
        put_away(folder, folder.spool, complete=True)
    if folder.last_spool.exists():
        left = last_run(folder)
        assert left is not None
        with Spool.open(left[0], PLAN) as spool:
            assert spool.run_id == tuesday != monday


def test_a_spool_that_was_never_begun_is_in_no_retrys_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full while a spool is begun does not hide what the last run left."""
    folder = Folder.open(tmp_path)
    partial_run(folder, "monday")
    with monkeypatch.context() as patch:
        full = sqlite3.OperationalError("database or disk is full")

        def refuse(*_: Any) -> None:
            raise full

        patch.setattr(file, "_begin", refuse)
        with pytest.raises(Exception, match="full"):
            Spool.open(folder.spool, PLAN)
    assert folder.spool.exists()
    assert last_run(folder) == (folder.last_spool, ["dbfs"])
