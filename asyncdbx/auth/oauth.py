"""Databricks' own tokens: machine-to-machine, and in exchange for another issuer's."""

from collections.abc import Awaitable, Callable

from asyncdbx.auth.call import LoginCall, Send, basic
from asyncdbx.auth.discovery import Issuer, find_issuer
from asyncdbx.auth.id_token import read_id_token
from asyncdbx.auth.token import Token, token_of
from asyncdbx.config import M2M, Federation, OAuth, WorkspaceConfig

__all__ = ["OAuthLogin"]

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"

Grant = Callable[[Issuer], Awaitable[LoginCall]]


class OAuthLogin:
    """Asks a host's token endpoint; where that is, is asked only once.

    Source:
        databricks-sdk 0.162.0, credentials_provider.py ``oauth_service_principal`` and
        ``oidc_credentials_provider``; RFC 6749, section 4.4; RFC 8693.
    """

    def __init__(
        self, config: WorkspaceConfig, login: M2M | Federation, send: Send
    ) -> None:
        self._config = config
        self._login = login
        self._send = send
        self._issuer: Issuer | None = None

    async def fetch(self) -> Token:
        """Return a new token.

        Raises:
            CallError: The host does not give one.
        """
        issuer, self._issuer = self._issuer, None
        if issuer is None:
            issuer = await find_issuer(self._config, self._login.oauth, self._send)
        token = token_of(await self._send(await self._call(issuer)))
        self._issuer = issuer  # it is one: its endpoint need not be looked for again
        return token

    async def _call(self, issuer: Issuer) -> LoginCall:
        login, name = self._login, self._config.name
        form = _form(login.oauth)
        if isinstance(login, M2M):
            form["grant_type"] = "client_credentials"
            header, secrets = basic(login.client_id, login.client_secret)
            return LoginCall(
                name, issuer.token_endpoint, {"Authorization": header}, form, secrets
            )
        id_token = await read_id_token(login, issuer, self._send, name)
        form |= {
            "grant_type": EXCHANGE,
            "subject_token_type": JWT,
            "subject_token": id_token.reveal(),
        }
        if login.client_id:
            form["client_id"] = login.client_id
        return LoginCall(name, issuer.token_endpoint, form=form, secrets=(id_token,))


def _form(oauth: OAuth) -> dict[str, str]:
    form = {
        "scope": oauth.scopes,
        "assume_group": oauth.group_id,
        "authorization_details": oauth.authorization_details,
    }
    return {key: value for key, value in form.items() if value}
