"""The end of one trading day of an account, as its statement shows it."""

from dataclasses import dataclass

from trading.domain.account_positions import PositionFigures


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
