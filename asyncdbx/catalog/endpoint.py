"""One REST method as data, and the request it makes of its arguments. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from asyncdbx.catalog.encode import kind_of, path_text, query_pairs
from asyncdbx.errors import UsageError

__all__ = ["Endpoint", "Paging", "Request", "Scope", "did_you_mean"]

Scope: TypeAlias = Literal["workspace", "account"]
PagingStyle: TypeAlias = Literal["token", "next_body", "scim", "page"]
Place: TypeAlias = Literal["path", "query", "body", "whole", "upload"]


@dataclass(frozen=True, slots=True)
class Paging:
    """How a listing goes on. All names are those on the wire.

    Attributes:
        style: ``token``, ``next_body`` (the answer holds the next request's body), ``scim``
            (``startIndex``) or ``page`` (numbers from 1).
        request_token: Parameter that asks for a page; "" for ``next_body``.
        response_token: Key in the answer that leads on; "" for ``scim`` and ``page``.
        size: Parameter with the size of a page; "" if there is none.
        in_body: The token travels in the POST body.
        sdk_iterates: False if the SDK returns one page and leaves the loop to its caller.
    """

    style: PagingStyle = "token"
    request_token: str = ""
    response_token: str = ""
    size: str = ""
    in_body: bool = False
    sdk_iterates: bool = True


@dataclass(slots=True)  # not frozen: that costs half a microsecond for each call
class Request:
    """What is to be sent.

    Attributes:
        method: ``"GET"``.
        path: Percent-encoded, from the slash on.
        query: Names and values, not yet encoded.
        body: Becomes JSON, except that an upload's bytes or file are sent as they are; None
            for no body at all.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One REST method of Databricks.

    Attributes:
        name: The official SDK's ``service.method``, e.g. ``"clusters.list"``.
        scope: Which kind of host answers it.
        method: HTTP method.
        path: Template: ``"/api/2.0/repos/{repo_id}"``; ``{account_id}`` is no argument.
        path_args: Arguments in the path, in order.
        multi_segment: Those of them whose slashes stay slashes.
        query_args: Argument → wire name.
        body_args: Argument → wire name of the JSON body's fields.
        sends_body: A JSON body is sent even if it is ``{}``.
        whole_body: Argument that is the whole JSON body; "" if there is none.
        upload: Argument whose bytes are the body; "" if there is none.
        download: The answer is a file or text, not JSON.
        required: Arguments without which the SDK's method cannot be called. The API is
            sometimes more lenient, so only those in the path are insisted on.
        fixed_query: Parameters that are sent unless they are given.
        items: Key of the item array; "" for a bare array; None if it is no listing.
        nested: Inner arrays that are paged, dotted.
        paging: None if one answer holds all.
        fields: Scalar fields of an item (of the object, if it is no listing): name →
            ``str``, ``int``, ``int64``, ``float`` or ``bool``.
        int64: Fields of 64 bits, also arrays of such: beyond what a double can hold.
        repeat_safe: May be sent again when the answer was lost.
        safe_with: Argument that makes a repeat safe if it is given; "" if there is none.
        unsupported: Why it cannot be called; "" if it can.
    """

    name: str
    scope: Scope
    method: str
    path: str
    path_args: tuple[str, ...] = ()
    multi_segment: frozenset[str] = frozenset()
    query_args: Mapping[str, str] = field(default_factory=dict[str, str])
    body_args: Mapping[str, str] = field(default_factory=dict[str, str])
    sends_body: bool = False
    whole_body: str = ""
    upload: str = ""
    download: bool = False
    required: frozenset[str] = frozenset()
    fixed_query: Mapping[str, Any] = field(default_factory=dict[str, Any])
    items: str | None = None
    nested: tuple[str, ...] = ()
    paging: Paging | None = None
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    int64: tuple[str, ...] = ()
    repeat_safe: bool = False
    safe_with: str = ""
    unsupported: str = ""
    _places: Mapping[str, list[tuple[Place, str]]] = field(
        init=False, repr=False, compare=False
    )

    _has_body: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        has_body = bool(self.sends_body or self.whole_body or self.upload)
        object.__setattr__(self, "_has_body", has_body)
        object.__setattr__(self, "_places", self._find_places())

    def __hash__(self) -> int:
        return hash((self.scope, self.name))

    @property
    def arguments(self) -> tuple[str, ...]:
        """Every argument by its SDK name: path, query, body."""
        whole = [name for name in (self.whole_body, self.upload) if name]
        names = (*self.path_args, *self.query_args, *self.body_args, *whole)
        return tuple(dict.fromkeys(names))

    def safe_to_repeat(self, args: Mapping[str, Any]) -> bool:
        """Return whether a call with ``args`` may be sent again if its answer was lost."""
        return self.repeat_safe or bool(self.safe_with and args.get(self.safe_with))

    def request(self, args: Mapping[str, Any], *, account_id: str = "") -> Request:
        """Return the request for ``args``, named as in the SDK or as on the wire.

        An argument that is None counts as not given.

        Raises:
            UsageError: An argument is unknown, missing in the path, given twice, or has a
                value that cannot be sent.
        """
        if self.unsupported:
            raise UsageError(f"{self.name} cannot be called: {self.unsupported}")
        found: dict[Place, dict[str, Any]] = {
            "path": {}, "query": {}, "body": {}, "whole": {}, "upload": {}
        }  # fmt: skip
        for name, value in args.items():
            if value is not None:
                self._put(name, value, found)
        if self.fixed_query:
            found["query"] = {**self.fixed_query, **found["query"]}
        return Request(
            self.method,
            self._path(found["path"], account_id) if "{" in self.path else self.path,
            self._query(found["query"]) if found["query"] else (),
            self._body(found) if self._has_body else None,
        )

    def _find_places(self) -> dict[str, list[tuple[Place, str]]]:
        places: dict[str, list[tuple[Place, str]]] = {}
        for name in self.path_args:
            places.setdefault(name, []).append(("path", name))
        for name, wire in self.query_args.items():
            places.setdefault(name, []).append(("query", wire))
        for name, wire in self.body_args.items():
            places.setdefault(name, []).append(("body", wire))
        if self.whole_body:
            places.setdefault(self.whole_body, []).append(("whole", self.whole_body))
        if self.upload:
            places.setdefault(self.upload, []).append(("upload", self.upload))
        for name, wire in self.query_args.items():
            places.setdefault(wire, places[name])
        for name, wire in self.body_args.items():
            places.setdefault(wire, places[name])
        return places

    def _put(self, name: str, value: object, found: dict[Place, dict[str, Any]]) -> None:
        places = self._places.get(name)
        if places is None:
            raise UsageError(
                f"{self.name} has no argument {name!r}{did_you_mean(name, self.arguments)}"
                f"; it takes {_listed(self.arguments)}"
            )
        for place, wire in places:
            if wire in found[place]:
                raise UsageError(f"{self.name} is given {wire!r} twice, once as {name!r}")
            found[place][wire] = value

    def _path(self, given: Mapping[str, Any], account_id: str) -> str:
        path = self.path
        if "{account_id}" in path:
            if not account_id:
                raise UsageError(
                    f"{self.name} is a call to an account, and no account_id is known"
                )
            path = path.replace("{account_id}", path_text(account_id))
        for name in self.path_args:
            path = path.replace(f"{{{name}}}", self._path_value(name, given))
        return path

    def _path_value(self, name: str, given: Mapping[str, Any]) -> str:
        if name not in given:
            raise UsageError(f"{self.name} needs {name!r}, a part of its path {self.path}")
        try:
            text = path_text(given[name], many_segments=name in self.multi_segment)
        except UsageError as error:
            raise UsageError(f"{self.name}, argument {name!r}: {error}") from None
        if f"/{{{name}}}" not in self.path and not text.startswith("/"):
            raise UsageError(f"{self.name}, argument {name!r}: it must begin with '/'")
        return text

    def _query(self, given: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        pairs: list[tuple[str, str]] = []
        for name, value in given.items():
            if type(value) is str:  # nearly always
                pairs.append((name, value))
                continue
            try:
                pairs += query_pairs(name, value)
            except UsageError as error:
                raise UsageError(f"{self.name}, argument {name!r}: {error}") from None
        return tuple(pairs)

    def _body(self, found: Mapping[Place, Mapping[str, Any]]) -> Any:
        if name := self.upload:
            return self._needed(name, found["upload"])
        if name := self.whole_body:
            body = self._needed(name, found["whole"])
            if not isinstance(body, Mapping | list):
                raise UsageError(
                    f"{self.name}, argument {name!r}: it is the whole body, so an object or"
                    f" a list is needed, not {kind_of(body)}"
                )
            return body  # pyright: ignore[reportUnknownVariableType] - JSON of the caller
        return found["body"] if self.sends_body else None

    def _needed(self, name: str, given: Mapping[str, Any]) -> Any:
        if name not in given:
            raise UsageError(f"{self.name} needs {name!r}: it is the whole body")
        return given[name]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``", did you mean 'x'?"``, or "" if nothing is near."""
    import difflib  # noqa: PLC0415 - 1 ms, and only for an error message

    near = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean {near[0]!r}?" if near else ""


def _listed(names: Collection[str]) -> str:
    return ", ".join(names) if names else "none"
