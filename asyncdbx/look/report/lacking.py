"""The listings of a run that are not complete: why, and what exactly they lack."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from asyncdbx.look.blocks import Block, blocks
from asyncdbx.look.duck import Duck
from asyncdbx.look.history import Key
from asyncdbx.look.moment import Run
from asyncdbx.look.report.listings import Listing

__all__ = ["Absent", "Alike", "Lack", "Lacking", "Piece", "lacking_of"]

LISTINGS = 100  # that are told of one by one
EACH = 200  # pieces that are told of one listing
ALL = 3_000  # and of all of them
LEAST = 5  # of the others, when these are used up

COUNTS = "SELECT workspace, resource, count(*) FROM _missing WHERE run_id = ? GROUP BY ALL"
PIECES = """
WITH missing AS (
    SELECT *, count(*) OVER (PARTITION BY workspace, resource, kind, status, error) AS alike
    FROM _missing WHERE run_id = $1
), placed AS (
    SELECT *, row_number() OVER (
        PARTITION BY workspace, resource ORDER BY alike DESC, kind, status, error, what
    ) AS place
    FROM missing
), wanted AS (
    SELECT
        unnest($2::VARCHAR[]) AS workspace,
        unnest($3::VARCHAR[]) AS resource,
        unnest($4::INTEGER[]) AS room
)
SELECT workspace, resource, kind, error, status, alike, what, pages
FROM placed JOIN wanted USING (workspace, resource)
WHERE place <= room
ORDER BY workspace, resource, place"""


class Piece(NamedTuple):
    """One thing that is missing: which, and how many of its pages came."""

    what: str
    pages: int


@dataclass(frozen=True, slots=True)
class Alike:
    """Things of one kind that a listing lacks for the same reason.

    Attributes:
        kind: What they are; see ``_missing``.
        why: What was said, without the names of the call and the workspace.
        count: How many there are.
        pieces: The first of them.
    """

    kind: str
    why: str
    count: int
    pieces: Sequence[Piece]


@dataclass(frozen=True, slots=True)
class Lack:
    """A listing of which something came, and something did not.

    Attributes:
        listing: The listing.
        count: How many things it lacks; 0 if nobody wrote them down.
        alike: These things, most of a kind first, and not all if there are many.
        whole: The last run that had it complete; None if there is none.
        held: The run that has put into the table what is there: complete, or merged.
    """

    listing: Listing
    count: int
    alike: Sequence[Alike]
    whole: Run | None
    held: Run | None

    @property
    def told(self) -> int:
        """How many of the things are told of."""
        return sum(len(each.pieces) for each in self.alike)


@dataclass(frozen=True, slots=True)
class Absent:
    """Listings of which nothing came, for the same reason.

    Attributes:
        status: Denied or unavailable.
        why: What was said, without the names of the call and the workspace.
        block: The listings.
    """

    status: str
    why: str
    block: Block


@dataclass(frozen=True, slots=True)
class Lacking:
    """What of a run is not complete.

    Attributes:
        lacks: Of which a part came, those first that lack most.
        others: Of which a part came, too, but for which there was no room.
        absent: Of which nothing came: those that are denied, then those not enabled.
    """

    lacks: Sequence[Lack]
    others: Sequence[Block]
    absent: Sequence[Absent]


def lacking_of(
    duck: Duck,
    run_id: str,
    listings: Sequence[Listing],
    whole: Mapping[Key, Run],
    held: Mapping[Key, Run],
) -> Lacking:
    """Return what of a run is not complete.

    Args:
        duck: With a view ``_missing``.
        run_id: Of the run.
        listings: All of the run.
        whole: The last runs that had listings complete.
        held: Those that have put into the tables what is there.
    """
    rows = duck.run(COUNTS, [run_id]).rows()
    counts = {(workspace, resource): count for workspace, resource, count in rows}
    partial = [each for each in listings if each.status == "partial"]
    partial.sort(key=lambda each: -counts.get(_key(each), 0))
    shown = partial[:LISTINGS]
    alike = _alike(duck, run_id, room_for(map(_key, shown), counts))
    return Lacking(
        [
            Lack(
                each, counts.get(key, 0), alike.get(key, ()), whole.get(key), held.get(key)
            )
            for each in shown
            for key in [_key(each)]
        ],
        blocks(map(_key, partial[LISTINGS:])),
        absent_of(each for each in listings if each.status not in {"complete", "partial"}),
    )


def room_for(keys: Iterable[Key], counts: Mapping[Key, int]) -> dict[Key, int]:
    """Return how many things are told of each listing that lacks some."""
    left = ALL
    room: dict[Key, int] = {}
    for key in keys:
        if count := counts.get(key, 0):
            room[key] = min(count, EACH, max(left, LEAST))
            left -= room[key]
    return room


def absent_of(listings: Iterable[Listing]) -> list[Absent]:
    """Return listings of which nothing came, by what was said of them."""
    alike: dict[tuple[str, str], list[Key]] = defaultdict(list)
    for each in listings:
        alike[each.status, _why(each.error, each.workspace)].append(_key(each))
    return [
        Absent(*facts, block) for facts in sorted(alike) for block in blocks(alike[facts])
    ]


def _alike(duck: Duck, run_id: str, room: Mapping[Key, int]) -> dict[Key, list[Alike]]:
    if not room:
        return {}
    keys = [(*key, count) for key, count in room.items()]
    columns: list[Any] = [list(column) for column in zip(*keys, strict=True)]
    found: dict[Key, list[Alike]] = defaultdict(list)
    rows = duck.run(PIECES, [run_id, *columns]).rows()
    for group, pieces in groupby(rows, lambda row: row[:6]):
        workspace, resource, kind, error, status, count = group
        why = _why(error, workspace) or status
        told = [Piece(what, pages) for *_, what, pages in pieces]
        found[workspace, resource].append(Alike(kind, why, count, told))
    return found


def _why(error: str, workspace: str) -> str:
    """Return what was said, once, without what differs between calls and workspaces."""
    where = re.compile(rf"\S+ on {re.escape(workspace)}: ")
    return "; ".join(dict.fromkeys(where.sub("", each) for each in error.split("; ")))


def _key(listing: Listing) -> Key:
    return listing.workspace, listing.resource
