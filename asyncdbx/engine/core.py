"""Many calls: each waits in its lane, and only what may leave takes a connection.

The way of a ticket: its lane's queue, the lane's turn (pause, gate, token), the ring (whose
turn it is among the workspaces), a worker (one per connection), the transport, the
judgement. Then it is finished, or back in its queue, or waits for a backoff.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Any, Self

from asyncdbx.engine.exchange import request_of, told_of, value_of
from asyncdbx.engine.lobby import Lobby
from asyncdbx.engine.retry import RetryPolicy
from asyncdbx.engine.ring import Ring
from asyncdbx.engine.tickets import LaneQueue, Reader, Site, Ticket
from asyncdbx.errors import (
    CallError,
    ConcurrencyExceeded,
    Throttled,
    Unauthenticated,
    Unreachable,
)
from asyncdbx.limiter import Lane
from asyncdbx.transport import Feed, Transport

__all__ = ["Engine"]


class Engine:
    """Makes many calls through lanes, in bounded memory.

    There is one worker for each connection in use, never one for a waiting call. A lane
    that is slow, paused or refused holds back nobody: its calls are not in the ring.

    Args:
        transport: Sends one request.
        connections: Requests in flight at once, over all workspaces.
        retry: How patient a call is.
        rng: Source of jitter.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        connections: int = 256,
        retry: RetryPolicy | None = None,
        rng: Random | None = None,
    ) -> None:
        self._transport = transport
        self._connections = connections
        self._retry = retry or RetryPolicy()
        self._rng = rng or Random()  # noqa: S311 - jitter is no secret
        self._ring: Ring[LaneQueue] = Ring()
        self._queues: list[LaneQueue] = []
        self._workers: set[asyncio.Task[None]] = set()
        self._idle: deque[asyncio.Future[None]] = deque()
        self._resting: dict[Ticket, asyncio.TimerHandle] = {}
        self._closed = False
        self._clock: Callable[[], float] = time.monotonic
        self._lobby = Lobby(self._now, self._go_on, self._fail)

    async def __aenter__(self) -> Self:
        self._clock = clock_of(asyncio.get_running_loop())
        return self

    async def __aexit__(self, *_: object) -> None:
        """End: what is in flight is cancelled, and every call is told that it ended so."""
        self._closed = True
        pumps = [queue.pump for queue in self._queues if queue.pump is not None]
        tasks = [*self._workers, *pumps, *self._lobby.logins.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for queue in self._queues:
            while queue.waiting:
                self._forget(queue.waiting.pop())
        while self._resting:
            ticket, timer = self._resting.popitem()
            timer.cancel()
            self._forget(ticket)

    def _forget(self, ticket: Ticket) -> None:
        """Finish a call that the end of the engine leaves without a result."""
        words = "the engine was closed before the call had ended"
        error = Unreachable(words, definite=ticket.calls == 0, permanent=True)
        self._finish(ticket, None, error)

    def queue(self, lane: Lane, site: Site) -> LaneQueue:
        """Return a new queue for a lane of a workspace; the caller keeps one for each."""
        queue = LaneQueue(lane, site)
        self._queues.append(queue)
        return queue

    def lanes(self) -> list[tuple[Lane, int]]:
        """Return every lane with the number of calls that wait in it."""
        return [(queue.lane, len(queue.waiting)) for queue in self._queues]

    async def run(self, ticket: Ticket) -> Any:
        """Make one call and return its value.

        Raises:
            CallError: it did not give a result.
        """
        finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def tell(_: Ticket) -> None:
            if not finished.done():
                finished.set_result(None)

        ticket.done = tell
        self.submit(ticket)
        try:
            await finished
        except asyncio.CancelledError:
            self.cancel(ticket)
            raise
        if ticket.error is not None:
            raise ticket.error
        return ticket.value

    def submit(self, ticket: Ticket) -> None:
        """Take a call; its ``done`` is told later, never from within this."""
        if self._closed:
            msg = "the engine is closed"
            raise RuntimeError(msg)
        loop = asyncio.get_running_loop()
        ticket.asked_at = self._clock()
        circuit = ticket.site.circuit
        if circuit.reason:
            if down := circuit.blocked(ticket.asked_at):
                loop.call_soon(self._finish, ticket, None, down)
                return
            ticket.probe = True
        queue = ticket.queue
        queue.waiting.put(ticket)
        if not queue.ready and queue.pump is None:
            self._offer(queue, ticket.asked_at)

    def cancel(self, ticket: Ticket) -> None:
        """Forget a call: not sent if it waits, its request ended if it is in flight."""
        if ticket.cancelled:
            return
        ticket.cancelled = True
        if ticket.worker is not None:
            ticket.worker.cancel()
        if (timer := self._resting.pop(ticket, None)) is not None:
            timer.cancel()

    # --- from the queue to a connection -------------------------------------------------

    def _offer(self, queue: LaneQueue, now: float) -> None:
        """Let a lane with waiting calls into the ring, at once or when its turn comes."""
        if self._closed or queue.ready or queue.held or queue.pump is not None:
            return
        if queue.lane.is_open(now):
            self._ready(queue)
        else:
            queue.pump = asyncio.create_task(self._pump(queue))

    async def _pump(self, queue: LaneQueue) -> None:
        """Wait for a lane's turns, one after the other, while calls wait for them."""
        loop = asyncio.get_running_loop()
        try:
            while self._is_to_wait(queue):
                await queue.lane.wait_turn(self._clock)
                queue.taken = loop.create_future()
                self._ready(queue)
                await queue.taken
        except Exception as failure:  # noqa: BLE001 - a bug goes to the callers it concerns
            while queue.waiting:
                self._fail(queue.waiting.pop(), failure)
        finally:
            queue.pump = queue.taken = None
        if queue.waiting and not queue.held:
            self._ready(queue)  # there is nothing to wait for any more

    def _is_to_wait(self, queue: LaneQueue) -> bool:
        if queue.held or not queue.waiting:
            return False
        return not queue.lane.is_open(self._clock())

    def _ready(self, queue: LaneQueue) -> None:
        queue.ready = True
        self._ring.add(queue)
        if self._idle or len(self._workers) < self._connections:
            self._wake()

    def _wake(self) -> None:
        """Get a connection for what stands in the ring."""
        while self._idle:
            if not (idle := self._idle.pop()).done():
                idle.set_result(None)
                return
        if len(self._workers) < self._connections:
            worker = asyncio.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _work(self) -> None:
        """Be one connection: take the next call whose turn it is, while one is needed."""
        loop = asyncio.get_running_loop()
        me = asyncio.current_task()
        while True:
            while not self._ring:
                if len(self._workers) > self._connections:
                    return  # one stood in for a worker that had stepped aside
                idle: asyncio.Future[None] = loop.create_future()
                self._idle.append(idle)
                await idle
            queue = self._ring.take()
            queue.ready = False
            now = self._clock()
            if (ticket := self._take(queue, now)) is not None:
                ticket.sent_at = now
                ticket.worker = me
                await self._serve(ticket, queue.lane)

    def _take(self, queue: LaneQueue, now: float) -> Ticket | None:
        """Take the next call of a lane, if it may still leave; keep the lane going."""
        lane = queue.lane
        ticket = None
        if queue.site.credential.ready is None:
            self._lobby.hold(queue)
        elif lane.may_leave(now):  # it stood in the ring for a while
            ticket = self._next(queue, now)
            if ticket is not None:
                lane.enter(now)
                lane.stats.waited += now - ticket.asked_at
        if queue.taken is not None:
            if not queue.taken.done():
                queue.taken.set_result(None)
        elif queue.waiting and not queue.held:
            if lane.is_open(now) and queue.pump is None:
                self._ready(queue)  # as _offer would; here it is the way of most calls
            else:
                self._offer(queue, now)
        return ticket

    def _next(self, queue: LaneQueue, now: float) -> Ticket | None:
        """Return the first call that is still wanted and whose workspace is not down."""
        while queue.waiting:
            ticket = queue.waiting.pop()
            if ticket.cancelled:
                continue
            circuit = ticket.site.circuit
            if circuit.reason and not ticket.probe and (down := circuit.blocked(now)):
                self._finish(ticket, None, down)
                continue
            return ticket
        return None

    # --- from the connection to the outcome ---------------------------------------------

    async def _serve(self, ticket: Ticket, lane: Lane) -> None:
        """Send one call and settle what came of it."""
        ticket.calls += 1
        value: Any = None
        error: Exception | None = None
        headers: Mapping[str, str] = {}
        try:
            headers = ticket.site.credential.ready or {}  # _take has looked: never None
            reader = ticket.reader() if ticket.reader is not None else None
            answer = await self._transport.send(
                request_of(ticket, headers),
                feed=None if reader is None else self._feed(reader, lane),
            )
            if answer.status == 200 and reader is None:  # nearly always
                value = ticket.decode(answer)
            else:
                value = value_of(ticket, answer, reader)
        except asyncio.CancelledError:
            if self._closed:
                self._forget(ticket)
            if self._closed or not ticket.cancelled:
                raise
            if ticket.worker is not None:
                ticket.worker.uncancel()
            return
        except Exception as failure:  # noqa: BLE001 - a bug goes to the caller it concerns
            error = failure
        finally:
            ticket.worker = None
            lane.leave()
        if error is None:
            if ticket.site.circuit.troubled:
                ticket.site.circuit.answered()
            lane.accept(ticket.sent_at, self._clock())
            self._finish(ticket, value, None)
        else:
            self._settle(ticket, lane, told_of(error), headers)

    def _feed(self, reader: Reader, lane: Lane) -> Feed:
        """Return what takes a body; while its consumer is slow, others have its place.

        The consumer may be waiting for a call of this very lane.
        """

        def feed(chunk: bytes) -> Awaitable[None] | None:
            room = reader.feed(chunk)
            return None if room is None else self._step_aside(room, lane)

        return feed

    async def _step_aside(self, room: Awaitable[None], lane: Lane) -> None:
        """Wait for a slow consumer; meanwhile another may have the place in the lane."""
        lane.leave()
        self._connections += 1
        if self._ring:
            self._wake()
        try:
            await room
        finally:
            self._connections -= 1
            lane.come_back()

    def _settle(
        self, ticket: Ticket, lane: Lane, error: Exception, headers: Mapping[str, str]
    ) -> None:
        """Decide what a failure means: for the lane, the workspace and the call."""
        if not isinstance(error, CallError):
            self._finish(ticket, None, error)
            return
        now = self._clock()
        if isinstance(error, Unauthenticated) and not ticket.renewed:
            # A 401 was not processed, so with a new token any call may be sent again.
            ticket.renewed = ticket.site.credential.refused(headers)
            if ticket.renewed:
                lane.accept(ticket.sent_at, now)
                self._again(ticket)
                return
        self._learn(ticket, lane, error, now)
        if isinstance(error, Throttled):
            self._throttled(ticket, error, now)
            return
        ticket.throttled_since = None
        ticket.failures += 1
        ticket.in_vain += self._retry.is_in_vain(error, now - ticket.sent_at)
        wait = self._retry.wait(
            error,
            safe=ticket.safe,
            failures=ticket.failures,
            in_vain=ticket.in_vain,
            rng=self._rng,
        )
        if wait is None:
            self._finish(ticket, None, error)
        else:
            loop = asyncio.get_running_loop()
            self._resting[ticket] = loop.call_later(wait, self._again, ticket)

    def _learn(self, ticket: Ticket, lane: Lane, error: CallError, now: float) -> None:
        circuit = ticket.site.circuit
        match error:
            case ConcurrencyExceeded():
                wait = error.retry_after
                lane.crowd(error.limit, wait, sent_at=ticket.sent_at, now=now)
            case Throttled():
                lane.throttle(error.retry_after, sent_at=ticket.sent_at, now=now)
            case Unreachable():
                lane.stats.failed += 1
            case _:
                lane.accept(ticket.sent_at, now)
        if isinstance(error, Unreachable | Unauthenticated):
            circuit.failed(error, now)
        else:
            circuit.answered()

    def _throttled(self, ticket: Ticket, error: Throttled, now: float) -> None:
        """Put a refused call back into its lane, unless that never ends."""
        ticket.throttles += 1
        if ticket.throttled_since is None:
            ticket.throttled_since = now
        long_ago = now - self._retry.throttled_for
        if ticket.throttled_since >= long_ago:
            self._again(ticket)
            return
        queue = ticket.queue
        self._finish(ticket, None, error)
        if queue.lane.refused_since is not None and queue.lane.refused_since < long_ago:
            self._give_up(queue, error)

    def _give_up(self, queue: LaneQueue, error: Throttled) -> None:
        """Finish every call of a lane that has heard nothing but 429 for too long.

        One by one they would each find out for themselves, a pause after the other.
        """
        words = f"not asked any more, the lane is only refused: {error.message}"
        while queue.waiting:
            self._finish(queue.waiting.pop(), None, refusal(error, words))

    def _again(self, ticket: Ticket) -> None:
        self._resting.pop(ticket, None)
        ticket.queue.waiting.put_back(ticket)
        self._offer(ticket.queue, self._clock())

    def _now(self) -> float:
        return self._clock()

    def _go_on(self, queue: LaneQueue) -> None:
        if queue.waiting:
            self._offer(queue, self._clock())

    def _fail(self, ticket: Ticket, error: Exception) -> None:
        self._finish(ticket, None, error)

    def _finish(self, ticket: Ticket, value: Any, error: Exception | None) -> None:
        ticket.value = value
        if error is not None:
            ticket.error = error
            if isinstance(error, CallError):
                ticket.site.sign(error, ticket.endpoint)
                error.calls = ticket.calls
        if ticket.done is not None and not ticket.cancelled:
            ticket.done(ticket)


def clock_of(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """Return what tells a loop's time exactly.

    uvloop's own clock stands still while callbacks run, in whole milliseconds; a call that
    leaves at the end of a busy moment would be noted as having left at its beginning. Its
    timers count from the same clock as ``time.monotonic``.
    """
    if type(loop).__module__.startswith("uvloop"):
        return time.monotonic
    return loop.time


def refusal(error: Throttled, words: str) -> Throttled:
    """Return the error of a call that was not sent because its like was refused."""
    return Throttled(words, status=error.status, error_code=error.error_code)
