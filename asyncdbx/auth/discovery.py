"""Where a host's token endpoint is, as the host itself says, if it may be believed."""

from dataclasses import dataclass
from typing import Any

from yarl import URL

from asyncdbx.auth.call import LoginCall, Send
from asyncdbx.auth.token import object_of
from asyncdbx.config import OAuth, WorkspaceConfig
from asyncdbx.errors import (
    ApiError,
    BadAnswer,
    Redirected,
    ServerFailed,
    Throttled,
    Unavailable,
)

__all__ = ["Issuer", "find_issuer"]

# The platform's own domains: one of them may name another, nobody else's is believed.
_PLATFORM = (
    ".databricks.com",
    ".databricks.us",
    ".databricks.mil",
    ".azuredatabricks.net",
    ".databricks.azure.us",
    ".databricks.azure.cn",
)
_SERVER = "/.well-known/oauth-authorization-server"


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who gives tokens for a host.

    Attributes:
        token_endpoint: URL to which a login is sent.
        audience: For whom another issuer's token has to be made.
    """

    token_endpoint: str
    audience: str


async def find_issuer(config: WorkspaceConfig, oauth: OAuth, send: Send) -> Issuer:
    """Return the issuer for a host: two questions that need no login.

    A host without discovery has its token endpoint where it is documented.

    Raises:
        CallError: The host does not answer, sends us elsewhere, or names an issuer of a
            foreign domain, to which no secret may go.

    Source:
        databricks-sdk 0.162.0, config.py ``_resolve_host_metadata``; RFC 8414.
    """
    trusted = (config.host, oauth.discovery_url)
    root = config.host + "/oidc"
    if config.scope == "account":
        root = f"{root}/accounts/{config.account_id}"
    metadata = await _ask(config, config.host + "/.well-known/databricks-config", send)
    said = metadata.get("oidc_endpoint", "")
    account_id = config.account_id or metadata.get("account_id", "")
    if said and (account_id or "{account_id}" not in said):
        root = _believed(said.replace("{account_id}", account_id).rstrip("/"), trusted)
    server = await _ask(config, oauth.discovery_url or root + _SERVER, send)
    endpoint = server.get("token_endpoint", "") or f"{root}/v1/token"
    audience = metadata.get("token_federation_default_oidc_audiences", "")
    if not audience and not metadata.get("workspace_id"):
        audience = account_id
    return Issuer(_believed(endpoint, trusted), audience or endpoint)


async def _ask(config: WorkspaceConfig, url: str, send: Send) -> dict[str, str]:
    """Return the texts in a document, the first one of a list; none if there is no such."""
    try:
        said = object_of(await send(LoginCall(config.name, url)))
    except (Redirected, Throttled, Unavailable, ServerFailed):
        raise  # it may have one, and does not say so now
    except (ApiError, BadAnswer):
        return {}
    return {key: text for key, value in said.items() if (text := _text(value))}


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case [str() as first, *_]:
            return first
        case _:
            return ""


def _believed(url: str, trusted: tuple[str, ...]) -> str:
    """Return ``url`` if a secret may go there.

    Raises:
        BadAnswer: It is no address, or neither of the host that was asked nor of the
            platform.
    """
    place = _place(url)
    if place is None or not any(_same(place, _place(other)) for other in trusted if other):
        where = place.host if place else "what is no address"
        raise BadAnswer(
            f"the host says that {where} gives its tokens, which is of another domain;"
            " nothing was sent there"
        )
    return url


def _place(url: str) -> URL | None:
    """Return an address as those who send to it read it; None if it is none."""
    try:
        place = URL(url, encoded=True)
        usable = bool(place.host and place.port)
    except ValueError:
        return None
    return place if usable else None


def _same(one: URL, other: URL | None) -> bool:
    if other is None:
        return False
    if one.origin() == other.origin():
        return True
    return one.scheme == "https" and _of_platform(one) and _of_platform(other)


def _of_platform(place: URL) -> bool:
    return (place.host or "").endswith(_PLATFORM)
