"""The end of a trading day, as its row keeps it and as programs see it."""

from datetime import date
from typing import Any

from trading.domain.account_positions import PositionFigures
from trading.domain.account_statement import DayStatement
from trading.ledger.book_rows import cents

STATEMENT_SUMS = (
    "pre_balance",
    "deposit",
    "withdraw",
    "close_profit",
    "close_profit_by_trade",
    "position_profit",
    "commission",
    "balance",
    "margin",
    "available",
)


def statement_columns(statement: DayStatement) -> dict[str, Any]:
    """A statement as the columns of its row."""
    sums: dict[str, Any] = {name: cents(getattr(statement, name)) for name in STATEMENT_SUMS}
    degree = statement.risk_degree
    sums["risk_degree"] = None if degree == float("inf") else degree
    sums["rows"] = [position_line(row) for row in statement.rows]
    return sums


def statement_shape(statement: DayStatement, day: date) -> dict[str, Any]:
    """A statement as programs see it."""
    sums = {name: float(cents(getattr(statement, name))) for name in STATEMENT_SUMS}
    degree = statement.risk_degree
    lines = [position_line(row) for row in statement.rows]
    return {
        "trading_day": day.isoformat(),
        **sums,
        "risk_degree": None if degree == float("inf") else degree,
        "rows": lines,
    }


def position_line(row: PositionFigures) -> dict[str, Any]:
    """One line of the statement's positions."""
    return {
        "instrument": row.instrument,
        "side": row.side.name.lower(),
        "volume": row.volume,
        "open_price": round(row.open_price, 6),
        "base_price": round(row.base_price, 6),
        "settlement_price": row.last_price,
        "margin": round(row.margin, 6),
        "position_profit": round(row.position_profit, 6),
        "open_profit": round(row.open_profit, 6),
    }
