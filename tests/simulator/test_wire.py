"""Over real sockets: credentials, limits, faults, switching off, the control port."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
import pytest

from asyncdbx.simulator import Fault, SimulatedWorkspace, Simulator
from asyncdbx.simulator.__main__ import main
from asyncdbx.simulator.faults import Kind

pytestmark = pytest.mark.wire
LIST = "/api/2.0/dbfs/list?path=/"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that follows no redirects by itself."""
    async with aiohttp.ClientSession() as session:
        yield session


async def _get(
    session: aiohttp.ClientSession, workspace: SimulatedWorkspace, path: str
) -> tuple[int, bytes, Any]:
    headers = {"Authorization": f"Bearer {workspace.token}"}
    url = f"{workspace.host}{path}"
    async with session.get(url, headers=headers, allow_redirects=False) as response:
        return response.status, await response.read(), response.headers


async def _mkdirs(session: aiohttp.ClientSession, workspace: SimulatedWorkspace) -> None:
    """POST, because aiohttp sends an idempotent request again by itself."""
    headers = {"Authorization": f"Bearer {workspace.token}"}
    url = f"{workspace.host}/api/2.0/dbfs/mkdirs"
    async with session.post(url, headers=headers, json={"path": "/new"}) as response:
        await response.read()


async def test_only_the_own_token_is_let_in(session: aiohttp.ClientSession) -> None:
    """No token or another workspace's is a 401; discovery needs none."""
    async with Simulator(2, scale=0.1) as fleet:
        prod, staging = fleet.workspaces
        status, body, _ = await _get(session, prod, LIST)
        assert (status, orjson.loads(body)["files"] != []) == (200, True)
        async with session.get(f"{prod.host}{LIST}") as response:
            assert response.status == 401
            assert orjson.loads(await response.read())["error_code"] == "UNAUTHENTICATED"
        headers = {"Authorization": f"Bearer {staging.token}"}
        async with session.get(f"{prod.host}{LIST}", headers=headers) as response:
            assert response.status == 401
        async with session.get(f"{prod.host}/.well-known/databricks-config") as response:
            facts = orjson.loads(await response.read())
        assert facts["account_id"] == fleet.account_id
        _, _, headers_of_me = await _get(session, prod, "/api/2.0/preview/scim/v2/Me")
        assert headers_of_me["X-Databricks-Org-Id"] == facts["workspace_id"]


async def test_a_wrong_host_answers_with_html(session: aiohttp.ClientSession) -> None:
    """A browser's path, or a workspace's path on the account host: 200, a login page."""
    async with Simulator(1, scale=0.1) as fleet:
        for name, path in (("prod", "/"), ("prod", "/login.html"), ("account", LIST)):
            status, body, headers = await _get(session, fleet[name], path)
            assert (status, headers["Content-Type"]) == (200, "text/html")
            assert body.startswith(b"<!doctype html>")


async def test_the_account_says_no_in_plain_text(session: aiohttp.ClientSession) -> None:
    """CODE: text; its SCIM has SCIM's shape."""
    async with Simulator(1, scale=0.1) as fleet:
        path = f"/api/2.0/accounts/{fleet.account_id}"
        status, body, _ = await _get(session, fleet["account"], f"{path}/networks/x")
        assert (status, body) == (
            404,
            b"RESOURCE_DOES_NOT_EXIST: networks x does not exist.",
        )
        status, body, _ = await _get(
            session, fleet["account"], "/api/2.0/accounts/x/networks"
        )
        assert (status, body) == (
            404,
            b"RESOURCE_DOES_NOT_EXIST: Account x does not exist.",
        )
        path += "/scim/v2/Users/1"
        status, body, _ = await _get(session, fleet["account"], path)
        assert (status, orjson.loads(body)["detail"]) == (404, "User with id 1 not found.")


async def test_a_lane_lets_its_quota_through_and_no_more(
    session: aiohttp.ClientSession,
) -> None:
    """45 calls at once: 30 answers, 15 refusals; other lanes do not care."""
    async with Simulator(2, scale=0.1) as fleet:
        prod, staging = fleet.workspaces
        calls = [_get(session, prod, LIST) for _ in range(45)]
        begin = time.monotonic()
        answers = await asyncio.gather(*calls)
        assert time.monotonic() - begin < 1  # or the window has moved on
        refused = [(body, headers) for status, body, headers in answers if status == 429]
        assert len(refused) == 15
        body, headers = refused[0]
        assert orjson.loads(body)["error_code"] in (
            "REQUEST_LIMIT_EXCEEDED",
            "RESOURCE_EXHAUSTED",
        )
        assert headers["Retry-After"] == "1"
        assert (await _get(session, staging, LIST))[0] == 200
        assert (await _get(session, prod, "/api/2.1/clusters/list"))[0] == 200
        stats = prod.stats()["dbfs"]
        assert (stats.accepted, stats.too_fast, stats.too_many) == (30, 15, 0)
        assert fleet.stats()["staging"]["dbfs"].accepted == 1


