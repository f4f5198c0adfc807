"""backtesting.py: orders and trades as Python objects, statistics always computed at the end of a run.

It trades whole units: a lot is ``multiplier`` of them. Its spread is relative and on one side only, so the
slippage is charged by a commission function, which it calls with units and the price without slippage.
"""

import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pandas as pd
from backtesting import Backtest, Strategy

from benchmarks.peers.shared import LEVELS, PAIRS, SPACING, Case, Outcome, Table, serve

CROSS_NOTE = (
    "whole units, a lot is multiplier of them; slippage is charged as commission, so the commission is on the price "
    "without it: rate x multiplier x slippage x end position differs"
)
GRID_NOTE = "whole units, a lot is multiplier of them"


def average(values: Any, length: int) -> Any:
    """A simple moving average as a column."""
    return pd.Series(values).rolling(length).mean()


class Crossing(Strategy):  # type: ignore[misc]
    """Reverse on a cross; ``units`` is a lot."""

    fast = 10
    slow = 30
    units = 10

    def init(self) -> None:
        """Averages over the whole column, as its documentation proposes."""
        self.quick = self.I(average, self.data.Close, self.fast)
        self.calm = self.I(average, self.data.Close, self.slow)
        self.relation: int | None = None

    def next(self) -> None:
        """Compare, and send an order for the next open on a cross."""
        quick, calm = self.quick[-1], self.calm[-1]
        now = int(quick > calm) - int(quick < calm)
        if self.relation is not None and now not in {self.relation, 0}:
            self.turn(now)
        self.relation = now

    def turn(self, side: int) -> None:
        """Hold one lot on this side: the position of the other side is closed by the same order."""
        change = side * self.units - self.position.size
        if change > 0:
            self.buy(size=change)
        elif change < 0:
            self.sell(size=-change)


class Grid(Strategy):  # type: ignore[misc]
    """Limit orders on both sides of the first close; each fill places its reply, each reply the order again."""

    levels = 10
    gap = 10.0
    units = 10

    def init(self) -> None:
        """No order yet."""
        self.rungs: list[tuple[Any, float, int]] = []

    def next(self) -> None:
        """On its first bar place every rung, later turn those round that are gone: it tells of no fill."""
        if not self.rungs:
            close = self.data.Close[0]
            for level in range(1, self.levels + 1):
                self.rungs.append(self.place(close - level * self.gap, 1))
                self.rungs.append(self.place(close + level * self.gap, -1))
            return
        if len(self.orders) < len(self.rungs):
            resting = set(self.orders)
            for at, (order, price, side) in enumerate(self.rungs):
                if order not in resting:
                    self.rungs[at] = self.place(price + side * self.gap, -side)

    def place(self, price: float, side: int) -> tuple[Any, float, int]:
        """One lot at a limit."""
        send = self.buy if side > 0 else self.sell
        return send(size=self.units, limit=price), price, side


def cross(pairs: tuple[tuple[int, int], ...]) -> Case:
    """The crossing of two averages for each pair, one run after the other."""

    def prepare(table: Table) -> Callable[[], Outcome]:
        slip, units = table.slippage_ticks * table.tick, int(table.multiplier)
        settings = [{"fast": fast, "slow": slow, "units": units} for fast, slow in pairs]
        return runs(table, Crossing, settings, slip, CROSS_NOTE)

    return prepare


def grid(table: Table) -> Callable[[], Outcome]:
    """Limit orders slip nowhere in our rules, so they do not here."""
    setting = {"levels": LEVELS, "gap": SPACING * table.tick, "units": int(table.multiplier)}
    return runs(table, Grid, [setting], 0.0, GRID_NOTE)


def runs(
    table: Table, strategy: type[Strategy], settings: list[dict[str, Any]], slip: float, note: str
) -> Callable[[], Outcome]:
    """The timed work: a run with its statistics for each setting."""
    columns = {name: getattr(table, name.lower()) for name in ("Open", "High", "Low", "Close", "Volume")}
    frame = pd.DataFrame(columns, pd.to_datetime(table.start))

    def paid(units: float, price: float) -> float:
        return float(abs(units) * (price * table.rate + slip))

    def work() -> Outcome:
        fills, pnl, held = 0, 0.0, 0.0
        for setting in settings:
            test = Backtest(frame, strategy, cash=table.capital, commission=paid, margin=table.margin_rate)
            figures = test.run(**setting)
            still = figures["_strategy"].position.size
            fills += 2 * len(figures["_trades"]) + abs(still) // int(table.multiplier)
            pnl, held = pnl + float(figures["Equity Final [$]"]) - table.capital, held + still
        return Outcome(fills, pnl, table.rate * slip * held, note)

    return work


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="Some trades remain open")
    cases = {"double_ma": cross(((10, 30),)), "pairs200": cross(PAIRS), "grid": grid}
    serve(f"backtesting {version('backtesting')}", cases)
