"""Refusals out of the blue: an accident of the network, or somebody else. Pure."""

import math
from dataclasses import dataclass

__all__ = ["NUDGE", "Strays"]

TIME = 10.0  # seconds after which two thirds of a stray are forgotten
SHARE = 0.003  # of the calls of that time: more is no accident
FIRST = 1.5  # but the first one is, on a lane however slow

# An accident makes the pace slower by this: it may have been too close to the limit.
NUDGE = 0.01


@dataclass(slots=True)
class Strays:
    """Counts refusals that came while the rate was held, and forgets them in time.

    Attributes:
        count: Recent ones, the older the less.
        counted_at: When that was.
    """

    count: float = 0.0
    counted_at: float = 0.0

    def is_accident(self, now: float, rate: float) -> bool:
        """Note a refusal, and return whether the network alone may have caused it."""
        faded = math.exp(-max(0.0, now - self.counted_at) / TIME)
        self.count = self.count * faded + 1
        self.counted_at = now
        return self.count <= max(FIRST, SHARE * TIME * rate)
