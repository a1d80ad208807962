"""The order in which the calls of one lane leave."""

from types import SimpleNamespace
from typing import Any

from asyncdbx.engine.tickets import REFUSALS, Waiting


def call(name: str, *, urgent: bool = False, throttles: int = 0) -> Any:
    """Return what the order depends on."""
    return SimpleNamespace(name=name, urgent=urgent, throttles=throttles)


def name_of_next(waiting: Waiting) -> str:
    found: Any = waiting.pop()
    return str(found.name)


def taken(waiting: Waiting) -> list[str]:
    return [name_of_next(waiting) for _ in range(len(waiting))]


def test_somebody_who_waits_goes_first_and_then_whoever_was_sent_before() -> None:
    """Each kind in its own order."""
    waiting = Waiting()
    waiting.put(call("sweep 1"))
    waiting.put(call("sweep 2"))
    waiting.put(call("asked 1", urgent=True))
    waiting.put_back(call("sweep again", throttles=1))
    waiting.put_back(call("asked again", urgent=True, throttles=1))
    waiting.put(call("asked 2", urgent=True))

    assert waiting
    assert taken(waiting) == [
        "asked again",
        "asked 1",
        "asked 2",
        "sweep again",
        "sweep 1",
        "sweep 2",
    ]
    assert not waiting


def test_a_call_that_is_refused_again_and_again_lets_another_one_ask() -> None:
    """Once for each refusal, so that no call collects all of them."""
    waiting = Waiting()
    for n in range(3):
        waiting.put(call(f"fresh {n}"))
    waiting.put_back(call("unlucky", throttles=REFUSALS - 1))
    assert name_of_next(waiting) == "unlucky"
    waiting.put_back(call("unlucky", throttles=REFUSALS))

    assert REFUSALS == 4  # with the fifth one a call is through
    assert taken(waiting) == ["fresh 0", "unlucky", "fresh 1", "fresh 2"]


def test_with_nobody_else_there_it_asks_itself() -> None:
    """An urgent one does not let the others ahead."""
    waiting = Waiting()
    waiting.put(call("sweep"))
    waiting.put_back(call("asked", urgent=True, throttles=REFUSALS))

    assert taken(waiting) == ["asked", "sweep"]
