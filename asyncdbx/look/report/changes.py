"""How many records there are of each listing, and what has become of them since."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from asyncdbx.look.compare import Comparison, Count
from asyncdbx.look.history import Key
from asyncdbx.look.moment import Run
from asyncdbx.look.plan import Note

__all__ = ["Changes", "Tally", "Total", "by_resource", "changes_of"]

ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Tally:
    """How many records a listing has, and how many are not as they were.

    Attributes:
        workspace: Name of the workspace.
        resource: Name of the resource.
        records: In the table, after the run.
        added: Since the older run; None, as are the next two, if nobody can tell.
        removed: Since then.
        changed: Since then.
        note: Why nobody can tell, or what else was compared; "" if there is nothing to
            be said.
    """

    workspace: str
    resource: str
    records: int
    added: int | None = None
    removed: int | None = None
    changed: int | None = None
    note: str = ""

    @property
    def moved(self) -> int:
        """How many records are not as they were."""
        return (self.added or 0) + (self.removed or 0) + (self.changed or 0)


@dataclass(frozen=True, slots=True)
class Total:
    """What tallies come to, of one resource in all workspaces."""

    resource: str
    workspaces: int
    records: int
    added: int | None
    removed: int | None
    changed: int | None

    @property
    def moved(self) -> int:
        """How many records are not as they were."""
        return (self.added or 0) + (self.removed or 0) + (self.changed or 0)


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed since an older run.

    Attributes:
        since: The older run; None if there is none.
        totals: By resource, in the order of the contract.
        tallies: By listing, those first that changed most.
        more: How many there are besides, that changed less.
    """

    since: Run | None
    totals: Sequence[Total]
    tallies: Sequence[Tally]
    more: int


def changes_of(
    records: Mapping[Key, int], comparison: Comparison | None, when: Callable[[str], str]
) -> Changes:
    """Return how many records each listing has, and what has become of them.

    Args:
        records: How many are in the tables, by workspace and resource; resources in the
            order of the contract.
        comparison: Of the run with the one before it; None if it is the first.
        when: Says of a run's id when that was.
    """
    counts: dict[Key, Count] = {}
    notes: dict[Key, list[Note]] = defaultdict(list)
    if comparison is not None:
        counts = {(each.workspace, each.resource): each for each in comparison.counts()}
        for each in comparison.notes:
            notes[each.workspace, each.resource].append(each)
    tallies = [
        _tally(key, count, counts.get(key), notes.get(key, ()), when)
        for key, count in records.items()
    ]
    ordered = sorted(tallies, key=lambda each: (-each.moved, -each.records))
    return Changes(
        comparison.since if comparison else None,
        by_resource(tallies),
        ordered[:ROWS],
        len(ordered[ROWS:]),
    )


def by_resource(tallies: Iterable[Tally]) -> list[Total]:
    """Add up tallies of the same resource."""
    groups: dict[str, list[Tally]] = defaultdict(list)
    for each in tallies:
        groups[each.resource].append(each)
    return [
        Total(
            resource,
            len(group),
            sum(each.records for each in group),
            _sum(each.added for each in group),
            _sum(each.removed for each in group),
            _sum(each.changed for each in group),
        )
        for resource, group in groups.items()
    ]


def _sum(counts: Iterable[int | None]) -> int | None:
    """Add up what is known; None if nothing is."""
    known = [each for each in counts if each is not None]
    return sum(known) if known else None


def _tally(
    key: Key,
    records: int,
    count: Count | None,
    notes: Sequence[Note],
    when: Callable[[str], str],
) -> Tally:
    words = "; ".join(_words(note, when) for note in notes)
    if count is None or any(note.kind == "same" for note in notes):
        return Tally(*key, records, note=words)
    return Tally(*key, records, count.added, count.removed, count.changed, words)


def _words(note: Note, when: Callable[[str], str]) -> str:
    older = when(note.stands_for_it) if note.stands_for_it else "an older run"
    match note.kind:
        case "same":
            return f"as of {older}: nothing newer to compare"
        case "until":
            return f"as of {older}"
        case "since":
            return f"compared with {older}"
        case "merged":
            return f"as of {older}, and not all of it"
        case "new":
            return "first complete listing: not counted as added"
        case _:
            return "never complete"
