"""What was traded between two ticks: at which prices, and how much at each.

A tick tells the volume and the turnover of the day so far, hence the volume and the average price since the tick
before. The volume is taken to have traded at the two prices around that average, in the shares that give it; the
last price, where it is neither of them, gets one lot.
"""

from collections.abc import Mapping
from datetime import date
from math import floor, isfinite

from marketdata.domain.calendar import to_day_number
from marketdata.domain.ticks import Tick

Prints = dict[int, int]
"""Lots traded, by price in whole ticks."""

ONE_SIDED_FROM = to_day_number(date(2020, 1, 1))
TWO_SIDED = frozenset({"SHFE", "INE", "DCE", "CZCE"})
"""Exchanges that counted both sides of every trade before :data:`ONE_SIDED_FROM`; CFFEX never did."""

CENT = 0.01
"""Yuan."""

DUST = 1e-6
"""Ticks by which an average may miss the grid."""


def sides_counted(exchange: str, trading_day: int) -> int:
    """How often the published volume of a trading day counts one traded lot."""
    return 2 if exchange in TWO_SIDED and trading_day < ONE_SIDED_FROM else 1


def prints_between(before: Tick | None, tick: Tick, sides: int, price_tick: float, multiplier: float) -> Prints:
    """The trades since ``before``, or since the opening of the day where it is None or of another day.

    Where turnover is unknown or made up of the day's average, or its average lies outside the day's range (late
    reports, block trades), all of the volume counts at the last price; without a last price nothing does.
    """
    same = before is not None and before.trading_day == tick.trading_day
    published = tick.volume - before.volume if same and before is not None else tick.volume
    lots = published // sides
    if lots <= 0 or not tick.last > 0:
        return {}
    turnover = tick.turnover - before.turnover if same and before is not None else tick.turnover
    last = round(tick.last / price_tick)
    if same and before is not None and all(_made_up(each, price_tick, multiplier) for each in (before, tick)):
        return {last: lots}
    average = turnover / published / multiplier
    if not isfinite(average) or average <= 0 or average > tick.high + DUST or average < tick.low - DUST:
        return {last: lots}
    return _split(average / price_tick, lots, last)


def _made_up(tick: Tick, price_tick: float, multiplier: float) -> bool:
    """Whether the turnover is the volume times an average that was rounded to the price grid first, as CZCE's is.

    It tells of the day's average alone: from tick to tick it grows by that, at whatever price was traded.
    """
    if not isfinite(tick.average):
        return False
    steps = tick.average / price_tick
    return abs(steps - round(steps)) < DUST and abs(tick.turnover - tick.volume * tick.average * multiplier) < CENT


def _split(average: float, lots: int, last: int) -> Prints:
    """``lots`` at the two prices around ``average`` (in ticks), one of them at ``last`` at least."""
    low = floor(average + DUST)
    upper = floor((average - low) * lots + 0.5)
    split = {price: count for price, count in ((low, lots - upper), (low + 1, upper)) if count > 0}
    if last in split:
        return split
    nearest = min(split, key=lambda price: abs(price - last))
    split[nearest] -= 1
    split[last] = 1
    return {price: count for price, count in split.items() if count}


def through(prints: Mapping[int, int], price: int, direction: int) -> list[int]:
    """The prices of trades that went through an order at ``price``, the nearest first: below a buy, above a sell."""
    return sorted((other for other in prints if direction * (other - price) < 0), reverse=direction > 0)
