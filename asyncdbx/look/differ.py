"""Which records of two listings differ in any byte: a join of hashes, then their bodies.

The join holds an id and 16 bytes of each record, and what does not fit into memory spills
to disk. Bodies are read only of records that differ, a few megabytes at a time: memory
depends neither on how many records there are nor on how many of them differ.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from asyncdbx.look.duck import Duck
from asyncdbx.look.plan import Pair
from asyncdbx.look.tables import DataFile, scan

__all__ = ["Difference", "Record", "differences"]

Side = Literal["old", "new"]
SIDES: tuple[Side, Side] = ("old", "new")

PIECE = 16 * 2**20  # bytes of bodies that are held at once

# A workspace's place among the pairs stands for its name: a number takes less memory.
PLACE = "place"

# Whoever may write a job writes its body, and of a weaker hash he could make two bodies
# that seem the same. Half of SHA-256 is enough for that, and takes half the memory; for a
# million records on both sides it takes 0.8 s more than MD5.
HASHES = """
SELECT place, id, unhex(left(sha256(body), 32)) AS hash, strlen(body) AS size
FROM ({})"""
JOIN = """
CREATE OR REPLACE TEMP TABLE difference AS
SELECT place, id, coalesce(old.size, 0) + coalesce(new.size, 0) AS size
FROM ({old}) old FULL JOIN ({new}) new USING (place, id)
WHERE old.hash IS DISTINCT FROM new.hash
ORDER BY ALL"""
PIECES = """
SELECT min(row), max(row), min(place), max(place), min(id), max(id)
FROM (SELECT place, id, rowid AS row, sum(size) OVER (ORDER BY rowid) // ? AS piece
      FROM difference)
GROUP BY piece ORDER BY piece"""
KEYS = "SELECT place, id FROM difference WHERE rowid BETWEEN ? AND ? ORDER BY rowid"
# Files are published in the order of ids, so most of them can be skipped. In any other
# order it takes longer, and that is all.
BODIES = """
SELECT place, id, name, body FROM ({})
SEMI JOIN (SELECT place, id FROM difference WHERE rowid BETWEEN ? AND ?) USING (place, id)
WHERE id BETWEEN ? AND ?"""


class Record(NamedTuple):
    """What is compared of a record."""

    name: str | None
    body: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A record that is in one listing only, or whose bodies are not the same text.

    Attributes:
        workspace: Where it is.
        id: What tells it from the others.
        old: As it was; None if it was not there.
        new: As it is; None if it is not there any more.
    """

    workspace: str
    id: str
    old: Record | None
    new: Record | None


class _Piece(NamedTuple):
    """Rows of ``difference`` that follow each other."""

    begin: int
    end: int
    first_place: int
    last_place: int
    first_id: str
    last_id: str


def differences(duck: Duck, pairs: Sequence[Pair]) -> Iterator[Difference]:
    """Yield the records of listings that differ, ordered by workspace and id.

    Args:
        duck: Where it is computed; for this alone, until the last one is read.
        pairs: The listings, all of one resource.

    Raises:
        StoreError: A file cannot be read.
        AsyncdbxError: It needs more memory than it may have.
    """
    everywhere = range(len(pairs))
    old, new = (
        HASHES.format(_listing(pairs, side, everywhere, ["id", "body"])) for side in SIDES
    )
    duck.run(JOIN.format(old=old, new=new))
    for piece in [_Piece(*row) for row in duck.run(PIECES, [PIECE]).rows()]:
        were = _records(duck, pairs, "old", piece)
        are = _records(duck, pairs, "new", piece)
        for key in duck.run(KEYS, [piece.begin, piece.end]).rows():
            place, record_id = key
            workspace = pairs[int(place)].workspace
            yield Difference(workspace, record_id, were.get(key), are.get(key))


def _records(
    duck: Duck, pairs: Sequence[Pair], side: Side, piece: _Piece
) -> dict[tuple[Any, ...], Record]:
    """Return one side of the records in a piece, by place and id."""
    near = range(piece.first_place, piece.last_place + 1)
    sql = BODIES.format(_listing(pairs, side, near, ["id", "name", "body"]))
    found = duck.run(sql, [piece.begin, piece.end, piece.first_id, piece.last_id])
    return {(place, each): Record(*record) for place, each, *record in found.rows()}


def _listing(
    pairs: Sequence[Pair], side: Side, places: Container[int], columns: Iterable[str]
) -> str:
    """Return a SELECT of one side of some pairs, with the place of each."""
    files = [
        DataFile(file.path, file.rows, {PLACE: place})
        for place, pair in enumerate(pairs)
        if place in places
        for file in (pair.old if side == "old" else pair.new)
    ]
    kinds = {PLACE: "INTEGER", **dict.fromkeys(columns, "VARCHAR")}
    return scan(kinds, files, outside=[PLACE])
