"""Bars and strategies written out by hand, for tests of the engine."""

from collections.abc import Sequence

import numpy as np

from backtests.domain.costs import CostTable, fees_given, margins_given
from marketdata.domain.bars import Bar, BarSeries
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy, OrderUpdate, Signal

CODE = "rb88.SHFE"
HOUR_NS = 3_600 * 1_000_000_000

Row = tuple[int, float, float, float]
"""Trading day (days since the epoch), open, close, volume."""


def bar_series(rows: Sequence[Row]) -> BarSeries:
    """Bars one hour apart; high and low are the wider of open and close."""
    days, opens, closes, volumes = (np.array([row[i] for row in rows], dtype=float) for i in range(4))
    return BarSeries(
        instrument=CODE,
        interval="1h",
        start=np.arange(1, len(rows) + 1, dtype=np.int64) * HOUR_NS,
        trading_day=days.astype(np.int32),
        open=opens,
        high=np.maximum(opens, closes),
        low=np.minimum(opens, closes),
        close=closes,
        volume=volumes,
        turnover=np.full(len(rows), np.nan),
        open_interest=np.full(len(rows), np.nan),
    )


def flat_costs(slippage_ticks: float = 0.0, margin_rate: float = 0.1) -> CostTable:
    """No fees, multiplier 10, tick 1."""
    fees, margins = fees_given(0.0, None, None), margins_given(margin_rate)
    assert fees is not None
    assert margins is not None
    return CostTable(10.0, 1.0, slippage_ticks, fees, margins)


class Scripted(BaseStrategy):
    """Gives the targets it was told, one (or ``None``) after each bar, and remembers what it heard."""

    name = "scripted"

    def __init__(self, targets: Sequence[float | None]) -> None:
        super().__init__(StrategyParameters())
        self.targets = targets

    def initialize(self) -> None:
        self.seen: list[Bar] = []
        self.updates: list[OrderUpdate] = []

    def on_market_data(self, bar: Bar) -> None:
        self.seen.append(bar)

    def generate_signals(self) -> list[Signal]:
        index = len(self.seen) - 1
        target = self.targets[index] if index < len(self.targets) else None
        return [] if target is None else [Signal(target)]

    def on_order_update(self, update: OrderUpdate) -> None:
        self.updates.append(update)
