"""vn.py's CTA backtester, without its window and its database: bars are put into ``history_data`` directly.

Its strategies send limit orders far through the market, which its rules fill at the next open. It fills
without slippage and takes it, and a commission on the unslipped price, off the day's profit.
"""

import importlib.metadata
import sys
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from vnpy.trader.constant import Exchange, Interval, Status
from vnpy.trader.object import BarData, OrderData
from vnpy.trader.utility import ArrayManager
from vnpy_ctastrategy.backtesting import BacktestingEngine
from vnpy_ctastrategy.template import CtaTemplate

from benchmarks.peers.shared import LEVELS, PAIRS, SPACING, Case, Outcome, Table, serve

SHANGHAI = timezone(timedelta(hours=8))
THROUGH = 1.1
"""A limit so far beyond the close fills at the next open, whatever that is."""

NOTE = (
    "slippage and commission come off the day, the commission on the price without slippage: "
    "rate x multiplier x slippage x end position differs"
)


class Crossing(CtaTemplate):  # type: ignore[misc]
    """Reverse on a cross; how the averages are made is left to the subclass."""

    parameters = ["fast", "slow"]
    fast = 10
    slow = 30

    def on_init(self) -> None:
        """Forget what is known."""
        self.relation: int | None = None
        self.prepare()

    def prepare(self) -> None:
        """Make room for the averages."""
        raise NotImplementedError

    def averages(self, bar: BarData) -> tuple[float, float] | None:
        """Fast and slow at this bar's close; None while the slow one is not known."""
        raise NotImplementedError

    def on_bar(self, bar: BarData) -> None:
        """Compare, and send orders on a cross."""
        known = self.averages(bar)
        if known is None:
            return
        now = int(known[0] > known[1]) - int(known[0] < known[1])
        if self.relation is not None and now not in {self.relation, 0}:
            self.turn(now, bar.close_price)
        self.relation = now

    def turn(self, side: int, close: float) -> None:
        """Close the other side and open this one, each one lot, at the next open."""
        if side > 0 and self.pos <= 0:
            if self.pos < 0:
                self.cover(close * THROUGH, 1)
            self.buy(close * THROUGH, 1)
        elif side < 0 and self.pos >= 0:
            if self.pos > 0:
                self.sell(close / THROUGH, 1)
            self.short(close / THROUGH, 1)


class ByArrayManager(Crossing):
    """The way of vn.py's own examples: an ArrayManager and TA-Lib over its window on every bar."""

    def prepare(self) -> None:
        """A window one longer than needed, as it counts as ready only when it is full."""
        self.window = ArrayManager(self.slow)

    def averages(self, bar: BarData) -> tuple[float, float] | None:
        """Both averages over the window."""
        self.window.update_bar(bar)
        if not self.window.inited:
            return None
        return self.window.sma(self.fast), self.window.sma(self.slow)


class Lean(Crossing):
    """The leanest strategy that its engine can run: two running sums."""

    def prepare(self) -> None:
        """Empty windows."""
        self.fast_window: deque[float] = deque(maxlen=self.fast)
        self.slow_window: deque[float] = deque(maxlen=self.slow)
        self.fast_sum = self.slow_sum = 0.0

    def averages(self, bar: BarData) -> tuple[float, float] | None:
        """Move both sums on by one close."""
        close = bar.close_price
        if len(self.fast_window) == self.fast:
            self.fast_sum -= self.fast_window[0]
        if len(self.slow_window) == self.slow:
            self.slow_sum -= self.slow_window[0]
        self.fast_window.append(close)
        self.slow_window.append(close)
        self.fast_sum += close
        self.slow_sum += close
        if len(self.slow_window) < self.slow:
            return None
        return self.fast_sum / self.fast, self.slow_sum / self.slow


