"""How much of the margin sits in one product, or in contracts that expire in the same month."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from trading.domain.risk.holdings import Holding


class Part(NamedTuple):
    """One product or month: its margin in yuan, and its share of all margin."""

    key: str
    margin: float
    share: float


def by_product(holdings: Iterable[Holding]) -> list[Part]:
    """The products, the largest share first."""
    return _parts(holdings, lambda holding: holding.product)


def by_month(holdings: Iterable[Holding]) -> list[Part]:
    """The months of the last trading days (``2025-01``; empty where it is not known), the largest share first."""
    return _parts(holdings, lambda holding: f"{holding.expires:%Y-%m}" if holding.expires else "")


def _parts(holdings: Iterable[Holding], key_of: Callable[[Holding], str]) -> list[Part]:
    """Sums by key; each instrument counts with its own margin, so that the shares sum to 1 whatever groups relieve."""
    sums: dict[str, float] = {}
    for holding in holdings:
        if holding.margin > 0.0:
            key = key_of(holding)
            sums[key] = sums.get(key, 0.0) + holding.margin
    total = sum(sums.values())
    parts = [Part(key, margin, margin / total) for key, margin in sums.items()]
    return sorted(parts, key=lambda part: (-part.margin, part.key))
