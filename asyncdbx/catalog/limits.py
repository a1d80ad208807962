"""How often each endpoint of each workspace may be called, and who says so.

``limits.toml`` of this package holds every published number; users' files lie on top of it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from asyncdbx.catalog import index
from asyncdbx.catalog.endpoint import Endpoint, did_you_mean
from asyncdbx.catalog.limits_file import Group, LimitsFile, Numbers, read_limits

__all__ = ["PACKAGE_FILE", "Limit", "Limits"]

PACKAGE_FILE = Path(__file__).with_name("limits.toml")


@dataclass(frozen=True, slots=True)
class Limit:
    """What one lane may do.

    Attributes:
        group: Name of the limit group; with the workspace it is the lane.
        per_second: Calls per second; None for unlimited.
        in_flight: Calls at the same time.
        source: Who says so: text with date, or ``file X, [workspace.prod.groups.dbfs]``.
        window: Seconds over which the calls are counted: 60 if it is said per minute.
        firm: The user has said so: the lane is never faster. A published rate is where a
            lane begins, and it learns what the server really lets through.
    """

    group: str
    per_second: float | None
    in_flight: int
    source: str
    window: float = 1.0
    firm: bool = False

    def measured(self, believed: float) -> float | None:
        """Return what a lane takes its limit for, if that was measured; else None.

        A rate that is counted over a longer time is believed as it is published.

        Args:
            believed: Calls per second; 0 if the lane knows nothing.
        """
        if not believed or self.per_second is None:
            return None
        published = self.window > 1 and math.isclose(believed, self.per_second)
        return None if published else believed


class Limits:
    """The limits of all lanes.

    Args:
        files: From the weakest to the strongest; the first one has a complete default.
    """

    def __init__(self, files: Sequence[LimitsFile]) -> None:
        self._files = tuple(reversed(files))  # the strongest first
        self._groups = _merged(files)
        self._names = {group.name for group in self._groups}
        self._found: dict[tuple[str, str, str], Limit] = {}
        for file in files:
            self._refuse_unknown(file)

    @classmethod
    def load(cls, *files: Path) -> "Limits":
        """Return the package's limits with ``files`` on top, the last one the strongest.

        Raises:
            ConfigError: A file cannot be read or used; file and line are named.
        """
        own = read_limits(PACKAGE_FILE, own=True)
        return cls([own, *(read_limits(file) for file in files)])

    def of(self, endpoint: Endpoint, workspace: str) -> Limit:
        """Return the limit of an endpoint; its lane is (limit.group, workspace)."""
        key = (endpoint.name, endpoint.scope, workspace)
        limit = self._found.get(key)
        if limit is None:
            limit = self._found[key] = self._limit(self._group_of(endpoint), workspace)
        return limit

    def of_lane(self, name: str, workspace: str = "") -> Limit:
        """Return the limit of a lane by its name: a group's, or an endpoint's in none."""
        return self._limit(name, workspace)

    def groups(self, workspace: str = "") -> list[Limit]:
        """Return the limit of every group, ``default`` first; of one workspace if named."""
        names = ("default", *sorted(group.name for group in self._groups))
        return [self._limit(name, workspace) for name in names]

    def _group_of(self, endpoint: Endpoint) -> str:
        name = limits_name(endpoint)
        request = f"{endpoint.method} {endpoint.path}"
        for group in self._groups:
            if any(
                fnmatchcase(request if " " in pattern else name, pattern)
                for pattern in group.endpoints or ()
            ):
                return group.name
        return name

    def _limit(self, group: str, workspace: str) -> Limit:
        layers = list(self._layers(group, workspace))
        rate = next(layer for layer in layers if layer.per_second is not None)
        gate = next(layer for layer in layers if layer.in_flight is not None)
        per_second = rate.per_second if rate.per_second != math.inf else None
        return Limit(
            group,
            per_second,
            gate.in_flight or 1,
            _source(rate, gate),
            rate.window,
            not rate.own,
        )

    def _layers(self, group: str, workspace: str) -> Iterator[Numbers]:
        """Yield what is said about a lane, the strongest first."""
        for file in self._files:
            if (workspace, group) in file.workspace_groups:
                yield file.workspace_groups[workspace, group].numbers
        for file in self._files:
            yield from (found.numbers for found in file.groups if found.name == group)
        for file in self._files:
            if workspace in file.workspace_defaults:
                yield file.workspace_defaults[workspace]
        for file in self._files:
            yield file.default

    def _refuse_unknown(self, file: LimitsFile) -> None:
        for group in (*file.groups, *file.workspace_groups.values()):
            name = group.name
            if name not in self._names and not _is_endpoint(name):
                known = [*self._names, *map(_full_name, index.names())]
                raise file.error(
                    group.at,
                    f"{name!r} is neither a limit group nor an endpoint"
                    f"{did_you_mean(name, known)}; a new group needs"
                    f' endpoints = ["…"]; groups: {", ".join(sorted(self._names))}',
                )


def limits_name(endpoint: Endpoint) -> str:
    """Return the name an endpoint has in files of limits: ``account:users.list``."""
    return _full_name((endpoint.scope, endpoint.name))


def _full_name(name: tuple[str, str]) -> str:
    return f"account:{name[1]}" if name[0] == "account" else name[1]


def _is_endpoint(name: str) -> bool:
    scope, _, rest = name.rpartition(":")
    return (scope or "workspace", rest) in index.names()


def _merged(files: Sequence[LimitsFile]) -> list[Group]:
    """Return all groups in the order in which they are matched: the strongest file first.

    A table for a group that exists changes its numbers and keeps its endpoints and its
    place; one that names an endpoint takes that endpoint out of its group.
    """
    merged: list[Group] = []
    for file in files:
        places = {group.name: place for place, group in enumerate(merged)}
        new: list[Group] = []
        for group in file.groups:
            if group.name not in places:
                new.append(_with_endpoints(group))
            elif group.endpoints is not None:
                merged[places[group.name]] = group
        merged = new + merged
    return [group for group in merged if group.endpoints]


def _with_endpoints(group: Group) -> Group:
    if group.endpoints is None and _is_endpoint(group.name):
        return replace(group, endpoints=(group.name,))
    return group


def _source(rate: Numbers, gate: Numbers) -> str:
    if rate.source == gate.in_flight_source:
        return rate.source
    return f"{rate.source}; in flight: {gate.in_flight_source}"
