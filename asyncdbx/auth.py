"""A credential per workspace: the headers that say who calls.

Today's credentials never change. Those that will, because a token expires, fit the same
protocol: ``ready`` is None while there is nothing valid to send, and ``headers`` waits.
"""

from base64 import b64encode
from collections.abc import Mapping
from typing import Protocol

from multidict import CIMultiDict, CIMultiDictProxy

from asyncdbx.config import Secret, WorkspaceConfig
from asyncdbx.errors import ConfigError


class Credential(Protocol):
    """Who calls a workspace.

    A caller in a hurry writes ``credential.ready or await credential.headers()``.
    """

    @property
    def ready(self) -> Mapping[str, str] | None:
        """Headers that can be sent now, or None if ``headers`` has to wait for them."""
        ...

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What must not be seen of ``ready``, for ``redact``."""
        ...

    async def headers(self) -> Mapping[str, str]:
        """Return the headers to send, as soon as there are valid ones."""
        ...


class StaticCredential:
    """A credential that never changes.

    Attributes:
        ready: The headers; cannot be changed, because all calls share them.
        secrets: Every form in which the secret could be echoed.
    """

    __slots__ = ("ready", "secrets")

    def __init__(self, headers: Mapping[str, str], secrets: tuple[Secret, ...]) -> None:
        # Of this type aiohttp makes no copy for each request.
        self.ready: Mapping[str, str] = CIMultiDictProxy(CIMultiDict(headers))
        self.secrets: tuple[Secret, ...] = secrets

    async def headers(self) -> Mapping[str, str]:
        """Return the headers; nothing is waited for."""
        return self.ready

    def __repr__(self) -> str:
        return f"StaticCredential({', '.join(self.ready)})"


def credential_for(config: WorkspaceConfig) -> Credential:
    """Return the credential of a workspace or account.

    A workspace's id is sent along if it is known: a host that serves several answers
    with its login page otherwise.

    Raises:
        ConfigError: ``config`` has neither a token nor user name and password.
    """
    scheme, secrets = _authorization(config)
    headers = {"Authorization": f"{scheme} {secrets[0].reveal()}"}
    if config.workspace_id and config.scope == "workspace":
        headers["X-Databricks-Workspace-Id"] = config.workspace_id
    return StaticCredential(headers, secrets)


def _authorization(config: WorkspaceConfig) -> tuple[str, tuple[Secret, ...]]:
    """Return the scheme and all secrets, the one to send first."""
    if config.token is not None:
        return "Bearer", (config.token,)
    if config.username is None or config.password is None:
        raise ConfigError(
            f"workspace {config.name} has no login; it needs a token, or user name and"
            " password"
        )
    pair = f"{config.username}:{config.password.reveal()}".encode()  # RFC 7617, UTF-8
    return "Basic", (Secret(b64encode(pair).decode()), config.password)
