"""Ticks made for tests: sound by themselves, of no real market."""

from math import nan

from marketdata.domain.ticks import Tick

DAY = 19_723
"""2024-01-01 as a number; a tick's trading day."""
NINE = 1_704_157_200_000_000_000
"""2024-01-02 01:00 UTC: nine in Shanghai."""
HALF_SECOND = 500_000_000


def tick(code: str, seq: int, *, day: int = DAY + 1, **given: object) -> Tick:
    """A tick of steel bars, half a second after the one before; what is given replaces its figures."""
    figures: dict[str, object] = {
        "time": NINE + (day - DAY - 1) * 86_400_000_000_000 + (seq & 0xFFFFFFFF) * HALF_SECOND,
        "received": NINE + (seq & 0xFFFFFFFF) * HALF_SECOND + 1_234_000,
        "last": 4000.0 + seq % 7,
        "volume": 2 * (seq & 0xFFFFFFFF),
        "turnover": 8e4 * (seq & 0xFFFFFFFF),
        "open_interest": 1e6,
        "bid_price": 4000.0,
        "bid_volume": 5,
        "ask_price": 4001.0 if seq % 3 else nan,
        "ask_volume": 6,
        "open": 4000.0,
        "upper_limit": 4300.0,
        **given,
    }
    return Tick(instrument=code, trading_day=day, seq=seq, **figures)  # type: ignore[arg-type]


def ticks(code: str, begin: int, end: int, **given: object) -> list[Tick]:
    """The ticks with these numbers, both included."""
    return [tick(code, seq, **given) for seq in range(begin, end + 1)]  # type: ignore[arg-type]
