"""What one side waits for and the other tells."""

import asyncio

__all__ = ["Signal"]


class Signal:
    """Something that happens now and then: news for a consumer, room for a producer.

    Telling costs nothing while nobody waits. What was told before one waits is not
    remembered: look first, then wait.
    """

    __slots__ = ("_waiters",)

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[None]] = []

    def wait(self) -> "asyncio.Future[None]":
        """Return what is done when it happens next; one who gives up disturbs no other."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return waiter

    def tell(self) -> None:
        """Say to all who wait that it has happened."""
        if not self._waiters:
            return
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
