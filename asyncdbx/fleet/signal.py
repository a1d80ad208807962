"""What one side waits for and the other tells."""

import asyncio

__all__ = ["Signal"]


class Signal:
    """Something that happens now and then: news for a consumer, room for a producer.

    Telling costs nothing while nobody waits. What was told before one waits is not
    remembered: look first, then wait.
    """

    __slots__ = ("_waiter",)

    def __init__(self) -> None:
        self._waiter: asyncio.Future[None] | None = None

    def wait(self) -> "asyncio.Future[None]":
        """Return what is done when it happens next; all who wait share it."""
        if self._waiter is None or self._waiter.done():
            self._waiter = asyncio.get_running_loop().create_future()
        return self._waiter

    def tell(self) -> None:
        """Say that it has happened."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
