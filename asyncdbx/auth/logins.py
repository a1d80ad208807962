"""From what is configured to who calls: the one place that knows every kind of login."""

from collections.abc import Awaitable, Callable, Hashable

from asyncdbx.auth import azure
from asyncdbx.auth.by_sdk import SdkLogin
from asyncdbx.auth.call import Send, basic
from asyncdbx.auth.credential import Credential, Headers, StaticCredential, TokenCredential
from asyncdbx.auth.oauth import OAuthLogin
from asyncdbx.auth.source import TokenSource
from asyncdbx.auth.token import Token
from asyncdbx.config import (
    M2M,
    SECRET_SETTINGS,
    AzureClientSecret,
    AzureMsi,
    Basic,
    Federation,
    Pat,
    Sdk,
    Secret,
    WorkspaceConfig,
)
from asyncdbx.errors import ConfigError
from asyncdbx.user_agent import UserAgent

__all__ = ["Logins"]


class Logins:
    """Gives each workspace its credential; logins that are the same share their tokens.

    Args:
        send: Sends what a login needs to be sent.
        agent: Says in each request how it logs in; None if something else does.
    """

    def __init__(self, send: Send, agent: UserAgent | None = None) -> None:
        self._send = send
        self._agent = agent
        self._sources: dict[Hashable, TokenSource] = {}

    def credential(self, config: WorkspaceConfig) -> Credential:
        """Return the credential of a workspace or account.

        A workspace's id is sent along if it is known: a host that serves several answers
        with its login page otherwise.

        Raises:
            ConfigError: ``config`` has no login.
        """
        fixed: dict[str, str] = {}
        if config.workspace_id and config.scope == "workspace":
            fixed["X-Databricks-Workspace-Id"] = config.workspace_id
        if self._agent is not None and config.login is not None:
            fixed["User-Agent"] = self._agent.text(config.login.kind)
        match config.login:
            case None:
                raise ConfigError(f"workspace {config.name} has no login")
            case Pat(token):
                fixed["Authorization"] = f"Bearer {token.reveal()}"
                return StaticCredential(fixed, (token,))
            case Basic(username, password):
                fixed["Authorization"], secrets = basic(username, password)
                return StaticCredential(fixed, secrets)
            case M2M() | Federation() as login:
                return self._oauth(config, login, fixed)
            case AzureClientSecret() | AzureMsi() as login:
                return self._azure(config, login, fixed)
            case Sdk() as login:
                source = self._source((config.host, config.name), SdkLogin(login).fetch)
                hidden = (login.settings.get(key) for key in SECRET_SETTINGS)
                return TokenCredential([source], fixed, tuple(filter(None, hidden)))

    def close(self) -> None:
        """End every refresh that is under way or planned."""
        for source in self._sources.values():
            source.close()

    def _oauth(
        self, config: WorkspaceConfig, login: M2M | Federation, fixed: Headers
    ) -> Credential:
        fetch = OAuthLogin(config, login, self._send).fetch
        # A host may serve several accounts, each with an issuer of its own.
        key = (config.host, config.account_id, config.scope, login)
        source = self._source(key, fetch)
        return TokenCredential([source], fixed, _secrets_of(login))

    def _azure(
        self,
        config: WorkspaceConfig,
        login: AzureClientSecret | AzureMsi,
        fixed: dict[str, str],
    ) -> Credential:
        resource_id = login.azure.resource_id
        if resource_id:
            fixed[azure.RESOURCE_HEADER] = resource_id
        cloud = azure.cloud_of(config, login.azure.environment)
        sources = [
            self._azure_source(config, login, cloud, resource)
            for resource in azure.resources(config, cloud, resource_id)
        ]
        return TokenCredential(sources, fixed, _secrets_of(login))

    def _azure_source(
        self,
        config: WorkspaceConfig,
        login: AzureClientSecret | AzureMsi,
        cloud: azure.Cloud,
        resource: azure.Resource,
    ) -> TokenSource:
        if isinstance(login, AzureMsi):
            fetch = azure.machine_login(config, login, resource, self._send)
            return self._source(("machine", login.client_id, resource), fetch)
        fetch = azure.entra_login(config, login, cloud, resource, self._send)
        # Only the workspace knows the tenant if the settings do not.
        tenant = login.tenant_id or config.host
        key = (cloud, tenant, login.client_id, login.client_secret, resource)
        return self._source(key, fetch)

    def _source(self, key: Hashable, fetch: Callable[[], Awaitable[Token]]) -> TokenSource:
        if key not in self._sources:
            self._sources[key] = TokenSource(fetch)
        return self._sources[key]


def _secrets_of(login: object) -> tuple[Secret, ...]:
    secret = getattr(login, "client_secret", None)
    return (secret,) if isinstance(secret, Secret) else ()
