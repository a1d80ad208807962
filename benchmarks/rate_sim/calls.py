"""What travels between clients and the server."""

from typing import NamedTuple, Protocol

__all__ = ["Call", "Caller", "Refusal"]


class Call:
    """One call, sent until it is accepted.

    Attributes:
        born_at: When it was wanted.
        sent_at: When it was last sent.
        sends: How often it was sent.
    """

    __slots__ = ("born_at", "sends", "sent_at")

    def __init__(self, born_at: float) -> None:
        self.born_at = born_at
        self.sent_at = born_at
        self.sends = 0


class Refusal(NamedTuple):
    """A 429.

    Attributes:
        retry_after: Seconds the server asked for.
        is_rate: It was for the rate, not for the number of calls at once.
        named: How many at once the server says it takes.
    """

    retry_after: float | None = None
    is_rate: bool = True
    named: int | None = None


class Caller(Protocol):
    """Who hears what became of a call."""

    def accepted(self, call: Call) -> None: ...

    def refused(self, call: Call, refusal: Refusal) -> None: ...
