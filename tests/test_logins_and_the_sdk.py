"""What a login sends, beside what the official SDK sends for the same settings."""

import asyncio
import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch
from urllib.parse import parse_qsl

import orjson
import pytest
from aiohttp import web
from aiohttp.web_request import BaseRequest
from databricks.sdk.config import Config
from databricks.sdk.environments import AzureEnvironment, Cloud, DatabricksEnvironment

from asyncdbx.auth import azure
from asyncdbx.config import resolve
from asyncdbx.fleet import Fleet

pytestmark = pytest.mark.wire

TOKEN = {"access_token": "a.b.c", "token_type": "Bearer", "expires_in": 3600}
ASKED = ("authorization", "metadata", "x-databricks-azure-workspace-resource-id")
RESOURCE = "/subscriptions/s/resourceGroups/g/providers/x/workspaces/w"


class Sent(NamedTuple):
    """One request: what of it matters to an issuer."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    form: tuple[tuple[str, str], ...]


class Recorder:
    """A host that gives everybody a token, and notes what it was sent."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.url = ""

    async def answer(self, request: BaseRequest) -> web.Response:
        headers = tuple((k, request.headers[k]) for k in ASKED if k in request.headers)
        query = tuple(parse_qsl(request.query_string))
        form = tuple(sorted(parse_qsl((await request.read()).decode())))
        self.sent.append(Sent(request.method, request.path, query, headers, form))
        return web.Response(
            body=orjson.dumps(self._body(request.path)), content_type="application/json"
        )

    def _body(self, path: str) -> Any:
        if path == "/.well-known/databricks-config":
            return {"oidc_endpoint": f"{self.url}/oidc", "workspace_id": "7"}
        if path.endswith("oauth-authorization-server"):
            return {"token_endpoint": f"{self.url}/oidc/v1/token"}
        return {"value": "j.w.t"} if path == "/github" else TOKEN

    def taken(self) -> list[Sent]:
        """Return what was sent to issuers since the last time."""
        sent, self.sent = self.sent, []
        return [each for each in sent if not each.path.startswith("/api/")]


@asynccontextmanager
async def recording() -> AsyncGenerator[Recorder]:
    recorder = Recorder()
    runner = web.ServerRunner(web.Server(recorder.answer), shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    recorder.url = "http://{}:{}".format(*runner.addresses[0][:2])
    yield recorder
    await runner.cleanup()


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    keep = {k: v for k, v in os.environ.items() if k.startswith(("PYTEST", "PATH"))}
    with patch.dict(os.environ, {**keep, "HOME": str(tmp_path)}, clear=True):
        yield


def of_sdk(**more: Any) -> None:
    Config(profile="p", **more).authenticate()


async def of_us(home: Path) -> None:
    configs = resolve(["p"], environ=os.environ, home=home)
    async with Fleet(configs) as fleet:
        await fleet["p"].log_in()


LOGINS = {
    "m2m": "client_id = c-1\nclient_secret = dose+/=%&1\n",
    "m2m, scopes": "client_id = c\nclient_secret = s\nscopes = sql, clusters sql\n",
    "m2m, a group": "client_id = c\nclient_secret = s\ngroup_id = 77\n",
    "m2m, details": 'client_id = c\nclient_secret = s\nauthorization_details = [{"a":1}]\n',
    "file": "auth_type = file-oidc\nclient_id = c\noidc_token_filepath = {home}/jwt\n",
    "file, the account's": "auth_type = file-oidc\noidc_token_filepath = {home}/jwt\n",
    "variable": "auth_type = env-oidc\nclient_id = c\noidc_token_env = MINE\n",
    "github": "auth_type = github-oidc\nclient_id = c\n",
    "github, mine": "auth_type = github-oidc\nclient_id = c\ntoken_audience = mine\n",
}


@pytest.mark.parametrize("login", LOGINS)
async def test_databricks_tokens(login: str, tmp_path: Path) -> None:
    """The same questions, and the same request for a token, letter for letter."""
    async with recording() as recorder:
        (tmp_path / "jwt").write_text("j.w.t\n")
        settings = LOGINS[login].replace("{home}", str(tmp_path))
        (tmp_path / ".databrickscfg").write_text(f"[p]\nhost = {recorder.url}\n{settings}")
        os.environ["MINE"] = "j.w.t"
        os.environ["ACTIONS_ID_TOKEN_REQUEST_URL"] = f"{recorder.url}/github?v=1"
        os.environ["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = "request-token"

        await asyncio.to_thread(of_sdk)
        theirs = recorder.taken()
        await of_us(tmp_path)
        ours = recorder.taken()

    # The SDK asks GitHub a second time for each token, and discovery more than once.
    assert ours == list(dict.fromkeys(ours))
    assert set(ours) == set(theirs)
    assert ours[-1] == theirs[-1]


@pytest.mark.parametrize("resource", ["", RESOURCE])
async def test_entra(
    resource: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token for Databricks; that for the management API only where it is of use."""
    async with recording() as recorder:
        cloud = azure.Cloud(recorder.url, "https://management.core.windows.net/")
        monkeypatch.setitem(azure.CLOUDS, "PUBLIC", cloud)
        entra = AzureEnvironment("PUBLIC", cloud.management, "x", f"{recorder.url}/")
        place = DatabricksEnvironment(Cloud.AZURE, "", azure.DATABRICKS, entra)
        (tmp_path / ".databrickscfg").write_text(
            f"[p]\nhost = {recorder.url}\nazure_client_id = c\nazure_tenant_id = t\n"
            f"azure_client_secret = s+/=&\nazure_workspace_resource_id = {resource}\n"
        )

        await asyncio.to_thread(of_sdk, databricks_environment=place)
        theirs = [each for each in recorder.taken() if each.method == "POST"]
        await of_us(tmp_path)
        ours = recorder.taken()

    # The SDK also sends a scope, which this version of the endpoint has no use for.
    theirs = [each._replace(form=_without_scope(each.form)) for each in theirs]
    assert ours == (theirs if resource else theirs[:1])


def _without_scope(form: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in form if pair[0] != "scope")
