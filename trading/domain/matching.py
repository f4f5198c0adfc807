"""The simulated exchange on bars: which orders a bar fills, at which price, and how much of them.

All of these are scalar functions: the backtest's kernel compiles them as they stand. A bar hides the path of
the price inside it, so an order decided on a closed bar is matched against later bars only, and whatever a bar
cannot tell is decided against the trader.
"""

import math

ON_GRID = 1e-6
"""Fraction of a tick by which two prices may differ and still be the same price."""


def fill_price(open_price: float, direction: int, slippage_ticks: float, price_tick: float) -> float:
    """The bar's open plus the slippage for a buy (``direction`` +1), less it for a sell (-1).

    The result may lie outside the bar's range: slippage stands for the spread that a bar does not show.
    """
    return open_price + direction * slippage_ticks * price_tick


def slippage_cost(volume: float, multiplier: float, slippage_ticks: float, price_tick: float) -> float:
    """What the slippage of one fill costs in yuan; information only, the fill's price contains it."""
    return slippage_ticks * price_tick * volume * multiplier


def limit_reached(  # noqa: PLR0917 - scalars by position, so that numba compiles it as it stands
    direction: int, limit: float, open_price: float, high: float, low: float, price_tick: float, through: bool
) -> bool:
    """True where the bar fills a resting limit order.

    By touch: a buy where the low, a sell where the high reaches the limit. By going through: where the bar goes
    at least one tick beyond the limit, or opens beyond it.
    """
    near = ON_GRID * price_tick
    if not through:
        return low <= limit + near if direction > 0 else high >= limit - near
    if direction > 0:
        return open_price < limit - near or low <= limit - price_tick + near
    return open_price > limit + near or high >= limit + price_tick - near


def limit_price(direction: int, limit: float, open_price: float) -> float:
    """A limit order fills at its limit, or at the open where that is better."""
    return min(limit, open_price) if direction > 0 else max(limit, open_price)


def stop_reached(direction: int, stop: float, high: float, low: float, price_tick: float) -> bool:
    """True where the bar triggers a resting stop order: a buy from below, a sell from above."""
    near = ON_GRID * price_tick
    return high >= stop - near if direction > 0 else low <= stop + near


def stop_price(direction: int, stop: float, open_price: float) -> float:
    """A stop order fills around its stop, or around the open where the price has jumped beyond it."""
    return max(stop, open_price) if direction > 0 else min(stop, open_price)


def fillable(wanted: float, bar_volume: float, taken: float, cap: float) -> float:
    """Lots of an order that a bar fills: all, or what is left of ``cap`` times the bar's volume, whole lots.

    ``taken`` is what other orders of ours got on the same bar. Without a cap (0) or where the bar's volume is
    unknown (NaN) everything fills.
    """
    if cap <= 0.0 or math.isnan(bar_volume):
        return wanted
    return max(0.0, min(wanted, math.floor(cap * bar_volume + 1e-9) - taken))


def slippage_in_ticks(  # noqa: PLR0917 - as above
    fixed: float, by_range: float, impact: float, bar_range: float, price_tick: float, volume: float, bar_volume: float
) -> float:
    """Ticks against the trader: ``fixed``, and rounded up to whole ticks a part of the bar's range in ticks and
    ``impact`` times the square root of the share that the fill has in the bar's volume.

    The square root is the usual law of market impact (Almgren, Thum, Hauptmann and Li, 2005); an unknown or
    missing volume counts as the whole bar.
    """
    extra = by_range * bar_range / price_tick
    if impact > 0.0:
        extra += impact * math.sqrt(min(1.0, volume / bar_volume) if bar_volume > 0.0 else 1.0)
    return fixed + math.ceil(extra - ON_GRID) if extra > 0.0 else fixed


def chance_ticks(seed: int, place: int, most: int) -> int:
    """Between 0 and ``most`` ticks, drawn for one place (bar and instrument) of one seed: the same in any order.

    Three steps of multiplicative congruential generators with the modulus 2^31 - 1 (Park and Miller, 1988;
    L'Ecuyer, 1988), whose products fit both Python's and compiled 64-bit integers.
    """
    mixed = (seed % 2_147_483_647) * 40_692 + (place % 2_147_483_647) * 48_271 + 12_345
    for factor in (48_271, 69_621, 16_807):
        mixed = ((mixed % 2_147_483_647) * factor + 11) % 2_147_483_647
        mixed ^= mixed >> 15
    return mixed % (most + 1)


def locked(price_high: float, price_low: float, upper: float, lower: float, price_tick: float) -> int:
    """+1 where the whole bar lies at the upper limit (no buy fills), -1 at the lower one (no sell fills), else 0.

    Unknown limits are NaN and lock nothing.
    """
    near = ON_GRID * price_tick
    if price_low >= upper - near:
        return 1
    return -1 if price_high <= lower + near else 0
