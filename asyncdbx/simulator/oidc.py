"""The paths under which a host tells how to log in, and gives out access tokens.

The grants are those of unattended programs: client credentials (RFC 6749, 4.4) and token
exchange (RFC 8693), each answered and refused as RFC 6749, chapter 5, says it.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, quote

import orjson

from asyncdbx.simulator.call import Answer, Call, Json, Reply
from asyncdbx.simulator.failures import login_page
from asyncdbx.simulator.jwt import lifetime
from asyncdbx.simulator.logins import Principal
from asyncdbx.simulator.router import route
from asyncdbx.simulator.world import Service

_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_HOST = "/.well-known/databricks-config"
_METADATA = "/.well-known/oauth-authorization-server"
_FORM = "application/x-www-form-urlencoded"
_NOT_STORED = {"Cache-Control": "no-store"}  # RFC 6749, 5.1


class OAuthError(Exception):
    """No token, in the words of RFC 6749, 5.2."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description

    def reply(self) -> Reply:
        """Return it as it goes out: 401 for a client that is not known, else 400."""
        body = {"error": self.error, "error_description": self.description}
        status = 401 if self.error == "invalid_client" else 400
        return Reply(orjson.dumps(body), status, headers=_NOT_STORED)


class Oidc(Service):
    """The authorization server of one host."""

    @property
    def root(self) -> str:
        """Where its paths begin."""
        return "/oidc"

    def host_metadata(self, call: Call) -> Json:
        """Say what kind of host this is, and where its authorization server is."""
        facts: Json = {
            "oidc_endpoint": _base(call) + self.root,
            "account_id": self.world.facts.get("account_id"),
            "cloud": "aws",
        }
        if self.world.workspace_id:
            facts["workspace_id"] = str(self.world.workspace_id)
        return facts

    def metadata(self, call: Call) -> Json:
        """Say where tokens are (RFC 8414)."""
        issuer = _base(call) + self.root
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/v1/authorize",
            "token_endpoint": f"{issuer}/v1/token",
            "scopes_supported": ["all-apis", "offline_access"],
            "grant_types_supported": ["client_credentials", _EXCHANGE],
            "token_endpoint_auth_methods_supported": [
                "client_secret_basic",
                "client_secret_post",
            ],
        }

    def token(self, call: Call) -> Answer:
        """Give out an access token."""
        try:
            form = _form(call)
            self._check(call, form)
        except OAuthError as error:
            return error.reply()
        return self._granted(call, _required(form, "scope"))

    def _check(self, call: Call, form: Mapping[str, str]) -> None:
        check = self._grants().get(_required(form, "grant_type"))
        if check is None:
            raise OAuthError("unsupported_grant_type", "This grant type is not supported.")
        _required(form, "scope")
        check(call, form)
        if self.world.logins.refuses or not self.world.logins.assigned:
            # A principal that is no member of the workspace hears what a wrong secret
            # hears: databricks/databricks-sql-nodejs#279.
            raise _unknown_client()

    def _grants(self) -> Mapping[str, Callable[[Call, Mapping[str, str]], None]]:
        return {"client_credentials": self._check_secret, _EXCHANGE: self._check_subject}

    def _check_secret(self, call: Call, form: Mapping[str, str]) -> None:
        if _credentials(call, form) != self.world.logins.principal:
            raise _unknown_client()

    def _check_subject(self, call: Call, form: Mapping[str, str]) -> None:
        subject = _required(form, "subject_token")
        _required(form, "subject_token_type")
        logins = self.world.logins
        taken = logins.takes(subject)
        if form.get("client_id", logins.principal.client_id) != logins.principal.client_id:
            raise _unknown_client()
        if not taken:
            raise OAuthError("invalid_grant", "The subject token is invalid or expired.")

    def _granted(self, call: Call, scope: str) -> Reply:
        logins = self.world.logins
        claims = {
            "iss": _base(call) + self.root,
            "sub": logins.principal.client_id,
            "client_id": logins.principal.client_id,
            "scope": scope,
            **lifetime(self.world.wall_clock(), logins.life),
        }
        answer = {
            "access_token": logins.issue(claims),
            "token_type": "Bearer",
            "expires_in": logins.expires_in,
            "scope": scope,
        }
        return Reply(orjson.dumps(answer), headers=_NOT_STORED)


class WorkspaceOidc(Oidc):
    """Of a workspace."""

    made_routes = (
        ("GET", _HOST, Oidc.host_metadata),
        ("GET", "/oidc" + _METADATA, Oidc.metadata),
        ("POST", "/oidc/v1/token", Oidc.token),
    )

    @route("GET", "/aad/auth")
    def azure_login(self, call: Call) -> Reply:
        """Redirect to the tenant of this workspace, as Azure's hosts do."""
        authorize = self.world.facts["authorize_url"]()
        if not authorize:
            return login_page()
        back = quote(_base(call) + "/login.html", safe="")
        query = f"response_type=code+id_token&redirect_uri={back}"
        return Reply(status=302, headers={"Location": f"{authorize}?{query}"})


class AccountOidc(Oidc):
    """Of the account."""

    made_routes = (
        ("GET", _HOST, Oidc.host_metadata),
        ("GET", "/oidc/accounts/{account_id}" + _METADATA, Oidc.metadata),
        ("POST", "/oidc/accounts/{account_id}/v1/token", Oidc.token),
    )

    @property
    def root(self) -> str:
        """Where its paths begin."""
        return f"/oidc/accounts/{self.world.facts['account_id']}"


def _base(call: Call) -> str:
    """Return the URL under which the client knows this host."""
    return f"http://{call.headers.get('Host', 'localhost')}"


def _form(call: Call) -> Mapping[str, str]:
    if not call.headers.get("Content-Type", "").startswith(_FORM):
        raise OAuthError("invalid_request", f"The body must be {_FORM}.")
    return dict(parse_qsl(call.body.decode(errors="replace")))


def _required(form: Mapping[str, str], name: str) -> str:
    if name not in form:
        raise OAuthError("invalid_request", f"Missing required parameter: {name}")
    return form[name]


def _credentials(call: Call, form: Mapping[str, str]) -> Principal:
    """Return id and secret: of HTTP Basic, else of the form."""
    scheme, _, encoded = call.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return Principal(form.get("client_id", ""), form.get("client_secret", ""))
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise _unknown_client() from None
    client_id, _, secret = text.partition(":")
    return Principal(client_id, secret)


def _unknown_client() -> OAuthError:
    return OAuthError("invalid_client", "Client authentication failed")