@pytest.mark.parametrize(("retry_after", "kind"), [("none", "bucket"), ("date", "sliding")])
async def test_retry_after_may_be_a_date_or_missing(
    session: aiohttp.ClientSession, retry_after: Any, kind: Any
) -> None:
    """As the fleet is told; the bucket is the other limiter."""
    async with Simulator(1, scale=0.1, retry_after=retry_after, limiter=kind) as fleet:
        path = "/api/2.0/mlflow/experiments/list"
        answers = await asyncio.gather(
            *(_get(session, fleet["prod"], path) for _ in range(20))
        )
        headers = next(headers for status, _, headers in answers if status == 429)
        if retry_after == "none":
            assert "Retry-After" not in headers
        else:
            assert parsedate_to_datetime(headers["Retry-After"]).tzinfo is not None


@pytest.mark.parametrize(
    ("path", "at_once", "admitted", "status"),
    [(LIST, 25, 20, 429), ("/api/2.0/preview/scim/v2/Users", 6, 4, 500)],
)
async def test_too_many_at_once_are_refused_in_their_own_words(
    session: aiohttp.ClientSession, path: str, at_once: int, admitted: int, status: int
) -> None:
    """429 without Retry-After; SCIM says it as a 500."""
    async with Simulator(1, scale=0.1, latency=0.3) as fleet:
        prod = fleet["prod"]
        answers = await asyncio.gather(*(_get(session, prod, path) for _ in range(at_once)))
        refused = [(body, headers) for code, body, headers in answers if code == status]
        assert len(refused) == at_once - admitted
        body, headers = refused[0]
        text = f"exceeded the concurrent limit of {admitted} requests."
        assert text.encode() in body
        assert "Retry-After" not in headers
        lane = next(iter(prod.stats().values()))
        assert (lane.most_in_flight, lane.too_many) == (admitted, at_once - admitted)


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        ("deny", 403, b"PERMISSION_DENIED"),
        ("disabled", 404, b"FEATURE_DISABLED"),
        ("500", 500, b"INTERNAL_ERROR"),
        ("503", 503, b"TEMPORARILY_UNAVAILABLE"),
        ("429", 429, b"RESOURCE_EXHAUSTED"),
        ("html", 200, b"<!doctype html>"),
        ("login", 302, b""),
    ],
)
async def test_a_fault_comes_as_often_as_it_says(
    session: aiohttp.ClientSession, kind: Kind, status: int, words: bytes
) -> None:
    """Only on its path; afterwards everything is as before."""
    faults = {"prod": [Fault("/api/2.0/dbfs", kind, times=2)]}
    async with Simulator(1, scale=0.1, faults=faults) as fleet:
        answers = [await _get(session, fleet["prod"], LIST) for _ in range(3)]
        assert [code for code, _, _ in answers] == [status, status, 200]
        assert words in answers[0][1]
        assert (await _get(session, fleet["prod"], "/api/2.1/clusters/list"))[0] == 200


@pytest.mark.parametrize("kind", ["cut", "reset", "lost"])
async def test_a_connection_may_break(session: aiohttp.ClientSession, kind: Kind) -> None:
    """In the middle of the body, before it, or after the call was done."""
    async with Simulator(1, scale=0.1) as fleet:
        prod = fleet["prod"]
        prod.faults.append(Fault("/api/2.0/dbfs", kind, times=1))
        with pytest.raises(aiohttp.ClientError):
            await _mkdirs(session, prod)
        assert (await _get(session, prod, "/api/2.0/dbfs/get-status?path=/new"))[0] == (
            404 if kind == "reset" else 200
        )
        assert (await _get(session, prod, LIST))[0] == 200


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("repeat_token", ["clusters", "next_page_token"]),
        ("endless_tokens", ["next_page_token"]),
        ("lost_token", ["clusters", "has_more"]),
        ("no_key", ["next_page_token", "ok"]),
    ],
)
async def test_paging_may_go_wrong(
    session: aiohttp.ClientSession, kind: Kind, keys: list[str]
) -> None:
    """The answer is a 200 whose tokens or keys lead nowhere."""
    async with Simulator(1, scale=0.1) as fleet:
        fleet["prod"].faults.append(Fault("/api/2.1/clusters", kind))
        path = "/api/2.1/clusters/list?page_size=5"
        first = orjson.loads((await _get(session, fleet["prod"], path))[1])
        assert sorted(first) == keys
        if kind.endswith("tokens"):
            path += f"&page_token={first['next_page_token'].replace('+', '%2B')}"
            second = orjson.loads((await _get(session, fleet["prod"], path))[1])
            assert second["next_page_token"] != first["next_page_token"]


