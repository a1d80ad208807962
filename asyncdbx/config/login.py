"""The login that the settings of a workspace give, whole and of usable text.

``.netrc`` counts, if it was asked for, where they give none. What is not done here is
left to the official SDK, if it is installed.
"""

import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from asyncdbx.config.host import parse_host
from asyncdbx.config.login_kind import kind_of
from asyncdbx.config.logins import (
    ALL_APIS,
    M2M,
    Azure,
    AzureClientSecret,
    AzureMsi,
    Basic,
    Federation,
    FederationKind,
    Login,
    OAuth,
    Pat,
    Sdk,
)
from asyncdbx.config.netrc_file import find_entry
from asyncdbx.config.secret import Secret, is_sendable
from asyncdbx.config.settings import Settings
from asyncdbx.errors import ConfigError

_BY_THE_SDK = frozenset(
    {
        "azure-cli",
        "azure-devops-oidc",
        "databricks-cli",
        "external-browser",
        "github-oidc-azure",
        "google-credentials",
        "google-id",
        "metadata-service",
        "model-serving",
        "runtime",
        "runtime-oauth",
    }
)
RESOURCE_ID = r"(/[!-.0-~]+)+"  # of Azure; it travels in a header
VARIABLE = "DATABRICKS_OIDC_TOKEN"


@dataclass(frozen=True, slots=True)
class Netrc:
    """The ``.netrc`` file to look into, and what errors call it."""

    path: Path
    name: str


def find_login(settings: Settings, machine: str, netrc: Netrc | None) -> tuple[Login, str]:
    """Return how to log in to ``machine``, and where that stands if not in ``settings``.

    Raises:
        ConfigError: There is no login, there are two, it is of an unknown kind, it is not
            complete, or it holds characters that cannot be sent.
    """
    kind = kind_of(settings)
    if netrc is not None and kind in {"", "pat", "basic"} and not _is_complete(settings):
        return _from_netrc(netrc, machine), netrc.name
    login = _MAKERS[kind](settings) if kind in _MAKERS else _by_the_sdk(settings, kind)
    if settings.get("group_id") and not isinstance(login, M2M | Federation | Sdk):
        raise settings.error(
            f"login kind {kind} cannot take the role of a group; remove"
            f" {settings.label('group_id')}, or use Databricks OAuth"
        )
    return login, ""


def sdk_is_installed() -> bool:
    """Return whether the official SDK is there; it is not imported, which takes seconds."""
    try:
        return importlib.util.find_spec("databricks.sdk") is not None
    except ModuleNotFoundError:
        return False


def _is_complete(settings: Settings) -> bool:
    if settings.get("auth_type").lower() != "basic" and settings.get("token"):
        return True
    return bool(settings.get("username") and settings.get("password"))


# --- one function for each kind that is done here ---------------------------------------


def _pat(settings: Settings) -> Pat:
    (token,) = _needed(settings, "pat", "token")
    return Pat(_token(token, f"{settings.origin}: {settings.label('token')}"))


def _basic(settings: Settings) -> Basic:
    username, password = _needed(settings, "basic", "username", "password")
    return _basic_of(username, password, settings.origin)


def _m2m(settings: Settings) -> M2M:
    client_id, secret = _needed(settings, "oauth-m2m", "client_id", "client_secret")
    return M2M(client_id, Secret(secret), _oauth(settings))


def _env_oidc(settings: Settings) -> Federation:
    return _federation(settings, "env-oidc", settings.get("oidc_token_env") or VARIABLE)


def _file_oidc(settings: Settings) -> Federation:
    (path,) = _needed(settings, "file-oidc", "oidc_token_filepath")
    return _federation(settings, "file-oidc", path)


def _github_oidc(settings: Settings) -> Federation:
    _needed(settings, "github-oidc", "client_id")
    return _federation(settings, "github-oidc", "")


def _azure_client_secret(settings: Settings) -> AzureClientSecret:
    keys = ("azure_client_id", "azure_client_secret")
    client_id, secret = _needed(settings, "azure-client-secret", *keys)
    tenant = settings.get("azure_tenant_id")
    if not re.fullmatch(r"[A-Za-z0-9.-]*", tenant):
        raise settings.error(
            f"{settings.label('azure_tenant_id')} is no tenant's id or domain"
        )
    return AzureClientSecret(client_id, Secret(secret), tenant, _azure(settings))


def _azure_msi(settings: Settings) -> AzureMsi:
    return AzureMsi(settings.get("azure_client_id"), _azure(settings))


