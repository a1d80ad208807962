"""Those who vouch for programs: as the SDK asks them, and on the wire."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config
from databricks.sdk.environments import AzureEnvironment, Cloud, DatabricksEnvironment
from databricks.sdk.errors import PermissionDenied

from asyncdbx.simulator import Fault, IdentityHost, Simulator
from asyncdbx.simulator.identity import DATABRICKS

pytestmark = pytest.mark.wire
MANAGEMENT = "https://management.core.windows.net/"
IMDS = "/metadata/identity/oauth2/token"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the SDK would find around it is no part of a test."""
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/nowhere")


@pytest.fixture
async def fleet() -> AsyncIterator[Simulator]:
    """One workspace, no limits, and the identity host."""
    async with Simulator(1, scale=0.1, limits=False, identity=True) as fleet:
        yield fleet


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A client."""
    async with aiohttp.ClientSession() as session:
        yield session


def _azure_client(fleet: Simulator, **options: str) -> Any:
    """Return a client of the SDK, with the identity host in the place of Entra."""
    cloud = AzureEnvironment("PUBLIC", MANAGEMENT, MANAGEMENT, f"{fleet.identity.url}/")
    config = Config(
        host=fleet["prod"].host,
        auth_type="azure-client-secret",
        azure_client_id=fleet.identity.client_id,
        azure_client_secret=fleet.identity.client_secret,
        azure_tenant_id=fleet.identity.tenant,
        databricks_environment=DatabricksEnvironment(Cloud.AZURE, "", DATABRICKS, cloud),
        **options,
    )
    return WorkspaceClient(config=config)


async def test_the_sdk_logs_in_with_a_secret_of_entra(fleet: Simulator) -> None:
    """Two tokens, of which one is for Databricks; and it is the application that asks."""

    def name() -> str:
        return str(_azure_client(fleet).current_user.me().user_name)

    assert await asyncio.to_thread(name) == fleet.identity.client_id
    asked = [each.parameters["resource"] for each in fleet.identity.requests]
    assert sorted(asked) == [DATABRICKS, MANAGEMENT]
    assert fleet["prod"].logins.requests == 0


async def test_a_workspace_may_demand_the_management_token(fleet: Simulator) -> None:
    """Which counts only with the name of this very workspace beside it."""
    prod = fleet["prod"]
    prod.demands_management_token = True

    def call(**options: str) -> str:
        return str(_azure_client(fleet, **options).current_user.me().user_name)

    with pytest.raises(PermissionDenied, match="Management API token must be provided"):
        await asyncio.to_thread(call)
    name = prod.logins.resource_id
    found = await asyncio.to_thread(call, azure_workspace_resource_id=name)
    assert found == fleet.identity.client_id
    prod.logins.assigned = False
    with pytest.raises(PermissionDenied, match="User not authorized"):
        await asyncio.to_thread(call, azure_workspace_resource_id=name)


async def test_a_workspace_of_azure_tells_its_tenant(
    fleet: Simulator, session: aiohttp.ClientSession
) -> None:
    """The first segment of where it redirects to; without an identity host, a page."""
    url = f"{fleet['prod'].host}/aad/auth"
    async with session.get(url, allow_redirects=False) as response:
        begin = f"{fleet.identity.url}/{fleet.identity.tenant}/oauth2/authorize?"
        assert response.status == 302
        assert response.headers["Location"].startswith(begin)
    await fleet.identity.stop()
    async with Simulator(1, scale=0.1) as plain:
        url = f"{plain['prod'].host}/aad/auth"
        async with session.get(url, allow_redirects=False) as response:
            assert (response.status, response.content_type) == (200, "text/html")


async def test_the_sdk_logs_in_from_a_github_action(
    fleet: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitHub vouches, and the workspace exchanges."""
    identity = fleet.identity
    url = f"{identity.url}/github/token?api-version=2.0"
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", url)
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", identity.github_request_token)

    def call() -> Any:
        w = WorkspaceClient(
            host=fleet["prod"].host, client_id=fleet.client_id, auth_type="github-oidc"
        )
        return w.current_user.me()

    assert (await asyncio.to_thread(call)).user_name == fleet.client_id
    assert {*fleet["prod"].logins.exchanged} <= {*identity.issued}
    audience = identity.requests[0].parameters["audience"]
    assert audience == f"{fleet['prod'].host}/oidc/v1/token"


def _form(identity: IdentityHost, **changes: str) -> dict[str, str]:
    form = {
        "grant_type": "client_credentials",
        "client_id": identity.client_id,
        "client_secret": identity.client_secret,
        "resource": DATABRICKS,
    }
    return {key: value for key, value in (form | changes).items() if value}


