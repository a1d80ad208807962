"""What became of the calls that a host let through: whether somebody took the answer."""

from dataclasses import dataclass, field
from heapq import nlargest

_MOST = 20


@dataclass(frozen=True, slots=True)
class Calls:
    """What became of the calls of one host.

    Attributes:
        accepted: Let through by the limits, whatever was answered.
        unheard: Of these, how many had a client that went away before it had read all of
            the answer. Not those whose answer a fault swallowed.
        repeated: How many calls were answered with success that had been before, and
            heard: the sum of ``times - 1`` over all that are alike in method, path, query
            and body.
        most: The most repeated ones as method and URL, with how often they were answered.
    """

    accepted: int
    unheard: int
    repeated: int
    most: tuple[tuple[str, int], ...]


@dataclass
class Ledger:
    """Counts the calls of one host, and remembers the last answer on each connection.

    An answer is on its way until the next request comes on the same connection, or until
    that ends. A client that is killed with an answer before it unread ends it with a reset.
    """

    accepted: int = 0
    unheard: int = 0
    _times: dict[int, int] = field(default_factory=dict[int, int])
    _names: dict[int, str] = field(default_factory=dict[int, str])
    _on_its_way: dict[object, int | None] = field(
        default_factory=dict[object, "int | None"]
    )

    def asked(self, connection: object) -> None:
        """Note a request: who sends one has read what was answered before."""
        self._on_its_way.pop(connection, None)

    def answered(
        self, connection: object, name: str, body: bytes, *, success: bool
    ) -> None:
        """Note that the answer of a call was handed to the socket."""
        key = hash((name, body)) if success else None
        self._on_its_way[connection] = key
        if key is not None:
            times = self._times.get(key, 0)
            self._times[key] = times + 1
            if times:
                self._names[key] = name

    def ended(self, connection: object, *, by_reset: bool) -> None:
        """Note that a connection has ended."""
        if connection not in self._on_its_way:
            return
        key = self._on_its_way.pop(connection)
        if by_reset:
            self.unheard += 1
            if key is not None:
                self._times[key] -= 1

    def calls(self) -> Calls:
        """Return a snapshot."""
        again = {key: times for key, times in self._times.items() if times > 1}
        most = nlargest(_MOST, again.items(), key=lambda item: item[1])
        return Calls(
            self.accepted,
            self.unheard,
            sum(again.values()) - len(again),
            tuple((self._names[key], times) for key, times in most),
        )
