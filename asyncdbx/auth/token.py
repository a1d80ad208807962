"""A token as it was given, and what its issuer said about it. Pure."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from asyncdbx.config import Secret, is_sendable
from asyncdbx.errors import BadAnswer

__all__ = ["Token", "bearer", "claims", "token_of"]

LONGEST_LIFE = 10 * 365 * 86_400.0  # seconds; more than that is no promise but a mistake


@dataclass(frozen=True, slots=True)
class Token:
    """What a login has brought.

    Attributes:
        headers: What to send; hidden in repr.
        life: Seconds from its arrival until it ends; None if nobody said.
        secrets: What must not be seen of ``headers``.
        bearer: The access token itself; None if there is none.
    """

    headers: Mapping[str, str] = field(repr=False)
    life: float | None
    secrets: tuple[Secret, ...]
    bearer: Secret | None = None


def bearer(value: str, life: float | None, header: str = "Authorization") -> Token:
    """Return an access token that is sent as it is, or as ``Bearer`` in Authorization."""
    secret = Secret(value)
    text = f"Bearer {value}" if header == "Authorization" else value
    return Token({header: text}, life, (secret,), secret)


def token_of(body: bytes, header: str = "Authorization") -> Token:
    """Return the token in the answer of a token endpoint.

    Args:
        body: RFC 6749, section 5.1; Microsoft Entra sends ``expires_in`` as text.
        header: Where the token is to be sent.

    Raises:
        BadAnswer: There is no usable token in it. The text does not repeat the answer.
    """
    said = object_of(body)
    value = said.get("access_token")
    if not isinstance(value, str) or not is_sendable(value):
        raise BadAnswer("the token endpoint's answer has no usable access_token")
    kind = said.get("token_type", "Bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise BadAnswer("the token endpoint's answer is no bearer token")
    return bearer(value, _seconds(said.get("expires_in")), header)


def object_of(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object in the answer of an issuer.

    Raises:
        BadAnswer: It is none. The text does not repeat the answer, which may hold a token.
    """
    try:
        said: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict):
        raise BadAnswer("the answer is no JSON object; is that a Databricks host?")
    return cast("dict[str, Any]", said)


def claims(token: str) -> Mapping[str, Any]:
    """Return what a JSON web token says of itself, unchecked; empty of any other token.

    Source:
        RFC 7519, section 7.2.
    """
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        said: Any = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=="))
    except (binascii.Error, ValueError):
        return {}
    return cast("dict[str, Any]", said) if isinstance(said, dict) else {}


def _seconds(said: object) -> float | None:
    if isinstance(said, str) and re.fullmatch(r"[0-9]{1,12}", said):
        said = int(said)
    if isinstance(said, bool) or not isinstance(said, int | float) or said <= 0:
        return None
    return min(float(said), LONGEST_LIFE)
