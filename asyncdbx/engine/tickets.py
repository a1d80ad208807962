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
from asyncdbx.errors import ApiError, CallError, Redirected
from asyncdbx.limiter import Lane
from asyncdbx.transport import Answer

__all__ = ["LaneQueue", "Reader", "Site", "Ticket", "Waiting"]


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
        if isinstance(error, Redirected):
            error.location = redact(error.location, secrets)
        return error.of(endpoint=endpoint, workspace=self.name)


class Reader(Protocol):
    """Takes the body of a listing while it arrives."""

    def feed(self, chunk: bytes, /) -> Awaitable[None] | None:
        """Take the next bytes; what is returned is waited for before more are read."""
        ...

    def close(self) -> Any:
        """Return what the body was; raise if it is not whole."""
        ...


# A call that has been refused so often lets another one be the canary.
REFUSALS = 4


class Waiting:
    """The calls that wait for one lane: plain records, because a task costs 1.2 kB.

    Urgent ones first, and among equals those that have been sent before.
    """

    __slots__ = ("_again", "_fresh", "_urgent", "_urgent_again")

    def __init__(self) -> None:
        self._urgent_again: deque[Ticket] = deque()
        self._urgent: deque[Ticket] = deque()
        self._again: deque[Ticket] = deque()
        self._fresh: deque[Ticket] = deque()

    def __len__(self) -> int:
        again = len(self._urgent_again) + len(self._again)
        return again + len(self._urgent) + len(self._fresh)

    def __bool__(self) -> bool:
        return bool(self._fresh or self._again or self._urgent or self._urgent_again)

    def put(self, ticket: "Ticket") -> None:
        """Add a call that has not been sent yet."""
        (self._urgent if ticket.urgent else self._fresh).append(ticket)

    def put_back(self, ticket: "Ticket") -> None:
        """Add a call that has been sent before."""
        again, fresh = self._again, self._fresh
        if ticket.urgent:
            again, fresh = self._urgent_again, self._urgent
        if ticket.throttles >= REFUSALS and fresh:
            again.append(fresh.popleft())
        again.append(ticket)

    def pop(self) -> "Ticket":
        """Take the next call.

        Raises:
            IndexError: there is none.
        """
        if self._urgent_again:
            return self._urgent_again.popleft()
        if self._urgent:
            return self._urgent.popleft()
        if self._again:
            return self._again.popleft()
        return self._fresh.popleft()


@dataclass(slots=True, eq=False)
class LaneQueue:
    """A lane, and the calls that wait for it.

    Attributes:
        lane: When the next one may leave.
        site: The workspace whose lane it is.
        waiting: Calls in order.
        ready: It stands in the ring, so that the next free connection takes from it.
        held: It waits for its workspace's login, and does not stand in the ring meanwhile.
        pump: The one task that waits for the lane's turn, while there is a reason to.
        taken: Tells the pump that a connection took a call.
        workspace: Name of the lane's workspace, for the ring.
    """

    lane: Lane
    site: Site
    waiting: Waiting = field(default_factory=Waiting)
    ready: bool = False
    held: bool = False
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
        body: Encoded body, or None.
        content_type: Of the body.
        decode: Makes the value of a whole answer; not used with a reader.
        reader: Makes a fresh reader for each attempt; its close() gives the value.
        done: Told once, when ``value`` or ``error`` is set.
        urgent: Somebody waits for it: it goes ahead of those nobody waits for.
        renewed: It was sent again with a new token, because the old one was refused.
        calls: Requests sent for it so far.
        throttles: How many of them were answered with 429.
        failures: How many failed otherwise.
        in_vain: How many of these failures came so late that the server had tried.
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
    body: bytes | None = field(default=None, repr=False)  # may hold a secret
    reader: Callable[[], Reader] | None = None
    done: "Callable[[Ticket], None] | None" = None
    urgent: bool = False
    content_type: str = "application/json"
    renewed: bool = False
    calls: int = 0
    throttles: int = 0
    failures: int = 0
    in_vain: int = 0
    asked_at: float = 0.0
    sent_at: float = 0.0
    throttled_since: float | None = None
    probe: bool = False
    cancelled: bool = False
    worker: asyncio.Task[None] | None = None
    value: Any = None
    error: Exception | None = None
