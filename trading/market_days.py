"""An account's trading days: begun by the market, priced by its ticks, settled before the next one begins."""

from collections.abc import Callable, Iterable

import structlog

from marketdata.domain.calendar import from_day_number, to_day_number
from marketdata.domain.ticks import Tick
from quantsite.common.errors import RuleError
from trading.account_verbs import settle_at
from trading.desk_rules import Moment, market_moment
from trading.keeper import Keeper
from trading.market import Market
from trading.prices import day_prices

log = structlog.get_logger(__name__)


class MarketDays:
    """What the market's clock and ticks make of an account's book; ``end_orders`` ends what rests at the exchange."""

    def __init__(self, keeper: Keeper, market: Market, end_orders: Callable[[], None]) -> None:
        self._keeper = keeper
        self._market = market
        self._end_orders = end_orders

    def runs_on(self, tick: Tick) -> bool:
        """Whether a tick is of the account's running day."""
        day = self._keeper.trading_day
        return day is not None and tick.trading_day == to_day_number(day)

    def learn(self, code: str) -> None:
        """Have the terms of an instrument, and its prices as the newest tick tells them. Raises ``MissingError``."""
        if not self._keeper.knows(code):
            self._keeper.know(code)
        tick = self._market.tick(code)
        if tick is not None and self.runs_on(tick):
            self._price(tick)

    def price(self, codes: Iterable[str]) -> None:
        """Mark these instruments at their newest ticks."""
        for code in codes:
            tick = self._market.tick(code)
            if tick is not None and not tick.flags and self.runs_on(tick):
                self._price(tick)

    def open(self, moment: Moment) -> None:
        """Begin the market's trading day for the account; the one before is settled first, if nobody has.

        Raises ``RuleError`` where it cannot be settled.
        """
        day, running = from_day_number(moment.day), self._keeper.trading_day
        if running == day:
            return
        if running is not None and self._keeper.settled_day != running:
            self._settle()
        self._keeper.begin_day(day)

    def roll(self, held: Iterable[str]) -> None:
        """Where the market of something held has reached the next trading day, that begins."""
        try:
            for code in held:
                self._roll(code)
        except RuleError as error:  # beyond the calendar, say: tried again in a second
            log.error("trading day not begun", account=self._keeper.account.code, reason=error.text)

    def _roll(self, code: str) -> None:
        now, running = self._market.now(code), self._keeper.trading_day
        if now is None or running is None:
            return
        self._keeper.now = now
        moment = market_moment(self._keeper, self._market, code)
        if from_day_number(moment.day) > running:
            self.open(moment)

    def _settle(self) -> None:
        """The next day opens and nobody has settled: published prices where there are any, else the last ones."""
        held, day = self._keeper.held_codes(), self._keeper.trading_day
        seen = {} if day is None else {code: self._market.last_on(code, to_day_number(day)) for code in held}
        last = {code: price for code in held if (price := seen.get(code) or self._keeper.last_price(code)) is not None}
        settle_at(self._keeper, None, day_prices(held, day, {}, last=last), self._end_orders)

    def _price(self, tick: Tick) -> None:
        """Mark at a tick of the running day; what was carried into it has the settlement price it was carried at."""
        keeper, code = self._keeper, tick.instrument
        keeper.price(code, tick.last, tick.average)
        if tick.pre_settlement > 0 and code not in keeper.pre_settlements and not keeper.carried(code):
            keeper.settled_before(code, tick.pre_settlement)
