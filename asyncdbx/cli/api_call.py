"""From the words of ``asyncdbx api`` to an endpoint and its arguments. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, quote

import orjson

from asyncdbx import catalog
from asyncdbx.catalog import Endpoint, Scope
from asyncdbx.errors import UsageError
from asyncdbx.json_stream import JsonStreamError, parse_document

__all__ = ["Wish", "json_value"]

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
WITHOUT_BODY = ("GET", "HEAD", "DELETE")  # --data goes to the query
WHOLE = "--json"  # argument for a body that is no object

Arguments = dict[str, Any]
Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Wish:
    """A call as the command line says it.

    Attributes:
        target: An endpoint's name, or an HTTP method.
        path: Of a method: ``/api/…``, may have a query.
        data: What ``--data`` said.
        body: The value of ``--json``, if there is one.
        paginate: The pages that follow are wanted too.
    """

    target: str
    path: str | None = None
    data: tuple[tuple[str, str], ...] = ()
    body: Any = None
    paginate: bool = False

    def of(self, scope: Scope) -> tuple[Endpoint, Arguments]:
        """Return the endpoint and its arguments, for a workspace or an account.

        Raises:
            UsageError: there is no such endpoint, or the words make no sense.
        """
        endpoint, arguments = (
            self._by_name(scope) if self.path is None else self._by_path(self.path, scope)
        )
        if self.paginate and endpoint.items is None:
            raise UsageError(f"{endpoint.name} is no known listing: nothing to paginate")
        return (
            (endpoint, arguments)
            if self.body is None
            else self._with_body(endpoint, arguments)
        )

    def _by_name(self, scope: Scope) -> tuple[Endpoint, Arguments]:
        if self.target.startswith("/"):
            raise UsageError(f"say which method: asyncdbx api GET {self.target}")
        if self.target.upper() in METHODS:
            raise UsageError(f"{self.target} needs a path, such as /api/2.1/clusters/list")
        endpoint = catalog.endpoint(self.target, scope)
        values = _grouped(self.data)
        return endpoint, {name: _by_place(endpoint, name, values[name]) for name in values}

    def _by_path(self, path: str, scope: Scope) -> tuple[Endpoint, Arguments]:
        """Return an endpoint for just this path; what the catalog knows of it is kept."""
        method = self.target.upper()
        if method not in METHODS:
            raise UsageError(
                f"{self.target!r} is no method; there are {', '.join(METHODS)}"
            )
        if not path.startswith("/"):
            raise UsageError(f"{path!r} is no path: it must begin with /, as in /api/2.0/…")
        bare, _, text = path.partition("?")
        query: list[tuple[str, str]] = parse_qsl(text, keep_blank_values=True)
        fields: Arguments = {}
        if method in WITHOUT_BODY or self.body is not None:
            query += self.data
        else:
            fields = {
                name: _body_value(texts) for name, texts in _grouped(self.data).items()
            }
        values = _grouped(query)
        if twice := sorted(values.keys() & fields.keys()):
            raise UsageError(f"{twice[0]!r} is given twice: in the query and with --data")
        known = catalog.find(method, bare) or Endpoint(
            f"{method} {bare}", scope, method, bare, repeat_safe=method in {"GET", "HEAD"}
        )
        endpoint = replace(
            known,
            path=_encoded(bare),
            path_args=(),
            query_args=_wire(known.query_args, values),
            body_args=_wire(known.body_args, fields),
            sends_body=known.sends_body or bool(fields),
            whole_body="",
            upload="",
            fixed_query=known.fixed_query if self.paginate else {},
            unsupported="",
        )
        return endpoint, {**{name: _one_or_all(values[name]) for name in values}, **fields}

    def _with_body(
        self, endpoint: Endpoint, arguments: Arguments
    ) -> tuple[Endpoint, Arguments]:
        """Make ``--json`` the body; fields that the catalog does not know are sent too."""
        given: object = self.body
        if not isinstance(given, dict):
            whole = replace(endpoint, body_args={}, whole_body=WHOLE, upload="")
            return whole, {**arguments, WHOLE: given}
        body = cast("Arguments", given)
        if twice := sorted(arguments.keys() & body.keys()):
            raise UsageError(f"{twice[0]!r} is given twice: with --data and in --json")
        if endpoint.whole_body:
            return endpoint, {**arguments, endpoint.whole_body: body}
        query = {name: at for name, at in endpoint.query_args.items() if at not in body}
        fields = _wire(endpoint.body_args, body)
        taking = replace(endpoint, query_args=query, body_args=fields, sends_body=True)
        return taking, {**arguments, **body}


def json_value(text: bytes, what: str) -> Any:
    """Return the value of a JSON text that is to be sent.

    Raises:
        UsageError: it is not JSON, or has a number that could not be sent unchanged.
    """
    try:
        value = parse_document(text)
        orjson.dumps(value)
    except (JsonStreamError, orjson.JSONEncodeError) as error:
        raise UsageError(f"{what}: {error}") from None
    return value


def _grouped(pairs: Pairs) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, text in pairs:
        grouped.setdefault(name, []).append(text)
    return grouped


def _by_place(endpoint: Endpoint, name: str, texts: list[str]) -> Any:
    """Return an argument's value: JSON in the body, text anywhere else."""
    if name == endpoint.upload:
        return _content(texts[-1])
    in_body = {*endpoint.body_args, *endpoint.body_args.values(), endpoint.whole_body}
    elsewhere = {*endpoint.path_args, *endpoint.query_args, *endpoint.query_args.values()}
    if name in in_body and name not in elsewhere:
        return _body_value(texts)
    return _one_or_all(texts)


def _content(text: str) -> bytes:
    """Return what is uploaded: the text, or the content of ``@FILE``."""
    if not text.startswith("@"):
        return text.encode()
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise UsageError(f"{text[1:]} cannot be read: {error.strerror}") from error


def _body_value(texts: list[str]) -> Any:
    return _one_or_all([_json_or_text(text) for text in texts])


def _json_or_text(text: str) -> Any:
    """Return true, false, null, numbers, objects and arrays as what they are."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    is_wide = isinstance(value, float) and text.lstrip("-").isdigit()
    return text if isinstance(value, str) or is_wide else value


def _one_or_all(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def _wire(known: Mapping[str, str], given: Iterable[str]) -> dict[str, str]:
    return {name: name for name in (*known.values(), *given)}


def _encoded(path: str) -> str:
    """Encode what cannot stand in a path; ``{account_id}`` is filled in later."""
    safe = quote(path, safe="/%:@!$&'()*+,;=~")
    return safe.replace("%7Baccount_id%7D", "{account_id}")
