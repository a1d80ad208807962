"""How a listing ended, and what that makes of the run. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from asyncdbx.inventory.missing import missing_of, missing_parents
from asyncdbx.inventory.sources import Resource
from asyncdbx.inventory.spool import FAILED, Summary

__all__ = ["Ended", "Published", "Status", "Verdict", "judge_listing", "lacking_parents"]

Status = Literal["complete", "partial", "denied", "unavailable"]
Published = Literal["replaced", "merged"]
SHOWN = 3  # failures that are spelled out in one listing's error


@dataclass(frozen=True, slots=True)
class Ended:
    """One listing at its end; a row of ``_listings``.

    Attributes:
        workspace: Name of the workspace.
        resource: Name of the resource.
        status: Complete; partial (something is missing: ``error`` says what); denied (the
            credential may not see any of it); unavailable (the service is not enabled).
        records: How many were fetched.
        calls: Requests sent.
        throttled: How many of them were answered with 429.
        lane: Limit group of its first source: the calls that waited in one queue with it.
        rate: Calls per second of that lane when the listing ended; None if unlimited.
        waited: Seconds that a call of that lane waited for its turn, on average.
        paused: Seconds for which 429s had stopped that lane. None, as are the two before,
            if the listing ended in an earlier process of a run that was interrupted.
        started_at: Milliseconds since 1970; None if nothing was asked.
        ended_at: Milliseconds since 1970.
        published: What became of the table: ``"replaced"`` the last listing, ``"merged"``
            with it, or None: it holds what it held.
        error: What is missing and why; "" if nothing is.
        gone: Directories and objects that were listed a moment before, and had been deleted
            when their turn came; without them the listing is whole.
    """

    workspace: str
    resource: str
    status: Status
    records: int
    calls: int
    throttled: int
    lane: str
    rate: float | None
    waited: float | None
    paused: float | None
    started_at: int | None
    ended_at: int | None
    error: str
    published: Published | None = None
    gone: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run achieved.

    Attributes:
        run_id: Names the run, in every table.
        listings: All of them, at their end.
    """

    run_id: str
    listings: Sequence[Ended]

    @property
    def missing(self) -> list[Ended]:
        """The listings that are not complete."""
        return [each for each in self.listings if each.status != "complete"]

    @property
    def exit_code(self) -> int:
        """0: all of it; 3: something is missing, and is named; 1: nothing succeeded."""
        if not self.missing:
            return 0
        some = any(each.status == "complete" or each.records for each in self.listings)
        return 3 if some else 1


def judge_listing(
    resource: Resource, summary: Summary, parents: Iterable[Ended]
) -> tuple[Status, str]:
    """Return how a listing ended, and in words what is missing.

    A listing that follows from others can only be complete if those are: an ACL that was
    never asked for is missing too. A parent that is not enabled has nothing to follow; if
    none is enabled, neither is this.

    Args:
        resource: What was listed.
        summary: Its units, all of them ended.
        parents: The listings it follows from, ended.
    """
    units = summary.units
    followed = list(parents)
    lacking = lacking_parents(followed)
    error = _words(resource, summary, lacking)
    if units["partial"] or lacking:
        return "partial", error
    if units["denied"]:
        return ("partial" if units["done"] else "denied"), error
    if units["unavailable"]:
        return ("complete" if units["done"] else "unavailable"), error
    disabled = followed and all(each.status == "unavailable" for each in followed)
    if disabled and not units["done"]:
        # An empty listing must not take the place of one from when it was enabled.
        return "unavailable", _words(resource, summary, followed)
    return "complete", error


def lacking_parents(parents: Iterable[Ended]) -> list[Ended]:
    """Return the parents for whose sake what follows from them cannot be complete."""
    return [each for each in parents if each.status in {"partial", "denied"}]


def _words(resource: Resource, summary: Summary, parents: Iterable[Ended]) -> str:
    failed = sum(summary.units[state] for state in FAILED)
    shown = summary.failures[:SHOWN]
    words = [str(each) for each in missing_of(summary.workspace, resource, shown)]
    if failed > len(words):
        words.append(f"and {failed - len(words)} more")
    why = [(each.resource, each.status, each.error) for each in parents]
    words += [str(each) for each in missing_parents(summary.workspace, resource, why)]
    return "; ".join(words)
