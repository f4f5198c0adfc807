"""How two averages of prices compare when floating point must not decide a tie."""

TIE = 1e-9
"""Fraction of the price below which two averages count as equal."""


def relation(first: float, second: float, price: float) -> int:
    """+1 where ``first`` lies above ``second``, -1 where below, 0 where they differ by less than 1e-9 of ``price``."""
    difference = first - second
    if abs(difference) < TIE * abs(price):
        return 0
    if difference > 0.0:
        return 1
    return -1 if difference < 0.0 else 0
