"""The end of one trading day of an account, as its statement shows it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from trading.domain.account_positions import PositionFigures
from trading.domain.balance import Funds


@dataclass(frozen=True, slots=True)
class DayStatement:
    """Money in yuan. ``balance`` is ``pre_balance`` plus everything of the day, profits by date, less commission.

    ``close_profit_by_trade`` stands beside it and is no part of the sum. ``margin``, ``available`` and ``risk_degree``
    are those after the settlement, at its prices. ``rows`` are the positions carried on: their profits are the day's,
    marked at the settlement price, their margins those of the next day.
    """

    pre_balance: float
    deposit: float
    withdraw: float
    cash_in: float
    close_profit: float
    close_profit_by_trade: float
    position_profit: float
    commission: float
    balance: float
    margin: float
    available: float
    risk_degree: float
    rows: tuple[PositionFigures, ...]

    @classmethod
    def between(cls, day: Funds, after: Funds, close_profit_by_trade: float, rows: Iterable[PositionFigures]) -> Self:
        """The statement of the entries of the ``day`` at the settlement prices, and the funds ``after`` it."""
        return cls(
            pre_balance=day.pre_balance,
            deposit=day.deposit,
            withdraw=day.withdraw,
            cash_in=day.cash_in,
            close_profit=day.close_profit,
            close_profit_by_trade=close_profit_by_trade,
            position_profit=day.position_profit,
            commission=day.commission,
            balance=day.balance,
            margin=after.margin,
            available=after.available,
            risk_degree=after.risk_degree,
            rows=tuple(rows),
        )
