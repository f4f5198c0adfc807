"""Indicators in plain Python, one value after the other, by the formulas that the docstrings of the fast ones give."""

import math
from collections.abc import Sequence
from itertools import pairwise

NAN = math.nan


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def sma(values: Sequence[float], length: int) -> list[float]:
    return [NAN if at < length - 1 else mean(values[at - length + 1 : at + 1]) for at in range(len(values))]


def ema(values: Sequence[float], length: int, first: int = 0) -> list[float]:
    """Begins on value number ``length`` after ``first`` with the mean of the values between."""
    found: list[float] = []
    begin = first + length - 1
    for at, value in enumerate(values):
        if at < begin:
            found.append(NAN)
        elif at == begin:
            found.append(mean(values[first : at + 1]))
        else:
            found.append(found[-1] + 2 / (length + 1) * (value - found[-1]))
    return found


def wilder(values: Sequence[float], length: int) -> list[float]:
    """Over values of which the first is no number."""
    found: list[float] = []
    for at, value in enumerate(values):
        if at < length:
            found.append(NAN)
        elif at == length:
            found.append(mean(values[1 : at + 1]))
        else:
            found.append((found[-1] * (length - 1) + value) / length)
    return found


def rsi(values: Sequence[float], length: int) -> list[float]:
    changes = [NAN, *(after - before for before, after in pairwise(values))][: len(values)]
    rises = wilder([max(change, 0.0) for change in changes], length)
    falls = wilder([max(-change, 0.0) for change in changes], length)
    found = []
    for value, rise, fall in zip(values, rises, falls, strict=True):
        still = rise + fall < 1e-9 * value
        found.append(NAN if math.isnan(rise) else 50.0 if still else 100 * rise / (rise + fall))
    return found


def true_range(high: Sequence[float], low: Sequence[float], close: Sequence[float]) -> list[float]:
    found = [NAN]
    for at in range(1, len(close)):
        before = close[at - 1]
        found.append(max(high[at] - low[at], abs(high[at] - before), abs(low[at] - before)))
    return found[: len(close)]


def deviation(values: Sequence[float], length: int) -> list[float]:
    """Population standard deviation of the last ``length`` values."""
    found = []
    for at, centre in enumerate(sma(values, length)):
        window = values[max(at - length + 1, 0) : at + 1]
        found.append(NAN if math.isnan(centre) else math.sqrt(mean([(value - centre) ** 2 for value in window])))
    return found


def macd(values: Sequence[float], fast: int, slow: int, signal: int) -> tuple[list[float], list[float]]:
    """Line and signal line; both shown from where the signal line begins."""
    apart = [one - other for one, other in zip(ema(values, fast, slow - fast), ema(values, slow), strict=True)]
    average = ema(apart, signal, first=slow - 1)
    return [NAN if math.isnan(by) else value for value, by in zip(apart, average, strict=True)], average
