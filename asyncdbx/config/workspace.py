"""One workspace or account: its name, its host, its login."""

from dataclasses import dataclass
from typing import Literal

from asyncdbx.config.host import Host, parse_host
from asyncdbx.config.login import Netrc, find_login
from asyncdbx.config.logins import Login
from asyncdbx.config.settings import Settings

Scope = Literal["workspace", "account"]

# Both official SDKs know an account by these beginnings alone.
ACCOUNT_HOSTS = ("https://accounts.", "https://accounts-dod.")
# Azure names every workspace adb-<workspace id>.<n>, AWS those without a name of their
# own dbc-…: one workspace each, even if the profile mentions the account.
_WORKSPACE_HOSTS = ("https://adb-", "https://dbc-")


@dataclass(frozen=True, slots=True)
class WorkspaceConfig:
    """All that is needed to talk to one workspace; an account is treated alike.

    Attributes:
        name: What the user calls it: the profile.
        host: ``https://…``, normalised, no trailing slash.
        account_id: Account the calls belong to, if it is known.
        workspace_id: Sent along, so that a host of several workspaces knows which.
        login: How to log in.
        origin: Where all this stands, for people: ``profile prod of ~/.databrickscfg``.
        closed: Why nothing needs to be asked there, as for a workspace whose account says
            that it does not run; empty if there is no such reason.
    """

    name: str
    host: str
    account_id: str | None = None
    workspace_id: str | None = None
    login: Login | None = None
    origin: str = ""
    closed: str = ""

    @property
    def scope(self) -> Scope:
        """Which endpoints it has.

        ``account`` on an account's host, and where only an account id is given, as for
        the account of a host that serves both; else ``workspace``.
        """
        if self.host.startswith(ACCOUNT_HOSTS):
            return "account"
        only_account = self.account_id and not self.workspace_id
        if only_account and not self.host.startswith(_WORKSPACE_HOSTS):
            return "account"
        return "workspace"


def workspace(settings: Settings, netrc: Netrc | None) -> WorkspaceConfig:
    """Return the workspace that ``settings`` describe.

    Without a name of its own it is called like the first label of its host.

    Raises:
        ConfigError: A setting is missing, contradictory, or cannot be used.
    """
    host = _host(settings)
    login, login_origin = find_login(settings, host.machine, netrc)
    config = WorkspaceConfig(
        name=settings.name or _first_label(host.machine),
        host=host.url,
        account_id=_identifier(settings, "account_id", host.account_id),
        workspace_id=_identifier(settings, "workspace_id", host.workspace_id),
        login=login,
        origin=", login of ".join(filter(None, (settings.origin, login_origin))),
    )
    if config.scope == "account" and not config.account_id:
        raise settings.missing(f"an account's host needs {settings.label('account_id')}")
    return config


def _host(settings: Settings) -> Host:
    label = settings.label("host")
    if not (text := settings.get("host")):
        raise settings.missing(f"{label} is not set")
    try:
        return parse_host(text)
    except ValueError as error:
        raise settings.error(f"{label} {error}") from None


def _identifier(settings: Settings, key: str, from_host: str) -> str | None:
    label, value = settings.label(key), settings.get(key)
    if value and from_host and value != from_host:
        raise settings.error(f"{label} is not the one that {settings.label('host')} names")
    value = value or from_host
    # It travels in a header or a path, so nothing may end those early.
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise settings.error(f"{label} has a blank or a character that no id has")
    return value or None


def _first_label(machine: str) -> str:
    is_address = ":" in machine or machine.replace(".", "").isdigit()
    return machine if is_address else machine.partition(".")[0]
