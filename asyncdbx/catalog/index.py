"""Every endpoint by name and by path, from ``endpoints.json``.

The file is parsed once, at the first look-up (about 1 ms); an Endpoint is built when it is
asked for.
"""

import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, cast

import orjson

from asyncdbx.catalog.endpoint import Endpoint, Paging, Scope, did_you_mean
from asyncdbx.errors import UsageError

FILE = Path(__file__).with_name("endpoints.json")
SCOPES: tuple[Scope, Scope] = ("workspace", "account")
PLACEHOLDER = re.compile(r"{(\w+)(=\*\*)?}")
# "/api/2.0/{name=**}" says nothing about a path: it would match every unknown one
ANYTHING = re.compile(r"/api/[\d.]+/{\w+=\*\*}")


class Catalog:
    """The endpoints of one SDK version.

    Args:
        data: The content of an endpoints.json.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data
        self._built: dict[tuple[Scope, str], Endpoint] = {}

    @property
    def sdk_version(self) -> str:
        """Version of the SDK the file was made from."""
        return cast("str", self._data["sdk_version"])

    def names(self, scope: Scope | None = None) -> list[tuple[Scope, str]]:
        """Return every endpoint's scope and name, in alphabetical order per scope."""
        scopes = SCOPES if scope is None else (scope,)
        return [(part, name) for part in scopes for name in self._data[part]]

    def endpoint(self, name: str, scope: Scope = "workspace") -> Endpoint:
        """Return an endpoint.

        Raises:
            UsageError: There is none of that name.
        """
        built = self._built.get((scope, name))
        if built is None:
            entry = self._data[scope].get(name)
            if entry is None:
                raise UsageError(self._unknown(name, scope))
            built = _build(name, scope, entry, self._data["records"])
            self._built[scope, name] = built
        return built

    def find(self, method: str, path: str) -> Endpoint | None:
        """Return the endpoint that answers ``method`` on ``path``; None if none is known.

        The most literal path wins; of several names for one path, the one of the workspace
        scope, then the shortest.
        """
        path = path.partition("?")[0]
        matches = [
            (-_literal_length(template), SCOPES.index(scope), len(name), name)
            for scope, name in self.names()
            for verb, _, template in [self._data[scope][name]["http"].partition(" ")]
            if verb == method.upper()
            and path.startswith(template.partition("{")[0])
            and not ANYTHING.fullmatch(template)
            and _pattern(template).fullmatch(path)
        ]
        if not matches:
            return None
        _, scope, _, name = min(matches)
        return self.endpoint(name, SCOPES[scope])

    def _unknown(self, name: str, scope: Scope) -> str:
        other: Scope = "account" if scope == "workspace" else "workspace"
        if name in self._data[other]:
            return f"{name!r} exists for the {other} only, not for the {scope}"
        hint = did_you_mean(name, self._data[scope]) or (
            "; names are those of the Databricks SDK, such as 'clusters.list'"
        )
        return f"there is no endpoint {name!r}{hint}"


@cache
def catalog() -> Catalog:
    """Return the catalog that comes with the package."""
    return Catalog(orjson.loads(FILE.read_bytes()))


def endpoint(name: str, scope: Scope = "workspace") -> Endpoint:
    """Return the endpoint called ``name``, e.g. ``"clusters.list"``.

    Raises:
        UsageError: There is none of that name; near ones are named.
    """
    return catalog().endpoint(name, scope)


def find(method: str, path: str) -> Endpoint | None:
    """Return the endpoint that answers ``method`` on ``path``; None if none is known."""
    return catalog().find(method, path)


def names(scope: Scope | None = None) -> list[tuple[Scope, str]]:
    """Return scope and name of every endpoint, or of those of one scope."""
    return catalog().names(scope)


def sdk_version() -> str:
    """Return the version of the Databricks SDK the catalog was made from."""
    return catalog().sdk_version


def _build(
    name: str, scope: Scope, entry: dict[str, Any], records: dict[str, str]
) -> Endpoint:
    method, _, template = entry["http"].partition(" ")
    placeholders = [
        found for found in PLACEHOLDER.findall(template) if found[0] != "account_id"
    ]
    query, in_query = _arguments(entry.get("query", ""))
    body, in_body = _arguments(entry.get("body", ""))
    kinds = _fields(records.get(entry.get("record", ""), ""))
    return Endpoint(
        name=name,
        scope=scope,
        method=method,
        path=template.replace("=**}", "}"),
        path_args=tuple(argument for argument, _ in placeholders),
        multi_segment=frozenset(argument for argument, many in placeholders if many),
        query_args=query,
        body_args=body,
        sends_body="body" in entry,
        whole_body=entry.get("whole", ""),
        upload=entry.get("upload", ""),
        download=entry.get("download", False),
        required=in_query | in_body,
        fixed_query=entry.get("fixed", {}),
        items=entry.get("items"),
        nested=tuple(entry.get("nested", ())),
        paging=_paging(entry.get("paging")),
        fields={field: kind for field, kind in kinds.items() if not kind.endswith("[]")},
        int64=tuple(field for field, kind in kinds.items() if kind.startswith("int64")),
        repeat_safe=method in {"GET", "HEAD"} or entry.get("safe", False),
        safe_with=entry.get("safe_with", ""),
        unsupported=entry.get("unsupported", ""),
    )


def _arguments(text: str) -> tuple[dict[str, str], frozenset[str]]:
    """Return argument → wire name, and the required ones, of ``"path! sort_by=sortBy"``."""
    arguments: dict[str, str] = {}
    required: set[str] = set()
    for word in text.split():
        name, _, wire = word.rstrip("!").partition("=")
        arguments[name] = wire or name
        if word.endswith("!"):
            required.add(name)
    return arguments, frozenset(required)


def _fields(text: str) -> dict[str, str]:
    """Return field → kind of ``"cluster_id start_time:int64"``; a text has no kind."""
    pairs = (word.partition(":") for word in text.split())
    return {name: kind or "str" for name, _, kind in pairs}


def _paging(entry: dict[str, Any] | None) -> Paging | None:
    if entry is None:
        return None
    return Paging(
        style=entry.get("style", "token"),
        request_token=entry.get("request", "page_token"),
        response_token=entry.get("response", "next_page_token"),
        size=entry.get("size", ""),
        in_body=entry.get("in_body", False),
        sdk_iterates=not entry.get("caller", False),
    )


@lru_cache(maxsize=256)
def _pattern(template: str) -> re.Pattern[str]:
    parts = PLACEHOLDER.split(template)
    literals, many = parts[0::3], parts[2::3]
    text = re.escape(literals[0])
    for literal, multi in zip(literals[1:], many, strict=True):
        text += (".+" if multi else "[^/]+") + re.escape(literal)
    return re.compile(text)


def _literal_length(template: str) -> int:
    return len(PLACEHOLDER.sub("", template))