async def _post(
    session: aiohttp.ClientSession, identity: IdentityHost, tenant: str = "", **form: str
) -> tuple[int, Any]:
    url = f"{identity.url}/{tenant or identity.tenant}/oauth2/token"
    async with session.post(url, data=_form(identity, **form)) as response:
        return response.status, orjson.loads(await response.read())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tenant": "nowhere"}, (400, "invalid_request", 90002)),
        ({"resource": ""}, (400, "invalid_request", 900144)),
        ({"grant_type": "password"}, (400, "unsupported_grant_type", 70003)),
        ({"client_id": "x"}, (400, "unauthorized_client", 700016)),
        ({"client_secret": "x"}, (401, "invalid_client", 7000215)),
        ({"client_assertion": "a.b.c"}, (401, "invalid_client", 700213)),
    ],
)
async def test_entra_refuses_with_a_code(
    fleet: Simulator,
    session: aiohttp.ClientSession,
    changes: dict[str, str],
    expected: tuple[int, str, int],
) -> None:
    """An OAuth error whose description begins with the code."""
    status, body = await _post(session, fleet.identity, **changes)
    assert (status, body["error"], *body["error_codes"]) == expected
    assert body["error_description"].startswith(f"AADSTS{expected[2]}: ")
    assert fleet.identity.issued == []


async def test_entra_takes_an_assertion_and_counts_in_strings(
    fleet: Simulator, session: aiohttp.ClientSession
) -> None:
    """A token that GitHub gave out is as good as the secret; numbers are strings."""
    identity = fleet.identity
    assertion = identity.issue({"iss": "somebody"})
    identity.life = 59.9
    status, body = await _post(
        session, identity, client_secret="", client_assertion=assertion
    )
    assert (status, body["expires_in"]) == (200, "59")
    assert int(body["expires_on"]) - int(body["not_before"]) in (59, 60)
    url = f"{fleet['prod'].host}/api/2.1/clusters/list"
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    async with session.get(url, headers=headers) as response:
        assert response.status == 200
    identity.revoke()
    async with session.get(url, headers=headers) as response:
        assert response.status == 401


@pytest.mark.parametrize(
    ("path", "version", "header"),
    [(IMDS, "2018-02-01", "Metadata"), ("/msi/token", "2019-08-01", "X-IDENTITY-HEADER")],
)
async def test_a_machine_asks_without_a_secret(
    fleet: Simulator,
    session: aiohttp.ClientSession,
    path: str,
    version: str,
    header: str,
) -> None:
    """With the header that only it can send; for an identity it has."""
    identity = fleet.identity
    shown = "true" if header == "Metadata" else identity.msi_header
    query = {"api-version": version, "resource": DATABRICKS}

    async def ask(headers: dict[str, str], **changes: str) -> tuple[int, Any]:
        parameters = {key: value for key, value in (query | changes).items() if value}
        url = identity.url + path
        async with session.get(url, params=parameters, headers=headers) as response:
            return response.status, orjson.loads(await response.read())

    good = {header: shown}
    status, body = await ask(good, client_id=identity.client_id)
    assert (status, [body["access_token"]]) == (200, identity.issued)
    assert int(body["expires_on"]) > 0
    assert (await ask({}))[0] in (400, 401)
    for changes in ({"client_id": "x"}, {"resource": ""}, {"api-version": "1"}):
        status, body = await ask(good, **changes)
        assert (status, body["error"]) == (400, "invalid_request")
    assert len(identity.requests) == 5


async def test_a_stranger_and_a_stranger_path_get_nothing(
    fleet: Simulator, session: aiohttp.ClientSession
) -> None:
    """GitHub knows its own request token; other paths are a 404."""
    identity = fleet.identity
    for path, status in (("/github/token?x=1&audience=a", 401), ("/nowhere", 404)):
        async with session.get(identity.url + path) as response:
            assert response.status == status
    assert identity.requests[0].parameters == {"x": "1", "audience": "a"}


async def test_an_identity_provider_can_fail_too(
    fleet: Simulator, session: aiohttp.ClientSession
) -> None:
    """With the faults of any host."""
    identity = fleet.identity
    identity.faults.append(Fault("/", "503", times=1))
    assert (await _post(session, identity))[0] == 503
    for kind in ("reset", "cut"):
        identity.faults[:] = [Fault("/", kind, times=1)]
        with pytest.raises(aiohttp.ClientError):
            await _post(session, identity)
    assert (await _post(session, identity))[0] == 200
