"""Hosts that are dark, whose clock is wrong, that send elsewhere or say too much."""

import asyncio
import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson
import pytest

from asyncdbx.simulator import Fault, SimulatedWorkspace, Simulator
from asyncdbx.simulator.faults import Kind

pytestmark = pytest.mark.wire
LIST = "/api/2.0/dbfs/list?path=/"
ELSEWHERE = "http://127.0.0.1:9/elsewhere"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that gives up connecting after a tenth of a second."""
    timeout = aiohttp.ClientTimeout(sock_connect=0.1)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield session


async def _get(
    session: aiohttp.ClientSession, workspace: SimulatedWorkspace, path: str = LIST
) -> tuple[int, str, Any]:
    headers = {"Authorization": f"Bearer {workspace.token}"}
    url = f"{workspace.host}{path}"
    async with session.get(url, headers=headers, allow_redirects=False) as response:
        return response.status, await response.text(), response.headers


async def test_a_dark_host_neither_accepts_nor_refuses(
    session: aiohttp.ClientSession,
) -> None:
    """Connecting times out; switched off it refuses, and switched on it answers."""
    async with Simulator(1, scale=0.1) as fleet:
        prod = fleet["prod"]
        host = prod.host
        assert (await _get(session, prod))[0] == 200
        await prod.go_dark()
        for _ in range(3):
            with pytest.raises(aiohttp.ConnectionTimeoutError):
                await _get(session, prod)
        await prod.stop()
        with pytest.raises(aiohttp.ClientConnectorError):
            await _get(session, prod)
        await prod.go_dark()
        await prod.go_dark()
        await prod.start()
        assert (await _get(session, prod))[0] == 200
        assert prod.host == host


async def test_a_host_may_be_dark_before_it_ever_answered() -> None:
    """It has a port all the same."""
    fleet = Simulator(1, scale=0.1)
    await fleet["prod"].go_dark()
    assert not fleet["prod"].host.endswith(":0")
    await fleet["prod"].stop()


async def test_a_wrong_clock_shows_in_every_answer(session: aiohttp.ClientSession) -> None:
    """In the Date of answers and refusals, and in the Retry-After that is a date."""
    async with Simulator(1, scale=0.1, retry_after="date") as fleet:
        prod = fleet["prod"]
        prod.skew = 3600.0
        answers = await asyncio.gather(*(_get(session, prod) for _ in range(40)))
        for header in ("Date", "Retry-After"):
            said = [headers[header] for _, _, headers in answers if header in headers]
            moment = parsedate_to_datetime(said[0]).timestamp()
            assert abs(moment - time.time() - 3600) < 5
        prod.skew = 0.0
        moment = parsedate_to_datetime((await _get(session, prod))[2]["Date"]).timestamp()
        assert abs(moment - time.time()) < 5


@pytest.mark.parametrize(("kind", "status"), [("302", 302), ("307", 307)])
async def test_a_host_may_send_elsewhere(
    session: aiohttp.ClientSession, kind: Kind, status: int
) -> None:
    """Every path: of the API, of the login, and what tells where that is."""
    faults = {"prod": [Fault("/", kind, redirect_to=ELSEWHERE)]}
    async with Simulator(1, scale=0.1, faults=faults) as fleet:
        for path in (
            LIST,
            "/.well-known/databricks-config",
            "/oidc/.well-known/oauth-authorization-server",
        ):
            found, _, headers = await _get(session, fleet["prod"], path)
            assert (found, headers["Location"]) == (status, ELSEWHERE)
        url = f"{fleet['prod'].host}/oidc/v1/token"
        async with session.post(url, data={}, allow_redirects=False) as response:
            assert response.status == status


async def test_a_gateway_may_repeat_the_credential(session: aiohttp.ClientSession) -> None:
    """A 403, or at a login a 400, with the Authorization header in its message."""
    async with Simulator(1, scale=0.1) as fleet:
        prod = fleet["prod"]
        prod.faults.append(Fault("/", "echo"))
        status, body, _ = await _get(session, prod)
        assert (status, f"Authorization: Bearer {prod.token}" in body) == (403, True)
        headers = {"Authorization": "Basic c2VjcmV0"}
        url = f"{prod.host}/oidc/v1/token"
        async with session.post(url, data={}, headers=headers) as response:
            assert response.status == 400
            assert "Authorization: Basic c2VjcmV0" in await response.text()


async def test_one_directory_may_take_too_long(session: aiohttp.ClientSession) -> None:
    """It is in flight until the gateway gives up; all others are answered at once."""
    fault = Fault("/api/2.0/dbfs/list", "timeout", None, "", ("path", "/mnt/big"), 0.3)
    async with Simulator(1, scale=0.1, faults={"prod": [fault]}) as fleet:
        prod = fleet["prod"]
        begin = time.monotonic()
        slow = asyncio.create_task(_get(session, prod, f"{LIST}mnt%2Fbig"))
        while not prod.stats():  # noqa: ASYNC110 - nothing tells that it arrived
            await asyncio.sleep(0)
        for path in (LIST, f"{LIST}mnt%2Fbigger", f"{LIST}mnt&note=/mnt/big"):
            assert (await _get(session, prod, path))[0] in (200, 404)
        status = "/api/2.0/dbfs/get-status?path=/mnt/big"
        assert (await _get(session, prod, status))[0] == 404
        assert not slow.done()
        assert prod.stats()["dbfs"].most_in_flight == 2
        code, body, _ = await slow
        assert time.monotonic() - begin >= 0.3
        assert (code, orjson.loads(body)) == (
            504,
            {
                "error_code": "TEMPORARILY_UNAVAILABLE",
                "message": "The service at /api/2.0/dbfs/list?path=%2Fmnt%2Fbig is taking "
                "too long to process your request. Please try again later or try a faster "
                "operation. [TraceId: -]",
            },
        )
        stats = prod.stats()["dbfs"]
        assert (stats.accepted, stats.refused) == (5, 0)


async def test_what_took_too_long_was_done(session: aiohttp.ClientSession) -> None:
    """The gateway does not know; a fault that comes over the wire, by an argument in it."""
    async with Simulator(1, scale=0.1) as fleet:
        prod = fleet["prod"]
        fault = {"path_prefix": "/api/", "kind": "timeout", "times": 1}
        fault |= {"argument": ["path", "/late"], "seconds": 0.01}
        control = f"{fleet.control_url}/_simulator/faults?workspace=prod"
        async with session.post(control, json=[fault]) as response:
            assert response.status == 200
        headers = {"Authorization": f"Bearer {prod.token}"}
        url = f"{prod.host}/api/2.0/dbfs/mkdirs"
        codes: list[int] = []
        for path in ("/early", "/late", "/late"):
            async with session.post(url, headers=headers, json={"path": path}) as response:
                codes.append(response.status)
        assert codes == [200, 504, 200]
        status = "/api/2.0/dbfs/get-status?path=/late"
        assert (await _get(session, prod, status))[0] == 200


async def test_every_family_times_out_alike(session: aiohttp.ClientSession) -> None:
    """It is the gateway that speaks, not SCIM and not the account."""
    fault = Fault("/", "timeout", seconds=0.01)
    async with Simulator(1, scale=0.1, faults={"prod": [fault]}) as fleet:
        code, body, _ = await _get(session, fleet["prod"], "/api/2.0/preview/scim/v2/Users")
        assert (code, orjson.loads(body)["error_code"]) == (504, "TEMPORARILY_UNAVAILABLE")


async def test_a_whole_account_starts_at_once() -> None:
    """200 workspaces; the account knows the port of each, and who does not run."""
    begin = time.monotonic()
    async with Simulator(200, statuses={"dev": "FAILED"}) as fleet:
        assert time.monotonic() - begin < 5
        assert fleet.account is not None
        records = {
            record["workspace_name"]: record for record in fleet.account.truth("workspaces")
        }
        assert len({record["deployment_name"] for record in records.values()}) == 200
        for workspace in fleet.workspaces:
            record = records[workspace.name]
            assert workspace.host == f"http://{record['deployment_name']}"
            assert record["workspace_id"] == workspace.workspace_id
        not_running = {
            name: record["workspace_status"]
            for name, record in records.items()
            if record["workspace_status"] != "RUNNING"
        }
        assert not_running == {"dev": "FAILED"}
        fleet["dev"].status = "PROVISIONING"
        statuses = [r["workspace_status"] for r in fleet.account.truth("workspaces")]
        assert "PROVISIONING" in statuses
