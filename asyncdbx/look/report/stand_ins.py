"""What stands in the tables for listings that a run does not have: how old it is. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from asyncdbx.look.blocks import Block, blocks
from asyncdbx.look.history import Key, Listings
from asyncdbx.look.moment import Run

__all__ = ["StandIn", "stand_ins"]


@dataclass(frozen=True, slots=True)
class StandIn:
    """Listings that a run does not have complete, and an older one that stands for them.

    Attributes:
        block: The listings.
        run: Whose listings are in the tables, complete or merged, or, of those that the
            run has merged, those it merged with; None if there never were any.
        status: How they ended in the run that lacks them; None if it did not ask.
    """

    block: Block
    run: Run | None
    status: str | None


def stand_ins(listings: Listings, runs: Iterable[Run]) -> list[StandIn]:
    """Return what stands for what a run does not have, the oldest first.

    What never was complete comes last, since most of it is not enabled.

    Args:
        listings: Of the run.
        runs: All there are, in their order.
    """
    known = {run.id: (at, run) for at, run in enumerate(runs)}
    alike: dict[tuple[str | None, str | None], list[Key]] = defaultdict(list)
    for key in sorted({*listings.status, *listings.held}):
        whole, held = listings.whole.get(key), listings.held.get(key)
        if whole != listings.run.id:
            older = whole if held == listings.run.id else held
            alike[older, listings.status.get(key)].append(key)
    found = [
        (known.get(older or "", (len(known), None)), block, status)
        for (older, status), keys in alike.items()
        for block in blocks(keys)
    ]
    found.sort(key=lambda each: (each[0][0], each[2] or "", each[1].workspaces))
    return [StandIn(block, run, status) for (_, run), block, status in found]
