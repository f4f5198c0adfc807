"""A slow, obvious exchange for resting orders and the switches of realism, written from the rules' text.

Money is kept by the ledger that live trading uses; what rests, what a bar reaches and what the switches do is
written down here a second time, one bar and one order at a time. One instrument, whole lots.
"""

import math
from dataclasses import dataclass, field

from backtests.domain.legs import Facts
from backtests.domain.rules import LimitFill, Rules
from marketdata.domain.bars import Bar, BarSeries
from trading.domain.ledger import Ledger, Terms
from trading.domain.matching import chance_ticks
from trading.domain.offsets import Offset, Side

CODE = "rb88.SHFE"
EPS = 1e-6

Fill = tuple[int, int, int, float, float]
"""Bar, direction, offset, price, volume."""


@dataclass
class Order:
    """One resting order."""

    kind: str
    side: int
    volume: float
    price: float
    distance: float
    repeat: bool
    to_target: bool
    placed: int  # rests from the bar after this one
    triggered: bool = False
    original: float = 0.0
    done: bool = False


@dataclass
class Exchange:
    """The state between two bars."""

    capital: float
    terms: Terms
    tick: float
    slippage: float
    rules: Rules
    facts: Facts
    ledger: Ledger = field(init=False)
    orders: list[Order] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    equity: list[float] = field(default_factory=list)
    held: float = 0.0
    refused: int = 0
    gap: float = 0.0
    rolling: bool = False
    called: bool = False
    ended: bool = False
    taken: float = 0.0
    upper: float = math.inf
    lower: float = -math.inf

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.capital)
        self.position = self.ledger.set_terms(CODE, self.terms)

    # --- a bar -----------------------------------------------------------------------------------------------

    def begin_day(self, day: int, first: bool) -> None:
        """Rolls in force from today on, and today's price limits."""
        for roll in self.facts.rolls:
            if self.rules.roll and roll.trading_day == day and not first:
                self.gap += roll.gap
                self.rolling = True
        self.upper = self.facts.upper_limits.get(day, math.inf)
        self.lower = self.facts.lower_limits.get(day, -math.inf)

    def bar(self, index: int, bar: Bar) -> None:
        """Everything that one bar does before the strategy sees it."""
        if bar.volume == 0:
            return
        self.taken = 0.0
        if self.rolling:
            self.roll(index, bar)
        if self.called:
            self.reduce(index, bar)
        for order in list(self.orders):
            if not order.done and order.placed < index:
                self.match(order, index, bar)
        self.orders = [order for order in self.orders if not order.done]

    def locked(self, bar: Bar, side: int) -> bool:
        if not self.rules.price_limits:
            return False
        if bar.low >= self.upper - EPS:
            return side > 0
        return bar.high <= self.lower + EPS and side < 0

    def room(self, wanted: float, bar: Bar) -> float:
        if not self.rules.volume_cap or math.isnan(bar.volume):
            return wanted
        return max(0.0, min(wanted, math.floor(bar.volume * self.rules.volume_cap + 1e-9) - self.taken))

    def ticks(self, index: int, bar: Bar, volume: float) -> float:
        rules = self.rules
        share = min(1.0, volume / bar.volume) if bar.volume > 0 else 1.0
        extra = rules.slippage_range * (bar.high - bar.low) / self.tick + rules.slippage_impact * math.sqrt(share)
        drawn = chance_ticks(rules.seed, index, rules.slippage_random) if rules.slippage_random else 0
        return self.slippage + (math.ceil(extra - EPS) if extra > 0 else 0) + drawn

    # --- orders ----------------------------------------------------------------------------------------------

    def match(self, order: Order, index: int, bar: Bar) -> None:
        around = self.reached(order, bar)
        if around is None or self.locked(bar, order.side):
            return
        if order.to_target:
            order.volume = max(0.0, order.side * (order.original - self.held))
            if not order.volume:
                order.done = True
                return
        part = self.room(order.volume, bar)
        if not part:
            return
        ticks = 0.0 if order.kind == "limit" else self.ticks(index, bar, part)
        self.taken += part
        well = self.trade(index, bar, order.side, part, around, ticks)
        order.volume -= part
        if not well:
            order.done = True
        elif order.volume <= 0:
            order.done = True
            if order.distance:
                price = order.price + order.side * order.distance
                again = order.distance if order.repeat else 0.0
                self.orders.append(
                    Order("limit", -order.side, order.original, price, again, order.repeat, False, index,
                          original=order.original)
                )  # fmt: skip

    def reached(self, order: Order, bar: Bar) -> float | None:
        """The price around which the bar fills the order."""
        if order.kind == "market" or order.triggered:
            return bar.open
        if order.kind == "stop":
            order.triggered = bar.high >= order.price - EPS if order.side > 0 else bar.low <= order.price + EPS
            farther = max(order.price, bar.open) if order.side > 0 else min(order.price, bar.open)
            return farther if order.triggered else None
        better = bar.open < order.price - EPS if order.side > 0 else bar.open > order.price + EPS
        beyond = self.tick if self.rules.limit_fill == LimitFill.THROUGH else 0.0
        if order.side > 0 and (better or bar.low <= order.price - beyond + EPS):
            return min(order.price, bar.open)
        if order.side < 0 and (better or bar.high >= order.price + beyond - EPS):
            return max(order.price, bar.open)
        return None

    def trade(self, index: int, bar: Bar, side: int, volume: float, around: float, ticks: float) -> bool:
        """Close what is on the other side, open the rest; False where that was refused."""
        price = around + side * ticks * self.tick
        self.ledger.mark(CODE, around)
        closing = min(volume, abs(self.held)) if self.held * side < 0 else 0.0
        if closing:
            self.close(index, bar, side, price, closing, None)
        opening = volume - closing
        if not opening:
            return True
        if self.ledger.opening_need(CODE, Side(side), price, opening) > self.ledger.funds.available:
            self.refused += 1
            return False
        self.ledger.open(CODE, Side(side), price, opening, at=bar.start, trading_day=bar.trading_day)
        self.held += side * opening
        self.fills.append((index, side, Offset.OPEN, price, opening))
        return True

    def close(self, index: int, _bar: Bar, side: int, price: float, volume: float, forced: Offset | None) -> None:
        closings = self.ledger.close(CODE, Side(-side), price, volume)
        for offset in (Offset.CLOSE, Offset.CLOSE_TODAY):
            lots = sum(closing.lot.volume for closing in closings if closing.offset == offset)
            if lots:
                self.held += side * lots
                self.fills.append((index, side, offset if forced is None else forced, price, lots))

    # --- days ------------------------------------------------------------------------------------------------

    def roll(self, index: int, bar: Bar) -> None:
        gap, self.gap, self.rolling = self.gap, 0.0, False
        self.orders.clear()
        if not self.held:
            return
        side, volume = (1 if self.held > 0 else -1), abs(self.held)
        ticks = self.ticks(index, bar, volume)
        self.trade(index, bar, -side, volume, bar.open - gap, ticks)
        self.trade(index, bar, side, volume, bar.open, ticks)

    def reduce(self, index: int, bar: Bar) -> None:
        self.ledger.mark(CODE, bar.open)
        if self.ledger.funds.available >= 0:
            self.called = False
            return
        if not self.held:
            return
        side = -1 if self.held > 0 else 1
        if self.locked(bar, side):
            return
        ticks = self.ticks(index, bar, abs(self.held))
        part = self.room(self.lots_to_go(bar, ticks), bar)
        if not part:
            return
        self.taken += part
        self.close(index, bar, side, bar.open + side * ticks * self.tick, part, Offset.FORCE_CLOSE)
        self.called = self.ledger.funds.available < 0

    def lots_to_go(self, bar: Bar, ticks: float) -> float:
        """One lot after the other, the oldest first, until what each frees has made up for what is missing."""
        missing, count = -self.ledger.funds.available, 0.0
        fees, size = self.terms.fees, self.terms.multiplier
        for lot in self.position.lots(Side.LONG if self.held > 0 else Side.SHORT):
            margin = self.terms.margins.long_by_money if self.held > 0 else self.terms.margins.short_by_money
            at = (
                lot.open_price
                if lot.today or math.isnan(self.position.pre_settlement)
                else self.position.pre_settlement
            )
            rate = fees.close_today_by_money if lot.today else fees.close_by_money
            per_lot = fees.close_today_by_volume if lot.today else fees.close_by_volume
            freed = at * size * margin - ticks * self.tick * size - (bar.open * size * rate + per_lot)
            for _ in range(round(lot.volume)):
                if missing <= 0:
                    return count
                count += 1
                missing -= max(freed, 0.0)
        return count

    def look_at_margin(self, close: float) -> None:
        if not self.rules.margin_call or self.called:
            return
        self.ledger.mark(CODE, close)
        if self.ledger.funds.available < 0:
            self.called = True
            self.orders.clear()

    def end_day(self, index: int, bar: Bar, *, expires: bool) -> None:
        stored = self.facts.settlements.get(bar.trading_day) if self.rules.settlement else None
        price = bar.close if stored is None else stored
        if expires:
            self.orders.clear()
            if self.held:
                self.close(index, bar, -1 if self.held > 0 else 1, price, abs(self.held), None)
            self.ended = True
        self.ledger.mark(CODE, price - self.gap)
        self.equity.append(self.ledger.funds.balance)
        self.ledger.settle({CODE: price - self.gap})
        if self.rules.margin_call and not self.called and self.ledger.funds.available < 0:
            self.called = True
            self.orders.clear()


