"""OAuth: the official SDK logs in, and on the wire every refusal has its shape."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import pytest
from databricks.sdk import AccountClient, WorkspaceClient
from databricks.sdk.errors import Unauthenticated

from asyncdbx.simulator import Fault, SimulatedWorkspace, Simulator
from asyncdbx.simulator.faults import Kind

pytestmark = pytest.mark.wire
ME = "/api/2.0/preview/scim/v2/Me"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"
LOGIN = {"grant_type": "client_credentials", "scope": "all-apis"}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the SDK would find around it is no part of a test."""
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/nowhere")


@pytest.fixture
async def fleet() -> AsyncIterator[Simulator]:
    """Two workspaces and an account with limits."""
    async with Simulator(2, scale=0.1) as fleet:
        yield fleet


@dataclass
class Wire:
    """Plain requests to the hosts of a fleet."""

    session: aiohttp.ClientSession
    fleet: Simulator

    async def token(
        self, where: SimulatedWorkspace, secret: str | None = None, /, **form: str
    ) -> tuple[int, Any]:
        """Ask for a token; with the service principal's secret unless told otherwise."""
        root = f"/oidc/accounts/{where.account_id}" if where.account_id else "/oidc"
        auth = aiohttp.encode_basic_auth(
            self.fleet.client_id, secret or self.fleet.client_secret
        )
        async with self.session.post(
            f"{where.host}{root}/v1/token",
            data=form or LOGIN,
            headers={"Authorization": auth},
        ) as response:
            return response.status, orjson.loads(await response.read())

    async def get(
        self, where: SimulatedWorkspace, path: str, bearer: str | None = None
    ) -> tuple[int, Any]:
        """GET something as JSON."""
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        async with self.session.get(f"{where.host}{path}", headers=headers) as response:
            return response.status, orjson.loads(await response.read())


@pytest.fixture
async def wire(fleet: Simulator) -> AsyncIterator[Wire]:
    """Requests to the fleet."""
    async with aiohttp.ClientSession() as session:
        yield Wire(session, fleet)


def _sdk(fleet: Simulator, name: str = "prod") -> Any:
    credentials = {"client_id": fleet.client_id, "client_secret": fleet.client_secret}
    where = fleet[name]
    if where.account_id:
        return AccountClient(host=where.host, account_id=where.account_id, **credentials)
    return WorkspaceClient(host=where.host, **credentials)


async def test_the_sdk_logs_in_once_for_many_calls(fleet: Simulator) -> None:
    """One token request, and SCIM says that a service principal is asking."""

    def calls() -> Any:
        w = _sdk(fleet)
        assert [*w.clusters.list()] != []
        assert [*w.jobs.list()] != []
        return w.current_user.me()

    me = await asyncio.to_thread(calls)
    logins = fleet["prod"].logins
    assert (me.user_name, logins.requests) == (fleet.client_id, 1)
    assert len(logins.issued) == 1
    assert fleet["staging"].logins.requests == 0


async def test_the_sdk_logs_in_to_the_account(fleet: Simulator) -> None:
    """With the same secret, at the account's own token endpoint."""
    fleet["staging"].status = "FAILED"
    found = await asyncio.to_thread(lambda: [*_sdk(fleet, "account").workspaces.list()])
    assert {(each.deployment_name, each.workspace_status.value) for each in found} == {
        (fleet["prod"].address, "RUNNING"),
        (fleet["staging"].address, "FAILED"),
    }
    assert fleet["account"].logins.requests == 1


async def test_a_short_life_makes_the_sdk_log_in_again(fleet: Simulator) -> None:
    """Of tokens that live less than its margin, every call needs a new one."""
    fleet["prod"].logins.life = 1.0

    def calls() -> None:
        w = _sdk(fleet)
        for _ in range(3):
            w.current_user.me()

    await asyncio.to_thread(calls)
    assert fleet["prod"].logins.requests == 3


async def test_a_revoked_token_is_no_longer_let_in(fleet: Simulator) -> None:
    """The SDK, which believes it valid, goes on sending it and hears a 401."""

    def calls() -> None:
        w = _sdk(fleet)
        w.current_user.me()
        fleet["prod"].logins.revoke()
        with pytest.raises(Unauthenticated):
            w.current_user.me()

    await asyncio.to_thread(calls)
    assert fleet["prod"].logins.requests == 1


