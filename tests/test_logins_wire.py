"""Every kind of login on real sockets, against the simulator and what vouches for it."""

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asyncdbx.auth import azure
from asyncdbx.config import (
    M2M,
    Azure,
    AzureClientSecret,
    AzureMsi,
    Federation,
    Login,
    OAuth,
    Sdk,
    Secret,
    WorkspaceConfig,
)
from asyncdbx.engine import RetryPolicy
from asyncdbx.errors import CallError, WorkspaceDown
from asyncdbx.fleet import Fleet
from asyncdbx.simulator import Simulator
from asyncdbx.simulator.faults import Fault

pytestmark = pytest.mark.wire

RESOURCE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Databricks/workspaces/w"
EAGER = RetryPolicy(first_wait=0.001, longest_wait=0.001)


@pytest.fixture
async def simulator() -> AsyncGenerator[Simulator]:
    async with Simulator(
        3, scale=0.01, limits=False, identity=True, names=("one", "two", "three")
    ) as fleet:
        yield fleet


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("DATABRICKS_", "ARM_", "ACTIONS_", "IDENTITY_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


def m2m(simulator: Simulator, **oauth: str) -> M2M:
    secret = Secret(simulator.client_secret)
    return M2M(simulator.client_id, secret, OAuth(**oauth))


@asynccontextmanager
async def fleet_of(
    simulator: Simulator, login: Login, **more: Any
) -> AsyncGenerator[Fleet]:
    """A fleet of all workspaces of a simulator with one login."""
    configs = [
        replace(WorkspaceConfig(each.name, each.host, login=login), **more)
        for each in simulator.workspaces
    ]
    async with Fleet(configs, retry=EAGER) as fleet:
        yield fleet


async def look(fleet: Fleet, calls: int = 3) -> None:
    """Make some calls on every workspace."""
    await asyncio.gather(
        *(
            workspace.call("clusters.list", page_size=1)
            for workspace in fleet
            for _ in range(calls)
        )
    )


# --- Databricks' own tokens -------------------------------------------------------------


async def test_machine_to_machine(simulator: Simulator) -> None:
    """One token request for each workspace, whatever the number of calls."""
    async with fleet_of(simulator, m2m(simulator)) as fleet:
        await look(fleet)
        me = await fleet["one"].call("current_user.me")

    assert me["userName"] == simulator.client_id
    assert [each.logins.requests for each in simulator.workspaces] == [1, 1, 1]


async def test_an_account(simulator: Simulator) -> None:
    """Its own token endpoint, found by discovery."""
    assert simulator.account is not None
    config = WorkspaceConfig(
        "a", simulator.account.host, simulator.account_id, login=m2m(simulator)
    )
    async with Fleet([config]) as fleet:
        found = [each async for each in fleet["a"].list("workspaces.list")]

    assert [each["workspace_name"] for each in found] == ["one", "two", "three"]
    assert simulator.account.logins.requests == 1


async def test_the_same_login_is_asked_for_once(simulator: Simulator) -> None:
    """Two profiles of one workspace share the token; another client does not."""
    login = m2m(simulator)
    host = simulator["one"].host
    configs = [WorkspaceConfig(name, host, login=login) for name in ("p", "q")]
    async with Fleet(configs) as fleet:
        await look(fleet)

    assert simulator["one"].logins.requests == 1


async def test_a_token_is_replaced_before_it_ends(simulator: Simulator) -> None:
    """One refresh for each expiry, while calls go on; none of them is refused."""
    for each in simulator.workspaces:
        each.logins.life = 2.0
    async with fleet_of(simulator, m2m(simulator)) as fleet:
        ends = asyncio.get_running_loop().time() + 2.6
        while asyncio.get_running_loop().time() < ends:
            await look(fleet, 2)
        assert all(workspace.login_ends_in() is not None for workspace in fleet)

    # At 0, 1 and 2 s: in the middle of each life.
    assert [each.logins.requests for each in simulator.workspaces] == [3, 3, 3]


@pytest.mark.parametrize("status", [401, 403])
async def test_a_revoked_token_is_replaced_once(simulator: Simulator, status: int) -> None:
    """Also where the platform says 403 for it; the workspace next to it is left alone."""
    one, two, _ = simulator.workspaces
    one.logins.invalid_status = status
    async with fleet_of(simulator, m2m(simulator)) as fleet:
        await look(fleet)
        one.logins.revoke()
        await look(fleet)

    assert (one.logins.requests, two.logins.requests) == (2, 1)


async def test_a_login_that_is_refused_stops_one_workspace(simulator: Simulator) -> None:
    """The reason is the issuer's; it is asked once, and the others go on."""
    one, two, _ = simulator.workspaces
    one.logins.assigned = False
    async with fleet_of(simulator, m2m(simulator)) as fleet:
        results = await asyncio.gather(
            *(fleet["one"].call("clusters.list") for _ in range(10)),
            fleet["two"].call("clusters.list"),
            return_exceptions=True,
        )

    reason = "the login failed: HTTP 401 invalid_client: Client authentication failed"
    assert {str(each) for each in results[:-1]} == {
        f"clusters.list on one: not asked any more, {reason}"
    }
    assert isinstance(results[-1], dict)
    assert (one.logins.requests, two.logins.requests) == (1, 1)


@pytest.mark.parametrize("kind", ["429", "500", "503", "reset", "lost"])
async def test_a_token_endpoint_is_asked_again(simulator: Simulator, kind: Any) -> None:
    """It is a lane like any other: what passes is waited out."""
    simulator["one"].faults.append(Fault("/oidc/v1/token", kind, 2))
    async with fleet_of(simulator, m2m(simulator)) as fleet:
        await fleet["one"].call("clusters.list")
        lanes = {(lane.workspace, lane.group): lane for lane, _ in fleet.lanes()}

    stats = lanes["one", "login"].stats
    assert stats.sent == 2 + 3  # two questions where the endpoint is
    assert stats.throttled == (2 if kind == "429" else 0)


async def test_without_discovery_the_endpoint_is_where_it_is_documented(
    simulator: Simulator,
) -> None:
    """A host that knows no well-known paths."""
    one = simulator["one"]
    one.faults.append(Fault("/.well-known/", "html", 1))
    one.faults.append(Fault("/oidc/.well-known/", "html", 1))
    async with fleet_of(simulator, m2m(simulator)) as fleet:
        await fleet["one"].call("clusters.list")

    assert one.logins.requests == 1


# --- where no secret goes ---------------------------------------------------------------


@pytest.mark.parametrize("path", ["/.well-known/", "/oidc/.well-known/", "/oidc/v1/", "/"])
@pytest.mark.parametrize("kind", ["302", "307"])
async def test_a_host_that_redirects_leads_nobody_away(
    simulator: Simulator, path: str, kind: Any
) -> None:
    """Neither to another host nor, from the questions before it, to the host itself."""
    one, two, _ = simulator.workspaces
    one.faults.append(Fault(path, kind, 10**6, redirect_to=two.host))
    async with fleet_of(simulator, m2m(simulator)) as fleet:
        with pytest.raises(WorkspaceDown, match="redirected to") as caught:
            await fleet["one"].call("clusters.list")

    assert two.requests == 0
    assert not one.logins.issued
    assert simulator.client_secret not in str(caught.value)


# --- tokens of other issuers ------------------------------------------------------------


def jwt_of(simulator: Simulator) -> str:
    """Return a token that the identity host vouches for."""
    return simulator.identity.issue({"sub": "robot"})


async def test_a_token_in_a_variable(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is exchanged; and read anew when the first one has been replaced."""
    first, second = jwt_of(simulator), jwt_of(simulator)
    monkeypatch.setenv("MY_TOKEN", f" {first}\n")
    login = Federation("env-oidc", "MY_TOKEN", simulator.client_id)
    async with fleet_of(simulator, login) as fleet:
        await look(fleet)
        monkeypatch.setenv("MY_TOKEN", second)
        simulator["one"].logins.revoke()
        await look(fleet)

    assert simulator["one"].logins.exchanged == [first, second]
    assert simulator["two"].logins.exchanged == [first]


async def test_a_token_in_a_file(simulator: Simulator, tmp_path: Path) -> None:
    """Without a client, as where a whole account federates."""
    (tmp_path / "token").write_text(jwt_of(simulator) + "\n")
    async with fleet_of(simulator, Federation("file-oidc", "~/token")) as fleet:
        await look(fleet)

    assert [each.logins.requests for each in simulator.workspaces] == [1, 1, 1]


async def test_github(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub Actions makes a token for the audience that the host prefers."""
    identity = simulator.identity
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{identity.url}/github/token?v=1")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", identity.github_request_token)
    login = Federation("github-oidc", client_id=simulator.client_id)
    async with fleet_of(simulator, login) as fleet:
        await look(fleet)
    async with fleet_of(simulator, replace(login, audience="mine & yours")) as fleet:
        await fleet["one"].call("clusters.list")

    audiences = [asked.parameters["audience"] for asked in identity.requests]
    assert sorted(audiences[:3]) == sorted(
        f"{each.host}/oidc/v1/token" for each in simulator.workspaces
    )
    assert audiences[3:] == ["mine & yours"]


@pytest.mark.parametrize(
    ("login", "reason"),
    [
        (Federation("env-oidc", "NOWHERE"), "the environment variable NOWHERE is not set"),
        (Federation("env-oidc", "BLANKS"), "there is no token in variable BLANKS"),
        (Federation("file-oidc", "~/none"), "the file ~/none cannot be read: No such file"),
        (Federation("file-oidc", "~/binary"), "there is no token in file ~/binary"),
        (
            Federation("github-oidc", client_id="c"),
            "the environment variable ACTIONS_ID_TOKEN_REQUEST_TOKEN is not set",
        ),
        (Federation("env-oidc", "STRANGER"), "HTTP 400 invalid_grant"),
    ],
)
async def test_what_cannot_be_exchanged_says_why(
    simulator: Simulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    login: Federation,
    reason: str,
) -> None:
    """Variable, file or issuer are named; a token is never."""
    monkeypatch.setenv("BLANKS", "canary canary")
    monkeypatch.setenv("STRANGER", "can.ar.y")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    async with fleet_of(simulator, login) as fleet:
        with pytest.raises(WorkspaceDown) as caught:
            await fleet["one"].call("clusters.list")

    assert f"the login failed: {reason}" in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "can.ar.y" not in str(caught.value)


# --- Azure ------------------------------------------------------------------------------


@pytest.fixture
def entra(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """The identity host plays Entra and the machine's own identity service."""
    url = simulator.identity.url
    cloud = azure.Cloud(url, "https://management.core.windows.net/")
    monkeypatch.setitem(azure.CLOUDS, "PUBLIC", cloud)
    imds = f"{url}/metadata/identity/oauth2/token"
    monkeypatch.setattr(azure, "IMDS", imds)
    return simulator


def entra_login(simulator: Simulator, **more: Any) -> AzureClientSecret:
    identity = simulator.identity
    login = AzureClientSecret(
        identity.client_id, Secret(identity.client_secret), identity.tenant
    )
    return replace(login, **more)


async def test_a_service_principal_of_entra(entra: Simulator) -> None:
    """One token for all workspaces of a tenant."""
    async with fleet_of(entra, entra_login(entra)) as fleet:
        await look(fleet)

    (asked,) = entra.identity.requests
    assert asked.path == f"/{entra.identity.tenant}/oauth2/token"
    assert asked.parameters["resource"] == azure.DATABRICKS


async def test_a_tenant_that_only_the_workspace_knows(entra: Simulator) -> None:
    """Its login page leads to the tenant; nothing is sent to where it leads."""
    async with fleet_of(entra, entra_login(entra, tenant_id="")) as fleet:
        await look(fleet)

    paths = {asked.path for asked in entra.identity.requests}
    assert paths == {f"/{entra.identity.tenant}/oauth2/token"}


async def test_a_principal_that_is_no_user_of_the_workspace(entra: Simulator) -> None:
    """A management token proves its role on the workspace's resource."""
    for each in entra.workspaces:
        each.demands_management_token = True
        each.logins.resource_id = RESOURCE
    async with fleet_of(entra, entra_login(entra)) as fleet:
        with pytest.raises(CallError, match="Management API token must be provided"):
            await fleet["one"].call("clusters.list")
    login = entra_login(entra, azure=Azure(resource_id=RESOURCE))
    async with fleet_of(entra, login) as fleet:
        await look(fleet)

    resources = [asked.parameters["resource"] for asked in entra.identity.requests[1:]]
    assert resources == [azure.DATABRICKS, "https://management.core.windows.net/"]


async def test_entra_says_no(entra: Simulator) -> None:
    """Its own words, without the secret."""
    login = entra_login(entra, client_secret=Secret("wrong-secret"))
    async with fleet_of(entra, login) as fleet:
        with pytest.raises(WorkspaceDown, match="invalid_client: AADSTS7000215") as caught:
            await fleet["one"].call("clusters.list")

    assert "wrong-secret" not in str(caught.value)


async def test_bad_logins_with_an_issuer_do_not_stop_the_good_ones(
    entra: Simulator,
) -> None:
    """Nor those of workspaces that come after them."""
    host = entra["one"].host
    logins = [entra_login(entra, client_secret=Secret(f"wrong-{n}")) for n in range(5)]
    configs = [
        WorkspaceConfig(str(number), host, login=login)
        for number, login in enumerate([*logins, entra_login(entra)])
    ]
    async with Fleet(configs) as fleet:
        for number in range(5):
            with pytest.raises(WorkspaceDown):
                await fleet[str(number)].call("clusters.list")

        assert await fleet["5"].call("clusters.list")


@pytest.mark.parametrize("named", [False, True])
async def test_the_identity_of_a_machine(entra: Simulator, *, named: bool) -> None:
    """Asked of the address that only the machine reaches; one token for all workspaces."""
    client_id = entra.identity.client_id if named else ""
    async with fleet_of(entra, AzureMsi(client_id)) as fleet:
        await look(fleet)

    (asked,) = entra.identity.requests
    assert asked.path == "/metadata/identity/oauth2/token"
    assert asked.parameters.get("client_id", "") == client_id


async def test_the_identity_of_a_container(
    entra: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """App Service and its kin say where to ask, and with which header."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{entra.identity.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", entra.identity.msi_header)
    async with fleet_of(entra, AzureMsi()) as fleet:
        await look(fleet)

    (asked,) = entra.identity.requests
    assert asked.path == "/msi/token"


@pytest.mark.parametrize(
    ("host", "said", "authority"),
    [
        ("https://adb-1.2.azuredatabricks.net", "", "https://login.microsoftonline.com"),
        (
            "https://adb-1.2.azuredatabricks.net",
            "CHINA",
            "https://login.microsoftonline.com",
        ),
        ("https://adb-1.2.databricks.azure.us", "", "https://login.microsoftonline.us"),
        ("https://adb-1.2.databricks.azure.cn", "", "https://login.chinacloudapi.cn"),
        ("https://mine.example", "USGOVERNMENT", "https://login.microsoftonline.us"),
        ("https://mine.example", "", "https://login.microsoftonline.com"),
        ("https://eviladb.net", "", "https://login.microsoftonline.com"),
    ],
)
def test_the_cloud_of_a_host(host: str, said: str, authority: str) -> None:
    """As its name says; the settings count where it does not."""
    assert azure.cloud_of(WorkspaceConfig("w", host), said).authority == authority


# --- what the official SDK does ---------------------------------------------------------


def program(folder: Path, name: str, text: str) -> None:
    """Put a program on the path."""
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


CLI = """
import json, sys
from pathlib import Path
home = Path({home!r})
(home / "asked").open("a").write(" ".join(sys.argv[1:]) + "\\n")
if sys.argv[1] == "version":
    print(json.dumps({{"Version": "0.300.0", "Major": 0, "Minor": 300, "Patch": 0}}))
else:
    print(json.dumps({{"access_token": (home / "token").read_text(), "token_type": "Bearer",
                      "expiry": "2099-01-01T00:00:00Z"}}))
"""


async def test_the_databricks_cli(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK runs it, in a thread; another token in the environment is not looked at."""
    program(tmp_path, "databricks", CLI.format(home=str(tmp_path)))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-of-somebody-else")
    one = simulator["one"]
    (tmp_path / "token").write_text(one.token)
    login = Sdk("databricks-cli", {"host": Secret(one.host)})
    async with Fleet([WorkspaceConfig("one", one.host, login=login)]) as fleet:
        await look(fleet)
        one.logins.pat_valid = False
        with pytest.raises(CallError):
            await fleet["one"].call("clusters.list")

    tokens = [
        line
        for line in (tmp_path / "asked").read_text().splitlines()
        if line.startswith("auth token")
    ]
    assert tokens
    assert all(f"--host {one.host}" in line for line in tokens)


async def test_what_the_sdk_cannot_do_says_why(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In its words, once for the workspace, and without what is secret."""
    monkeypatch.setenv("PATH", str(tmp_path))
    one = simulator["one"]
    said = {"host": one.host, "google_credentials": '{"private_key": "canary"}'}
    login = Sdk("google-credentials", {key: Secret(said[key]) for key in said})
    async with Fleet([WorkspaceConfig("one", one.host, login=login)]) as fleet:
        with pytest.raises(WorkspaceDown, match="the login failed: the official SDK") as no:
            await fleet["one"].call("clusters.list")

    assert "canary" not in str(no.value)


def test_the_sdk_is_imported_only_when_it_is_needed() -> None:
    """It takes more than a second."""
    code = (
        "import sys, asyncdbx.fleet, asyncdbx.auth.by_sdk;"
        "sys.exit('databricks.sdk' in sys.modules)"
    )
    run = [sys.executable, "-c", code]
    assert subprocess.run(run, check=False).returncode == 0  # noqa: S603 - our own
