"""What one unit of work asks for, and what follows from its answer. Pure.

A unit is what can be fetched again alone: a chain of pages, a directory, one object. Its
step says which source of its resource it belongs to and whether it lists or fetches.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson

from asyncdbx.errors import BadAnswer
from asyncdbx.fleet import RawRecord
from asyncdbx.fleet.tree import TREES, Tree
from asyncdbx.inventory.rows import Row
from asyncdbx.inventory.sources import Follow, Record, Resource, Source
from asyncdbx.inventory.spool import Unit

__all__ = [
    "Followers",
    "Found",
    "Step",
    "first_units",
    "followers_of",
    "is_first",
    "reader",
]

# Resource → (the listing that follows from it, the number of its source, how).
Followers = Mapping[str, Sequence[tuple[str, int, Follow]]]


@dataclass(frozen=True, slots=True)
class Step:
    """Which call of its resource a unit makes.

    Attributes:
        number: Of the source within its resource.
        fetch: The whole object of one record, rather than a listing.
    """

    number: int
    fetch: bool = False

    @classmethod
    def parse(cls, text: str) -> "Step":
        """Return the step that ``str`` wrote."""
        number, _, word = text.partition(":")
        return cls(int(number), word == "fetch")

    def __str__(self) -> str:
        return f"{self.number}:{'fetch' if self.fetch else 'list'}"


@dataclass(frozen=True, slots=True)
class Found:
    """What an answer held.

    Attributes:
        rows: Records to keep.
        children: Units that follow.
    """

    rows: list[Row]
    children: list[Unit]


def followers_of(resources: Iterable[Resource]) -> Followers:
    """Return, for each resource, the listings among ``resources`` that follow from it."""
    found: dict[str, list[tuple[str, int, Follow]]] = {}
    for resource in resources:
        for number, source in enumerate(resource.sources):
            for follow in source.follow:
                found.setdefault(follow.resource, []).append(
                    (resource.name, number, follow)
                )
    return found


def first_units(workspace: str, resource: Resource) -> list[Unit]:
    """Return what a listing begins with; a source that follows begins with nothing."""
    return [
        unit(workspace, resource.name, Step(number), source.arguments)
        for number, source in enumerate(resource.sources)
        if not source.follow
    ]


def unit(workspace: str, resource: str, step: Step, arguments: Mapping[str, Any]) -> Unit:
    """Return a unit; equal arguments make equal keys, so that none is done twice."""
    key = orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS).decode()
    return Unit(workspace, resource, str(step), key)


def is_first(unit: Unit, resource: Resource) -> bool:
    """Return whether a listing begins with this unit.

    What is not found there is not there at all; anything else was listed a moment ago, so
    if it is not found it has been deleted since.
    """
    firsts = first_units(unit.workspace, resource)
    # Not the unit itself: one that is resumed has a cursor.
    return (unit.step, unit.key) in {(first.step, first.key) for first in firsts}


def reader(
    done: Unit, resource: Resource, followers: Followers
) -> Callable[[Iterable[RawRecord], int], Found]:
    """Return what reads the records of a unit: some of them, and when they were fetched.

    It returns the rows and the units that follow from them. What is alike for all records
    is done once: it runs for each of millions.

    Args:
        done: The unit that brings them.
        resource: Its resource.
        followers: Of the chosen resources.

    Raises:
        BadAnswer: a record lacks what the next call needs, or is a directory that cannot
            be descended into.
    """
    step = Step.parse(done.step)
    source = resource.sources[step.number]
    arguments = cast("dict[str, Any]", orjson.loads(done.key))
    to_fetch = None if step.fetch else source.fetch
    whole = Step(step.number, fetch=True)
    id_of = source.id.reader(arguments)
    name_of = source.name.reader(arguments) if source.name else _nothing
    parent_of = source.parent.reader(arguments) if source.parent else _nothing
    follow = _follower(done, source, arguments, followers)

    def read_one(raw: bytes, record: Record, fetched_at: int, found: Found) -> None:
        if to_fetch and to_fetch.when(record):
            asked = to_fetch.arguments(record)
            found.children.append(unit(done.workspace, resource.name, whole, asked))
            return
        # A record without its id is kept all the same, under a name made of its bytes.
        id_ = id_of(record) or f"?{_digest(raw)}"
        found.rows.append(Row(id_, name_of(record), parent_of(record), raw, fetched_at))
        if follow:
            follow(record, found.children)

    def read(records: Iterable[RawRecord], fetched_at: int) -> Found:
        found = Found([], [])
        for raw, record in records:
            if not isinstance(record, dict):
                raise BadAnswer(f"a record of {source.endpoint} is no object")
            try:
                read_one(raw, cast("Record", record), fetched_at, found)
            except KeyError as missing:
                raise BadAnswer(f"a record of {source.endpoint} lacks {missing}") from None
            except (AttributeError, TypeError, ValueError) as error:
                words = f"a record of {source.endpoint} is odd: {error}"
                raise BadAnswer(words) from error
        return found

    return read


def _follower(
    done: Unit, source: Source, arguments: Record, followers: Followers
) -> Callable[[Record, list[Unit]], None] | None:
    """Return what adds the units that follow from a record; None if none ever does."""
    follows = [
        (name, Step(number), follow.arguments)
        for name, number, follow in followers.get(done.resource, ())
        if follow.source in {"", source.endpoint}
    ]
    tree = TREES[source.endpoint] if source.tree else None
    if not follows and tree is None:
        return None

    def follow(record: Record, children: list[Unit]) -> None:
        if tree is not None and tree.is_directory(record):
            children.extend(_below(done, tree, arguments[tree.argument], record))
        for name, step, asked_of in follows:
            if (asked := asked_of(record)) is not None:
                children.append(unit(done.workspace, name, step, asked))

    return follow


def _below(done: Unit, tree: Tree, directory: str, record: Record) -> Iterable[Unit]:
    """Yield what lists a directory that is listed in ``directory``."""
    if tree.strays(directory, record):
        raise BadAnswer(
            f"{record.get('path')!r}, listed in {directory!r}, does not lie there"
        )
    path = tree.below(directory, record)
    if path is not None:
        step = Step.parse(done.step)
        yield unit(done.workspace, done.resource, step, {tree.argument: path})


def _nothing(_: Record) -> None:
    return None


def _digest(raw: bytes) -> str:
    return hashlib.blake2b(raw, digest_size=16).hexdigest()
