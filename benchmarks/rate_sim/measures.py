"""What is measured of a run."""

from bisect import bisect_left
from collections.abc import Sequence

from benchmarks.rate_sim.client import Client
from benchmarks.rate_sim.server import Server

__all__ = ["Watch", "between", "jain", "offered", "quantile", "recovery"]


def between(times: Sequence[float], start: float, end: float) -> int:
    """Return how many of the times, in order, lie in a stretch."""
    return bisect_left(times, end) - bisect_left(times, start)


def offered(steps: Sequence[tuple[float, float]], end: float) -> float:
    """Return the calls that a rate allows up to a time.

    Args:
        steps: Times and the rates from then on.
        end: Seconds.
    """
    ends = [time for time, _ in steps[1:]] + [end]
    return sum(
        rate * max(0.0, min(until, end) - start)
        for (start, rate), until in zip(steps, ends, strict=True)
    )


def jain(shares: Sequence[float]) -> float:
    """Return Jain's index of fairness: 1 if all shares are equal, 1/n if one has all."""
    squares = sum(share**2 for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 0.0


def recovery(server: Server, changed_at: float, rate: float, end: float) -> float | None:
    """Return the seconds after a change until most of the new rate is used; None if never.

    That is when a stretch begins in which at least 90 % of it is used, and at most 10 % of
    what arrives is refused.
    """
    length = max(2.0, 10 / rate)
    start = changed_at
    while start + length < end:
        accepted = between(server.accepted_at, start, start + length)
        refused = between(server.refused_at, start, start + length)
        used = accepted >= 0.9 * rate * length
        if used and refused <= 0.1 * (accepted + refused):
            return start - changed_at
        start += 0.25
    return None


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of them is at most."""
    ordered = sorted(values)
    return ordered[int(share * (len(ordered) - 1))] if ordered else 0.0


class Watch:
    """Looks every tenth of a second at how many calls are on their way.

    Args:
        start: When it begins to look, seconds.
        limit: How many calls the server takes at once.
    """

    EVERY = 0.1  # seconds
    __slots__ = ("_clients", "_flying", "_limit", "_looks", "_served", "_server")

    def __init__(
        self, server: Server, clients: Sequence[Client], start: float, limit: int
    ) -> None:
        self._server, self._clients, self._limit = server, clients, limit
        self._looks = self._flying = self._served = 0
        server.world.at(start, self._look)

    def _look(self) -> None:
        self._looks += 1
        self._flying += sum(client.in_flight for client in self._clients)
        self._served += self._server.in_service
        world = self._server.world
        world.at(world.now + self.EVERY, self._look)

    def in_flight(self) -> float:
        """Return how many calls were on their way, on average, as a share of the limit."""
        return self._flying / (self._looks * self._limit)

    def in_service(self) -> float:
        """Return how many of them were at the server, likewise."""
        return self._served / (self._looks * self._limit)
