"""Inventories with a history, made by publishing: what a test says of each run."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.ledger import LISTINGS, listing_rows
from asyncdbx.inventory.rows import Block, Columns, Row
from asyncdbx.inventory.store import Store
from asyncdbx.inventory.verdict import Ended

__all__ = ["COLUMNS", "Merged", "Runs", "files", "records"]

COLUMNS = Columns({"n": "int64", "state": "str"})
Records = Mapping[str, Any]  # id → body, or its text


class Merged(NamedTuple):
    """What came of a listing that was not complete, merged with the one before."""

    records: Records


def records(*ids: str, **fields: Any) -> Records:
    """Return records with these ids, and the same fields each."""
    return {each: {"name": f"name of {each}", **fields} for each in ids}


class Runs:
    """An inventory, one run after the other, a day apart.

    Args:
        folder: Where it lies.
        first: The day of the first run, which begins at 02:00 and takes ten minutes.
    """

    def __init__(
        self, folder: Path, first: datetime = datetime(2026, 11, 20, 2, tzinfo=UTC)
    ) -> None:
        self.folder = folder
        self.store = Store(Folder.open(folder))
        self.ids: list[str] = []
        self._begins = first

    def run(
        self,
        listings: Mapping[tuple[str, str], Records | str | Merged],
        *,
        run_id: str = "",
        columns: Columns = COLUMNS,
        ends: bool = True,
    ) -> str:
        """Take a run and return its id.

        Args:
            listings: By workspace and resource: records, or how it ended without being
                complete; or what came of one that was not, and is merged.
            run_id: If it is not to be made of the day.
            columns: Of its tables.
            ends: Else it is killed when all of this has been published.
        """
        begins, self._begins = self._begins, self._begins + timedelta(days=1)
        run_id = run_id or f"{begins:%Y%m%dT%H%M%SZ}-{len(self.ids):08x}"
        ended = [
            self._list(run_id, *key, what, columns, begins)
            for key, what in listings.items()
        ]
        if ends:
            self.store.replace_run(LISTINGS, run_id, listing_rows(run_id, ended, ()))
        self.ids.append(run_id)
        return run_id

    def _list(  # noqa: PLR0913, PLR0917 - one for each fact
        self,
        run_id: str,
        workspace: str,
        resource: str,
        what: Records | str | Merged,
        columns: Columns,
        begins: datetime,
    ) -> Ended:
        status: Any
        rows: list[Row] = []
        merged = isinstance(what, Merged)
        found = what.records if isinstance(what, Merged) else what
        if isinstance(found, str):
            status = found
        else:
            status = "partial" if merged else "complete"
            rows = _rows(found, begins)
            self.store.publish(
                resource,
                {workspace: [Block.of(rows)]},
                columns,
                run_id=run_id,
                merge=merged,
            )
        start = round(1000 * begins.timestamp())
        return Ended(
            workspace,
            resource,
            status,
            records=len(rows),
            calls=1,
            throttled=0,
            lane="lane",
            rate=None,
            waited=None,
            paused=None,
            started_at=start,
            ended_at=start + 600_000,
            error="",
            published="merged" if merged else "replaced" if rows else None,
        )


def _rows(what: Records, begins: datetime) -> list[Row]:
    fetched_at = round(1000 * begins.timestamp())
    return [
        Row(each, _name(body), None, _text(body), fetched_at)
        for each, body in sorted(what.items())
    ]


def _name(body: Any) -> str | None:
    return body.get("name") if isinstance(body, dict) else None


def _text(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def files(folder: Path) -> Sequence[tuple[str, bytes]]:
    """Return every file below a folder, with what is in it."""
    found = sorted(each for each in folder.rglob("*") if each.is_file())
    return [(str(each.relative_to(folder)), each.read_bytes()) for each in found]
