"""A market of ticks for hosts under test: its exchange fills in parts and late, refuses, and lets orders expire."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from marketdata.domain.bars import Bar, BarSeries
from marketdata.domain.ticks import Tick
from quantsite.common.times import NS_PER_DAY, NS_PER_MINUTE
from strategies.domain.hosting.host import LegTerms, LiveHost
from strategies.domain.hosting.intents import Intent, Place, Withdraw
from strategies.domain.hosting.news import News, NewsKind
from strategies.domain.hosting.rehearsal import together
from trading.domain.order import OrderType

CODES = ("rb2501.SHFE", "hc2501.SHFE")
TERMS = tuple(LegTerms(code, 1.0, 10.0) for code in CODES)
PER_DAY = 20


def walk(seed: int, count: int, code: str = CODES[0]) -> BarSeries:
    """Minutes on whole ticks around 500, twenty a trading day."""
    chance = np.random.default_rng(seed)
    close = 500.0 + np.cumsum(chance.integers(-4, 5, count)).astype(np.float64)
    open_ = close - chance.integers(-3, 4, count)
    wide = chance.integers(0, 3, (2, count)).astype(np.float64)
    day = (19_000 + np.arange(count) // PER_DAY).astype(np.int32)
    start = day.astype(np.int64) * NS_PER_DAY + np.arange(count) % PER_DAY * NS_PER_MINUTE
    high, low = np.maximum(open_, close) + wide[0], np.minimum(open_, close) - wide[1]
    ones = np.ones(count)
    return BarSeries(code, "1m", start, day, open_, high, low, close, 8 * ones, ones, ones)


def tick_at(time: int, day: int, last: float, volume: int, code: str = CODES[0], **given: Any) -> Tick:
    """A sound tick: three lots on each side, one tick off the last price."""
    figures: dict[str, Any] = {
        "bid_price": last - 1.0,
        "bid_volume": 3,
        "ask_price": last + 1.0,
        "ask_volume": 3,
        **given,
    }
    return Tick(code, day, 0, time, 0, last, volume, last * volume, 0.0, **figures)


Step = Callable[[LiveHost], list[Intent]]


class Exchange:
    """Answers orders as its chance says, the same for the same order number: some now, some with the next tick."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.later: list[News] = []
        self.resting: dict[int, Place] = {}

    def answer(self, intents: Sequence[Intent], now: int, last: Sequence[float]) -> list[News]:
        """What the host is told at once."""
        news: list[News] = []
        for intent in intents:
            if isinstance(intent, Place):
                news += self._taken(intent, now, last[intent.leg])
            elif isinstance(intent, Withdraw) and intent.number in self.resting:
                del self.resting[intent.number]
                news.append(News(intent.number, NewsKind.CANCELLED, now, reason="cancelled"))
        return news

    def _taken(self, place: Place, now: int, last: float) -> list[News]:
        draw = np.random.default_rng((self.seed, place.number))
        if draw.random() < 0.05:
            return [News(place.number, NewsKind.REJECTED, now, reason="no_funds")]
        if place.type is OrderType.LIMIT:
            self.resting[place.number] = place
            return [News(place.number, NewsKind.ACCEPTED, now)]
        filled = int(draw.integers(0, place.lots + 1))
        told = [News(place.number, NewsKind.FILLED, now, last, filled)] if filled else []
        if filled < place.lots:
            told.append(News(place.number, NewsKind.CANCELLED, now, reason="remainder"))
        if draw.random() < 0.5:
            return told
        self.later += told
        return []

    def on_tick(self, leg: int, tick: Tick) -> list[News]:
        """What was under way, and the resting orders that the price reaches, the last lot a tick later."""
        told, self.later = self.later, []
        for number, place in list(self.resting.items()):
            if place.leg == leg and place.direction * (place.price - tick.last) >= 0:
                part = max(1, place.lots // 2)
                told.append(News(number, NewsKind.FILLED, tick.time, place.price, part))
                del self.resting[number]
                if part < place.lots:
                    self.resting[number] = place._replace(lots=place.lots - part)
        return told

    def expire(self, now: int) -> list[News]:
        """The day is over."""
        told, self.resting = [News(number, NewsKind.CANCELLED, now, reason="expired") for number in self.resting], {}
        return told


def steps(series: Sequence[BarSeries], exchange: Exchange, *, frugal: bool = False) -> Iterator[Step]:
    """The market as inputs to a host, one after the other; each gives the intents of that input and what follows.

    ``frugal``: ticks go to legs that listen only.
    """
    last = [float(bars.open[0]) for bars in series]
    day, volume = -1, [0] * len(series)
    for bars in together(series):
        first = next(bar for bar in bars if bar is not None)
        if first.trading_day != day:
            if day >= 0:
                yield _news(exchange, exchange.expire, first.start, last)
                yield lambda host: host.end_day()
            day, volume = first.trading_day, [0] * len(series)
            yield lambda host, day=day: host.begin_day(day)  # type: ignore[misc]
        for leg, bar in enumerate(bars):
            if bar is not None:
                yield from _ticks(exchange, leg, bar, last, volume, frugal=frugal)
        yield _bars(exchange, bars, first.start + NS_PER_MINUTE, last)


def _ticks(
    exchange: Exchange, leg: int, bar: Bar, last: list[float], volume: list[int], *, frugal: bool
) -> Iterator[Step]:
    for number, price in enumerate((bar.open, bar.low, bar.high, bar.close)):
        tick = tick_at(bar.start + number * 10**9, bar.trading_day, price, volume[leg] + 2, CODES[leg])
        volume[leg] += 2

        def step(host: LiveHost, tick: Tick = tick) -> list[Intent]:
            last[leg] = tick.last
            told = _follow(exchange, host, exchange.on_tick(leg, tick), tick.time, last)
            found = host.on_tick(leg, tick) if host.listens(leg) or not frugal else []
            return told + found + _carry(exchange, host, found, tick.time, last)

        yield step


def _bars(exchange: Exchange, bars: tuple[Bar | None, ...], at: int, last: list[float]) -> Step:
    def step(host: LiveHost) -> list[Intent]:
        found = host.on_bars(bars, at)
        return found + _carry(exchange, host, found, at, last)

    return step


def _news(exchange: Exchange, tell: Callable[[int], list[News]], at: int, last: list[float]) -> Step:
    return lambda host: _follow(exchange, host, tell(at), at, last)


def _carry(exchange: Exchange, host: LiveHost, intents: list[Intent], at: int, last: list[float]) -> list[Intent]:
    return _follow(exchange, host, exchange.answer(intents, at, last), at, last)


def _follow(exchange: Exchange, host: LiveHost, news: list[News], at: int, last: list[float]) -> list[Intent]:
    found: list[Intent] = []
    for each in news:
        more = host.on_news(each)
        found += more + _carry(exchange, host, more, at, last)
    return found
