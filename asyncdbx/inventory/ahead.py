"""An iterator that works ahead in a thread: while one side compresses, the other reads."""

import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from queue import Full, Queue
from typing import TypeVar

__all__ = ["ahead"]

T = TypeVar("T")

DEPTH = 2  # items made before anybody wants them
LOOK_UP = 0.1  # seconds after which a thread that has no room looks whether all is over


class _End:
    """What comes last, with the error that ended the items early."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


@contextmanager
def ahead(items: Iterable[T]) -> Generator[Iterator[T]]:
    """Give ``items`` as they are made by a thread, up to two of them ahead.

    Leaving the block ends the thread, though not all items were taken. The error that ends
    the items is raised where they are taken; if what took them turned it into one of its
    own, of which it is only the text, it is itself again behind the block.
    """
    queue: Queue[T | _End] = Queue(DEPTH)
    failed: list[BaseException] = []
    over = threading.Event()
    thread = threading.Thread(target=_make, args=(items, queue, over), name="ahead")
    thread.start()
    try:
        yield _take(queue, failed)
    except BaseException:
        if failed:
            raise failed[0] from None
        raise
    finally:
        over.set()
        thread.join()


def _make(items: Iterable[T], queue: "Queue[T | _End]", over: threading.Event) -> None:
    error = None
    try:
        for item in items:
            if not _put(queue, item, over):
                return
    except BaseException as raised:  # noqa: BLE001 - raised again where items are taken
        error = raised
    _put(queue, _End(error), over)


def _put(queue: "Queue[T | _End]", item: T | _End, over: threading.Event) -> bool:
    """Put an item once there is room; return whether anybody still wants it."""
    while not over.is_set():
        try:
            queue.put(item, timeout=LOOK_UP)
        except Full:
            continue
        return True
    return False


def _take(queue: "Queue[T | _End]", failed: list[BaseException]) -> Iterator[T]:
    while not isinstance(item := queue.get(), _End):
        yield item
    if item.error is not None:
        failed.append(item.error)
        raise item.error