async def test_a_workspace_can_be_switched_off_and_on(
    session: aiohttp.ClientSession,
) -> None:
    """Calls under way are reset, new ones refused; then it is as before."""
    async with Simulator(2, scale=0.1, latency=5.0) as fleet:
        prod = fleet["prod"]
        under_way = asyncio.create_task(_get(session, prod, LIST))
        while not prod.stats():  # noqa: ASYNC110 - nothing tells that it arrived
            await asyncio.sleep(0)
        await prod.stop()
        with pytest.raises(aiohttp.ClientError):
            await under_way
        with pytest.raises(aiohttp.ClientConnectorError):
            await _get(session, prod, LIST)
        prod.server.latency = 0
        await prod.start()
        assert (await _get(session, prod, LIST))[0] == 200


async def test_large_answers_are_compressed_for_who_accepts_it(
    session: aiohttp.ClientSession,
) -> None:
    """The default is gzip; a fleet can do without."""
    for compress, expected in ((True, "gzip"), (False, None)):
        async with Simulator(1, scale=0.1, gzip=compress) as fleet:
            _, body, headers = await _get(session, fleet["prod"], "/api/2.2/jobs/list")
            assert headers.get("Content-Encoding") == expected
            assert len(orjson.loads(body)) > 0


async def test_page_tokens_expire_of_one_workspace(session: aiohttp.ClientSession) -> None:
    """At the control port; the tokens of others are as good as before."""
    async with Simulator(2, scale=0.1) as fleet:
        paths: list[tuple[SimulatedWorkspace, str]] = []
        for workspace in fleet.workspaces:
            path = "/api/2.1/clusters/list?page_size=2"
            page = orjson.loads((await _get(session, workspace, path))[1])
            paths.append((workspace, f"{path}&page_token={quote(page['next_page_token'])}"))
        control = f"{fleet.control_url}/_simulator/expire?workspace=prod"
        async with session.post(control) as response:
            assert response.status == 200
        codes = [(await _get(session, *each))[0] for each in paths]
        assert codes == [400, 200]


def _run(tmp_path: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    files = ["--config-out", str(tmp_path / "cfg"), "--ready-file", str(tmp_path / "ready")]
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "asyncdbx.simulator", *arguments, *files],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


async def _ready(tmp_path: Path, process: "subprocess.Popen[bytes]") -> Any:
    while not (tmp_path / "ready").exists():
        assert process.poll() is None
        await asyncio.sleep(0.02)
    return orjson.loads((tmp_path / "ready").read_bytes())


