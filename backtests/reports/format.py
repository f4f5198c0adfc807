"""Numbers as people read them. The only place where a figure of a backtest is rounded for a page.

A dash stands for "no value", 0 for zero; thousands are separated; the sign is an ASCII minus, so that a
figure copied into a spreadsheet stays a figure.
"""

import math
from decimal import Decimal

DASH = "–"

Number = float | int | None


def _usable(value: Number) -> bool:
    return value is not None and math.isfinite(value)


def decimal(value: Number, places: int = 2, *, signed: bool = False) -> str:
    """``1,234.50``; with ``signed`` a plus before what is above zero. Never ``-0.00``."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{value:+,.{places}f}" if signed else f"{value:,.{places}f}"
    is_zero = not any(digit in "123456789" for digit in text)
    return text.lstrip("+-") if is_zero else text


def money(value: Number, *, signed: bool = False) -> str:
    """Yuan with two decimals."""
    return decimal(value, 2, signed=signed)


def percent(value: Number, *, signed: bool = False) -> str:
    """A fraction as percent with two decimals: 0.1234 is ``12.34 %``."""
    return f"{decimal(value * 100, 2, signed=signed)} %" if value is not None and _usable(value) else DASH


def percent_points(value: Number) -> str:
    """What is percent already: 12.34 is ``12.34 %``."""
    return f"{decimal(value, 2)} %" if _usable(value) else DASH


def percent_of_day(value: Number) -> str:
    """The percent of a single day, small by nature: four decimals."""
    return f"{decimal(value, 4)} %" if _usable(value) else DASH


def ratio(value: Number) -> str:
    """A figure without a unit, three decimals."""
    return decimal(value, 3)


def count(value: Number) -> str:
    """A whole number."""
    return decimal(value, 0)


def day(value: Number) -> str:
    """A day given as the number YYYYMMDD: 20240301 is ``2024-03-01``."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{int(value):08d}"
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"


def tick_places(price_tick: float) -> int:
    """How many decimals a price on the grid of ``price_tick`` has: 0.2 has one, 5 none."""
    exponent = Decimal(repr(price_tick)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def plain(value: float, places: int = 6) -> str:
    """For files: at most ``places`` decimals, no trailing zeros, no separators, no exponent; '' for NaN."""
    if not math.isfinite(value):
        return ""
    text = f"{value:.{places}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def rate(value: float) -> str:
    """A cost rate as it was given: no rounding that could turn a fee into another."""
    return f"{Decimal(repr(float(value))).normalize():f}"
