"""What a listing lacks, one by one, in words that somebody can act upon. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

import orjson

from asyncdbx.fleet.tree import TREES
from asyncdbx.inventory.sources import Resource
from asyncdbx.inventory.spool import Failure
from asyncdbx.inventory.units import Step

__all__ = ["Missing", "missing_of", "missing_parents"]

Kind = Literal["directory", "listing", "pages", "object", "parent"]


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that a listing lacks.

    Attributes:
        workspace: Name of the workspace.
        resource: Name of the resource.
        kind: What it is: a ``directory`` whose size is unknown, with all that is below it;
            a ``listing`` of which nothing came; the last ``pages`` of one; the whole of an
            ``object``; what follows from a ``parent`` listing that is not complete.
        what: Path of the directory, name of the parent, or arguments of the call; "" if
            the call has none.
        pages: How many pages came before those that are missing.
        status: Partial, denied or unavailable.
        error: Why.
    """

    workspace: str
    resource: str
    kind: Kind
    what: str
    pages: int
    status: str
    error: str

    def __str__(self) -> str:
        """Return what is missing and why, for people."""
        if self.kind == "parent":
            return f"{self.what} is {self.status}, and this follows from it"
        what = self.what
        if self.kind == "directory" and not self.pages:
            what += " is not listed, its size is unknown"
        if self.pages:
            what = f"{what} behind page {self.pages}".lstrip()
        return f"{what}: {self.error}" if what else self.error


def missing_of(
    workspace: str, resource: Resource, failures: Iterable[Failure]
) -> Iterator[Missing]:
    """Yield what a listing lacks for each of its units that failed."""
    for failure in failures:
        kind, what = _kind_and_what(resource, failure)
        yield Missing(
            workspace,
            resource.name,
            kind,
            what,
            failure.pages,
            failure.state,
            failure.error,
        )


def missing_parents(
    workspace: str, resource: Resource, parents: Iterable[tuple[str, str, str]]
) -> Iterator[Missing]:
    """Yield what a listing lacks for the sake of its parents: names, statuses, errors."""
    for parent, status, error in parents:
        yield Missing(workspace, resource.name, "parent", parent, 0, status, error)


def _kind_and_what(resource: Resource, failure: Failure) -> tuple[Kind, str]:
    step = Step.parse(failure.step)
    source = resource.sources[step.number]
    arguments = cast("dict[str, Any]", orjson.loads(failure.key))
    if source.tree:
        return "directory", str(arguments[TREES[source.endpoint].argument])
    # Those that all calls of the source have tell nobody which of them it was.
    own = [f"{k}={v}" for k, v in arguments.items() if source.arguments.get(k) != v]
    if step.fetch or source.object:
        return "object", " ".join(own)
    return ("pages" if failure.pages else "listing"), " ".join(own)
