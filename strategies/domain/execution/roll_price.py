"""What changing over from one contract to the next has cost: the prices of the roll's own fills."""

from math import isnan

Fills = tuple[float, int]
"""The sum of price times lots, and the lots."""


def mean(fills: Fills) -> float:
    """The average price; NaN without lots."""
    value, lots = fills
    return value / lots if lots else float("nan")


def price_gap(old: Fills, new: Fills, old_quote: float, new_quote: float) -> float:
    """New less old price: of the roll's own fills where both contracts have some, else of the last quotes.

    Volume-weighted over the fills, because that is what changing over has really cost. NaN where nothing is known.
    """
    gap = mean(new) - mean(old)
    return new_quote - old_quote if isnan(gap) else gap
