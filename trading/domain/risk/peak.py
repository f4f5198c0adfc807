"""The highest balance of an account, from which its drawdown counts; money that comes or goes is no profit or loss."""

from typing import NamedTuple


class Peak(NamedTuple):
    """In yuan. ``paid_in`` are all deposits less all withdrawals up to when the balance was compared last."""

    balance: float
    paid_in: float

    def moved(self, balance: float, paid_in: float) -> "Peak":
        """The peak once the account has this balance, of which so much was paid in all told."""
        return Peak(max(self.balance + (paid_in - self.paid_in), balance), paid_in)

    def drawdown(self, balance: float) -> float:
        """What the account has lost of its peak, as a fraction of it; 0 at the peak, and without one above 0."""
        return max(self.balance - balance, 0.0) / self.balance if self.balance > 0 else 0.0


class Reset(NamedTuple):
    """The last time that two persons set the peak of an account anew; ``number`` counts from 1."""

    number: int
    peak: Peak
