"""The crawl: every listing of every workspace side by side, unit by unit, into the spool.

Each listing works at its own pace, as fast as its lane allows, and ends by itself; one that
is denied or dead holds up nobody. What a unit brought is committed with the units that
follow from it, so a crawl that was killed goes on where it was.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import cast

from asyncdbx.catalog.limits import Limit
from asyncdbx.errors import (
    ApiError,
    CallError,
    Changed,
    Denied,
    Disabled,
    Moved,
    NotFound,
)
from asyncdbx.fleet import Fleet, Part, Workspace
from asyncdbx.inventory.fetching import fetch_unit
from asyncdbx.inventory.missing import Missing, missing_of, missing_parents
from asyncdbx.inventory.resources import RESOURCES
from asyncdbx.inventory.rows import Row
from asyncdbx.inventory.sources import Resource
from asyncdbx.inventory.spool import Spool, State, Unit
from asyncdbx.inventory.units import (
    Followers,
    Found,
    first_units,
    followers_of,
    is_first,
)
from asyncdbx.inventory.verdict import Ended, judge_listing, lacking_parents
from asyncdbx.limiter import Lane

__all__ = ["Crawl", "Listing"]

# Units of one listing in hand: what its lane lets in flight and a few to follow.
AHEAD = 4

AT_ONCE = 2**20  # bytes of a page held until it is whole; of a larger one they are staged
BODY = itemgetter(Row._fields.index("body"))
CHANCES = 3  # for a page that changes while it is read

# Told how a listing ended; returns that with what became of it.
Publish = Callable[["Listing", Ended], Awaitable[Ended]]


@dataclass(slots=True, eq=False)
class Listing:
    """One resource of one workspace, on its way.

    Attributes:
        workspace: Where.
        resource: What.
        wanted: It is to be published; False if others only follow from it.
        parents: The listings it follows from.
        running: Units in hand now.
        records: Records fetched so far, repeats included.
        calls: Requests sent so far.
        throttled: How many of them were answered with 429.
        ended: How it ended, once it has.
    """

    workspace: Workspace
    resource: Resource
    wanted: bool
    parents: list["Listing"] = field(default_factory=list["Listing"])
    running: int = 0
    records: int = 0
    calls: int = 0
    throttled: int = 0
    ended: Ended | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def limit(self) -> Limit:
        """What its lane may do; of several sources, the first one's."""
        endpoint = self.workspace.endpoint(self.resource.sources[0].endpoint)
        return self.workspace.limits.of(endpoint, self.workspace.name)

    @property
    def lane(self) -> Lane:
        """Its lane; of several sources, the first one's."""
        return self.workspace.lane(self.resource.sources[0].endpoint)

    @property
    def key(self) -> tuple[str, str]:
        """Workspace and resource."""
        return self.workspace.name, self.resource.name


