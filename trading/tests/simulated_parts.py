"""A made market for the tests of the simulated exchange: price tick 1, multiplier 10, one-sided volume."""

from dataclasses import dataclass, field
from math import nan
from typing import Any

from marketdata.domain.ticks import Tick
from trading.domain.offsets import Direction
from trading.domain.order import OrderType
from trading.domain.simulated.matcher import InstrumentMatcher
from trading.domain.simulated.orders import MatchingRules, MatchOrder
from trading.domain.simulated.outcomes import Outcome, Traded

BUY, SELL = Direction.BUY, Direction.SELL
MULTIPLIER = 10.0
DAY = 20_000
MS = 1_000_000
HALF = 500 * MS
CODE = "rb2501.SHFE"


def depth(bids: list[tuple[float, int]], asks: list[tuple[float, int]]) -> tuple[float, ...]:
    """Levels 2 to 5 as a tick carries them; those not given are no quotes."""

    def column(levels: list[tuple[float, int]], part: int, nothing: float) -> list[float]:
        return [float(level[part]) for level in levels] + [nothing] * (4 - len(levels))

    return tuple(column(bids, 0, nan) + column(bids, 1, 0.0) + column(asks, 0, nan) + column(asks, 1, 0.0))


@dataclass
class Market:
    """Ticks half a second apart; each ``tick`` says what was traded since the one before, by price."""

    rules: MatchingRules = field(default_factory=MatchingRules)
    exchange: str = "SHFE"
    day: int = DAY
    now: int = 0
    volume: int = 0
    turnover: float = 0.0
    opened: float = nan
    seq: int = 0

    def __post_init__(self) -> None:
        self.matcher = InstrumentMatcher(CODE, self.exchange, 1.0, MULTIPLIER, self.rules)
        self.now = self.day * 86_400_000 * MS

    def next_tick(self, traded: dict[float, int], last: float | None = None, **given: Any) -> Tick:
        """The tick after half a second; the book is 99 x 10 against 101 x 10 unless given."""
        self.now += HALF
        self.seq += 1
        self.volume += sum(traded.values())
        self.turnover += sum(price * lots * MULTIPLIER for price, lots in traded.items())
        price = last if last is not None else list(traded)[-1] if traded else 100.0
        if self.volume and self.opened != self.opened:
            self.opened = next(iter(traded))
        figures: dict[str, Any] = {
            "bid_price": 99.0, "bid_volume": 10, "ask_price": 101.0, "ask_volume": 10, "open": self.opened, **given,
        }  # fmt: skip
        return Tick(CODE, self.day, self.seq, self.now, 0, price, self.volume, self.turnover, 0.0, **figures)

    def tick(self, traded: dict[float, int] | None = None, last: float | None = None, **given: Any) -> list[Outcome]:
        """The next tick, through the matcher."""
        return self.matcher.on_tick(self.next_tick(traded or {}, last, **given))

    def open(self) -> None:
        """The day's first trade, 100 lots at 100, before any order."""
        self.tick({100.0: 100})

    def tomorrow(self) -> None:
        """The day is over and the next one, whose counts begin anew, has not had a tick yet."""
        self.matcher.expire(self.now)
        self.day += 1
        self.now = self.day * 86_400_000 * MS
        self.volume, self.turnover, self.opened = 0, 0.0, nan

    def send(self, number: int, direction: Direction, volume: int, price: float = nan, **given: Any) -> list[Outcome]:
        """An order placed now: a limit where a price is given, else a market order."""
        kind = given.pop("type", OrderType.MARKET if price != price else OrderType.LIMIT)  # noqa: PLR0124 - NaN
        return self.matcher.submit(MatchOrder(number, direction, kind, volume, price, **given), self.now)


def fills(outcomes: list[Outcome]) -> list[tuple[int, float, int]]:
    """Order, price and lots of each fill."""
    return [(one.order_id, one.price, one.volume) for one in outcomes if isinstance(one, Traded)]