Action = tuple[str, int, int, float, bool, bool]
"""Kind, signed volume, ticks off the close, ticks of the reply's distance (0: none), repeat, to_target."""


def slow_run(bars: BarSeries, script: dict[int, list[Action]], exchange: Exchange) -> Exchange:
    """Bar by bar; after the bars named in ``script`` its orders are placed."""
    rows = list(bars.rows())
    expiry = exchange.facts.expiry if exchange.rules.expiry else None
    for index, bar in enumerate(rows):
        if index == 0 or bar.trading_day != rows[index - 1].trading_day:
            exchange.begin_day(bar.trading_day, index == 0)
        exchange.bar(index, bar)
        last = index == len(rows) - 1 or rows[index + 1].trading_day != bar.trading_day
        expires = last and expiry is not None and bar.trading_day == expiry
        if expires:
            exchange.end_day(index, bar, expires=True)
        else:
            exchange.look_at_margin(bar.close - exchange.gap)
            if last:
                exchange.end_day(index, bar, expires=False)
        for kind, volume, off, distance, repeat, to_target in script.get(index, []):
            place(exchange, index, bar, kind, volume, off, distance, repeat, to_target)
    return exchange


def place(
    exchange: Exchange, index: int, bar: Bar, kind: str, volume: int, off: int, distance: float, repeat: bool,
    to_target: bool,
) -> None:  # fmt: skip
    """One action of a script."""
    if kind == "cancel":
        exchange.orders.clear()
        return
    if exchange.ended:
        return
    side = (1 if volume > exchange.held else -1) if to_target else (1 if volume > 0 else -1)
    size = float(volume) if to_target else float(abs(volume))
    price = bar.close + off * exchange.tick
    beyond = 0.0 if to_target or kind == "market" else distance * exchange.tick
    exchange.orders.append(Order(kind, side, size, price, beyond, repeat, to_target, index, original=size))
