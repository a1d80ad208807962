"""How many calls of a lane may be in flight at once. Pure: time is an argument.

"Workspace 123 exceeded the concurrent limit of 20 requests" is another limit than the
rate, and teaches nothing about it. The server names its limit, so there is nothing to
search; only when we are below it and are refused all the same, others use a part of it.
"""

import math
from dataclasses import dataclass

__all__ = ["Gate"]

# In flight; one more for each call that is let through, until the first refusal: doubled
# at once, half of them would be refused where a call takes longer than a refusal.
FIRST = 16

# Others come and go: one more is tried after this time, later and later while it fails.
FIRST_WAIT = 2.0  # seconds
LONGEST_WAIT = 30.0  # seconds
OWN = 1.5  # seconds after a step in which a refusal is its own doing

DECREASE = 0.85  # of the limit, when others have taken a part


@dataclass(slots=True, eq=False)
class Gate:
    """Keeps the number of calls in flight at what the server takes.

    Attributes:
        most: The limit as published or set by the user; never more.
        limit: How many may be in flight now; 0 at first makes it the usual start.
        opening: No refusal has been heard yet.
        accepted: Calls let through since the last change.
        wait: Seconds until the next step.
        stepped_at: When the last step up was taken.
        cut_at: When the last refusal was heard; calls sent before say nothing new.
    """

    most: int
    limit: int = 0
    opening: bool = True
    accepted: int = 0
    wait: float = FIRST_WAIT
    stepped_at: float = -math.inf
    cut_at: float = -1.0

    def __post_init__(self) -> None:
        self.limit = min(self.most, self.limit or FIRST)

    def accept(self, in_flight: int, now: float) -> None:
        """Learn from a call that was let through.

        Args:
            in_flight: How many were in flight, itself included.
            now: Time, seconds.
        """
        if self.limit >= self.most or in_flight < self.limit:
            return
        self.accepted += 1
        tried = self.accepted >= self.limit and now - self.stepped_at >= self.wait
        if self.opening or tried:
            self.limit += 1
            self.stepped_at = now
            self.accepted = 0

    def refuse(self, named: int | None, sent_at: float, now: float) -> None:
        """Learn that there were too many.

        Args:
            named: The limit that the server named, if it did.
            sent_at: When the refused call left.
            now: Time, seconds.
        """
        self.opening = False
        if named is not None and named < self.limit:
            self.most = self.limit = max(1, named)
            self.cut_at = self.stepped_at = now
        elif sent_at > self.cut_at:
            self._give_way(now)
        self.accepted = 0

    def _give_way(self, now: float) -> None:
        if now - self.stepped_at < OWN:
            self.wait = min(LONGEST_WAIT, 2 * self.wait)
            limit = self.limit - 1
        else:
            self.wait = FIRST_WAIT
            limit = min(self.limit - 1, int(DECREASE * self.limit))
        self.limit = max(1, limit)
        self.cut_at = now
        self.stepped_at = now - OWN
