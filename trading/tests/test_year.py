"""Day after day: an account in its rows against one reckoned again from its fills, and statements that chain."""

from datetime import date

import pytest

from marketdata.instruments import trading_calendar
from trading.ledger_models import BalanceSnapshot
from trading.tests.year_desk import year_desk

pytestmark = pytest.mark.django_db(transaction=True)


def trade(first: date, days: int, orders: int, seed: int) -> None:
    """So many trading days, each checked before and after its settlement."""
    desk = year_desk("year", seed)
    calendar = trading_calendar()
    wanted = calendar.between(first, date(first.year + 2, 1, 31))[:days]
    assert len(wanted) == days
    for number, day in enumerate(wanted):
        desk.trade(day, orders)
        desk.check_running()
        desk.settle(day, undo=number % 7 == 3)
    kept = list(BalanceSnapshot.objects.filter(account=desk.account, undone_at=None).order_by("trading_day"))
    assert [row.trading_day for row in kept] == wanted
    assert [row.pre_balance for row in kept[1:]] == [row.balance for row in kept[:-1]]
    assert desk.undone == len(range(3, days, 7))
    assert desk.fills > days * orders // 3
    assert desk.refused > days // 5


@pytest.mark.embedded
def test_ten_days_over_a_change_of_margins() -> None:
    trade(date(2025, 2, 26), 10, 8, seed=3)


@pytest.mark.soak
def test_a_year_of_trading_days() -> None:
    trade(date(2024, 6, 3), 245, 20, seed=11)
