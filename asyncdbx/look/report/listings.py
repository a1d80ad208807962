"""How the listings of a run ended, and what that comes to for each workspace."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from asyncdbx.look.duck import Duck

__all__ = ["FleetFacts", "Listing", "WorkspaceFacts", "listings_of", "verdict_of"]

STATUSES = ("partial", "denied", "unavailable")  # of what is not complete, worst first
NAMED = 3  # listings that are named in one sentence

SELECT = "SELECT * FROM _listings WHERE run_id = ? ORDER BY workspace, resource"


@dataclass(frozen=True, slots=True)
class Listing:
    """One resource of one workspace in one run: a row of ``_listings``.

    Attributes:
        workspace: Name of the workspace.
        resource: Name of the resource.
        status: Complete, partial, denied or unavailable.
        records: How many were fetched.
        calls: Requests that were sent.
        throttled: How many of them were answered with 429.
        started_at: None if nothing was asked.
        ended_at: When it ended.
        published: What became of the table: ``"replaced"``, ``"merged"``, or None: it
            holds what it held, or nobody knows.
        error: What is missing and why; "" if nothing is.
    """

    workspace: str
    resource: str
    status: str
    records: int
    calls: int
    throttled: int
    started_at: datetime | None
    ended_at: datetime | None
    published: str | None
    error: str

    @property
    def complete(self) -> bool:
        """Whether all of it is there."""
        return self.status == "complete"


@dataclass(frozen=True, slots=True)
class FleetFacts:
    """What listings come to, of one workspace or of all.

    Attributes:
        listings: How many there are.
        complete: How many of them are complete.
        records: How many were fetched.
        calls: Requests that were sent.
        throttled: How many of them were answered with 429.
        began: When the first began; None if nothing was asked.
        ended: When the last ended.
    """

    listings: int
    complete: int
    records: int
    calls: int
    throttled: int
    began: datetime | None
    ended: datetime | None

    @classmethod
    def of(cls, listings: Sequence[Listing]) -> "FleetFacts":
        """Add up listings."""
        return cls(
            len(listings),
            sum(each.complete for each in listings),
            sum(each.records for each in listings),
            sum(each.calls for each in listings),
            sum(each.throttled for each in listings),
            min((at for each in listings if (at := each.started_at)), default=None),
            max((at for each in listings if (at := each.ended_at)), default=None),
        )

    @property
    def duration(self) -> timedelta | None:
        """From the beginning of the first to the end of the last."""
        return self.ended - self.began if self.began and self.ended else None


@dataclass(frozen=True, slots=True)
class WorkspaceFacts:
    """What the listings of a workspace come to.

    Attributes:
        name: Its name.
        facts: What they come to.
        missing: Those that are not complete, partial and denied ones first.
    """

    name: str
    facts: FleetFacts
    missing: Sequence[Listing]

    @property
    def lacking(self) -> int:
        """How many are partial or denied; what is not enabled lacks nothing."""
        return sum(each.status != "unavailable" for each in self.missing)


def listings_of(duck: Duck, run_id: str) -> list[Listing]:
    """Return how the listings of a run ended, in the order of workspaces."""
    found = duck.run(SELECT, [run_id])
    names = [name for name, _ in found.columns]
    return [_listing(dict(zip(names, row, strict=True))) for row in found.rows()]


def _listing(row: Mapping[str, Any]) -> Listing:
    return Listing(**{name: row[name] for name in Listing.__dataclass_fields__})


def by_workspace(listings: Iterable[Listing]) -> Iterator[WorkspaceFacts]:
    """Yield what listings come to, of each workspace; they are ordered by it."""
    for name, group in groupby(listings, lambda each: each.workspace):
        found = list(group)
        missing = [each for each in found if not each.complete]
        missing.sort(key=lambda each: each.status == "unavailable")
        yield WorkspaceFacts(name, FleetFacts.of(found), missing)


def verdict_of(listings: Sequence[Listing]) -> str:
    """Return in one sentence what a run has achieved."""
    if not listings:
        return "Nothing was asked for."
    missing = [each for each in listings if not each.complete]
    if not missing:
        return f"{_all(len(listings))} complete."
    return f"{_lacking(len(missing), len(listings))} complete: {_which(missing)}."


def _all(count: int) -> str:
    return "The one listing is" if count == 1 else f"All {count:,} listings are"


def _lacking(count: int, total: int) -> str:
    if total == 1:
        return "The one listing is not"
    if count == total:
        return f"None of {total:,} listings is"
    return f"{count:,} of {total:,} listings {'is' if count == 1 else 'are'} not"


def _which(missing: Sequence[Listing]) -> str:
    """Name a few, and count many."""
    if len(missing) <= NAMED:
        return ", ".join(
            f"{each.workspace} {each.resource} is {each.status}" for each in missing
        )
    counts = {
        status: sum(each.status == status for each in missing)
        for status in (*STATUSES, *sorted({each.status for each in missing}))
    }
    return ", ".join(f"{count:,} {status}" for status, count in counts.items() if count)
