"""Sends what logins need: each issuer of tokens has a lane, as every endpoint has."""

import math
from urllib.parse import urlsplit

from yarl import URL

from asyncdbx.auth import LoginCall, StaticCredential
from asyncdbx.catalog.limits import Limits
from asyncdbx.engine import Engine, LaneQueue, Site, Ticket
from asyncdbx.engine.circuit import Circuit
from asyncdbx.fleet.lanes import new_lane
from asyncdbx.transport import Answer

__all__ = ["LOGIN", "LoginLanes"]

LOGIN = "login"  # the limit group
FORM = "application/x-www-form-urlencoded"


class LoginLanes:
    """The lanes of the issuers of one fleet.

    A request for a token may be repeated: a second token harms nobody.
    """

    def __init__(self, engine: Engine, limits: Limits) -> None:
        self._engine = engine
        self._limits = limits
        self._queues: dict[str, LaneQueue] = {}

    async def send(self, call: LoginCall) -> bytes:
        """Send a call and return the body of its answer.

        Raises:
            CallError: It did not give a result.
        """
        queue = self._queue(call)
        site = Site(
            queue.workspace,
            StaticCredential(call.headers, call.secrets),
            queue.site.circuit,
        )
        ticket = Ticket(
            site,
            LOGIN,
            call.method,
            URL(call.url, encoded=True),
            queue,
            safe=True,
            decode=_body,
            body=call.body,
            urgent=True,
            content_type=FORM,
        )
        body: bytes = await self._engine.run(ticket)
        return body

    def _queue(self, call: LoginCall) -> LaneQueue:
        issuer = urlsplit(call.url).netloc
        if issuer not in self._queues:
            limit = self._limits.of_lane(LOGIN, call.name)
            lane = new_lane(limit, call.name)
            # Logins go one at a time: fewer failures than usual tell that a host is dead.
            circuit = Circuit(failures=2, refusals=math.inf)
            site = Site(call.name, StaticCredential({}, ()), circuit)
            self._queues[issuer] = self._engine.queue(lane, site)
        return self._queues[issuer]


def _body(answer: Answer) -> bytes:
    return answer.body
