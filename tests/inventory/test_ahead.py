"""Items that are made in a thread: all of them, in order, and their error in its place."""

import threading
from collections.abc import Iterator

import pytest

from asyncdbx.inventory.ahead import ahead


def test_items_come_in_order_from_another_thread() -> None:
    """All of them, whatever they are."""
    makers = set[str]()

    def items() -> Iterator[int | None]:
        for number in range(100):
            makers.add(threading.current_thread().name)
            yield number if number % 2 else None

    with ahead(items()) as found:
        assert list(found) == [number if number % 2 else None for number in range(100)]
    assert makers == {"ahead"}


def test_an_error_comes_behind_what_came_before_it() -> None:
    """As if there were no thread."""

    def items() -> Iterator[int]:
        yield 1
        raise LookupError("no more")

    with ahead(items()) as found:
        assert next(found) == 1
        with pytest.raises(LookupError, match="no more"):
            next(found)


def test_who_leaves_early_leaves_no_thread() -> None:
    """Not even one that waits for room; and what it iterates is not run to its end."""
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            made.append(number)
            yield number

    with ahead(items()) as found:
        assert next(found) == 0
    assert not any(thread.name == "ahead" for thread in threading.enumerate())
    assert len(made) < 10
