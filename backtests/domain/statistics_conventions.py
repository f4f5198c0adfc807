"""What every figure of a report silently assumes, said aloud and readable by a program.

Two blocks of statistics are published of one run. They disagree on purpose: ``standard`` follows the
definitions of the literature as the library empyrical writes them, ``vnpy`` repeats the CTA backtester of
vn.py bug for bug so that its users can compare. Every report prints this table; the keys are the same in
both blocks so that they can stand side by side.
"""

from typing import TypedDict

STANDARD_ANNUAL_DAYS = 252
ANNUAL_DAYS = (STANDARD_ANNUAL_DAYS, 242)
"""What a reader may choose: the usual number of trading days in a year, or about that of Chinese exchanges."""
VNPY_ANNUAL_DAYS = 240
VNPY_HALF_LIFE = 120


class Convention(TypedDict):
    """What one block of statistics assumes; strings are stable codes, their texts are in ``reports.labels``.

    - ``returns``: ``simple_from_capital`` or ``log_from_capital``; the first day's starts at the capital.
    - ``annual_days``: A, the days in a year; ``annual_return``: ``compounded`` or ``linear``.
    - ``risk_free``: rate a year; ``ddof``: 1 divides a variance by n - 1.
    - ``drawdown_base``: the start capital is the first peak (``capital_included``) or none (``capital_excluded``).
    - ``drawdown_length``: ``trading_days_to_recovery`` (the longest time under water, to the recovery or to the
      end) or ``calendar_days_to_trough`` (from the peak to the deepest point in money).
    - ``day_key``: ``trading_day`` (with at least one bar) or ``calendar_date`` (Asia/Shanghai, of the bar's start).
    - ``unit``: ``fraction`` or ``percent``; a drawdown is negative in both.
    - ``trade``: ``closed_lot_fifo_net`` (first in, first out, net of both commissions; a win is above 0) or ``fill``.
    - ``slippage``: ``in_fill_prices``, never subtracted again; ``undefined``: ``null`` or ``zero``.
    """

    returns: str
    annual_days: int
    annual_return: str
    risk_free: float
    ddof: int
    drawdown_base: str
    drawdown_length: str
    day_key: str
    unit: str
    trade: str
    slippage: str
    undefined: str


STANDARD: Convention = {
    "returns": "simple_from_capital",
    "annual_days": STANDARD_ANNUAL_DAYS,
    "annual_return": "compounded",
    "risk_free": 0.0,
    "ddof": 1,
    "drawdown_base": "capital_included",
    "drawdown_length": "trading_days_to_recovery",
    "day_key": "trading_day",
    "unit": "fraction",
    "trade": "closed_lot_fifo_net",
    "slippage": "in_fill_prices",
    "undefined": "null",
}

VNPY: Convention = {
    "returns": "log_from_capital",
    "annual_days": VNPY_ANNUAL_DAYS,
    "annual_return": "linear",
    "risk_free": 0.0,
    "ddof": 1,
    "drawdown_base": "capital_excluded",
    "drawdown_length": "calendar_days_to_trough",
    "day_key": "calendar_date",
    "unit": "percent",
    "trade": "fill",
    "slippage": "in_fill_prices",
    "undefined": "zero",
}

CONVENTIONS: dict[str, Convention] = {"standard": STANDARD, "vnpy": VNPY}


def conventions_with(annual_days: int) -> dict[str, Convention]:
    """Both blocks' conventions, the standard one with another number of days in a year."""
    return {**CONVENTIONS, "standard": {**STANDARD, "annual_days": annual_days}}
