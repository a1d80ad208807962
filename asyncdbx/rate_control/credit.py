"""What looking for a higher rate may cost. Pure."""

from dataclasses import dataclass

__all__ = ["Credit"]

# Each call that is let through earns this much of the 429 that the next look will end with,
# so that looking stays below 0.7 % of the calls whatever the rate.
BUDGET = 0.0065

MOST = 3.0  # 429s that may be saved up

# Seconds of income. The search at the start can cost more than that; what is more is
# forgiven, or a lane that changes later would not be looked at for minutes.
DEBT_TIME = 60.0


@dataclass(slots=True)
class Credit:
    """A purse of 429s: calls that are let through fill it, refusals we provoked empty it.

    Attributes:
        balance: 429s that are paid for; negative after an expensive event.
    """

    balance: float = 1.0

    def earn(self) -> None:
        """Add the income of one call."""
        self.balance = min(MOST, self.balance + BUDGET)

    def pay(self, rate: float) -> None:
        """Take the price of one refusal."""
        self.balance = max(-DEBT_TIME * BUDGET * rate, self.balance - 1)

    @property
    def affords_a_look(self) -> bool:
        """Return whether the refusal that ends a look is paid for."""
        return self.balance >= 1
