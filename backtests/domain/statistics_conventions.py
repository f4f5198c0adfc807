"""What every figure of a report silently assumes, said aloud and readable by a program.

Two blocks of statistics are published of one run. They disagree on purpose: ``standard`` follows the
definitions of the literature as the library empyrical writes them, ``vnpy`` repeats the CTA backtester of
vn.py bug for bug so that its users can compare. Every report prints this table; the keys are the same in
both blocks so that they can stand side by side.
"""

from typing import TypedDict

STANDARD_ANNUAL_DAYS = 252
VNPY_ANNUAL_DAYS = 240
VNPY_HALF_LIFE = 120


class Convention(TypedDict):
    """What one block of statistics assumes; strings are stable codes, not texts for people."""

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
    "returns": "simple, first day from the start capital",
    "annual_days": STANDARD_ANNUAL_DAYS,
    "annual_return": "compounded",
    "risk_free": 0.0,
    "ddof": 1,
    "drawdown_base": "running peak of equity, start capital included",
    "drawdown_length": "trading days from a peak to its recovery or to the end, the longest",
    "day_key": "trading day with at least one bar",
    "unit": "fraction, drawdown negative",
    "trade": "closed lot, first in first out, net of both commissions; a win is above zero",
    "slippage": "inside the fill prices, not subtracted again",
    "undefined": "null",
}

VNPY: Convention = {
    "returns": "logarithmic, first day from the start capital",
    "annual_days": VNPY_ANNUAL_DAYS,
    "annual_return": "linear",
    "risk_free": 0.0,
    "ddof": 1,
    "drawdown_base": "running peak of the balance from day 1, start capital excluded",
    "drawdown_length": "calendar days from the peak to the deepest point in money",
    "day_key": "calendar date (Asia/Shanghai) of the bar's start",
    "unit": "percent, drawdown negative",
    "trade": "each fill",
    "slippage": "inside the fill prices, not subtracted again",
    "undefined": "0",
}

CONVENTIONS: dict[str, Convention] = {"standard": STANDARD, "vnpy": VNPY}