async def test_the_sdk_exchanges_the_token_of_somebody_else(
    fleet: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workload identity: the identity token is in the environment."""
    fleet.trust("a.b.c")
    monkeypatch.setenv("DATABRICKS_OIDC_TOKEN", "a.b.c")

    def call() -> Any:
        w = WorkspaceClient(host=fleet["prod"].host, auth_type="env-oidc")
        return w.current_user.me()

    assert (await asyncio.to_thread(call)).user_name == fleet.client_id
    assert fleet["prod"].logins.exchanged == ["a.b.c"]


async def test_a_host_tells_where_its_tokens_are(wire: Wire) -> None:
    """Unauthenticated, at a workspace and at the account; other accounts are not here."""
    for where, root in (
        (wire.fleet["prod"], "/oidc"),
        (wire.fleet["account"], f"/oidc/accounts/{wire.fleet.account_id}"),
    ):
        _, host = await wire.get(where, "/.well-known/databricks-config")
        assert host["oidc_endpoint"] == where.host + root
        assert ("workspace_id" in host) == (where.workspace_id != 0)
        path = f"{root}/.well-known/oauth-authorization-server"
        status, found = await wire.get(where, path)
        assert (status, found["issuer"]) == (200, where.host + root)
        assert found["token_endpoint"] == f"{where.host}{root}/v1/token"
        assert found["authorization_endpoint"] == f"{where.host}{root}/v1/authorize"
    status, error = await wire.get(
        wire.fleet["account"], "/oidc/accounts/x/.well-known/oauth-authorization-server"
    )
    assert (status, error["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


async def test_a_token_says_who_it_is_for_and_how_long(wire: Wire) -> None:
    """Three parts, of which anybody can read the second; whole seconds, at least one."""
    prod = wire.fleet["prod"]
    prod.logins.life, prod.skew = 90.9, -7200.0
    status, answer = await wire.token(prod)
    assert (status, answer["token_type"], answer["scope"]) == (200, "Bearer", "all-apis")
    assert answer["expires_in"] == 90
    header, claims, signature = answer["access_token"].split(".")
    said = orjson.loads(base64.urlsafe_b64decode(claims + "=="))
    assert said["iss"] == f"{prod.host}/oidc"
    assert said["sub"] == wire.fleet.client_id
    assert said["exp"] - said["iat"] in (90, 91)
    assert abs(said["iat"] + 7200 - time.time()) < 5
    assert orjson.loads(base64.urlsafe_b64decode(header + "=="))["alg"] == "RS256"
    assert wire.fleet.client_secret not in answer["access_token"]
    assert signature
    prod.logins.life = 0.2
    assert (await wire.token(prod))[1]["expires_in"] == 1
    assert len({*prod.logins.issued}) == 2


async def test_id_and_secret_may_be_in_the_form(wire: Wire) -> None:
    """Which is what clients do that cannot do HTTP Basic."""
    form = {**LOGIN, "client_id": wire.fleet.client_id}
    url = f"{wire.fleet['prod'].host}/oidc/v1/token"
    for secret, status in ((wire.fleet.client_secret, 200), ("dose", 401)):
        form["client_secret"] = secret
        async with wire.session.post(url, data=form) as response:
            assert response.status == status
            assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"scope": "all-apis"}, 400, "invalid_request"),
        ({"grant_type": "client_credentials"}, 400, "invalid_request"),
        ({**LOGIN, "grant_type": "password"}, 400, "unsupported_grant_type"),
        ({**LOGIN, "grant_type": EXCHANGE}, 400, "invalid_request"),
        ({**LOGIN, "grant_type": EXCHANGE, "subject_token": "a"}, 400, "invalid_request"),
        (
            {
                **LOGIN,
                "grant_type": EXCHANGE,
                "subject_token": "a.b.c",
                "subject_token_type": JWT,
            },
            400,
            "invalid_grant",
        ),
        (
            {
                **LOGIN,
                "grant_type": EXCHANGE,
                "subject_token": "a.b.c",
                "subject_token_type": JWT,
                "client_id": "somebody else",
            },
            401,
            "invalid_client",
        ),
    ],
)
async def test_a_token_request_is_refused_in_the_words_of_oauth(
    wire: Wire, form: dict[str, str], status: int, error: str
) -> None:
    """error and error_description; it counts as a request all the same."""
    found = await wire.token(wire.fleet["prod"], **form)
    assert (found[0], found[1]["error"]) == (status, error)
    assert [*found[1]] == ["error", "error_description"]
    assert wire.fleet["prod"].logins.requests == 1
    assert wire.fleet["prod"].logins.issued == []


async def test_what_is_no_form_is_no_request(wire: Wire) -> None:
    """JSON is what careless clients send."""
    url = f"{wire.fleet['prod'].host}/oidc/v1/token"
    async with wire.session.post(url, json=LOGIN) as response:
        assert response.status == 400
        assert orjson.loads(await response.read())["error"] == "invalid_request"
    headers = {"Authorization": "Basic no%base64"}
    async with wire.session.post(url, data=LOGIN, headers=headers) as response:
        assert response.status == 401


@pytest.mark.parametrize("why", ["secret", "refuses", "assigned"])
async def test_a_login_fails_for_any_reason_in_the_same_words(wire: Wire, why: str) -> None:
    """A wrong secret, a host that refuses, a workspace that does not know the principal."""
    logins = wire.fleet["prod"].logins
    logins.refuses, logins.assigned = why == "refuses", why != "assigned"
    status, answer = await wire.token(wire.fleet["prod"], "no" if why == "secret" else None)
    assert (status, answer["error"]) == (401, "invalid_client")
    assert answer["error_description"] == "Client authentication failed"
    assert (await wire.token(wire.fleet["staging"]))[0] == 200


async def test_a_token_opens_its_own_host_until_it_is_over(wire: Wire) -> None:
    """Expired, revoked and unknown ones are refused; a new one is as good as the first."""
    prod, staging = wire.fleet.workspaces
    first = (await wire.token(prod))[1]["access_token"]
    assert (await wire.get(prod, ME, first))[0] == 200
    assert (await wire.get(staging, ME, first))[0] == 401
    prod.logins.clock = lambda: time.monotonic() + 3600
    assert (await wire.get(prod, ME, first))[0] == 401
    second = (await wire.token(prod))[1]["access_token"]
    assert (await wire.get(prod, ME, second))[0] == 200
    prod.logins.revoke()
    status, answer = await wire.get(prod, ME, second)
    assert (status, answer["status"]) == (401, "401")  # SCIM's shape
    assert (await wire.get(prod, ME, prod.token))[0] == 200
    third = (await wire.token(prod))[1]["access_token"]
    assert (await wire.get(prod, ME, third))[0] == 200


async def test_an_invalid_token_may_be_a_403(wire: Wire) -> None:
    """With a number for a code; no token at all stays a 401."""
    prod = wire.fleet["prod"]
    prod.logins.invalid_status = 403
    path = "/api/2.1/clusters/list"
    status, answer = await wire.get(prod, path, "a.b.c")
    assert (status, answer["error_code"]) == (403, 403)
    assert answer["message"].startswith("Invalid access token.")
    assert (await wire.get(prod, path))[0] == 401


async def test_the_personal_access_token_can_be_switched_off(wire: Wire) -> None:
    """And on; it says who the user is, not the service principal."""
    prod = wire.fleet["prod"]
    status, me = await wire.get(prod, ME, prod.token)
    assert (status, "@" in me["userName"]) == (200, True)
    prod.logins.pat_valid = False
    prod.logins.revoke()
    assert (await wire.get(prod, ME, prod.token))[0] == 401
    prod.logins.pat_valid = True
    assert (prod.logins.pat_valid, (await wire.get(prod, ME, prod.token))[0]) == (True, 200)


@pytest.mark.parametrize(
    ("kind", "status"), [("429", 429), ("500", 500), ("503", 503), ("deny", 403)]
)
async def test_a_login_can_go_wrong_like_any_call(
    wire: Wire, kind: Kind, status: int
) -> None:
    """The gateway answers, and the next time it works."""
    wire.fleet["prod"].faults.append(Fault("/oidc/", kind, times=1))
    assert (await wire.token(wire.fleet["prod"]))[0] == status
    assert (await wire.token(wire.fleet["prod"]))[0] == 200
    assert wire.fleet["prod"].logins.requests == 2


async def test_a_login_can_be_reset_or_meet_a_page(wire: Wire) -> None:
    """No answer at all, half of one, or one for people."""
    prod = wire.fleet["prod"]
    for kind in ("reset", "cut", "lost"):
        prod.faults[:] = [Fault("/oidc/v1/token", kind)]
        with pytest.raises(aiohttp.ClientError):
            await wire.token(prod)
    prod.faults[:] = [Fault("/oidc/v1/token", "html")]
    with pytest.raises(orjson.JSONDecodeError):
        await wire.token(prod)
    assert len(prod.logins.issued) == 2  # the calls were done whose answers were lost


async def test_the_token_endpoint_has_a_limit_of_its_own(wire: Wire) -> None:
    """Fifteen in a second, and what tells where it is has none."""
    prod = wire.fleet["prod"]
    answers = await asyncio.gather(*(wire.token(prod) for _ in range(18)))
    assert sorted(status for status, _ in answers) == [200] * 15 + [429] * 3
    assert (prod.stats()["oidc.token"].too_fast, prod.logins.requests) == (3, 18)
    path = "/oidc/.well-known/oauth-authorization-server"
    found = await asyncio.gather(*(wire.get(prod, path) for _ in range(30)))
    assert {status for status, _ in found} == {200}


async def test_what_has_expired_is_let_in_no_more() -> None:
    """Neither the token, with the platform's 403, nor the secret."""
    async with Simulator(1, scale=0.01) as fleet, aiohttp.ClientSession() as session:
        workspace = fleet.workspaces[0]
        workspace.logins.expire()
        headers = {"Authorization": f"Bearer {workspace.token}"}
        url = f"{workspace.host}/api/2.1/clusters/list"
        async with session.get(url, headers=headers) as answer:
            assert (answer.status, (await answer.json())["error_code"]) == (403, 403)
        form = {
            "grant_type": "client_credentials",
            "scope": "all-apis",
            "client_id": fleet.client_id,
            "client_secret": fleet.client_secret,
        }
        async with session.post(f"{workspace.host}/oidc/v1/token", data=form) as answer:
            assert (await answer.json())["error"] == "invalid_client"
