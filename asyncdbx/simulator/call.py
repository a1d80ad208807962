"""What a handler is given, and what it may give back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

import orjson

Json = dict[str, Any]


class Refusal(Exception):
    """The API says no.

    Attributes:
        status: HTTP status.
        code: The ``error_code``, e.g. ``"RESOURCE_DOES_NOT_EXIST"``.
        message: For people.
        scim_type: ``scimType`` of a SCIM error, if it has one.
    """

    def __init__(
        self, status: int, code: str, message: str, *, scim_type: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.scim_type = scim_type


def invalid(message: str) -> Refusal:
    """Return the refusal of an argument that makes no sense."""
    return Refusal(400, "INVALID_PARAMETER_VALUE", message)


def missing(message: str) -> Refusal:
    """Return the refusal of an object that is not there."""
    return Refusal(404, "RESOURCE_DOES_NOT_EXIST", message)


def taken(message: str) -> Refusal:
    """Return the refusal of a name that is in use (older services say 400)."""
    return Refusal(400, "RESOURCE_ALREADY_EXISTS", message)


@dataclass(slots=True)
class Reply:
    """An answer as it goes out.

    Attributes:
        broken: ``"reset"``: the connection is reset instead; ``"cut"``: half-way through.
        pieces: Of a body too large to be made before it is sent; ``body`` is empty then.
    """

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    broken: Literal["", "reset", "cut"] = ""
    pieces: Iterable[bytes] | None = None

    def whole(self) -> "Reply":
        """Return the same answer with its body in one piece."""
        if self.pieces is None:
            return self
        return replace(self, body=b"".join(self.pieces), pieces=None)


Answer = Json | list[Any] | Reply


@dataclass(slots=True)
class Call:
    """One request as a handler sees it.

    Attributes:
        path: As sent, without the query, still percent-encoded.
        args: Decoded values of the ``{names}`` in the route's template.
        query: Decoded query; the last value wins where a key is repeated.
        body: The raw body.
        now: Simulated time, in seconds since 1970.
        headers: As sent; names in any case, if they came through a socket.
        caller: Who sends it: an application id, or "" for the user of the token.
        epoch: Of the page tokens that are good now; those of another have expired.
    """

    method: str
    path: str
    args: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes = b""
    now: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    caller: str = ""
    epoch: int = 0
    _json: Json | None = None

    def json(self) -> Json:
        """Return the body as an object; an empty one counts as ``{}``."""
        if self._json is None:
            self._json = _object(self.body)
        return self._json

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Where the arguments travel: the query of a GET, the body of a POST."""
        return self.json() if self.method == "POST" else self.query

    def argument(self, name: str) -> str | None:
        """Return an argument as it was sent, in the query or in a JSON body."""
        value = self.query.get(name)
        if value is None and self.body.startswith(b"{"):
            value = self.json().get(name)
        return None if value is None else str(value)

    def text(self, name: str, default: str | None = None) -> str:
        """Return an argument as text; without a default it is required."""
        value = self.parameters.get(name, default)
        if value is None or (value == "" and default is None):
            raise invalid(f"Missing required field: {name}")
        return str(value)

    def require(self, *names: str) -> None:
        """Refuse the call unless all these arguments are there."""
        for name in names:
            self.text(name)

    def integer(self, name: str, default: int | None = None) -> int | None:
        """Return an argument as a whole number, or the default where it is left out."""
        value = self.parameters.get(name)
        if value is None or value == "":
            return default
        try:
            return int(value)
        except (TypeError, ValueError):
            raise invalid(f"Could not parse {name} '{value}' as a number.") from None

    def flag(self, name: str) -> bool:
        """Return an argument as a boolean; False where it is left out."""
        value = self.parameters.get(name, False)
        return value is True or str(value).lower() == "true"


def sent(answer: Answer) -> Reply:
    """Return an answer as it goes out: JSON with status 200, unless it says otherwise."""
    return answer if isinstance(answer, Reply) else Reply(orjson.dumps(answer))


def _object(body: bytes) -> Json:
    if not body:
        return {}
    try:
        parsed: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(
            400, "MALFORMED_REQUEST", f"Invalid JSON given in the body: {error}"
        ) from None
    if not isinstance(parsed, dict):
        raise Refusal(
            400, "MALFORMED_REQUEST", "The body of the request must be a JSON object."
        )
    return cast("Json", parsed)
