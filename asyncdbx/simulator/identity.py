"""A host that plays those who vouch for programs: Entra, Azure's machines, GitHub.

* ``POST /{tenant}/oauth2/token``: Entra, version 1, with a secret or a client assertion
* ``GET /metadata/identity/oauth2/token``: what a virtual machine asks (IMDS)
* ``GET /msi/token``: what an App Service asks
* ``GET /github/token``: what a GitHub Action asks

Entra's errors are worded as in DataThirstLtd/azure.databricks.cicd.tools#99 (wrong secret)
and Azure/azure-workload-identity#1200 (assertion); the other sentences are Microsoft's for
the same codes. How an App Service says no is not written down anywhere that was found.
"""

from collections.abc import Callable, Mapping
from random import Random
from time import monotonic, time
from typing import NamedTuple

import orjson
from aiohttp import web
from aiohttp.web_request import BaseRequest

from asyncdbx.simulator import failures
from asyncdbx.simulator.call import Call, Json, Refusal, Reply, sent
from asyncdbx.simulator.desk import parse_query
from asyncdbx.simulator.faults import Fault, next_fault
from asyncdbx.simulator.host import broken
from asyncdbx.simulator.jwt import jwt, lifetime
from asyncdbx.simulator.logins import Federation, Grant
from asyncdbx.simulator.misbehaviour import instead, spoil
from asyncdbx.simulator.port import Port
from asyncdbx.simulator.words import hexadecimal, uuid

DATABRICKS = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"
_MANAGEMENT = ("https://management.core.windows.net", "https://management.azure.com")
_GITHUB = "https://token.actions.githubusercontent.com"


