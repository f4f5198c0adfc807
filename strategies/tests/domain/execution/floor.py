"""An executor at the simulated exchange: its orders go to a matcher a contract, what becomes of them comes back."""

import json
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from marketdata.domain.ticks import Tick
from strategies.domain.hosting.executor import Executor, Numbers
from strategies.domain.hosting.intents import Place, Sent, Withdraw
from strategies.domain.hosting.news import News, NewsKind
from trading.domain.offsets import Direction
from trading.domain.simulated.matcher import InstrumentMatcher
from trading.domain.simulated.orders import MatchOrder
from trading.domain.simulated.outcomes import Accepted, Outcome, Refused, Traded, Withdrawn


@dataclass(frozen=True)
class Fill:
    """A fill: ``lots`` are signed."""

    at: int
    leg: int
    lots: int
    price: float


def news_of(outcome: Outcome) -> News | None:
    """What a host is told of an outcome; None where it concerns nobody."""
    order_id = outcome.order_id
    if isinstance(outcome, Accepted):
        return News(order_id, NewsKind.ACCEPTED, outcome.at)
    if isinstance(outcome, Traded):
        return News(order_id, NewsKind.FILLED, outcome.at, outcome.price, outcome.volume)
    if isinstance(outcome, Refused):
        return News(order_id, NewsKind.REJECTED, outcome.at, reason=outcome.reason.value)
    if isinstance(outcome, Withdrawn):
        return News(order_id, NewsKind.CANCELLED, outcome.at, reason=outcome.reason.value)
    return None


@dataclass
class Floor:
    """One executor and the exchange of each leg. ``placed`` and ``fills`` keep everything that happened."""

    matchers: Sequence[InstrumentMatcher]
    make: Callable[[Numbers], Executor]
    held: list[int] = field(default_factory=list)
    placed: list[Place] = field(default_factory=list)
    placed_at: list[int] = field(default_factory=list)
    withdrawn: list[int] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    now: int = 0

    def __post_init__(self) -> None:
        counter = count(1)
        self._numbers: Numbers = lambda: next(counter)
        self.executor = self.make(self._numbers)
        self.held = self.held or [0] * len(self.matchers)
        self._orders: dict[int, Place] = {}
        self._told: deque[Outcome] = deque()

    def want(self, leg: int, target: int, price: float = float("nan")) -> None:
        """A decision."""
        self._carry(self.executor.want(leg, target, self.held[leg], self.now, price))

    def tick(self, leg: int, tick: Tick) -> None:
        """A tick of a leg: the exchange first, then the executor."""
        self.now = max(self.now, tick.time)
        self._told += self.matchers[leg].on_tick(tick)
        self._tell()
        if not tick.flags:
            self._carry(self.executor.on_tick(leg, tick, self.held[leg]))

    def clock(self, now: int) -> None:
        """Time without a tick."""
        self.now = now
        for matcher in self.matchers:
            self._told += matcher.on_clock(now)
        self._tell()
        self._carry(self.executor.on_clock(now))

    def end_day(self) -> None:
        """Every order ends."""
        for matcher in self.matchers:
            self._told += matcher.expire(self.now)
        self._tell()

    def restart(self) -> None:
        """The executor dies and another one goes on from its document."""
        document: Any = json.loads(json.dumps(self.executor.document(), allow_nan=False))
        self.executor = self.make(self._numbers)
        self.executor.restore(document)

    def lots(self, leg: int = 0) -> int:
        """Lots filled on a leg, signed."""
        return sum(fill.lots for fill in self.fills if fill.leg == leg)

    def _carry(self, sent: Iterable[Sent]) -> None:
        for one in sent:
            if isinstance(one, Withdraw):
                self.withdrawn.append(one.number)
                matcher = self.matchers[self._orders[one.number].leg]
                self._told += matcher.cancel(one.number, self.now)
            else:
                self.placed.append(one)
                self.placed_at.append(self.now)
                self._orders[one.number] = one
                order = MatchOrder(one.number, one.direction, one.type, one.lots, one.price)
                self._told += self.matchers[one.leg].submit(order, self.now)
        self._tell()

    def _tell(self) -> None:
        while self._told:
            news = news_of(self._told.popleft())
            if news is None:
                continue
            place = self._orders[news.number]
            if news.kind is NewsKind.FILLED:
                lots = int(Direction(place.direction)) * news.lots
                self.held[place.leg] += lots
                self.fills.append(Fill(news.at, place.leg, lots, news.price))
            self._carry(self.executor.on_news(news, self.held[place.leg]))