_MAKERS: Mapping[str, Callable[[Settings], Login]] = {
    "pat": _pat,
    "basic": _basic,
    "oauth-m2m": _m2m,
    "env-oidc": _env_oidc,
    "file-oidc": _file_oidc,
    "github-oidc": _github_oidc,
    "azure-client-secret": _azure_client_secret,
    "azure-msi": _azure_msi,
}


def _by_the_sdk(settings: Settings, kind: str) -> Sdk:
    if kind and kind not in _BY_THE_SDK:
        known = ", ".join(sorted({*_MAKERS, *_BY_THE_SDK}))
        label = settings.label("auth_type")
        raise settings.error(f"{label} {kind!r} is no kind of login; there are {known}")
    if sdk_is_installed():
        said = {key: Secret(value) for key, value in settings.said().items()}
        return Sdk(kind, said, settings.hint)
    if kind:
        raise settings.error(
            f"login kind {kind} is done by the official SDK; pip install 'asyncdbx[sdk]'"
        )
    token, username, password, client_id, client_secret = map(
        settings.label, ("token", "username", "password", "client_id", "client_secret")
    )
    raise settings.missing(
        f"there is no login; give {token}, or {client_id} and {client_secret}, or"
        f" {username} and {password}, or use --netrc; a login that another tool keeps needs"
        " pip install 'asyncdbx[sdk]'"
    )


def _from_netrc(netrc: Netrc, machine: str) -> Login:
    entry = find_entry(netrc.path, netrc.name, machine)
    where = f"{netrc.name}, machine {machine}"
    if entry.login == "token":  # Databricks' word for "the password is an access token"
        return Pat(_token(entry.password, f"{where}: password"))
    return _basic_of(entry.login, entry.password, where)


# --- what several kinds have in common --------------------------------------------------


def _needed(settings: Settings, kind: str, *keys: str) -> list[str]:
    """Return the settings that a kind of login cannot do without."""
    missing = [settings.label(key) for key in keys if not settings.get(key)]
    if missing:
        raise settings.missing(
            f"login kind {kind} is not complete, {' and '.join(missing)}"
            f" {'is' if len(missing) == 1 else 'are'} not set"
        )
    return [settings.get(key) for key in keys]


def _oauth(settings: Settings) -> OAuth:
    scopes = re.split(r"[, ]+", settings.get("scopes"))
    return OAuth(
        scopes=" ".join(sorted({*scopes} - {""})) or ALL_APIS,
        group_id=settings.get("group_id"),
        authorization_details=settings.get("authorization_details"),
        discovery_url=_discovery_url(settings),
    )


def _discovery_url(settings: Settings) -> str:
    """Return where the token endpoint is asked for: it decides where a secret goes."""
    url = settings.get("discovery_url")
    if url:
        try:
            parse_host(url)
        except ValueError as error:
            raise settings.error(f"{settings.label('discovery_url')} {error}") from None
        if "://" not in url:
            raise settings.error(
                f"{settings.label('discovery_url')} must be a whole address, https://…"
            )
    return url


def _federation(settings: Settings, kind: FederationKind, source: str) -> Federation:
    return Federation(
        kind=kind,
        source=source,
        client_id=settings.get("client_id"),
        audience=settings.get("token_audience"),
        oauth=_oauth(settings),
    )


def _azure(settings: Settings) -> Azure:
    resource_id = settings.get("azure_workspace_resource_id")
    if resource_id and not re.fullmatch(RESOURCE_ID, resource_id):
        label = settings.label("azure_workspace_resource_id")
        raise settings.error(f"{label} must be a path, /subscriptions/…/workspaces/NAME")
    return Azure(_environment(settings), resource_id)


def _environment(settings: Settings) -> str:
    """Return the name of an Azure cloud; older spellings are ``AzurePublicCloud``."""
    said = settings.get("azure_environment").upper()
    name = said.removeprefix("AZURE").removesuffix("CLOUD")
    if name not in {"", "PUBLIC", "USGOVERNMENT", "CHINA"}:
        label = settings.label("azure_environment")
        raise settings.error(f"{label} must be PUBLIC, USGOVERNMENT or CHINA")
    return name


def _token(value: str, where: str) -> Secret:
    if not is_sendable(value):
        raise ConfigError(
            f"{where} has a blank, a line break or a character that no token has"
            " (a comment must stand on a line of its own)"
        )
    return Secret(value)


def _basic_of(username: str, password: str, where: str) -> Basic:
    # RFC 7617, section 2: no control characters; the first colon ends the user name.
    if not (username + password).isprintable() or ":" in username:
        raise ConfigError(
            f"{where}: a user name has no colon, and neither it nor a password"
            " has a line break or control character"
        )
    return Basic(username, Secret(password))
