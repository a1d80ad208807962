"""Calls whose answer found nobody, and calls that were answered before."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

import aiohttp
import orjson
import pytest

from asyncdbx.simulator import Calls, Fault, SimulatedWorkspace, Simulator
from asyncdbx.simulator.ledger import Ledger

pytestmark = pytest.mark.wire
LIST = "/api/2.0/dbfs/list?path=/"
MKDIRS = "/api/2.0/dbfs/mkdirs"


@pytest.fixture
async def prod() -> AsyncIterator[SimulatedWorkspace]:
    """A workspace with a directory whose list fits into no buffer on its way."""
    async with Simulator(1, scale=0.1, directories={"prod": [1_000_000]}) as fleet:
        yield fleet["prod"]


class Wire:
    """A client that reads nothing of itself."""

    def __init__(self, workspace: SimulatedWorkspace) -> None:
        self._workspace = workspace
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> Self:
        host, _, port = self._workspace.address.partition(":")
        await self._loop.sock_connect(self._socket, (host, int(port)))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._socket.close()

    async def ask(self, path: str = "/") -> None:
        """Ask for a directory's list."""
        bearer = f"Authorization: Bearer {self._workspace.token}"
        head = f"GET /api/2.0/dbfs/list?path={path} HTTP/1.1\r\nHost: x\r\n{bearer}\r\n\r\n"
        await self._loop.sock_sendall(self._socket, head.encode())

    async def read(self) -> bytes:
        """Read what has arrived, which is all of a short answer."""
        return await self._loop.sock_recv(self._socket, 1 << 20)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - nothing tells of what a server counts
            await asyncio.sleep(0.005)


async def test_an_answer_that_was_read_was_heard(prod: SimulatedWorkspace) -> None:
    """Whether more follow on the connection or it ends."""
    async with Wire(prod) as wire:
        for _ in range(3):
            await wire.ask()
            assert (await wire.read()).endswith(b"}")
    await until(lambda: not prod.server.ledger._on_its_way)
    assert prod.calls() == Calls(3, 0, 2, ((f"GET {LIST}", 3),))


async def test_a_client_may_go_before_it_is_answered(prod: SimulatedWorkspace) -> None:
    """The call was made all the same; that it is made again is no repetition."""
    prod.server.latency = 0.1
    async with Wire(prod) as wire:
        await wire.ask()
        await until(lambda: prod.calls().accepted == 1)
    await until(lambda: prod.calls().unheard == 1)
    async with Wire(prod) as wire:
        await wire.ask()
        await wire.read()
    assert prod.calls() == Calls(2, 1, 0, ())


async def test_a_client_may_go_with_its_answer_unread(prod: SimulatedWorkspace) -> None:
    """It had arrived, but nobody took it; the one before was read."""
    async with Wire(prod) as wire:
        await wire.ask()
        await wire.read()
        await wire.ask("/mnt")
        await until(lambda: _answered(prod) == 2)
    await until(lambda: prod.calls().unheard == 1)
    async with Wire(prod) as wire:
        for path in ("/mnt", "/"):
            await wire.ask(path)
            await wire.read()
    assert prod.calls() == Calls(4, 1, 1, ((f"GET {LIST}", 2),))


def _answered(prod: SimulatedWorkspace) -> int:
    ledger = prod.server.ledger
    return sum(ledger._times.values()) + ledger.unheard


async def test_a_client_may_go_in_the_middle(prod: SimulatedWorkspace) -> None:
    """Of an answer that is made while it is read; it is counted once."""
    async with Wire(prod) as wire:
        await wire.ask("/huge")
        await wire.read()
    await until(lambda: prod.calls().unheard == 1)
    async with Wire(prod) as wire:
        await wire.ask()
        await wire.read()
    await until(lambda: not prod.server.ledger._on_its_way)
    assert prod.calls() == Calls(2, 1, 0, ())


