"""Made-up ticks of one simulated instrument: a random walk on the tick grid with a plausible book around it.

For demonstrations and tests, marked as simulated by the exchange SIM that carries it; not to be traded on.
"""

from dataclasses import dataclass
from random import Random

from marketdata.domain.calendar import from_day_number
from marketdata.domain.contract import Contract
from marketdata.domain.depth import RawTick
from quantsite.common.times import SHANGHAI_OFFSET_NS, ns_to_utc

STEP_SHARE = 0.00006
"""Standard deviation of a half-second's move, as a share of the price: about 1.2 % in a day of six hours."""

PULL = 0.0002
"""Share of the distance to the day's base that each step takes back, so that a demo of days stays in a sane range."""

LOTS_A_TICK = 12.0
LIMIT_SHARE = 0.08
LEVELS = 5
LEAST_TICKS = 100.0
"""A walk begins at so many price ticks at least: nearer to 0 its limits would leave it no room."""


@dataclass
class DayTotals:
    """What counts from the opening of a trading day: lots, yuan, and the prices of the day."""

    trading_day: int
    volume: int = 0
    turnover: float = 0.0
    open: float = 0.0
    high: float = 0.0
    low: float = 0.0


class TickWalk:
    """The ticks of one instrument in the order of their times.

    ``price`` is where it begins (a settlement price too: the base of the day's limits). The same arguments give the
    same ticks. Prices are positive multiples of the tick, volume and open interest whole lots, turnover yuan.
    """

    def __init__(self, contract: Contract, price: float, seed: int, *, totals: DayTotals | None = None) -> None:
        self.contract = contract
        self._random = Random(seed)  # noqa: S311 - no secret
        self._base = max(LEAST_TICKS, round(price / contract.price_tick))
        self._last = round(self._base * contract.price_tick, 10)
        self._level = self._base
        self._previous = self._base
        self._interest = 1_500_000
        self._totals = totals or DayTotals(-1)

    def tick(self, trading_day: int, time: int, *, settled: bool = False) -> RawTick:
        """The next record, stamped with ``time`` (ns UTC); ``settled`` makes it the one after the close."""
        day = self._totals
        if day.trading_day != trading_day:
            day = self._totals = DayTotals(trading_day)
            self._previous = round(self._level)
        if not settled:
            self._trade(day)
        return self._record(day, self._last, time, settled=settled)

    def _trade(self, day: DayTotals) -> None:
        """Move the price, and mostly trade some lots at it."""
        low, high = self._previous * (1 - LIMIT_SHARE), self._previous * (1 + LIMIT_SHARE)
        moved = self._level + self._random.gauss(0, STEP_SHARE * self._base) - PULL * (self._level - self._base)
        self._level = min(max(moved, low + 1, 1.0), high - 1)
        lots = int(self._random.expovariate(1 / LOTS_A_TICK)) + (not day.volume)
        if not lots:
            return
        price = self._last = round(round(self._level) * self.contract.price_tick, 10)
        day.volume += lots
        day.turnover += lots * price * self.contract.multiplier
        day.open = day.open or price
        day.high = max(day.high, price)
        day.low = min(day.low, price) if day.low else price
        self._interest = max(1, self._interest + self._random.randint(-lots, lots))

    def _record(self, day: DayTotals, last: float, time: int, *, settled: bool) -> RawTick:
        tick = self.contract.price_tick
        mean = day.turnover / day.volume / self.contract.multiplier if day.volume else last
        bid = round(round(last / tick) - (self._random.random() < 0.5))
        local = ns_to_utc(time + SHANGHAI_OFFSET_NS)
        bids = [round(max(bid - level, 0) * tick, 10) for level in range(LEVELS)]
        asks = [round((bid + 1 + level) * tick, 10) for level in range(LEVELS)]
        lots = [self._random.randint(1, 400) for _ in range(2 * LEVELS)]
        previous = round(self._previous * tick, 10)
        return RawTick(
            instrument_id=self.contract.symbol,
            exchange_id=self.contract.exchange,
            trading_day=from_day_number(day.trading_day).strftime("%Y%m%d"),
            action_day=local.strftime("%Y%m%d"),
            update_time=local.strftime("%H:%M:%S"),
            update_millisec=local.microsecond // 1_000,
            last_price=last,
            volume=day.volume,
            turnover=day.turnover,
            open_interest=float(self._interest),
            bid_price=bids[0],
            bid_volume=lots[0],
            ask_price=asks[0],
            ask_volume=lots[LEVELS],
            open_price=day.open,
            highest_price=day.high,
            lowest_price=day.low,
            close_price=last if settled else 0.0,
            average_price=mean * self.contract.multiplier,
            settlement_price=mean if settled else 0.0,
            pre_settlement_price=previous,
            pre_close_price=previous,
            pre_open_interest=1_500_000.0,
            upper_limit_price=_on_grid(previous * (1 + LIMIT_SHARE), tick),
            lower_limit_price=_on_grid(previous * (1 - LIMIT_SHARE), tick),
            depth=tuple(
                float(value) for column in (bids[1:], lots[1:LEVELS], asks[1:], lots[LEVELS + 1 :]) for value in column
            ),
        )


def _on_grid(price: float, tick: float) -> float:
    """The last multiple of the tick at or below ``price``."""
    return round(price // tick * tick, 10)
