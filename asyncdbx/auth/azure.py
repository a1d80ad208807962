"""Microsoft Entra's tokens: of a service principal, or of the machine's own identity."""

import os
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from asyncdbx.auth.call import LoginCall, Send
from asyncdbx.auth.token import Token, token_of
from asyncdbx.config import (
    AzureClientSecret,
    AzureMsi,
    Secret,
    WorkspaceConfig,
    is_sendable,
)
from asyncdbx.errors import LoginFailed, Redirected

__all__ = ["CLOUDS", "Cloud", "Resource", "cloud_of", "entra_login", "machine_login"]

MANAGEMENT_HEADER = "X-Databricks-Azure-SP-Management-Token"
RESOURCE_HEADER = "X-Databricks-Azure-Workspace-Resource-Id"
IMDS = "http://169.254.169.254/metadata/identity/oauth2/token"


@dataclass(frozen=True, slots=True)
class Cloud:
    """One of Azure's clouds.

    Attributes:
        authority: Who gives tokens, without a trailing slash.
        management: The resource of a token for the management API.
    """

    authority: str
    management: str


# databricks-sdk 0.162.0, environments.py
CLOUDS: dict[str, Cloud] = {
    "PUBLIC": Cloud(
        "https://login.microsoftonline.com", "https://management.core.windows.net/"
    ),
    "USGOVERNMENT": Cloud(
        "https://login.microsoftonline.us", "https://management.core.usgovcloudapi.net/"
    ),
    "CHINA": Cloud(
        "https://login.chinacloudapi.cn", "https://management.core.chinacloudapi.cn/"
    ),
}
_ZONES: Mapping[str, str] = {
    ".databricks.azure.us": "USGOVERNMENT",
    ".databricks.azure.cn": "CHINA",
    ".azuredatabricks.net": "PUBLIC",
}
DATABRICKS = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"  # the application's id in every cloud
_APPLICATIONS: Mapping[str, str] = {
    ".dev.azuredatabricks.net": "62a912ac-b58e-4c1d-89ea-b2dbfc7358fc",
    ".staging.azuredatabricks.net": "4a67d088-db5c-48f1-9ff2-0aace800ae68",
}


@dataclass(frozen=True, slots=True)
class Resource:
    """For what a token shall be good, and in which header it is sent."""

    id: str
    header: str = "Authorization"


def cloud_of(config: WorkspaceConfig, said: str) -> Cloud:
    """Return the cloud of a host: as its name says, else as the settings say."""
    return CLOUDS[_by_zone(config.host, _ZONES) or said or "PUBLIC"]


def resources(config: WorkspaceConfig, cloud: Cloud, resource_id: str) -> list[Resource]:
    """Return what tokens a workspace needs.

    The second one proves a role on the workspace's Azure resource, for a principal that is
    no user of the workspace.

    Source:
        learn.microsoft.com, "Get Microsoft Entra ID tokens for service principals".
    """
    application = _by_zone(config.host, _APPLICATIONS) or DATABRICKS
    needed = [Resource(application)]
    if resource_id:
        needed.append(Resource(cloud.management, MANAGEMENT_HEADER))
    return needed


def entra_login(
    config: WorkspaceConfig,
    login: AzureClientSecret,
    cloud: Cloud,
    resource: Resource,
    send: Send,
) -> Callable[[], Awaitable[Token]]:
    """Return what fetches a service principal's token for a resource.

    Raises:
        CallError: (what it returns does) Entra does not give one.

    Source:
        databricks-sdk 0.162.0, credentials_provider.py ``azure_service_principal``.
    """

    async def fetch() -> Token:
        tenant = login.tenant_id or await _tenant_of(config, send)
        form = {
            "grant_type": "client_credentials",
            "client_id": login.client_id,
            "client_secret": login.client_secret.reveal(),
            "resource": resource.id,
        }
        url = f"{cloud.authority}/{tenant}/oauth2/token"
        call = LoginCall(config.name, url, form=form, secrets=(login.client_secret,))
        return token_of(await send(call), resource.header)

    return fetch


def machine_login(
    config: WorkspaceConfig, login: AzureMsi, resource: Resource, send: Send
) -> Callable[[], Awaitable[Token]]:
    """Return what fetches a token of the machine's managed identity for a resource.

    Raises:
        CallError: (what it returns does) The machine has none, or does not give one.

    Source:
        learn.microsoft.com, "How to use managed identities … to acquire an access token"
        (virtual machines) and "… for App Service" (IDENTITY_ENDPOINT).
    """

    async def fetch() -> Token:
        endpoint, header = os.environ.get("IDENTITY_ENDPOINT"), _identity_header()
        secrets: tuple[Secret, ...] = ()
        query = {"resource": resource.id}
        if login.client_id:
            query["client_id"] = login.client_id
        if endpoint and header is not None:
            query["api-version"] = "2019-08-01"
            headers, secrets = {"X-IDENTITY-HEADER": header.reveal()}, (header,)
        else:
            endpoint, query["api-version"] = IMDS, "2018-02-01"
            headers = {"Metadata": "true"}
        url = f"{endpoint}?{urlencode(query)}"
        return token_of(
            await send(LoginCall(config.name, url, headers, secrets=secrets)),
            resource.header,
        )

    return fetch


def _identity_header() -> Secret | None:
    value = os.environ.get("IDENTITY_HEADER", "")
    if value and not is_sendable(value):
        raise LoginFailed("the environment variable IDENTITY_HEADER fits in no header")
    return Secret(value) if value else None


async def _tenant_of(config: WorkspaceConfig, send: Send) -> str:
    """Return the tenant of a workspace: its login page leads to the tenant's."""
    try:
        await send(LoginCall(config.name, f"{config.host}/aad/auth"))
    except Redirected as elsewhere:
        found = re.match(r"https?://[^/?#]+/([A-Za-z0-9.-]+)/", elsewhere.location)
        if found:
            return found[1]
    raise LoginFailed("the workspace does not say its tenant; set azure_tenant_id")


def _by_zone(host: str, zones: Mapping[str, str]) -> str:
    machine = urlsplit(host).hostname or ""
    return next((name for zone, name in zones.items() if machine.endswith(zone)), "")