class Crawl:
    """All listings of a fleet.

    Args:
        fleet: The workspaces, entered.
        spool: Where units and records go.
        resources: What is wanted; those it follows from are listed too.
        publish: Told when a listing has ended; it may take its time.
    """

    def __init__(
        self, fleet: Fleet, spool: Spool, resources: Sequence[Resource], publish: Publish
    ) -> None:
        self.fleet = fleet
        self._spool = spool
        self._publish = publish
        self._unwritten = asyncio.Event()
        self._begun: set[int] = set()  # units in hand of which something has come
        self._cursors: dict[int, str] = {}  # where those stand that have more pages
        needed = with_parents(resources)
        self._followers: Followers = followers_of(needed)
        wanted = {each.name for each in resources}
        self.listings = {
            (workspace.name, resource.name): Listing(
                workspace, resource, resource.name in wanted
            )
            for workspace in fleet
            for resource in needed
            if resource.scope == workspace.config.scope
        }
        for listing in self.listings.values():
            listing.parents = [
                self.listings[listing.workspace.name, name]
                for name in parents_of(listing.resource)
            ]

    def left(self, listing: Listing) -> int:
        """Return how many units of a listing are known and not yet done."""
        return 0 if listing.ended else self._spool.open_units(*listing.key)

    async def run(self) -> list[Ended]:
        """List everything; return how each wanted listing ended, in order."""
        for listing in self.listings.values():
            self._spool.add(first_units(listing.workspace.name, listing.resource))
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(self._write())
            async with asyncio.TaskGroup() as listings:
                for listing in self.listings.values():
                    listings.create_task(self._run(listing))
            writer.cancel()
        return [cast("Ended", each.ended) for each in self.listings.values() if each.wanted]

    def missing(self) -> Iterator[Missing]:
        """Yield what the wanted listings lack, once all have ended."""
        for each in self.listings.values():
            ended = cast("Ended", each.ended)
            if each.wanted and ended.status != "complete":
                failures = self._spool.failures(*each.key)
                yield from missing_of(each.workspace.name, each.resource, failures)
                lacking = lacking_parents(
                    cast("Ended", parent.ended) for parent in each.parents
                )
                why = ((parent.resource, parent.status, parent.error) for parent in lacking)
                yield from missing_parents(each.workspace.name, each.resource, why)

    async def _write(self) -> None:
        """Write what has come, all that came in one turn of the loop together.

        So a process that is killed has lost the answers of a few milliseconds, and a
        transaction costs little beside the calls it is for.
        """
        while True:
            await self._unwritten.wait()
            self._unwritten.clear()
            self._spool.flush()

    async def _run(self, listing: Listing) -> None:
        """Keep a listing's lane busy until no unit is left and none can follow."""
        async with asyncio.TaskGroup() as group:
            while True:
                listing.news.clear()
                for number, unit in self._next_units(listing):
                    listing.running += 1
                    group.create_task(self._do(listing, number, unit))
                if not listing.running and all(each.ended for each in listing.parents):
                    break
                await listing.news.wait()
        listing.ended = self._end(listing)
        self._tell_followers(listing)
        if listing.wanted:
            listing.ended = await self._publish(listing, listing.ended)

    def _end(self, listing: Listing) -> Ended:
        """Return how a listing of which nothing is left has ended."""
        summary = self._spool.summary(*listing.key)
        parents = [cast("Ended", each.ended) for each in listing.parents]
        status, error = judge_listing(listing.resource, summary, parents)
        return Ended(
            *listing.key,
            status,
            summary.records,
            summary.calls,
            summary.throttled,
            listing.limit.group,
            *_pace(listing),
            summary.started_at,
            summary.ended_at,
            error,
            gone=summary.units["gone"],
        )

    def _next_units(self, listing: Listing) -> list[tuple[int, Unit]]:
        room = listing.limit.in_flight + AHEAD - listing.running
        return self._spool.pending(*listing.key, room) if room > 0 else []

    def _tell_followers(self, listing: Listing) -> None:
        for name, _, _ in self._followers.get(listing.resource.name, ()):
            self.listings[listing.workspace.name, name].news.set()

    async def _do(self, listing: Listing, number: int, unit: Unit) -> None:
        """Do one unit; what goes wrong with it is its outcome, and nobody else's."""
        if unit.cursor is not None:
            self._begun.add(number)
            self._cursors[number] = unit.cursor
        try:
            await self._fetch(listing, number, unit)
        except CallError as error:
            self._fail(listing, number, unit, error)
        finally:
            self._begun.discard(number)
            self._cursors.pop(number, None)
            listing.running -= 1
            listing.news.set()

    async def _fetch(self, listing: Listing, number: int, unit: Unit) -> None:
        """Fetch a unit, and again if that helps.

        Tokens expire, and positions move, in an interrupted run and in a long one: then it
        begins with its first page once more; ids make repeats harmless. And a page may
        change while it is read.
        """
        for chance in range(CHANCES):
            try:
                await self._fetch_once(listing, number, unit)
                break
            except (ApiError, Moved) as error:
                if chance or number not in self._cursors or not _is_lost(error):
                    raise
                del self._cursors[number]
                self._note_calls(listing, number, error)
                self._spool.restart(number)
            except Changed as error:
                if chance == CHANCES - 1:
                    raise
                self._note_calls(listing, number, error)
                self._spool.unstage(number)
            unit = replace(unit, cursor=self._cursors.get(number))

    def _note_calls(self, listing: Listing, number: int, error: CallError) -> None:
        """Count the calls of a page that came to nothing."""
        self._spool.note_calls(number, error.calls)
        listing.calls += error.calls

    async def _fetch_once(self, listing: Listing, number: int, unit: Unit) -> None:
        parts = fetch_unit(listing.workspace, listing.resource, unit, self._followers)
        held, size = Found([], []), 0
        async with aclosing(parts):
            async for part in parts:
                for found in part.records:
                    held.rows.extend(found.rows)
                    held.children.extend(found.children)
                    size += sum(map(len, map(BODY, found.rows)))
                if part.ends_page:
                    self._commit(listing, number, held, part)
                elif size >= AT_ONCE:
                    self._stage(listing, number, held)
                else:
                    continue
                held, size = Found([], []), 0

    def _stage(self, listing: Listing, number: int, found: Found) -> None:
        """Put aside what has come of a page that is large, and not yet whole."""
        self._spool.stage(number, found.rows, found.children)
        self._take(listing, number, found)

    def _commit(
        self, listing: Listing, number: int, found: Found, page: Part[Found]
    ) -> None:
        """Keep what a page brought, with the units that follow from it."""
        self._spool.commit(
            number,
            outcome="done" if page.cursor is None else "pending",
            records=found.rows,
            children=found.children,
            cursor=page.cursor,
            calls=page.calls,
            throttled=page.throttles,
        )
        self._unwritten.set()
        if page.cursor is not None:
            self._cursors[number] = page.cursor
        listing.calls += page.calls
        listing.throttled += page.throttles
        self._take(listing, number, found)

    def _take(self, listing: Listing, number: int, found: Found) -> None:
        self._begun.add(number)
        listing.records += len(found.rows)
        for key in {(child.workspace, child.resource) for child in found.children}:
            self.listings[key].news.set()

    def _fail(self, listing: Listing, number: int, unit: Unit, error: CallError) -> None:
        first = is_first(unit, listing.resource)
        begun, behind = number in self._begun, number in self._cursors
        outcome = _outcome(error, first=first, begun=begun, behind=behind)
        words = "" if outcome == "gone" else str(error)
        self._spool.commit(number, outcome=outcome, error=words, calls=error.calls)
        self._unwritten.set()
        listing.calls += error.calls


