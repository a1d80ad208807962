"""Inventories made by publishing: each listing, lane and missing thing as a test says."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asyncdbx.inventory.columns import columns_of
from asyncdbx.inventory.folder import Folder
from asyncdbx.inventory.ledger import LANES, LISTINGS, MISSING
from asyncdbx.inventory.resources import RESOURCES
from asyncdbx.inventory.rows import Block, Row
from asyncdbx.inventory.store import Store

__all__ = ["FIRST", "Listed", "Sampled", "Written", "dbfs_files"]

FIRST = datetime(2026, 11, 24, 2, tzinfo=UTC)  # when the first run begins


@dataclass(frozen=True)
class Listed:
    """How a listing ended, and what it had; ``records`` by id."""

    workspace: str
    resource: str
    records: Mapping[str, Any] = field(default_factory=dict[str, Any])
    status: str = "complete"
    error: str = ""
    calls: int = 1
    throttled: int = 0
    published: str | None = None
    missing: Sequence[tuple[str, str, int, str]] = ()  # kind, what, pages, error


@dataclass(frozen=True)
class Sampled:
    """What a lane did in the second that ends so many seconds after the run began."""

    workspace: str
    lane: str
    second: float
    calls: int
    throttled: int = 0
    rate: float | None = 30.0
    waiting: int = 1
    seconds: float = 1.0


class Written:
    """An inventory, one run after the other, a day apart; each takes ten minutes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(Folder.open(folder))
        self.ids: list[str] = []

    def run(
        self,
        *listings: Listed,
        lanes: Iterable[Sampled] | None = (),
        missing: bool = True,
    ) -> str:
        """Write a run and return its id.

        Args:
            listings: All of them.
            lanes: None: this version knows of none.
            missing: False: nor of what is missing.
        """
        begins = FIRST + timedelta(days=len(self.ids))
        run_id = f"{begins:%Y%m%dT%H%M%SZ}-{len(self.ids):08x}"
        start = round(1000 * begins.timestamp())
        for each in listings:
            if each.status == "complete" or each.published == "merged":
                self._publish(each, run_id, start)
        if lanes is not None:
            rows = [
                (
                    run_id,
                    each.workspace,
                    each.lane,
                    start + round(1000 * each.second),
                    each.seconds,
                    each.calls,
                    each.throttled,
                    each.rate,
                    each.waiting,
                )
                for each in lanes
            ]
            self.store.replace_run(LANES, run_id, rows)
        if missing:
            pieces = [
                (run_id, each.workspace, each.resource, *kind_and_what, each.status, error)
                for each in listings
                for *kind_and_what, error in each.missing
            ]
            self.store.replace_run(MISSING, run_id, pieces)
        ended = [_row(run_id, each, start) for each in listings]
        self.store.replace_run(LISTINGS, run_id, ended)
        self.ids.append(run_id)
        return run_id

    def _publish(self, listed: Listed, run_id: str, start: int) -> None:
        rows = [
            Row(each, _name(body), _parent(listed, each), _text(body), start)
            for each, body in sorted(listed.records.items())
        ]
        columns = columns_of(RESOURCES[listed.resource])
        self.store.publish(
            listed.resource,
            {listed.workspace: [Block.of(rows)]},
            columns,
            run_id=run_id,
            merge=listed.published == "merged",
        )


def dbfs_files(sizes: Mapping[str, int]) -> dict[str, Any]:
    """Return records of files by path, with the directories above them."""
    records: dict[str, Any] = {}
    for path, size in sizes.items():
        records[path] = {"path": path, "is_dir": False, "file_size": size}
        above = path.rpartition("/")[0]
        while above:
            records[above] = {"path": above, "is_dir": True, "file_size": 0}
            above = above.rpartition("/")[0]
    return records


def _row(run_id: str, each: Listed, start: int) -> list[Any]:
    facts = {
        **asdict(each),
        "run_id": run_id,
        "records": len(each.records),
        "lane": "lane",
        "started_at": start,
        "ended_at": start + 600_000,
        "gone": 0,
        "published": each.published or ("replaced" if each.status == "complete" else None),
    }
    return [facts.get(name) for name in LISTINGS.columns]


def _name(body: Mapping[str, str]) -> str | None:
    return body.get("name") or body.get("cluster_name")


def _parent(listed: Listed, path: str) -> str | None:
    return (path.rpartition("/")[0] or "/") if listed.resource == "dbfs" else None


def _text(body: Any) -> bytes:
    return json.dumps(body).encode()
