"""Which login the settings of a workspace offer.

A token wins, then user name and password, then ``.netrc`` if it was asked for;
``auth_type`` narrows the choice to one of the first two. Every other kind of login is
recognised, so that its error can say what it is and what works instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from asyncdbx.config.netrc_file import find_entry
from asyncdbx.config.secret import Secret
from asyncdbx.config.settings import Settings
from asyncdbx.errors import ConfigError

# The setting that gives a login kind away, most telling first; kinds as the SDK calls them.
_OTHER_KINDS: Mapping[str, str] = {
    "azure_client_secret": "azure-client-secret",
    "azure_use_msi": "azure-msi",
    "azure_client_id": "azure-cli",
    "azure_tenant_id": "azure-cli",
    "azure_workspace_resource_id": "azure-cli",
    "google_credentials": "google-credentials",
    "google_service_account": "google-id",
    "metadata_service_url": "metadata-service",
    "oidc_token_env": "env-oidc",
    "oidc_token_filepath": "file-oidc",
    "client_secret": "oauth-m2m",
    "client_id": "oauth-m2m",
}


@dataclass(frozen=True, slots=True)
class Netrc:
    """The ``.netrc`` file to look into, and what errors call it."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Login:
    """A token, or user name and password.

    Attributes:
        origin: Where it stands, if not among the settings; else empty.
    """

    token: Secret | None = None
    username: str | None = None
    password: Secret | None = None
    origin: str = ""


def find_login(settings: Settings, machine: str, netrc: Netrc | None) -> Login:
    """Return how to log in to ``machine``.

    Raises:
        ConfigError: There is no login, it is of a kind that is not supported yet, or it
            holds characters that cannot be sent.
    """
    kind = settings.get("auth_type").lower()
    if settings.get("token") and kind in {"", "pat"}:
        where = f"{settings.origin}: {settings.label('token')}"
        return Login(token=_token(settings.get("token"), where))
    if settings.get("username") and settings.get("password") and kind in {"", "basic"}:
        return _basic(settings.get("username"), settings.get("password"), settings.origin)
    if netrc is not None:
        return _from_netrc(netrc, machine)
    raise settings.missing(_what_is_missing(settings, kind))


def _from_netrc(netrc: Netrc, machine: str) -> Login:
    entry = find_entry(netrc.path, netrc.name, machine)
    where = f"{netrc.name}, machine {machine}"
    if entry.login == "token":  # Databricks' word for "the password is an access token"
        secret = _token(entry.password, f"{where}: password")
        return Login(token=secret, origin=netrc.name)
    return _basic(entry.login, entry.password, where, origin=netrc.name)


def _token(value: str, where: str) -> Secret:
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise ConfigError(
            f"{where} has a blank, a line break or a character that no token has"
            " (a comment must stand on a line of its own)"
        )
    return Secret(value)


def _basic(username: str, password: str, where: str, *, origin: str = "") -> Login:
    # RFC 7617, section 2: no control characters; the first colon ends the user name.
    if not (username + password).isprintable() or ":" in username:
        raise ConfigError(
            f"{where}: a user name has no colon, and neither it nor a password"
            " has a line break or control character"
        )
    return Login(username=username, password=Secret(password), origin=origin)


def _what_is_missing(settings: Settings, kind: str) -> str:
    token, username, password = map(settings.label, ("token", "username", "password"))
    works = f"give {token}, or {username} and {password}, or use --netrc"
    kind_key = settings.label("auth_type")
    if kind in {"pat", "basic"}:
        return f"{kind_key} is {kind}, but that login is not complete; {works}"
    if kind:
        return f"{kind_key} {kind!r} is not supported yet; {works}"
    for key, other in _OTHER_KINDS.items():
        if settings.get(key):
            label = settings.label(key)
            return f"login kind {other} ({label}) is not supported yet; {works}"
    return f"there is no complete login; {works}"
