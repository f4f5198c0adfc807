"""A statement of a desk, for tests of who sees statements."""

from decimal import Decimal

from trading.ledger_models import BalanceSnapshot
from trading.tests.desk import DAY, NOON, Desk


def settled_day(desk: Desk) -> BalanceSnapshot:
    """The statement of a day on which nothing happened; it is undone, so that the account's book stays as it is."""
    million = Decimal(1_000_000)
    sums = {"pre_balance": million, "balance": million, "available": million, "risk_degree": 0.0}
    return BalanceSnapshot.objects.create(account=desk.account, trading_day=DAY, seq=0, undone_at=NOON, **sums)
