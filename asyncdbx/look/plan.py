"""What of a resource can be compared between two runs, and what cannot. Pure.

A listing that was not complete is not in the tables: an older one stands there. So a record
may seem unchanged only because nobody could look, and seem new only because somebody now
can. Both are said.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from asyncdbx.inventory.partitions import PARTITION
from asyncdbx.look.history import Key, Listings
from asyncdbx.look.moment import Run
from asyncdbx.look.tables import DataFile, Table

__all__ = ["Note", "Pair", "Plan", "by_workspace", "make_plan"]

Kind = Literal["until", "since", "same", "merged", "new", "never"]


@dataclass(frozen=True, slots=True)
class Pair:
    """The listings of one workspace that are compared.

    Attributes:
        workspace: Its name.
        old: Files of the older listing.
        new: Files of the newer one.
    """

    workspace: str
    old: Sequence[DataFile]
    new: Sequence[DataFile]

    @property
    def is_same(self) -> bool:
        """Whether it is one listing, so that nothing has to be read."""
        return {file.path for file in self.old} == {file.path for file in self.new}


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a comparison cannot tell, or tells of another run than was asked.

    Attributes:
        workspace: Name of the workspace.
        resource: Name of the resource.
        kind: ``"until"`` and ``"since"``: that run has no complete listing, and an older
            one stands for it; ``"same"``: and so both are one and the same; ``"merged"``:
            one of them was not complete, and merged with an older one; ``"new"``: the
            first complete listing came after the older run; ``"never"``: there is none.
        status: How the listing ended in that run; None if it was not asked for.
        stands_for_it: The run whose listing is compared; None if nobody knows.
        records: Of the first complete listing.
    """

    workspace: str
    resource: str
    kind: Kind
    status: str | None = None
    stands_for_it: str | None = None
    records: int | None = None


@dataclass(slots=True)
class Plan:
    """How a resource is compared.

    Attributes:
        resource: Its name.
        pairs: What is compared.
        notes: What has to be said of it.
    """

    resource: str
    pairs: list[Pair] = field(default_factory=list[Pair])
    notes: list[Note] = field(default_factory=list[Note])


def make_plan(
    resource: str, old: Table | None, new: Table | None, since: Listings, until: Listings
) -> Plan:
    """Return how a resource is compared.

    Args:
        resource: Its name.
        old: Its table after the older run; None if there was none.
        new: Its table after the newer run; None if there was none.
        since: What the older run had listed.
        until: What the newer run had listed.
    """
    plan = Plan(resource)
    before, after = by_workspace(old), by_workspace(new)
    names = {*before, *after, *_workspaces(resource, since, until)}
    for name in sorted(names):
        key = (name, resource)
        if name not in after and key not in until.whole:
            _add_never(plan, key, since, until)
        elif name not in before and key not in since.whole:
            records = sum(file.rows or 0 for file in after.get(name, []))
            plan.notes.append(Note(*key, "new", since.status.get(key), records=records))
        else:
            pair = Pair(name, before.get(name, []), after.get(name, []))
            plan.pairs.append(pair)
            plan.notes += _stand_ins(pair, key, since, until)
    return plan


def by_workspace(table: Table | None) -> Mapping[str, list[DataFile]]:
    """Return the files of a table, by their workspace."""
    found: dict[str, list[DataFile]] = defaultdict(list)
    for file in table.files if table else ():
        found[file.partition[PARTITION]].append(file)
    return found


def _workspaces(resource: str, *listings: Listings) -> Iterable[str]:
    for each in listings:
        yield from (name for name, of in (*each.status, *each.whole) if of == resource)


def _add_never(plan: Plan, key: Key, since: Listings, until: Listings) -> None:
    status = until.status.get(key)
    if {status, since.status.get(key)} <= {"unavailable", None}:
        return  # a service that is not enabled has nothing to compare
    plan.notes.append(Note(*key, "never", status))


def _stand_ins(pair: Pair, key: Key, since: Listings, until: Listings) -> Iterator[Note]:
    """Yield what stands for the listings that these two runs do not have."""
    old, new = since.held.get(key), until.held.get(key)
    if _lacks(until, key) and pair.is_same:
        yield Note(*key, "same", until.status.get(key), new)
        return
    if _lacks(until, key):
        yield Note(*key, _kind("until", until.run, new), until.status.get(key), new)
    if _lacks(since, key):
        yield Note(*key, _kind("since", since.run, old), since.status.get(key), old)


def _kind(kind: Kind, run: Run, held: str | None) -> Kind:
    return "merged" if held == run.id else kind


def _lacks(listings: Listings, key: Key) -> bool:
    """Return whether a run has no complete listing; of one under way, nobody knows."""
    return bool(listings.status) and listings.status.get(key) != "complete"
