"""Sharing a limit with others who cannot be talked to. Pure: time is an argument.

Additive increase, multiplicative decrease: everybody adds the same in the same time and
gives way in proportion to what he has, so that shares become equal (Chiu and Jain, 1989).
The increase has a price, 429s that grow with the square of the number of processes.
"""

import math
from dataclasses import dataclass

__all__ = ["DECREASE", "Sharing"]

DECREASE = 0.12  # of the rate, for each event

# Calls per second, each second, times the square of the limit: a larger limit affords more
# 429s, and its shares are further apart. 30 calls a second grow by 1 in 11 seconds.
INCREASE = 1e-4

# A limit seen long ago says little about today's, and a prior may be wrong by ten.
MOST_PEAKS = 6.0

# Seconds without a refusal from which on the increase doubles, and how often: a small share
# hears few refusals, and so it catches up.
QUIET = 10.0
DOUBLING = 3.0

# So many measures in a row that agree within so much: nobody else is there any more.
AGREEING = 3
SAME = 0.05


@dataclass(slots=True)
class Sharing:
    """What is known about others.

    Attributes:
        agreeing: Measures in a row that agreed.
        peak: The highest limit measured, slowly forgotten.
    """

    agreeing: float = 0.0
    peak: float = 0.0

    def remember(self, limit: float) -> None:
        """Note a measured limit."""
        self.peak = max(limit, (self.peak + limit) / 2)

    def is_alone(self, measured: float, before: float) -> bool:
        """Note a measure, and return whether it has become clear that nobody shares."""
        same = abs(measured - before) <= SAME * before
        self.agreeing = self.agreeing + 1 if same else 0.0
        return self.agreeing >= AGREEING

    def increase(self, prior: float, quiet: float) -> float:
        """Return what to add each second.

        Args:
            prior: The limit as expected: the same for all who share it.
            quiet: Seconds since the last refusal.
        """
        limit = min(max(prior, self.peak), MOST_PEAKS * self.peak)
        doublings = max(0.0, quiet - QUIET) / DOUBLING
        return INCREASE * limit**2 * math.exp2(min(60.0, doublings))
