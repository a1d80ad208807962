"""Whose turn it is: lanes that may send, taken in turn over the workspaces. Pure."""

from collections import deque
from typing import Generic, Protocol, TypeVar

__all__ = ["Ring"]


class Placed(Protocol):
    """Something that belongs to a workspace."""

    @property
    def workspace(self) -> str:
        """Name of the workspace."""
        ...


T = TypeVar("T", bound=Placed)


class Ring(Generic[T]):
    """Lanes in turn, so that each workspace gets its share whatever the others want.

    A workspace with 30 busy lanes and one with a single lane alternate: the turn goes over
    workspaces first, over the lanes of each second. Every step costs O(1).
    """

    def __init__(self) -> None:
        self._turns: deque[str] = deque()
        self._lanes: dict[str, deque[T]] = {}

    def __bool__(self) -> bool:
        return bool(self._turns)

    def add(self, lane: T) -> None:
        """Put a lane at the end of its workspace's turn; the caller adds it only once."""
        lanes = self._lanes.get(lane.workspace)
        if lanes is None:
            lanes = self._lanes[lane.workspace] = deque()
        if not lanes:
            self._turns.append(lane.workspace)
        lanes.append(lane)

    def take(self) -> T:
        """Take the lane whose turn it is.

        Raises:
            IndexError: no lane may send.
        """
        workspace = self._turns.popleft()
        lanes = self._lanes[workspace]
        lane = lanes.popleft()
        if lanes:
            self._turns.append(workspace)
        return lane
