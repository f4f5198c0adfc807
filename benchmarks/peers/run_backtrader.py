"""backtrader: everything is an object with lines; run with ``runonce`` and preloaded bars, its fast way.

Its broker knows multiplier, margin and a fixed slippage, also beyond the bar's range (``slip_out``).
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import backtrader as bt

from benchmarks.peers.shared import LEVELS, SPACING, Outcome, Table, serve

CROSS_NOTE = "a reversal is one order of two lots, so about half the fills; a fixed margin a lot"
GRID_NOTE = "a fixed margin a lot"


class Columns(bt.feed.DataBase):  # type: ignore[misc]
    """Bars from lists, without pandas in between."""

    params = (("rows", ()),)

    def start(self) -> None:
        """From the first row on."""
        super().start()
        self.left = iter(self.p.rows)

    def _load(self) -> bool:
        row = next(self.left, None)
        if row is None:
            return False
        lines = self.lines
        lines.datetime[0], lines.open[0], lines.high[0], lines.low[0], lines.close[0], lines.volume[0] = row
        lines.openinterest[0] = 0.0
        return True


class Crossing(bt.Strategy):  # type: ignore[misc]
    """Reverse on a cross."""

    params = (("fast", 10), ("slow", 30))

    def __init__(self) -> None:
        self.quick = bt.ind.SMA(self.data.close, period=self.p.fast)
        self.calm = bt.ind.SMA(self.data.close, period=self.p.slow)
        self.relation: int | None = None
        self.fills = 0

    def next(self) -> None:
        """Compare, and send an order for the next open on a cross."""
        quick, calm = self.quick[0], self.calm[0]
        now = int(quick > calm) - int(quick < calm)
        if self.relation is not None and now not in {self.relation, 0}:
            self.turn(now)
        self.relation = now

    def turn(self, side: int) -> None:
        """Hold one lot on this side, by one order."""
        change = side - self.position.size
        if change > 0:
            self.buy(size=change)
        elif change < 0:
            self.sell(size=-change)

    def notify_order(self, order: Any) -> None:
        """Count what fills."""
        if order.status == order.Completed:
            self.fills += 1
        elif order.status in {order.Margin, order.Rejected}:
            raise RuntimeError(f"refused: {order}")


class Grid(bt.Strategy):  # type: ignore[misc]
    """Limit orders on both sides of the first close; each fill places its reply, each reply the order again."""

    params = (("levels", 10), ("gap", 10.0))

    def __init__(self) -> None:
        self.fills = 0
        self.placed = False

    def next(self) -> None:
        """On the first bar place every rung."""
        if not self.placed:
            self.placed = True
            for level in range(1, self.p.levels + 1):
                self.place(self.data.close[0] - level * self.p.gap, 1)
                self.place(self.data.close[0] + level * self.p.gap, -1)

    def place(self, price: float, side: int) -> None:
        """One lot at a limit."""
        send = self.buy if side > 0 else self.sell
        send(size=1, price=price, exectype=bt.Order.Limit)

    def notify_order(self, order: Any) -> None:
        """A filled rung turns round."""
        if order.status == order.Completed:
            self.fills += 1
            side = 1 if order.isbuy() else -1
            self.place(order.created.price + side * self.p.gap, -side)
        elif order.status in {order.Margin, order.Rejected}:
            raise RuntimeError(f"refused: {order}")


def rows(table: Table) -> list[tuple[float, ...]]:
    """The bars as rows with its own float dates; made once, outside the timed run."""
    times = [bt.date2num(datetime.fromtimestamp(start // 10**9, UTC)) for start in table.start.tolist()]
    columns = (table.open, table.high, table.low, table.close, table.volume)
    return list(zip(times, *(column.tolist() for column in columns), strict=True))


def double_ma(table: Table) -> Callable[[], Outcome]:
    """10 against 30."""
    bars, slip = rows(table), table.slippage_ticks * table.tick
    return lambda: run(table, bars, slip, CROSS_NOTE, Crossing)


def grid(table: Table) -> Callable[[], Outcome]:
    """Limit orders slip nowhere in our rules, so they do not here."""
    bars = rows(table)
    return lambda: run(table, bars, 0.0, GRID_NOTE, Grid, levels=LEVELS, gap=SPACING * table.tick)


def run(
    table: Table, bars: list[tuple[float, ...]], slip: float, note: str, strategy: type[bt.Strategy], **setting: Any
) -> Outcome:
    """The timed work: one run with the analyzers for what our statistics contain."""
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(Columns(rows=bars, timeframe=bt.TimeFrame.Minutes))
    cerebro.addstrategy(strategy, **setting)
    broker = cerebro.broker
    broker.setcash(table.capital)
    # Its rate is on the price alone, so the multiplier has to be in the rate. A margin that follows the price is
    # taken at the opening's price and given back at today's, which would end up in the equity: a fixed one is not.
    broker.setcommission(
        commission=table.rate * table.multiplier, mult=table.multiplier, commtype=bt.CommInfoBase.COMM_PERC,
        percabs=True, stocklike=False, margin=table.margin_rate * table.multiplier * float(table.open[0]),
    )  # fmt: skip
    if slip:
        broker.set_slippage_fixed(slip, slip_open=True, slip_limit=True, slip_match=True, slip_out=True)
    for analyzer in (bt.analyzers.SharpeRatio_A, bt.analyzers.DrawDown, bt.analyzers.TradeAnalyzer):
        cerebro.addanalyzer(analyzer)
    done = cerebro.run()[0]
    return Outcome(done.fills, broker.getvalue() - table.capital, note=note)


if __name__ == "__main__":
    serve(f"backtrader {bt.__version__}", {"double_ma": double_ma, "grid": grid})
