"""What the engine handles: a call on its way, and the queue of the lane it waits in."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from yarl import URL

from asyncdbx.auth import Credential
from asyncdbx.config import redact
from asyncdbx.engine.circuit import Circuit
from asyncdbx.errors import ApiError, CallError
from asyncdbx.limiter import Lane
from asyncdbx.transport import Answer

__all__ = ["LaneQueue", "Reader", "Site", "Ticket"]


@dataclass(slots=True, eq=False)
class Site:
    """One workspace as the engine sees it.

    Attributes:
        name: Name of the workspace.
        credential: Gives the headers of each request and hides itself in error texts.
        circuit: Whether the host is worth asking.
    """

    name: str
    credential: Credential
    circuit: Circuit = field(default_factory=Circuit)

    def sign(self, error: CallError, endpoint: str) -> CallError:
        """Say whose error it is, and hide the credential if the server echoed it."""
        secrets = self.credential.secrets
        error.message = redact(error.message, secrets)
        error.args = (error.message,)  # what its repr shows
        if isinstance(error, ApiError):
            error.error_code = redact(error.error_code, secrets)
            error.request_id = redact(error.request_id, secrets)
        return error.of(endpoint=endpoint, workspace=self.name)


class Reader(Protocol):
    """Takes the body of a listing while it arrives."""

    def feed(self, chunk: bytes, /) -> Awaitable[None] | None:
        """Take the next bytes; what is returned is waited for before more are read."""
        ...

    def close(self) -> Any:
        """Return what the body was; raise if it is not whole."""
        ...


@dataclass(slots=True, eq=False)
class LaneQueue:
    """The calls that wait for one lane: plain records, because a task costs 1.2 kB.

    Attributes:
        lane: When the next one may leave.
        waiting: Calls in order; a refused call returns to the head.
        ready: It stands in the ring, so that the next free connection takes from it.
        pump: The one task that waits for the lane's turn, while there is a reason to.
        taken: Tells the pump that a connection took a call.
        workspace: Name of the lane's workspace, for the ring.
    """

    lane: Lane
    waiting: "deque[Ticket]" = field(default_factory=deque["Ticket"])
    ready: bool = False
    pump: asyncio.Task[None] | None = None
    taken: asyncio.Future[None] | None = None
    workspace: str = ""

    def __post_init__(self) -> None:
        self.workspace = self.lane.workspace


@dataclass(slots=True, eq=False)
class Ticket:
    """One call on its way through the engine, and what became of it.

    Attributes:
        site: The workspace.
        endpoint: Name of the endpoint.
        method: HTTP method.
        url: Encoded, absolute.
        queue: The lane it waits in.
        safe: It may be sent again though it may have been processed.
        body: Encoded JSON body, or None.
        decode: Makes the value of a whole answer; not used with a reader.
        reader: Makes a fresh reader for each attempt; its close() gives the value.
        done: Told once, when ``value`` or ``error`` is set.
        calls: Requests sent for it so far.
        throttles: How many of them were answered with 429.
        throttled_since: Loop time of the first of those in a row; None if the last answer
            was another.
    """

    site: Site
    endpoint: str
    method: str
    url: URL
    queue: LaneQueue
    safe: bool
    decode: Callable[[Answer], Any]
    body: bytes | None = None
    reader: Callable[[], Reader] | None = None
    done: "Callable[[Ticket], None] | None" = None
    calls: int = 0
    throttles: int = 0
    failures: int = 0
    asked_at: float = 0.0
    sent_at: float = 0.0
    throttled_since: float | None = None
    probe: bool = False
    cancelled: bool = False
    worker: asyncio.Task[None] | None = None
    value: Any = None
    error: Exception | None = None
