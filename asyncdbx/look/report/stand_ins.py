"""What stands in the tables for listings that a run does not have: how old it is. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from asyncdbx.look.history import Key, Listings
from asyncdbx.look.moment import Run

__all__ = ["Block", "StandIn", "blocks", "stand_ins"]


@dataclass(frozen=True, slots=True)
class Block:
    """Each of some resources in each of some workspaces."""

    workspaces: Sequence[str]
    resources: Sequence[str]

    @property
    def listings(self) -> int:
        """How many there are."""
        return len(self.workspaces) * len(self.resources)


@dataclass(frozen=True, slots=True)
class StandIn:
    """Listings that a run does not have complete, and an older one that stands for them.

    Attributes:
        block: The listings.
        run: Whose complete listings are in the tables; None if there never were any.
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
    for key in sorted({*listings.status, *listings.whole}):
        whole = listings.whole.get(key)
        if whole != listings.run.id:
            alike[whole, listings.status.get(key)].append(key)
    found = [
        (known.get(whole or "", (len(known), None)), block, status)
        for (whole, status), keys in alike.items()
        for block in blocks(keys)
    ]
    found.sort(key=lambda each: (each[0][0], each[2] or "", each[1].workspaces))
    return [StandIn(block, run, status) for (_, run), block, status in found]


def blocks(keys: Iterable[Key]) -> list[Block]:
    """Return listings by workspaces that have the same resources among them."""
    resources: Mapping[str, list[str]] = defaultdict(list)
    for workspace, resource in keys:
        resources[workspace].append(resource)
    workspaces: Mapping[tuple[str, ...], list[str]] = defaultdict(list)
    for workspace, names in resources.items():
        workspaces[tuple(names)].append(workspace)
    return [Block(tuple(names), each) for each, names in workspaces.items()]
