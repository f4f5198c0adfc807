"""A slow, obvious backtest that shares no line with the engine or the ledger: what they are compared with.

It keeps one row a lot, counts money as cash plus open profit, and looks everything up anew each time.
"""

from dataclasses import dataclass, field

from marketdata.domain.bars import BarSeries


@dataclass
class Fees:
    """The rates that hold from trading day ``since`` on."""

    since: int
    open: tuple[float, float]  # by money, by lot
    close: tuple[float, float]
    close_today: tuple[float, float]
    margin: tuple[float, float]  # of a long, of a short, by money


@dataclass
class OneLot:
    """A single lot held."""

    sign: int
    price: float
    day: int
    start: int
    fee: float


@dataclass
class Outcome:
    """Rows as plain tuples."""

    fills: list[tuple[int, int, int, float, int, float, float]] = field(default_factory=list)
    days: list[tuple[int, float, float, float, float, int]] = field(default_factory=list)
    trades: list[tuple[int, int, int, float, float, float]] = field(default_factory=list)
    rejected: int = 0


@dataclass
class Reference:
    """The account of the slow backtest; lots are whole."""

    capital: float
    multiplier: float
    slippage: float  # in price
    rates: list[Fees]
    cash: float = 0.0
    lots: list[OneLot] = field(default_factory=list)
    settlement: dict[int, float] = field(default_factory=dict)
    out: Outcome = field(default_factory=Outcome)

    def rate(self, day: int) -> Fees:
        """The last row that has begun; before all of them the first."""
        begun = [row for row in self.rates if row.since <= day]
        return max(begun, key=lambda row: row.since) if begun else min(self.rates, key=lambda row: row.since)

    def fee(self, pair: tuple[float, float], price: float) -> float:
        """Of one lot."""
        return pair[0] * price * self.multiplier + pair[1]

    def held(self) -> int:
        return sum(lot.sign for lot in self.lots)

    def equity(self, price: float) -> float:
        return self.capital + self.cash + sum(lot.sign * (price - lot.price) * self.multiplier for lot in self.lots)

    def margin(self, day: int) -> float:
        """Lots of ``day`` at their open price, older ones at the last settlement before it."""
        total = 0.0
        for lot in self.lots:
            before = [past for past in self.settlement if past < day]
            price = lot.price if lot.day == day else self.settlement[max(before)]
            total += price * self.multiplier * self.rate(day).margin[0 if lot.sign > 0 else 1]
        return total

    def close_lots(self, count: int, index: int, start: int, day: int, price: float) -> None:
        """The oldest ``count`` lots, reported as older ones and ones of the day."""
        hit, self.lots = self.lots[:count], self.lots[count:]
        for offset, part in ((1, [x for x in hit if x.day != day]), (3, [x for x in hit if x.day == day])):
            if not part:
                continue
            pair = self.rate(day).close_today if offset == 3 else self.rate(day).close
            fee = self.fee(pair, price)
            profit = sum(x.sign * (price - x.price) * self.multiplier for x in part)
            self.cash += profit - fee * len(part)
            self.out.fills.append((index, -part[0].sign, offset, price, len(part), fee * len(part), profit))
        for lot in hit:
            fee = self.fee(self.rate(day).close_today if lot.day == day else self.rate(day).close, price)
            net = lot.sign * (price - lot.price) * self.multiplier - fee - lot.fee
            self.out.trades.append((lot.start, start, lot.sign, lot.price, price, net))

    def trade(self, target: int, index: int, start: int, day: int, base: float) -> int:
        """Go from what is held to ``target``; returns what is held then."""
        sign = 1 if target > self.held() else -1
        price = base + sign * self.slippage
        if self.held() * sign < 0:
            self.close_lots(min(abs(self.held()), abs(target - self.held())), index, start, day, price)
        more = abs(target - self.held())
        if more:
            fee = self.fee(self.rate(day).open, price)
            need = (price * self.multiplier * self.rate(day).margin[0 if sign > 0 else 1] + fee) * more
            if need > self.equity(base) - self.margin(day):
                self.out.rejected += 1
            else:
                self.lots += [OneLot(sign, price, day, start, fee) for _ in range(more)]
                self.cash -= fee * more
                self.out.fills.append((index, sign, 0, price, more, fee * more, 0.0))
        return self.held()

    def settle(self, day: int, close: float) -> None:
        before = self.out.days[-1][1] if self.out.days else self.capital
        self.settlement[day] = close
        equity = self.equity(close)
        rates = self.rate(day).margin
        margin = sum(close * self.multiplier * rates[0 if lot.sign > 0 else 1] for lot in self.lots)
        drawdown = equity / max([self.capital, equity, *(row[1] for row in self.out.days)]) - 1
        self.out.days.append((day, equity, equity - before, drawdown, margin, self.held()))


def reference_run(bars: BarSeries, targets: list[int | None], account: Reference, close_at_end: bool) -> Outcome:
    """The rules of the engine, read from the text and written down again."""
    wanted: int | None = None  # the last target given and not yet reached or refused
    for index in range(len(bars)):
        start, day = int(bars.start[index]), int(bars.trading_day[index])
        if wanted is not None and wanted != account.held() and bars.volume[index] > 0:
            account.trade(wanted, index, start, day, float(bars.open[index]))
            wanted = None
        if targets[index] is not None:
            wanted = targets[index]
        last = index == len(bars) - 1
        if last and close_at_end and account.held():
            account.trade(0, index, start, day, float(bars.close[index]))
        if last or bars.trading_day[index + 1] != day:
            account.settle(day, float(bars.close[index]))
    return account.out
