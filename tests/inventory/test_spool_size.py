"""A spool takes the room of what it still needs, on the disk and in memory."""

import os
import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import Any

from asyncdbx.inventory.rows import Row
from asyncdbx.inventory.spool import Sample, Spool, Unit

PLAN: dict[str, Any] = {}


def unit(resource: str, number: int = 0) -> Unit:
    return Unit("prod", resource, "0:list", f'{{"n":{number}}}')


def test_what_is_put_away_has_no_room_of_what_was_published(tmp_path: Path) -> None:
    """All of its pages are given back, not only one."""
    file = tmp_path / "spool.sqlite"
    with Spool.open(file, PLAN) as spool:
        spool.add([unit("dbfs"), unit("jobs")])
        ((number, _),) = spool.pending("prod", "dbfs", 1)
        rows = [Row(f"{i}", None, None, os.urandom(2**19), 1) for i in range(20)]
        spool.commit(number, outcome="done", records=rows)
        spool.mark_published("prod", "dbfs", 20)
        spool.shrink()
    assert file.stat().st_size < 2**20


def test_a_unit_that_is_done_keeps_no_pages(tmp_path: Path) -> None:
    """Of an object of several pages, the texts of those are not kept beside it."""
    file = tmp_path / "spool.sqlite"
    with Spool.open(file, PLAN) as spool:
        spool.add([unit("jobs", number) for number in range(2)])
        (first, _), (second, _) = spool.pending("prod", "jobs", 2)
        spool.commit(first, outcome="pending", cursor="pages")
        spool.flush()
        spool.commit(first, outcome="done", records=[Row("1", None, None, b"{}", 1)])
        spool.commit(second, outcome="pending", cursor="pages")
        spool.commit(second, outcome="partial", error="it broke off")
    with closing(sqlite3.connect(file)) as db:
        cursors = db.execute("SELECT cursor FROM unit ORDER BY id").fetchall()
    assert cursors == [(None,), ("pages",)]


def test_samples_are_read_in_little_memory(tmp_path: Path) -> None:
    """A night of 200 workspaces has too many to be in memory at once."""
    with Spool.open(tmp_path / "spool.sqlite", PLAN) as spool:
        for at in range(430):
            spool.add_samples(
                Sample(f"workspace-{n}", "dbfs", at, 1.5, at, n, 2.5, n) for n in range(200)
            )
            spool.flush()
        tracemalloc.start()
        count = sum(1 for _ in spool.samples())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert count == 86_000
    assert peak < 5e6
