"""The measurement of ``risk_monitor.py``: looks with a price that has moved before each, so that each one is stored."""

import time
from collections.abc import Iterator
from statistics import quantiles

import numpy as np

from benchmarks import ready  # noqa: F401  (before any model)

# isort: split

from benchmarks.figures import Figure, show
from benchmarks.risk_gate_inside import CODES, DAY_OF, PRICE, SOURCE, WORKING, an_order, desk, quoted
from marketdata.tests.made_ticks import DAY, NINE
from trading.domain.offsets import Direction, Offset
from trading.ledger.book_rows import book_order
from trading.loop.history import HISTORY
from trading.loop.monitor import Monitor

LOOKS = 300
DAYS = 250


def figures() -> Iterator[Figure]:
    """Whole looks, and the measuring alone."""
    keeper, market, risk, check = desk()
    chance = np.random.default_rng(1)
    for number, code in enumerate(CODES):
        keeper.know(code)
        market.take(SOURCE, "1-1", quoted(code, PRICE, 1))
        side = Direction.BUY if number % 3 else Direction.SELL
        keeper.book.foreign_fill(code, side, Offset.OPEN, PRICE, 3, NINE, DAY + 1)
        keeper.price(code, PRICE)
        HISTORY._known[code, DAY_OF, DAYS] = time.monotonic(), chance.normal(0.0, 0.01, DAYS)
    for number in range(WORKING):
        keeper.book.place(book_order(an_order(keeper, number), (4400.0, 3600.0)))
    monitor = Monitor(keeper, market, check.view, risk)
    monitor.load()
    for name, look in (("look", monitor.look), ("measure", monitor.measure)):
        seconds: list[float] = []
        for number in range(LOOKS):
            keeper.price(CODES[number % len(CODES)], PRICE + number % 7)
            began = time.perf_counter()
            look()
            seconds.append(time.perf_counter() - began)
        for share in (50, 95):
            yield Figure(f"risk_monitor.{name}.p{share}", quantiles(seconds, n=100)[share - 1] * 1e3, "ms")


if __name__ == "__main__":
    show(figures())
