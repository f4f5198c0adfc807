"""An exchange that answers late, in any order and not at all, and the promise that an executor keeps with it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from math import nan
from typing import Any

from hypothesis import strategies as st

from marketdata.domain.ticks import Tick
from strategies.domain.hosting.executor import Executor, Numbers
from strategies.domain.hosting.intents import Place, Sent, Withdraw
from strategies.domain.hosting.news import News, NewsKind
from trading.domain.order_status import OrderType

SECOND = 1_000_000_000
DAY_NS = 86_400 * SECOND
NAMES = ("tick", "clock", "want", "drop", "accept", "fill", "part", "reject", "cancel", "expire", "market", "night")

Step = tuple[str, int, int]
"""What happens, and two numbers that choose among what it may mean."""

steps = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 40), st.integers(0, 5)), max_size=60)


@dataclass
class Live:
    """An order that may still fill."""

    place: Place
    left: int
    asked: bool = False


@dataclass
class Wild:
    """One executor; after every step :meth:`check` holds. ``sent`` is everything that it ever sent."""

    make: Callable[[Numbers], Executor]
    legs: int = 1
    now: int = 20_000 * DAY_NS
    day: int = 20_000
    held: list[int] = field(default_factory=list)
    target: list[int | None] = field(default_factory=list)
    live: dict[int, Live] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)

    def __post_init__(self) -> None:
        counter = count(1)
        self.numbers: Numbers = lambda: next(counter)
        self.executor = self.make(self.numbers)
        self.held, self.target = [0] * self.legs, [None] * self.legs

    def step(self, step: Step) -> None:
        """One thing happens; what cannot happen now does not."""
        name, one, two = step
        getattr(self, f"_{name}")(one, two)

    def calm(self, ticks: int) -> None:
        """From now on the exchange takes everything at once, and the market stands still."""
        for _ in range(ticks):
            self._tick(10, 0, locked=False)
            for number in list(self.live):
                self._settle(number)

    def _settle(self, number: int) -> None:
        live = self.live.get(number)
        if live is None:
            return
        if live.asked:
            self.answer(number, NewsKind.CANCELLED, reason="cancelled")
        else:
            self.answer(number, NewsKind.FILLED, lots=live.left)

    def _tick(self, one: int, two: int, *, locked: bool = True) -> None:
        self.now += SECOND // 2 + two * SECOND
        leg, middle = two % self.legs, 100.0 + one % 7
        bid, ask = middle - 1, middle + 1
        if locked and one % 9 == 7:
            bid = nan
        if locked and one % 9 >= 7:
            ask = nan
        for number in range(self.legs) if not locked else (leg,):
            self.quote(bid, ask, leg=number)

    def quote(self, bid: float = 99.0, ask: float = 101.0, *, leg: int = 0, after: float = 0.0) -> None:
        """A tick with that book, nine lots on each side, ``after`` so many seconds."""
        self.now += int(after * SECOND)
        tick = Tick("x", self.day, 1, self.now, 0, 100.0, 10, 1e4, 0.0, bid, 9, ask, 9,
                    upper_limit=105.0, lower_limit=98.0)  # fmt: skip
        self._take(self.executor.on_tick(leg, tick, self.held[leg]))

    def want(self, target: int, leg: int = 0, price: float = 100.0) -> None:
        """A decision."""
        self.target[leg] = target
        self._take(self.executor.want(leg, target, self.held[leg], self.now, price))

    def wait(self, seconds: float) -> None:
        """The clock, without a tick."""
        self.now += int(seconds * SECOND)
        self._take(self.executor.on_clock(self.now))

    def at_work(self, leg: int = 0) -> Live:
        """The order of a leg that may still fill; there must be one."""
        (found,) = [live for live in self.live.values() if live.place.leg == leg]
        return found

    def idle(self, leg: int = 0) -> bool:
        """Whether nothing of a leg may still fill."""
        return not any(live.place.leg == leg for live in self.live.values())

    def fill(self, lots: int, leg: int = 0) -> None:
        """So many lots of the leg's order fill."""
        self.answer(self.at_work(leg).place.number, NewsKind.FILLED, lots)

    def refuse(self, leg: int = 0, reason: str = "margin") -> None:
        """The leg's order is refused."""
        self.answer(self.at_work(leg).place.number, NewsKind.REJECTED, reason=reason)

    def cancel(self, leg: int = 0, reason: str = "cancelled") -> None:
        """The leg's order ends."""
        self.answer(self.at_work(leg).place.number, NewsKind.CANCELLED, reason=reason)

    def _clock(self, one: int, two: int) -> None:
        self.wait(one)

    def _want(self, one: int, two: int) -> None:
        target = one % 21 - 10
        for leg in range(self.legs):
            self.want(target if leg == 0 else -2 * target, leg, 100.0 + two)

    def _drop(self, one: int, two: int) -> None:
        if two == 0:
            leg = one % self.legs
            self.target = [None] * self.legs if self.legs > 1 else [None]
            self._take(self.executor.drop(leg))

    def _accept(self, one: int, two: int) -> None:
        self._to_one(one, NewsKind.ACCEPTED)

    def _fill(self, one: int, two: int) -> None:
        self._to_one(one, NewsKind.FILLED)

    def _part(self, one: int, two: int) -> None:
        self._to_one(one, NewsKind.FILLED, lots=1)

    def _reject(self, one: int, two: int) -> None:
        self._to_one(one, NewsKind.REJECTED, reason=("margin", "market_closed", "risk")[two % 3])

    def _cancel(self, one: int, two: int) -> None:
        self._to_one(one, NewsKind.CANCELLED, reason="cancelled")

    def _expire(self, one: int, two: int) -> None:
        self._to_one(one, NewsKind.CANCELLED, reason="expired")

    def _market(self, one: int, two: int) -> None:
        """A market order's end: what was offered, and the remainder comes back."""
        markets = [number for number, live in self.live.items() if live.place.type is OrderType.MARKET]
        for number in markets:
            self.answer(number, NewsKind.FILLED, lots=min(self.live[number].left, two + 1))
            if number in self.live:
                self.answer(number, NewsKind.CANCELLED, reason="remainder")

    def _night(self, one: int, two: int) -> None:
        """The day ends: nothing is left of any order."""
        if two:
            return
        for number in list(self.live):
            self.answer(number, NewsKind.CANCELLED, reason="expired")
        self.day += 1
        self.now = self.day * DAY_NS

    def _to_one(self, one: int, kind: NewsKind, lots: int = 0, reason: str = "") -> None:
        if self.live:
            number = list(self.live)[one % len(self.live)]
            self.answer(number, kind, lots=lots or self.live[number].left, reason=reason)

    def answer(self, number: int, kind: NewsKind, lots: int = 0, reason: str = "") -> None:
        """The exchange tells something of an order."""
        live = self.live[number]
        leg = live.place.leg
        if kind is NewsKind.FILLED:
            live.left -= lots
            self.held[leg] += int(live.place.direction) * lots
        if kind in {NewsKind.REJECTED, NewsKind.CANCELLED} or not live.left:
            del self.live[number]
        told = lots if kind is NewsKind.FILLED else 0
        self._take(self.executor.on_news(News(number, kind, self.now, 100.0, told, reason), self.held[leg]))

    def _take(self, sent: list[Sent]) -> None:
        self.sent += sent
        for one in sent:
            if isinstance(one, Withdraw):
                if one.number in self.live:
                    self.live[one.number].asked = True
                continue
            others = [live for live in self.live.values() if live.place.leg == one.leg]
            assert not others, (one, others)
            assert one.lots > 0
            self.live[one.number] = Live(one, one.lots)

    def check(self) -> None:
        """What is at work and filled never exceeds what is wanted, but for what is being taken back."""
        for leg in range(self.legs):
            at_work = [live for live in self.live.values() if live.place.leg == leg and not live.asked]
            wanted = self.target[leg]
            for live in at_work:
                assert wanted is not None, live
                assert live.left <= live.place.direction * (wanted - self.held[leg]), (live, wanted, self.held)

    def document(self) -> Any:
        """The executor's."""
        return self.executor.document()
