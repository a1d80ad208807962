"""A rate that grows until it is refused. Pure: time is an argument."""

from dataclasses import dataclass

__all__ = ["LARGEST_STEP", "PROBE_STEP", "ROUND", "SEARCH_STEP", "Growth"]

ROUND = 0.25  # seconds between two steps; a refusal is heard after some 50 ms

# Of the rate. Each step is twice the one before: a limit that has tripled is found in 1.5
# seconds from small steps, and one that has not changed is met after two or three.
PROBE_STEP = 0.02
SEARCH_STEP = 0.25
LARGEST_STEP = 1.0

# A token bucket saves up what is not used: at most its fill, a second's worth, and while
# the rate is held what lies between the pace and the limit (which may have been measured a
# little low, so twice that).
SAVED = 0.04
FILL = 1.0  # seconds
SPARE = 2.0  # calls

# To use such savings up: this times the limit, so that few calls are refused at their end.
DRAIN = 1.3


@dataclass(slots=True)
class Growth:
    """One spell of growing.

    Attributes:
        step: The next step, as a share of the rate; 0 before the very first one.
        round_at: When the last step was taken.
        before: The limit to return to if nothing has changed; 0 if none is known.
        began_at: When it began.
        held: How long the rate had been held before, in seconds.
        calls: Calls let through since, as far as is known.
    """

    step: float = 0.0
    round_at: float = 0.0
    before: float = 0.0
    began_at: float = 0.0
    held: float = 0.0
    calls: float = 0.0

    def round_ends(self, sent_at: float, now: float, rate: float) -> bool:
        """Return whether a call let through is evidence enough for the next step.

        Args:
            sent_at: When it left; it must have left at the present rate.
            now: Time, seconds.
            rate: Calls per second.
        """
        if sent_at < self.round_at:
            return False
        # A slow search takes a single answer for evidence.
        least = ROUND if self.before or rate * ROUND >= 1 else 0.0
        return now - self.round_at >= least

    def is_saved_up(self, now: float) -> bool:
        """Return whether a bucket's savings explain what growing has brought so far."""
        if not self.before:
            return False
        saved = min(FILL, SAVED * self.held) * self.before + SPARE
        return self.calls - self.before * (now - self.began_at) <= saved

    def drained(self, rate: float) -> float:
        """Return the rate at which savings are used up, at most ``rate``."""
        return min(rate, DRAIN * self.before)
