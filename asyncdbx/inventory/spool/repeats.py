"""Records that came twice: found exactly, in the memory of a few bits for each record.

Pages shift while they are read, and objects move while a tree is walked, so an id can come
again; the newest record counts. A set of all ids would take 150 bytes for each.
"""

from collections.abc import Iterable

from asyncdbx.inventory.rows import Block

__all__ = ["Repeats"]

CELLS = 32  # for each record; so one in 64 is looked at twice, on average


class Repeats:
    """Leaves out all but one of the records that have the same id.

    First all ids are shown to it, then all records, the newest first. Between the two it
    keeps a filter with one hash (Bloom, "Space/Time Trade-offs in Hash Coding with
    Allowable Errors", CACM 1970) and the ids for which that was not enough.

    Args:
        count: How many records there are.
    """

    def __init__(self, count: int) -> None:
        size = max(64, CELLS * count).bit_length()
        self._mask = (1 << size) - 1
        self._bits = bytearray(1 << (size - 3))
        self._suspects: set[str] = set()
        self._kept: set[str] = set()

    def look(self, ids: Iterable[str]) -> None:
        """Take note of ids."""
        bits, mask = self._bits, self._mask
        for id_ in ids:
            place = hash(id_) & mask
            bit = 1 << (place & 7)
            if bits[place >> 3] & bit:
                self._suspects.add(id_)
            else:
                bits[place >> 3] |= bit

    def unique(self, block: Block) -> Block:
        """Return those of some records, in their order, that are the newest of their id.

        Args:
            block: Older than all that were given before, the newest last.
        """
        suspects = self._suspects.intersection(block.ids)
        if not suspects:
            return block
        places = [at for at, id_ in enumerate(block.ids) if id_ in suspects]
        older = {at for at in reversed(places) if not self._is_newest(block.ids[at])}
        if not older:
            return block
        return Block.of(row for at, row in enumerate(block.rows()) if at not in older)

    def _is_newest(self, id_: str) -> bool:
        if id_ in self._kept:
            return False
        self._kept.add(id_)
        return True