CLIENT = """
import socket, sys
port, token, *paths = sys.argv[1:]
wires = [socket.create_connection(("127.0.0.1", int(port))) for _ in paths]
for wire, path in zip(wires, paths):
    url = f"/api/2.0/dbfs/list?path={path}"
    head = f"GET {url} HTTP/1.1\\r\\nHost: x\\r\\nAuthorization: Bearer {token}\\r\\n\\r\\n"
    wire.sendall(head.encode())
wires[0].recv(1 << 20)
print("read one", flush=True)
sys.stdin.read()
"""


async def test_a_client_may_be_killed(prod: SimulatedWorkspace) -> None:
    """What it had read was heard; what lay before it or was on its way was not."""
    port = prod.address.partition(":")[2]
    client = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CLIENT, port, prod.token, "/", "/mnt", "/huge"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert client.stdout is not None
    await client.stdout.readline()
    await until(lambda: _answered(prod) == 2)
    client.kill()
    await client.communicate()
    await until(lambda: prod.calls().unheard == 2)
    assert prod.calls() == Calls(3, 2, 0, ())


async def test_what_the_server_does_is_not_the_clients_doing(
    prod: SimulatedWorkspace,
) -> None:
    """A fault swallows an answer, a workspace is switched off: nobody went away."""
    prod.faults.append(Fault("/api/2.0/dbfs", "lost", 1))
    async with Wire(prod) as wire:
        await wire.ask()
        with pytest.raises(ConnectionResetError):
            await wire.read()
    prod.server.latency = 0.05
    async with Wire(prod) as wire:
        await wire.ask()
        await until(lambda: prod.calls().accepted == 2)
        await prod.stop()
        with pytest.raises(ConnectionResetError):
            await wire.read()
    await asyncio.sleep(0.1)
    assert prod.calls() == Calls(2, 0, 0, ())


async def test_alike_is_what_asks_for_the_same_in_the_same_words() -> None:
    """By method, path, query and body; only successes, and only of calls let through."""
    async with Simulator(2, scale=0.1) as fleet, aiohttp.ClientSession() as session:
        prod = fleet["prod"]

        async def ask(method: str, url: str, body: Any = None, token: str = "") -> int:
            headers = {"Authorization": f"Bearer {token or prod.token}"}
            async with session.request(
                method, f"{prod.host}{url}", headers=headers, json=body
            ) as response:
                await response.read()
                return response.status

        for path, times in (("/a", 3), ("/b", 2), ("/c", 1)):
            for _ in range(times):
                assert await ask("POST", MKDIRS, {"path": path}) == 200
        for _ in range(2):
            assert await ask("GET", f"{LIST}a") == 200
            assert await ask("GET", f"{LIST}nothing") == 404
            assert await ask("GET", LIST, token="wrong") == 401
        expected = {"accepted": 10, "unheard": 0, "repeated": 4}
        most = [[f"POST {MKDIRS}", 3], [f"GET {LIST}a", 2], [f"POST {MKDIRS}", 2]]
        control = f"{fleet.control_url}/_simulator/calls"
        async with session.get(f"{control}?workspace=prod") as response:
            calls = orjson.loads(await response.read())["prod"]
        calls["most"][1:] = sorted(calls["most"][1:])
        assert calls == {**expected, "most": most}
        nothing = {"accepted": 0, "unheard": 0, "repeated": 0, "most": []}
        async with session.get(control) as response:
            all_calls = orjson.loads(await response.read())
        assert [*all_calls] == ["prod", "staging", "account"]
        assert all_calls["staging"] == nothing


def test_only_the_most_repeated_are_named() -> None:
    """20 of them; all are counted."""
    ledger, connection = Ledger(), object()
    for number in range(30):
        for _ in range(number + 1):
            ledger.asked(connection)
            ledger.answered(connection, f"GET /{number}", b"", success=True)
    calls = ledger.calls()
    assert calls.repeated == sum(range(30))
    assert calls.most == tuple((f"GET /{n}", n + 1) for n in range(29, 9, -1))
