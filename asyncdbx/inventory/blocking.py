"""Work that blocks, in a thread beside the loop, waited for to its end."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

__all__ = ["run_blocking"]

T = TypeVar("T")


async def run_blocking(work: Callable[[], T]) -> T:
    """Do work in a thread, which nothing can stop, and wait for it even if cancelled.

    Else the spool would be closed, and the folder be open to another run, under it.

    Raises:
        Exception: What the work raises.
    """
    task = asyncio.create_task(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise
