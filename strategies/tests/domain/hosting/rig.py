"""A host at hand: one strategy that does what a test tells it, and short words for market and news."""

from collections.abc import Callable, Sequence
from typing import Any

from marketdata.domain.bars import Bar
from quantsite.common.times import NS_PER_DAY, NS_PER_MINUTE, NS_PER_SECOND
from strategies.domain.hosting.host import HostSetup, LiveHost
from strategies.domain.hosting.intents import Intent, Place
from strategies.domain.hosting.news import News, NewsKind
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy, OrderUpdate, Signal, Wake
from strategies.tests.domain.hosting.market import TERMS, tick_at

DAY = 19_000
BEGIN = DAY * NS_PER_DAY

ACTS: list[dict[int, "Act"]] = []
"""What strategies were told, by their ``told``: a function cannot be stored with a strategy's state."""

Act = Callable[[Any], object]
"""What a strategy does on a bar; a list that it gives are its signals."""


class Told(BaseStrategy):
    """Acts on its n-th bar as it was told, and remembers what it heard."""

    name = "told"

    def __init__(self, acts: dict[int, Act]) -> None:
        super().__init__(StrategyParameters())
        ACTS.append(acts)
        self.told = len(ACTS) - 1

    @property
    def acts(self) -> dict[int, Act]:
        return ACTS[self.told]

    def initialize(self) -> None:
        self.count = 0
        self.signals: list[Signal] = []
        self.heard: list[OrderUpdate] = []

    def on_market_data(self, bar: Bar) -> None:
        self.count += 1
        act = self.acts.get(self.count)
        given = act(self) if act else None
        self.signals = given if isinstance(given, list) else []

    def generate_signals(self) -> list[Signal]:
        return self.signals

    def on_order_update(self, update: OrderUpdate) -> None:
        self.heard.append(update)


class Woken(Told):
    """The same as an event strategy: it acts on its n-th wake."""

    name = "woken"

    def __init__(self, acts: dict[int, Act]) -> None:
        super().__init__(acts)
        self.woken: list[Wake] = []

    def on_wake(self, wake: Wake) -> None:
        self.woken.append(wake)
        act = self.acts.get(len(self.woken))
        if act:
            act(self)


class Rig:
    """A host whose market goes on by single calls; one unit is ``unit`` lots."""

    def __init__(self, strategy: BaseStrategy, unit: int = 1, interval: str = "1m", **given: Any) -> None:
        self.strategy: Any = strategy
        self.host = LiveHost(strategy, TERMS[: type(strategy).legs], HostSetup(unit, interval), **given)
        self.minute = 0
        self.volume = 0
        self.day = DAY
        self.begin()

    @property
    def now(self) -> int:
        return self.day * NS_PER_DAY + self.minute * NS_PER_MINUTE

    def begin(self, price: float = 500.0) -> list[Intent]:
        """A trading day begins, with a tick."""
        return self.host.begin_day(self.day) + self.tick(price)

    def next_day(self, price: float = 500.0) -> list[Intent]:
        self.host.end_day()
        self.day, self.minute, self.volume = self.day + 1, 0, 0
        return self.begin(price)

    def bar(
        self, close: float = 500.0, *, shut: Sequence[int] = (), high: float = 0.0, low: float = 0.0
    ) -> list[Intent]:
        """A minute closes."""
        start = self.now
        self.minute += 1
        bar = Bar(start, self.day, close, high or close, low or close, close, 10.0, 0.0, 0.0)
        return self.host.on_bars((bar,), self.now, shut)

    def tick(self, last: float = 500.0, *, later: int = 0, traded: int = 1, **given: Any) -> list[Intent]:
        self.volume += traded
        return self.host.on_tick(0, tick_at(self.now + later * NS_PER_SECOND, self.day, last, self.volume, **given))

    def fill(self, number: int, price: float = 500.0, lots: int = 1) -> list[Intent]:
        return self.host.on_news(News(number, NewsKind.FILLED, self.now, price, lots))

    def reject(self, number: int, reason: str = "no_funds") -> list[Intent]:
        return self.host.on_news(News(number, NewsKind.REJECTED, self.now, reason=reason))

    def cancel(self, number: int, reason: str = "cancelled") -> list[Intent]:
        return self.host.on_news(News(number, NewsKind.CANCELLED, self.now, reason=reason))


def wish(target: float) -> Act:
    """Give this target."""
    return lambda _strategy: [Signal(target, "told", (("figure", 1.5),))]


def placed(intents: Sequence[Intent]) -> list[tuple[str, int, float]]:
    """Type, signed lots and price of every order among intents."""
    return [(each.type.value, each.direction * each.lots, each.price) for each in intents if isinstance(each, Place)]


def numbers(intents: Sequence[Intent]) -> list[int]:
    return [each.number for each in intents if isinstance(each, Place)]


def heard(strategy: Any) -> list[tuple[str, float, float, float, int]]:
    """Kind, signed volume, price, position after it, and own number of every update, oldest first."""
    return [(u.kind.value, u.direction * u.volume, u.price, u.position, u.order) for u in strategy.heard]