class Grid(CtaTemplate):  # type: ignore[misc]
    """Limit orders on both sides of the first close; each fill places its reply, each reply the order again."""

    parameters = ["levels", "gap"]
    levels = 10
    gap = 10.0

    def on_init(self) -> None:
        """No order yet."""
        self.way: dict[str, int] = {}

    def on_bar(self, bar: BarData) -> None:
        """On the first bar place every rung."""
        if not self.way:
            for level in range(1, self.levels + 1):
                self.place(bar.close_price - level * self.gap, 1)
                self.place(bar.close_price + level * self.gap, -1)

    def place(self, price: float, side: int) -> None:
        """One lot at a limit."""
        send = self.buy if side > 0 else self.short
        for number in send(price, 1):
            self.way[number] = side

    def on_order(self, order: OrderData) -> None:
        """A filled rung turns round."""
        if order.status == Status.ALLTRADED:
            side = self.way.pop(order.vt_orderid)
            self.place(order.price + side * self.gap, -side)


def history(table: Table) -> list[BarData]:
    """The bars as vn.py's objects; made once, outside the timed run."""
    times = [datetime.fromtimestamp(start // 10**9, SHANGHAI) for start in table.start.tolist()]
    columns = (table.volume, table.open, table.high, table.low, table.close)
    return [
        BarData(
            symbol="walk88", exchange=Exchange.SHFE, datetime=time, interval=Interval.MINUTE, volume=volume,
            open_price=open_, high_price=high, low_price=low, close_price=close, gateway_name="walk",
        )
        for time, volume, open_, high, low, close in zip(times, *(column.tolist() for column in columns), strict=True)
    ]  # fmt: skip


def one(
    table: Table, bars: list[BarData], strategy: type[CtaTemplate], setting: dict[str, Any], slip: float
) -> tuple[BacktestingEngine, float, float]:
    """The engine after one run, its net profit and the seconds that its statistics took."""
    engine = BacktestingEngine()
    said: list[str] = []
    engine.output = said.append
    engine.set_parameters(
        vt_symbol="walk88.SHFE", interval=Interval.MINUTE, start=bars[0].datetime, end=bars[-1].datetime,
        rate=table.rate, slippage=slip, size=table.multiplier, pricetick=table.tick, capital=table.capital,
    )  # fmt: skip
    engine.add_strategy(strategy, setting)
    engine.history_data = bars
    engine.run_backtesting()
    if engine.datetime != bars[-1].datetime:  # it prints what a strategy raises, and stops there
        raise RuntimeError("\n".join(said))
    began = time.perf_counter()
    figures = engine.calculate_statistics(engine.calculate_result(), output=False)
    return engine, float(figures["total_net_pnl"]), time.perf_counter() - began


def runs(
    table: Table, strategy: type[CtaTemplate], settings: list[dict[str, Any]], slip: float, note: str = NOTE
) -> Callable[[], Outcome]:
    """The timed work: an engine, a run and the statistics for each setting."""
    bars = history(table)

    def work() -> Outcome:
        began = time.perf_counter()
        fills, total, position, counted = 0, 0.0, 0.0, 0.0
        for setting in settings:
            engine, pnl, seconds = one(table, bars, strategy, setting, slip)
            fills, total, counted = fills + len(engine.trades), total + pnl, counted + seconds
            position += engine.strategy.pos
        explained = table.rate * table.multiplier * slip * position
        return Outcome(fills, total, explained, note, time.perf_counter() - began - counted)

    return work


def cross(strategy: type[CtaTemplate], pairs: tuple[tuple[int, int], ...]) -> Case:
    """Averages of each pair, at one slippage."""
    settings = [{"fast": fast, "slow": slow} for fast, slow in pairs]
    return lambda table: runs(table, strategy, settings, table.slippage_ticks * table.tick)


def grid(table: Table) -> Callable[[], Outcome]:
    """Limit orders slip nowhere in our rules, so none is taken off here."""
    setting = {"levels": LEVELS, "gap": SPACING * table.tick}
    return runs(table, Grid, [setting], 0.0, "the same rules")


if __name__ == "__main__":
    lean = sys.argv.pop(1) == "lean"
    crossing = Lean if lean else ByArrayManager
    versions = " ".join(f"{name} {importlib.metadata.version(name)}" for name in ("vnpy", "vnpy_ctastrategy"))
    serve(versions, {"double_ma": cross(crossing, ((10, 30),)), "pairs200": cross(crossing, PAIRS), "grid": grid})
