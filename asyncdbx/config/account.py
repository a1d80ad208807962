"""What an account says of its workspaces, as workspaces to talk to. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, cast
from urllib.parse import quote, urlsplit

from asyncdbx.config.host import parse_host
from asyncdbx.config.login import RESOURCE_ID
from asyncdbx.config.logins import (
    M2M,
    AzureClientSecret,
    AzureMsi,
    Basic,
    Federation,
    Login,
    Pat,
    Sdk,
)
from asyncdbx.config.secret import Secret
from asyncdbx.config.workspace import ACCOUNT_HOSTS, WorkspaceConfig
from asyncdbx.errors import ConfigError

RUNNING = "RUNNING"
# Its program knows an account's token by the profile; workspaces take it as well
# (databricks-sdk-go #943).
BY_PROFILE = "databricks-cli"
# Of a name, percent-encoded: it is that of a folder of each table, and may get an id.
LONGEST_NAME = 200

Record = Mapping[str, Any]


def check_account(account: WorkspaceConfig) -> None:
    """See that workspaces can be found with a profile, and be logged in to.

    Raises:
        ConfigError: It is a workspace's, or its login is good for one host only.
    """
    if account.scope != "account":
        raise ConfigError(
            f"{account.origin}: this is a workspace; --account needs the profile of an"
            " account, with host and account_id"
        )
    if isinstance(account.login, Pat | Basic | None):
        raise ConfigError(
            f"{account.origin}: a token or password is good for one host; to log in to the"
            " account's workspaces, too, give client_id and client_secret of a service"
            " principal"
        )


def workspaces_of(
    account: WorkspaceConfig, records: Iterable[Record]
) -> list[WorkspaceConfig]:
    """Return the workspaces of an account by name, with the account's own login.

    One that does not run, or whose host is not said, is closed: it says why, and nothing is
    sent there. Workspaces that share a name are told apart by their ids.

    Args:
        account: Where the records are from.
        records: Of the account's ``workspaces.list``.
    """
    found = {
        str(record.get("workspace_id") or f"unknown{count}"): record
        for count, record in enumerate(records, 1)
    }
    names = _told_apart({number: _name(found[number], number) for number in found})
    configs = [
        _workspace(account, record, number, names[number])
        for number, record in found.items()
    ]
    return sorted(configs, key=lambda config: config.name)


def _told_apart(names: Mapping[str, str]) -> Mapping[str, str]:
    """Return names by id; behind one that several share stands the id."""
    shared = Counter(names.values())
    if len(shared) == len(names):
        return names
    longer = {
        number: f"{name}-{number}" if shared[name] > 1 else name
        for number, name in names.items()
    }
    return _told_apart(longer)  # one of these may be another's own name


def _workspace(
    account: WorkspaceConfig, record: Record, number: str, name: str
) -> WorkspaceConfig:
    host, closed = _host(account.host, record), _closed(record)
    if not host:
        host, closed = "https://unknown.invalid", closed or "its account names no host"
    return WorkspaceConfig(
        name=name,
        host=host,
        account_id=account.account_id if host == account.host else None,
        workspace_id=number if host == account.host else None,
        login=_login(account.login, host, record),
        origin=f"workspace {number} of {account.origin}",
        closed=closed,
    )


def _name(record: Record, number: str) -> str:
    said = str(record.get("workspace_name") or record.get("deployment_name") or number)
    name = said[:LONGEST_NAME]
    while len(quote(name, safe="")) > LONGEST_NAME:
        name = name[:-1]
    return name if name == said else f"{name}-{number}"


def _closed(record: Record) -> str:
    status = record.get("workspace_status")
    if status is None or status == RUNNING:
        return ""
    message = record.get("workspace_status_message")
    return f"its account says {status}{f' ({message})' if message else ''}"


def _host(account_host: str, record: Record) -> str:
    """Return the host of a workspace; empty if the account does not say it.

    An account ``accounts.ZONE`` has its workspaces at ``DEPLOYMENT.ZONE``: AWS, Azure,
    Google and the government clouds alike. Any other host serves its account and all
    workspaces itself. One on this machine names address and port.

    Source:
        databricks-sdk 0.162.0, environments.py ``deployment_url``.
    """
    parts = urlsplit(account_host)
    if parts.scheme == "https" and not account_host.startswith(ACCOUNT_HOSTS):
        return account_host if record.get("workspace_id") else ""
    deployment = record.get("deployment_name")
    # Nothing in it may end the name early: it decides where a secret goes.
    if not isinstance(deployment, str) or not re.fullmatch(r"[\w.-]+(:\d+)?", deployment):
        return ""
    if parts.scheme == "https":
        deployment += "." + (parts.hostname or "").partition(".")[2]
    try:
        host = parse_host(f"{parts.scheme}://{deployment}")
    except ValueError:
        return ""
    return host.url


def _login(login: Login | None, host: str, record: Record) -> Login | None:
    """Return the account's login for one of its workspaces."""
    match login:
        case M2M() | Federation():
            return replace(login, oauth=replace(login.oauth, discovery_url=""))
        case AzureClientSecret() | AzureMsi():
            azure = replace(login.azure, resource_id=_resource_id(record))
            return replace(login, azure=azure)
        case Sdk():
            settings = {**login.settings, "host": Secret(host)}
            settings.pop("account_id", None)
            if login.kind != BY_PROFILE:
                settings.pop("profile", None)
                settings.pop("config_file", None)
            if resource_id := _resource_id(record):
                settings["azure_workspace_resource_id"] = Secret(resource_id)
            return replace(login, settings=settings)
        case _:
            return login


def _resource_id(record: Record) -> str:
    """Return what Azure calls a workspace; empty if it is not one of Azure's.

    Source:
        databricks-sdk 0.162.0, azure.py ``get_azure_resource_id``.
    """
    info: Any = record.get("azure_workspace_info")
    if not isinstance(info, Mapping):
        return ""
    facts = cast("Record", info)
    path = (
        f"/subscriptions/{facts.get('subscription_id', '')}"
        f"/resourceGroups/{facts.get('resource_group', '')}"
        f"/providers/Microsoft.Databricks/workspaces/{record.get('workspace_name', '')}"
    )
    return path if re.fullmatch(RESOURCE_ID, path) else ""
