"""From a method and a path to the function that answers."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote

from asyncdbx.simulator.call import Answer
from asyncdbx.simulator.lanes import LaneRule, rule_of
from asyncdbx.simulator.world import MadeRoute, Service

Handler = Callable[[Any, Any], Answer]
F = TypeVar("F", bound=Callable[..., Any])
_MARK = "simulated_routes"


def route(method: str, *templates: str) -> Callable[[F], F]:
    """Mark a method of a service as the answer to ``method`` on each of ``templates``.

    ``{name}`` in a template is one segment, ``{name*}`` is the rest with its slashes.
    """

    def mark(function: F) -> F:
        routes = function.__dict__.setdefault(_MARK, [])
        routes.extend((method, template) for template in templates)
        return function

    return mark


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: which function of which service, and under which limit, if any."""

    method: str
    template: str
    service: type[Service]
    handler: Handler
    lane: LaneRule | None
    pattern: re.Pattern[str] | None

    def match(self, path: str) -> dict[str, str] | None:
        """Return the decoded path arguments, or None if ``path`` is not ours."""
        if self.pattern is None:
            return {}
        found = self.pattern.fullmatch(path)
        return found and {key: unquote(value) for key, value in found.groupdict().items()}


class Router:
    """Finds a route in two dictionary look-ups and at most a few patterns."""

    def __init__(self, services: Iterable[type[Service]]) -> None:
        self._exact: dict[tuple[str, str], Route] = {}
        self._patterns: dict[tuple[str, str], list[Route]] = {}
        for service in services:
            for found in _routes(service):
                self._add(found)

    def _add(self, found: Route) -> None:
        if found.pattern is None:
            self._exact[found.method, found.template] = found
        else:
            family = (found.method, _family(found.template))
            self._patterns.setdefault(family, []).append(found)

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]] | None:
        """Return the route of a still encoded path and its arguments, or None."""
        exact = self._exact.get((method, path))
        if exact is not None:
            return exact, {}
        for candidate in self._patterns.get((method, _family(path)), ()):
            arguments = candidate.match(path)
            if arguments is not None:
                return candidate, arguments
        return None

    def routes(self) -> list[Route]:
        """Return every route, for tests and listings."""
        return [
            *self._exact.values(),
            *(r for some in self._patterns.values() for r in some),
        ]


def _routes(service: type[Service]) -> Iterable[Route]:
    for method, template, handler in (*service.made_routes, *_marked(service)):
        rule = None if _open(method, template) else rule_of(method, template)
        yield Route(method, template, service, handler, rule, _compile(template))


def _open(method: str, template: str) -> bool:
    """Return whether this only tells how to log in, which has no limit."""
    return method == "GET" and not template.startswith("/api/")


def _marked(service: type[Service]) -> Iterable[MadeRoute]:
    for value in vars(service).values():
        for method, template in getattr(value, "__dict__", {}).get(_MARK, ()):
            yield method, template, value


def _family(path: str) -> str:
    """Return the first segments, as many as no template of ours leaves open."""
    count = 3 if path.startswith("/api/") else 2
    return "/".join(path.split("/", count + 1)[: count + 1]).partition("{")[0]


def _compile(template: str) -> re.Pattern[str] | None:
    if "{" not in template:
        return None
    pieces = re.split(r"\{(\w+)(\*?)\}", template)
    pattern = re.escape(pieces[0])
    for name, rest, literal in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        pattern += f"(?P<{name}>{'.*' if rest else '[^/]+'})" + re.escape(literal)
    return re.compile(pattern)
