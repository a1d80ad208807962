"""The state of one simulated workspace (or account): made on first use, from a seed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from time import time
from typing import Any, ClassVar, NamedTuple, TypeVar, cast

from asyncdbx.simulator.call import Answer, Call, Json, missing
from asyncdbx.simulator.generated import GeneratedTree
from asyncdbx.simulator.logins import Logins

S = TypeVar("S", bound="Service")
MadeRoute = tuple[str, str, Callable[[Any, Call], Answer]]


class Row(NamedTuple):
    """A record of the truth, with the parent it is listed under ("" if it has none)."""

    parent: str
    record: Json


def known(records: Mapping[str, Json], id_: str, what: str) -> Json:
    """Return one record.

    Raises:
        Refusal: 404, there is none.
    """
    if id_ not in records:
        raise missing(f"{what} {id_} does not exist.")
    return records[id_]


def by(key: str, records: Iterable[Json]) -> dict[str, Json]:
    """Return records by the text of one of their fields."""
    return {str(record[key]): record for record in records}


def rows(records: Iterable[Json], parent: str = "") -> list[Row]:
    """Return records of one parent as rows."""
    return [Row(parent, record) for record in records]


class Service:
    """One service family of one workspace: plain state, and methods that answer calls.

    Attributes:
        made_routes: Method, template and handler of routes that no decorator marks.
    """

    made_routes: ClassVar[tuple[MadeRoute, ...]] = ()

    def __init__(self, world: "World") -> None:
        self.world = world
        self.random = world.random(type(self).__name__)

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Return, by resource name, how to list every record a complete inventory holds."""
        return {}

    def securables(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the objects that have permissions: type in the path -> ids."""
        return {}


@dataclass
class World:
    """What the services of one workspace share.

    Attributes:
        name: The workspace's name in the fleet.
        size: How large this workspace is; 1.0 is production at scale 1.
        workspace_id: 16 digits; 0 for the account.
        now: Simulated time, in seconds since 1970.
        logins: Who may call.
        services: Every service family there is here.
        facts: What the fleet tells its hosts (workspaces, account id, where to log in).
        skew: How far the clock of this host is ahead of the real one, in seconds.
        epoch: How often the page tokens given out so far were made to expire.
        trees: Generated ones in DBFS; no part of the truth.
    """

    name: str
    seed: int
    size: float
    workspace_id: int
    now: Callable[[], float]
    logins: Logins
    services: tuple[type[Service], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    skew: float = 0.0
    epoch: int = 0
    trees: Sequence[GeneratedTree] = ()
    _services: dict[type[Service], Service] = field(
        default_factory=dict[type[Service], Service]
    )

    def state(self, kind: type[S]) -> S:
        """Return the one instance of a service; the first call makes it."""
        found = self._services.get(kind)
        if found is None:
            found = self._services[kind] = kind(self)
        return cast("S", found)

    def resources(self) -> list[str]:
        """Return the resource names of which the truth is known."""
        truths = [self.state(service).truth() for service in self.services]
        return [*dict.fromkeys(name for truth in truths for name in truth)]

    def truth(self, resource: str) -> list[Row]:
        """Return every record of a resource, with its parent, past all paging.

        Several services may know records of one name, such as models of either registry.

        Raises:
            KeyError: No service here knows the resource.
        """
        truths = [self.state(service).truth() for service in self.services]
        listers = [truth[resource] for truth in truths if resource in truth]
        if not listers:
            raise KeyError(resource)
        return [row for lister in listers for row in lister()]

    def securables(self) -> dict[str, Mapping[str, Any]]:
        """Return all objects that have permissions: type in the path -> ids."""
        found: dict[str, Mapping[str, Any]] = {}
        for service in self.services:
            found.update(self.state(service).securables())
        return found

    def count(self, base: int, least: int = 1) -> int:
        """Return how many there are here of what production has ``base`` of."""
        return max(least, round(base * self.size))

    def random(self, topic: str) -> Random:
        """Return a source of numbers that depends on seed, workspace and topic only."""
        return Random(f"{self.seed}/{self.name}/{topic}")

    def wall_clock(self) -> float:
        """Return what the host takes for the real time, in seconds since 1970."""
        return time() + self.skew

    def milliseconds(self) -> int:
        """Return simulated time in epoch milliseconds."""
        return int(self.now() * 1000)
