"""Whose turn it is, among lanes and workspaces."""

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdbx.engine.ring import Ring


@dataclass(frozen=True)
class Place:
    workspace: str
    number: int = 0


def ring_of(*places: Place) -> Ring[Place]:
    ring: Ring[Place] = Ring()
    for place in places:
        ring.add(place)
    return ring


def taken(ring: Ring[Place]) -> list[Place]:
    places = []
    while ring:
        places.append(ring.take())
    return places


def test_workspaces_alternate_whatever_the_number_of_their_lanes() -> None:
    """Three lanes of one workspace and one of another: the one is second, not fourth."""
    many, one = [Place("a", n) for n in range(3)], Place("b")

    assert taken(ring_of(*many, one)) == [many[0], one, many[1], many[2]]


def test_lanes_of_a_workspace_take_turns() -> None:
    """A lane that comes back goes to the end of its workspace."""
    first, second = Place("a", 1), Place("a", 2)
    ring = ring_of(first, second)
    turns = []
    for _ in range(4):
        place = ring.take()
        turns.append(place.number)
        ring.add(place)

    assert turns == [1, 2, 1, 2]


def test_nobody_may_send() -> None:
    """An empty ring is false, and there is nothing to take."""
    ring = ring_of()

    assert not ring
    with pytest.raises(IndexError):
        ring.take()


def test_a_busy_workspace_gets_half_beside_another() -> None:
    """30 lanes always ready against 1: each workspace gets every second turn."""
    ring = ring_of(*(Place("busy", n) for n in range(30)), Place("small"))
    served: Counter[str] = Counter()
    for _ in range(1000):
        place = ring.take()
        served[place.workspace] += 1
        ring.add(place)

    assert served == {"busy": 500, "small": 500}


PLACES = st.builds(Place, st.sampled_from("abcd"), st.integers(0, 3))


@given(steps=st.lists(st.one_of(PLACES, st.none()), max_size=200))
def test_nothing_is_lost_and_nobody_waits_longer_than_a_round(
    steps: list[Place | None],
) -> None:
    """Any adding and taking: each comes out once, in its workspace's order, in its turn."""
    ring: Ring[Place] = Ring()
    inside: list[Place] = []
    passed: Counter[str] = Counter()  # turns of others while a workspace stood in the ring
    for step in steps:
        if step is not None:
            if step not in inside:
                ring.add(step)
                inside.append(step)
            continue
        assert bool(ring) is bool(inside)
        if not inside:
            continue
        place = ring.take()
        own = [other for other in inside if other.workspace == place.workspace]
        assert place == own[0]
        inside.remove(place)
        passed[place.workspace] = 0
        for workspace in {other.workspace for other in inside} - {place.workspace}:
            passed[workspace] += 1
            assert passed[workspace] <= 3  # of four workspaces, the other three
    assert sorted(map(repr, taken(ring))) == sorted(map(repr, inside))
