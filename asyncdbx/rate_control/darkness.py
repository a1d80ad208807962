"""When a server lets nothing through at all. Pure: time is an argument."""

import math
from dataclasses import dataclass
from random import Random

__all__ = ["DAWN", "Darkness"]

# So many calls refused in a row, and none let through for so long.
CALLS = 3
TIME = 0.1  # seconds

FIRST_PAUSE = 0.1  # seconds; doubles with each canary that does not come back
LONGEST_PAUSE = 30.0  # seconds

# With this share of the rate before it became dark a lane begins anew: a quota that has
# fallen to a third is met from below.
DAWN = 0.25


@dataclass(slots=True)
class Darkness:
    """Counts what is refused in a row, and paces the single calls that ask if it is over.

    Attributes:
        last_accepted: When the last call left that was let through.
        in_a_row: Calls that left after it and were refused.
        pauses: Canaries that were refused.
        since: When the last of them was heard of; older calls say nothing new.
    """

    last_accepted: float = -1.0
    in_a_row: float = 0.0
    pauses: float = 0.0
    since: float = 0.0

    def accept(self, sent_at: float) -> None:
        """Note a call that was let through."""
        if sent_at > self.last_accepted:
            self.last_accepted = sent_at
            self.in_a_row = 0.0

    def falls(self, sent_at: float) -> bool:
        """Note a refused call, and return whether it has become dark."""
        if sent_at <= self.last_accepted:
            return False
        self.in_a_row += 1
        self.pauses = 0.0
        return self.in_a_row >= CALLS and sent_at - self.last_accepted >= TIME

    def pause(self, now: float, rng: Random) -> float:
        """Return the seconds until the next canary."""
        seconds = min(LONGEST_PAUSE, FIRST_PAUSE * math.exp2(min(60.0, self.pauses)))
        self.pauses += 1
        self.since = now
        return seconds * rng.uniform(0.8, 1.2)
