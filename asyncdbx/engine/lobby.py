"""Where lanes wait while their workspace has no token to send.

Nothing that waits here takes a connection or a turn of its lane, so that what leaves after
the login is no burst.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable

from asyncdbx.engine.tickets import LaneQueue, Site, Ticket
from asyncdbx.errors import CallError

__all__ = ["Lobby"]


class Lobby:
    """Holds lanes until their workspace is logged in, or tells their calls why it is not.

    Args:
        clock: Tells the time.
        go_on: Told each lane that may leave again.
        end: Told each call that cannot be made, and why.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        go_on: Callable[[LaneQueue], None],
        end: Callable[[Ticket, Exception], None],
    ) -> None:
        self._clock = clock
        self._go_on = go_on
        self._end = end
        self._held: defaultdict[Site, list[LaneQueue]] = defaultdict(list)
        self.logins: dict[Site, asyncio.Task[None]] = {}  # one for each that waits

    def hold(self, queue: LaneQueue) -> None:
        """Keep a lane until its workspace has headers to send."""
        queue.held = True
        self._held[queue.site].append(queue)
        if queue.site not in self.logins:
            self.logins[queue.site] = asyncio.create_task(self._login(queue.site))

    async def _login(self, site: Site) -> None:
        """Wait for a workspace's headers; then its lanes go on, or all hear why not."""
        failure: Exception | None = None
        try:
            await site.credential.headers()
        except Exception as error:  # noqa: BLE001 - a bug goes to the callers it concerns
            failure = error
        finally:
            del self.logins[site]
        if isinstance(failure, CallError):
            site.sign(failure, "")  # an issuer may repeat what it was sent
            site.circuit.locked_out(failure, self._clock())
        for queue in self._held.pop(site):
            queue.held = False
            while failure is not None and queue.waiting:
                # An error of its own, because it says which call it was.
                told = site.circuit.blocked(self._clock()) or failure
                self._end(queue.waiting.pop(), told)
            self._go_on(queue)