def _pace(listing: Listing) -> tuple[float | None, float | None, float | None]:
    """Return the rate of a listing's lane, seconds waited for each call, and paused.

    Nothing is known of a listing that ended in an earlier process of a run.
    """
    lane = listing.lane if listing.calls else None
    if lane is None or not lane.stats.sent:
        return None, None, None
    return lane.rate, lane.stats.waited / lane.stats.sent, lane.stats.paused


def with_parents(resources: Sequence[Resource]) -> list[Resource]:
    """Return ``resources`` and all they follow from, in the order of the contract."""
    names: set[str] = set()
    open_names = [each.name for each in resources]
    while open_names:
        name = open_names.pop()
        if name not in names:
            names.add(name)
            open_names += parents_of(RESOURCES[name])
    return [each for name, each in RESOURCES.items() if name in names]


def parents_of(resource: Resource) -> list[str]:
    """Return the names of the resources that this one follows from."""
    follows = (follow for source in resource.sources for follow in source.follow)
    return list(dict.fromkeys(follow.resource for follow in follows))


def _is_lost(error: ApiError | Moved) -> bool:
    """Return whether a listing has lost its place: a server may say so of a token too."""
    if isinstance(error, Moved):
        return True
    return error.status == 400 or isinstance(error, NotFound)


def _outcome(error: CallError, *, first: bool, begun: bool, behind: bool) -> State:
    """Return how a unit ended.

    Args:
        error: Why.
        first: The listing begins with it; anything else was listed before, and if it is
            not found it has been deleted since.
        begun: Pages of it have come, so it was neither denied nor not enabled then.
        behind: It failed behind pages that are kept, so it is not as if it never was.
    """
    match error:
        case NotFound() if not first and not behind:
            return "gone"
        case Denied() if not begun:
            return "denied"
        case Disabled() if first and not begun:
            return "unavailable"
        case _:
            return "partial"
