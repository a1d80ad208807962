"""Stands where the transport stands, and asks simulated hosts without any socket."""

import asyncio
from collections.abc import Callable
from typing import Any

from multidict import CIMultiDict

from asyncdbx.simulator import Simulator
from asyncdbx.simulator.call import Call, Reply
from asyncdbx.simulator.desk import Desk, parse_query
from asyncdbx.transport import Answer, Feed, Request

LATENCY = 0.05  # seconds, of the loop


class DeskTransport:
    """Answers as the hosts of a simulator do, after a while of the loop's time."""

    def __init__(self, desks: dict[int, Desk]) -> None:
        self._desks = desks

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *_: object) -> None:
        pass

    async def send(self, request: Request, *, feed: Feed | None = None) -> Answer:
        """Return a host's answer; nothing is streamed."""
        port = request.url.explicit_port
        assert port is not None
        await asyncio.sleep(LATENCY)
        reply = _asked(self._desks[port], request)
        return Answer(reply.status, CIMultiDict(reply.headers), reply.body)


def desks_of(simulator: Simulator) -> Callable[..., Any]:
    """Return a transport's class for hosts that do not listen, told apart by port."""
    desks: dict[int, Desk] = {}
    for port, workspace in enumerate(simulator.everyone, 1):
        workspace.server.port = port
        desks[port] = workspace.server.desk
    return lambda **_: DeskTransport(desks)


def _asked(desk: Desk, request: Request) -> Reply:
    url, now = request.url, asyncio.get_running_loop().time()
    body = request.body or b""
    query = parse_query(url.raw_query_string)
    call = Call(request.method, url.raw_path, {}, query, body, now)
    headers = CIMultiDict({**request.headers, "Host": url.authority})
    admitted = desk.admit(call, headers, now)
    if isinstance(admitted, Reply):
        return admitted
    admitted.lane.leave()
    return desk.answer(admitted).whole()
