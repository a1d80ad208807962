"""What a comparison cannot tell, in a few sentences for many listings."""

from collections import defaultdict
from collections.abc import Iterator

from asyncdbx.cli.selection import some_of
from asyncdbx.look import Comparison, Note, Run, blocks

__all__ = ["note_lines"]

STATUS = {
    "complete": "complete",
    "partial": "not complete",
    "denied": "denied",
    "unavailable": "not available",
    None: "not taken",
}
Facts = tuple[str, str | None, str | None]  # kind, status, the run that stands in


def note_lines(comparison: Comparison) -> Iterator[str]:
    """Yield sentences, one for all listings of which the same is to be said."""
    since, until = comparison.since, comparison.until
    for run in (since, until):
        if run.ended_at is None:
            yield f"run {run.id} has not ended: what it has not listed is as it was before"
    by_facts: dict[Facts, list[Note]] = defaultdict(list)
    for note in comparison.notes:
        by_facts[note.kind, note.status, note.stands_for_it].append(note)
    for facts, found in by_facts.items():
        for block in blocks((note.workspace, note.resource) for note in found):
            records = sum(
                note.records or 0 for note in found if note.workspace in block.workspaces
            )
            sentence = _sentence(facts, since, until, records)
            names = some_of(block.resources, most=8)
            yield f"{some_of(block.workspaces)}: {names}: {sentence}"


def _sentence(facts: Facts, since: Run, until: Run, records: int) -> str:
    kind, status, instead = facts
    how = STATUS.get(status, str(status))
    older = f"run {instead}" if instead else "an older run"
    match kind:
        case "until":
            return f"{how} in run {until.id}, so as they were in {older}"
        case "since":
            return f"{how} in run {since.id}, so compared with {older}"
        case "same":
            return f"{how} in run {until.id}, and not since {older}: nothing to compare"
        case "merged":
            return f"{how} in {older}, so what did not come is as it was before"
        case "new":
            return (
                f"no complete listing up to run {since.id}: {records:,} records are new in"
                " the inventory, and not counted as added"
            )
        case _:
            return f"{how} in run {until.id}, and never complete: not compared"