async def test_a_fleet_ends_with_the_pipe_that_it_reads(tmp_path: Path) -> None:
    """Whoever started it may die in any way: its end of the pipe closes."""
    process = _run(tmp_path, "--workspaces", "1", "--scale", "0.1", "--while-stdin")
    try:
        await _ready(tmp_path, process)
        assert process.communicate(timeout=10) == (b"", b"")
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("fuse", "words"),
    [("nowhere=3", "no workspace 'nowhere'"), ("prod=soon", "--stop-after")],
)
def test_a_fuse_that_makes_no_sense_is_a_usage_error(
    fuse: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and one sentence, before anything is started."""
    with pytest.raises(SystemExit, match="2"):
        main(["--stop-after", fuse])
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--dark=x", "no workspace 'x'"),
        ("--deny=x", "no workspace 'x'"),
        ("--expired=x", "no workspace 'x'"),
        ("--status=x=FAILED", "no workspace 'x'"),
        ("--skew=x=5", "no workspace 'x'"),
        ("--skew=prod=late", "--skew"),
        ("--status=FAILED", "--status"),
    ],
)
def test_an_oddity_that_makes_no_sense_is_a_usage_error(
    option: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a workspace that there is not, or without a value."""
    with pytest.raises(SystemExit, match="2"):
        main([option])
    assert words in capsys.readouterr().err


async def test_a_fleet_of_its_own_may_be_odd(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    """Profiles by OAuth; a status, a clock, a member and a wire that are not as usual."""
    process = _run(
        tmp_path,
        *("--workspaces", "3", "--scale", "0.1", "--login", "oauth-m2m", "--identity"),
        *("--token-life", "50", "--status", "dev=FAILED", "--skew", "prod=-7200"),
        *("--deny", "staging", "--dark", "dev"),
    )
    try:
        facts = await _ready(tmp_path, process)
        account = facts["workspaces"]["account"]
        lines = (tmp_path / "cfg").read_text().partition("[account]\n")[2].split("\n")
        assert lines[:-1] == [
            f"{key} = {account[key]}"
            for key in ("host", "client_id", "client_secret", "account_id")
        ]
        assert facts["identity"].startswith("http://127.0.0.1:")
        await _look_at_oddities(session, facts)
    finally:
        process.kill()
        process.communicate()


async def _look_at_oddities(session: aiohttp.ClientSession, facts: Any) -> None:
    hosts, control = facts["workspaces"], f"{facts['control']}/_simulator"

    async def login(name: str, root: str = "/oidc") -> tuple[Any, Any]:
        form = {"grant_type": "client_credentials", "scope": "all-apis"}
        keys = ("client_id", "client_secret")
        form |= {key: hosts[name][key] for key in keys}
        async with session.post(f"{hosts[name]['host']}{root}/v1/token", data=form) as got:
            return orjson.loads(await got.read()), got.headers

    answer, headers = await login("prod")
    late = time.time() - parsedate_to_datetime(headers["Date"]).timestamp()
    assert (answer["expires_in"], round(late / 100)) == (50, 72)
    assert (await login("staging"))[0]["error"] == "invalid_client"
    with pytest.raises(aiohttp.ConnectionTimeoutError):
        await session.get(
            hosts["dev"]["host"], timeout=aiohttp.ClientTimeout(sock_connect=0.1)
        )
    account_id = hosts["account"]["account_id"]
    answer, _ = await login("account", f"/oidc/accounts/{account_id}")
    bearer = {"Authorization": f"Bearer {answer['access_token']}"}
    url = f"{hosts['account']['host']}/api/2.0/accounts/{account_id}/workspaces"
    async with session.get(url, headers=bearer) as listed:
        found = {each["workspace_name"]: each for each in await listed.json()}
    assert [each["workspace_status"] for each in found.values()] == [
        "RUNNING",
        "RUNNING",
        "FAILED",
    ]
    assert f"http://{found['dev']['deployment_name']}" == hosts["dev"]["host"]
    await session.post(f"{control}/revoke?workspace=account")
    async with session.get(url, headers=bearer) as refused:
        assert refused.status == 401
    async with session.get(f"{control}/logins?workspace=staging") as counted:
        assert await counted.json() == {"requests": 1, "issued": 0}
    await session.post(f"{control}/dark?workspace=prod")
    with pytest.raises(aiohttp.ConnectionTimeoutError):
        await session.get(
            hosts["prod"]["host"], timeout=aiohttp.ClientTimeout(sock_connect=0.1)
        )


async def test_a_fleet_in_a_process_of_its_own(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    """It writes profiles, obeys its control port, and ends silently with 0."""
    process = _run(
        tmp_path, "--workspaces", "2", "--scale", "0.1", "--stop-after", "staging=3"
    )
    try:
        facts = await _ready(tmp_path, process)
        assert [*facts["workspaces"]] == ["prod", "staging", "account"]
        text = (tmp_path / "cfg").read_text()
        assert f"[account]\nhost = {facts['workspaces']['account']['host']}\n" in text
        assert (tmp_path / "cfg").stat().st_mode & 0o777 == 0o600
        await _look_around(session, facts)
        process.terminate()
        assert process.communicate(timeout=10) == (b"", b"")
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


async def _look_around(session: aiohttp.ClientSession, facts: Any) -> None:
    control, hosts = facts["control"], facts["workspaces"]

    async def ask(path: str, method: str = "GET") -> Any:
        async with session.request(method, f"{control}/_simulator/{path}") as response:
            return orjson.loads(await response.read())

    prod = hosts["prod"]
    headers = {"Authorization": f"Bearer {prod['token']}"}
    async with session.get(f"{prod['host']}{LIST}", headers=headers) as response:
        listed = orjson.loads(await response.read())["files"]
    truth = await ask("truth?workspace=prod&resource=dbfs")
    assert [row["record"] for row in truth if row["parent"] == "/"] == listed
    stats = (await ask("stats?workspace=prod"))["prod"]["dbfs"]
    assert (stats["accepted"], stats["refused"], stats["accepted_each_second"]) == (
        1,
        0,
        [1],
    )
    assert "permissions" in (await ask("fleet"))["prod"]["resources"]
    url = f"{hosts['staging']['host']}/.well-known/databricks-config"
    codes = [(await session.get(url)).status for _ in range(3)]
    assert codes == [200] * 3
    with pytest.raises(aiohttp.ClientError):
        while True:  # its fuse burns down after the third answer
            await session.get(url)
    assert await ask("stop?workspace=prod", "POST") == {}
    with pytest.raises(aiohttp.ClientError):
        await session.get(f"{prod['host']}{LIST}")
