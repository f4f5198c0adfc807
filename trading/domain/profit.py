"""Profit of a lot: one formula for what is closed and for what is still held.

Close profit: ``price`` is the closing fill's. Position profit: ``price`` is the mark (the settlement price
where published, else the last). By date: ``base_price`` is the open price for a lot of this trading day,
the previous settlement for an older one. By trade: it is always the open price.
"""


def profit(side: int, base_price: float, price: float, volume: float, multiplier: float) -> float:
    """Profit in yuan of ``volume`` lots; ``side`` is +1 for a long lot, -1 for a short one."""
    return side * (price - base_price) * volume * multiplier
