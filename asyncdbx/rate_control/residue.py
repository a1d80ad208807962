"""Refusals right after a cut: left over from the event, or the measure was wrong. Pure."""

from dataclasses import dataclass

__all__ = ["SHIFT", "Residue"]

SHIFT = 0.020  # seconds by which to step aside for a refusal that is left over

# Refusals are compared with at least so many calls: two of them prove that a measure is a
# third too high, for half it takes three.
CALLS = 10.0
LEAST = 0.05  # of the calls; less is left over in any case
ALL = 0.8  # of the calls; more is not a bucket running dry, but a window that is full


@dataclass(slots=True)
class Residue:
    """Counts refusals since a cut, from the first one on.

    Attributes:
        refused: How many.
        first: When the first of them left.
        shifted_at: When the lane last stepped aside; older calls say nothing new.
    """

    refused: float = 0.0
    first: float = 0.0
    shifted_at: float = -1.0

    def note(self, sent_at: float) -> bool:
        """Note a refusal, and return whether it is news."""
        self.refused += 1
        if self.refused == 1:
            self.first, self.shifted_at = sent_at, -1.0
        return sent_at > self.shifted_at

    def share(self, let_through: float) -> float:
        """Return the refusals' share of the calls.

        Args:
            let_through: Calls let through since the first refusal.
        """
        return self.refused / max(CALLS, let_through + self.refused)

    def convicts(self, let_through: float, measured: float, true: float) -> bool:
        """Return whether the refusals show that the measure is too high.

        If it were, a share of ``1 - true / measured`` would be refused; half of that is
        taken as proof.

        Args:
            let_through: Calls let through since the first refusal.
            measured: The limit as it was measured.
            true: The limit as it would be otherwise.
        """
        if self.refused < 2 or self.refused > ALL * (let_through + self.refused):
            return False
        expected = max(LEAST, (1 - true / measured) / 2)
        return self.share(let_through) >= expected
