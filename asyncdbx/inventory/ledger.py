"""What is kept of every run: how its listings and lanes went, and what is missing.

Each is a Delta table beside those of the resources, and a run's rows in it are written in
one commit, in the place of those that the run may have there.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import astuple, dataclass, field
from itertools import islice
from typing import Any

from arro3.core import Array, DataType, RecordBatch, Schema
from arro3.core import Field as Column

from asyncdbx.inventory.missing import Missing
from asyncdbx.inventory.rows import DOUBLE, LONG, MOMENT, TEXT
from asyncdbx.inventory.verdict import Ended

__all__ = [
    "LANES",
    "LISTINGS",
    "MISSING",
    "RUN_TABLES",
    "RunTable",
    "listing_rows",
    "missing_rows",
]

BATCH = 5_000  # rows

# What a process does not know of a listing that another one has ended.
PACE = ("rate", "waited", "paused")


@dataclass(frozen=True, slots=True)
class RunTable:
    """A table with rows of every run.

    Attributes:
        name: Its folder.
        columns: Name → type; the first is ``run_id``.
        later: Those that tables of earlier versions lack; null is what is not known.
    """

    name: str
    columns: Mapping[str, DataType]
    later: frozenset[str] = field(default_factory=frozenset[str])

    @property
    def schema(self) -> Schema:
        """Its columns, for Arrow."""
        return Schema([Column(name, kind) for name, kind in self.columns.items()])

    @property
    def required(self) -> AbstractSet[str]:
        """Columns without which a table is not ours."""
        return self.columns.keys() - self.later

    def batches(self, rows: Iterable[Sequence[Any]]) -> Iterator[RecordBatch]:
        """Return rows as Arrow batches; moments are milliseconds since 1970."""
        left = iter(rows)
        while some := list(islice(left, BATCH)):
            by_column = zip(*some, strict=True)
            arrays = map(_array, by_column, self.columns.values())
            yield RecordBatch.from_arrays(list(arrays), schema=self.schema)  # pyright: ignore[reportUnknownMemberType]


LISTINGS = RunTable(
    "_listings",
    {
        "run_id": TEXT,
        "workspace": TEXT,
        "resource": TEXT,
        "status": TEXT,
        "records": LONG,
        "calls": LONG,
        "throttled": LONG,
        "lane": TEXT,
        "rate": DOUBLE,
        "waited": DOUBLE,
        "paused": DOUBLE,
        "started_at": MOMENT,
        "ended_at": MOMENT,
        "gone": LONG,
        "published": TEXT,
        "error": TEXT,
    },
    later=frozenset({"lane", *PACE, "gone", "published"}),
)

MISSING = RunTable(
    "_missing",
    {
        "run_id": TEXT,
        "workspace": TEXT,
        "resource": TEXT,
        "kind": TEXT,
        "what": TEXT,
        "pages": LONG,
        "status": TEXT,
        "error": TEXT,
    },
)
LANES = RunTable(
    "_lanes",
    {
        "run_id": TEXT,
        "workspace": TEXT,
        "lane": TEXT,
        "at": MOMENT,
        "seconds": DOUBLE,
        "calls": LONG,
        "throttled": LONG,
        "rate": DOUBLE,
        "waiting": LONG,
    },
)

RUN_TABLES = {table.name: table for table in (LISTINGS, MISSING, LANES)}


def listing_rows(
    run_id: str, listings: Iterable[Ended], known: Iterable[Mapping[str, Any]]
) -> list[tuple[Any, ...]]:
    """Return rows of ``_listings``.

    Args:
        run_id: Of the run.
        listings: At their end.
        known: Rows that the table has of this run; what a process does not know of a
            listing that another one has ended or published, they do.
    """
    before = {(row["workspace"], row["resource"]): row for row in known}
    return [
        (run_id, *_ended_row(each, before.get((each.workspace, each.resource), {})))
        for each in listings
    ]


def missing_rows(run_id: str, missing: Iterable[Missing]) -> Iterator[tuple[Any, ...]]:
    """Yield rows of ``_missing``."""
    return ((run_id, *astuple(each)) for each in missing)


def _ended_row(ended: Ended, before: Mapping[str, Any]) -> list[Any]:
    values = {name: getattr(ended, name) for name in list(LISTINGS.columns)[1:]}
    values["published"] = ended.published or before.get("published")
    if ended.rate is None and ended.waited is None:
        values |= {name: before[name] for name in PACE if name in before}
    return list(values.values())


def _array(values: Sequence[Any], kind: DataType) -> Array:
    if kind != MOMENT:
        return Array(values, kind)
    return Array([None if at is None else 1000 * at for at in values], LONG).cast(kind)