class NoToken(Exception):
    """The answer of a provider that does not vouch."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(body)
        self.status = status
        self.body = body


class Asked(NamedTuple):
    """A request for a token, with the parameters of its query or form."""

    path: str
    parameters: Mapping[str, str]


class IdentityHost:
    """The identity providers around a fleet, on one port; every host of it trusts them.

    Attributes:
        tenant: Of Entra.
        client_id: Of the application, and of the managed identity.
        client_secret: Of the application.
        msi_header: What an App Service must show.
        github_request_token: What a GitHub Action must show.
        life: How long a token is valid, in seconds.
        requests: Every request, whatever its outcome.
        issued: Every token given out, in order.
        faults: What goes wrong; may be changed at any time.
    """

    def __init__(self, federation: Federation, random: Random) -> None:
        self.tenant = uuid(random)
        self.client_id = uuid(random)
        self.client_secret = hexadecimal(random, 40)
        self.msi_header = uuid(random)
        self.github_request_token = hexadecimal(random, 40)
        self.life = 3600.0
        self.requests: list[Asked] = []
        self.issued: list[str] = []
        self.faults: list[Fault] = []
        self._federation = federation
        self._random = random
        self._port = Port(self._serve)

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._port.url

    @property
    def authorize_url(self) -> str:
        """Where Entra would ask a person to sign in; "" if it was not started."""
        return self.url and f"{self.url}/{self.tenant}/oauth2/authorize"

    async def start(self) -> None:
        """Listen on a free port."""
        await self._port.start()

    async def stop(self) -> None:
        """Stop listening."""
        await self._port.stop()

    def revoke(self) -> None:
        """Let no host take any token given out so far."""
        for token in self.issued:
            self._federation.forget(token)

    async def _serve(self, request: BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        body = await request.read()
        form = body.decode() if request.method == "POST" else query
        call = Call(request.method, path, {}, parse_query(form), body)
        call.headers = request.headers
        reply = self.answer(call)
        if reply.broken:
            return broken(request, reply)
        headers = {**reply.headers, "Content-Type": reply.content_type}
        return web.Response(body=reply.body, status=reply.status, headers=headers)

    def answer(self, call: Call) -> Reply:
        """Answer a request; its ``query`` holds the form of a POST."""
        self.requests.append(Asked(call.path, call.query))
        fault = next_fault(self.faults, call)
        try:
            if fault and (reply := instead(fault, call)):
                return reply
            reply = sent(self._provider(call)(call))
            return spoil(fault.kind, call, reply) if fault else reply
        except Refusal as refusal:
            return failures.refused(refusal, call.path)
        except NoToken as no:
            return Reply(orjson.dumps(no.body), no.status)

    def _provider(self, call: Call) -> Callable[[Call], Json]:
        if call.method == "POST" and call.path.endswith("/oauth2/token"):
            return self._entra
        providers = {
            "/metadata/identity/oauth2/token": self._machine,
            "/msi/token": self._app_service,
            "/github/token": self._github,
        }
        if call.method != "GET" or call.path not in providers:
            raise failures.no_such_endpoint(call.method, call.path)
        return providers[call.path]

    def _entra(self, call: Call) -> Json:
        form, tenant = call.query, call.path.split("/")[1]
        if tenant != self.tenant:
            raise _aadsts(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        for name in ("grant_type", "client_id", "resource"):
            if name not in form:
                raise _aadsts(400, "invalid_request", 900144, _MISSING.format(name))
        if form["grant_type"] != "client_credentials":
            raise _aadsts(
                400, "unsupported_grant_type", 70003, "Grant type is unsupported."
            )
        self._check_application(form)
        return self._azure_token(form["resource"])

    def _check_application(self, form: Mapping[str, str]) -> None:
        if form["client_id"] != self.client_id:
            text = f"Application '{form['client_id']}' was not found in the directory."
            raise _aadsts(400, "unauthorized_client", 700016, text)
        if "client_assertion" in form:
            ends = self._federation.subjects.get(form["client_assertion"], 0.0)
            if ends <= monotonic():
                raise _aadsts(401, "invalid_client", 700213, _NO_RECORD)
        elif form.get("client_secret") != self.client_secret:
            raise _aadsts(401, "invalid_client", 7000215, "Invalid client secret provided.")

    def _machine(self, call: Call) -> Json:
        if call.headers.get("Metadata") != "true":
            raise _no_request("Required metadata header not specified")
        self._check_identity(call, "2018-02-01")
        return {**self._azure_token(call.query["resource"]), "refresh_token": ""}

    def _app_service(self, call: Call) -> Json:
        if call.headers.get("X-IDENTITY-HEADER") != self.msi_header:
            raise NoToken(401, {"statusCode": 401, "message": "Unauthorized"})
        self._check_identity(call, "2019-08-01")
        answer = self._azure_token(call.query["resource"])
        kept = ("access_token", "expires_on", "resource", "token_type")
        return {key: answer[key] for key in kept} | {"client_id": self.client_id}

    def _check_identity(self, call: Call, version: str) -> None:
        if call.query.get("api-version") != version:
            raise _no_request(f"Required query variable api-version must be {version}")
        if not call.query.get("resource"):
            raise _no_request("Required audience parameter not specified")
        if call.query.get("client_id", self.client_id) != self.client_id:
            raise _no_request("Identity not found")

    def _github(self, call: Call) -> Json:
        if call.headers.get("Authorization") != f"Bearer {self.github_request_token}":
            raise NoToken(401, {"message": "Unauthorized"})
        audience = call.query.get("audience", "https://github.com/simulated")
        subject = "repo:simulated/platform:ref:refs/heads/main"
        token = self.issue({"iss": _GITHUB, "aud": audience, "sub": subject})
        return {"value": token}

    def _azure_token(self, resource: str) -> Json:
        """Return a token as Entra's version 1 does: every number is a string."""
        claims = {
            "iss": f"https://sts.windows.net/{self.tenant}/",
            "aud": resource,
            "sub": self.client_id,
            "appid": self.client_id,
            "tid": self.tenant,
        }
        token, now = self.issue(claims), time()
        self._make_known(token, resource)
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": str(max(1, int(self.life))),
            "expires_on": str(int(now + self.life)),
            "not_before": str(int(now)),
            "resource": resource,
        }

    def _make_known(self, token: str, resource: str) -> None:
        ends = monotonic() + self.life
        if resource == DATABRICKS:
            self._federation.bearers[f"Bearer {token}"] = Grant(ends, self.client_id)
        elif resource.rstrip("/") in _MANAGEMENT:
            self._federation.management[token] = ends

    def issue(self, claims: Json) -> str:
        """Give out an identity token; every host exchanges it for an access token."""
        token = jwt({**claims, **lifetime(time(), self.life)}, self._random)
        self._federation.subjects[token] = monotonic() + self.life
        self.issued.append(token)
        return token


_MISSING = "The request body must contain the following parameter: '{}'."
_NO_RECORD = (
    "No matching federated identity record found for presented assertion subject. "
    "Check your federated identity credential Subject, Audience and Issuer."
)


def _aadsts(status: int, error: str, code: int, text: str) -> NoToken:
    """Return a refusal as Entra words it: a code, a sentence, and lines for its support."""
    trace = "00000000-0000-0000-0000-000000000000"
    lines = (f"AADSTS{code}: {text}", f"Trace ID: {trace}", f"Correlation ID: {trace}")
    body = {
        "error": error,
        "error_description": "\r\n".join(lines),
        "error_codes": [code],
        "trace_id": trace,
        "correlation_id": trace,
        "error_uri": f"https://login.microsoftonline.com/error?code={code}",
    }
    return NoToken(status, body)


def _no_request(text: str) -> NoToken:
    return NoToken(400, {"error": "invalid_request", "error_description": text})
