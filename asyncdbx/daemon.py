"""Work that blocks, in a thread that keeps nobody from ending."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["in_thread"]

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Return what ``work`` returns, or raise what it raises.

    Each has a thread of its own: one that hangs holds up no other, as it would in a pool,
    and the end of the process does not wait for it.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle_once(settle: Callable[[Any], None], what: object) -> None:
        if not done.done():
            settle(what)

    def tell(settle: Callable[[Any], None], what: object) -> None:
        with contextlib.suppress(RuntimeError):  # the run has ended meanwhile
            loop.call_soon_threadsafe(settle_once, settle, what)

    def run() -> None:
        try:
            value = work()
        except BaseException as failure:  # noqa: BLE001 - it is told to who waits
            tell(done.set_exception, failure)
        else:
            tell(done.set_result, value)

    threading.Thread(target=run, name="asyncdbx", daemon=True).start()
    return await done
