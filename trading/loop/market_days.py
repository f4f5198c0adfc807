"""An account's trading days: begun by the market, priced by its ticks, settled before the next one begins."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date

import structlog

from marketdata.domain.calendar import from_day_number, to_day_number
from marketdata.domain.ticks import Tick
from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from trading.choices import AccountKind
from trading.ledger.keeper import Keeper
from trading.ledger.prices import day_prices
from trading.ledger.verbs import settle_at
from trading.loop.desk_rules import Moment, market_moment
from trading.loop.market import Market

log = structlog.get_logger(__name__)


class MarketDays:
    """What the market's clock and ticks make of an account's book; ``end_orders`` ends what rests at the exchange."""

    def __init__(self, keeper: Keeper, market: Market, end_orders: Callable[[], None]) -> None:
        self._keeper = keeper
        self._market = market
        self._end_orders = end_orders
        self._by_broker = keeper.account.kind == AccountKind.CTP

    def runs_on(self, tick: Tick) -> bool:
        """Whether a tick is of the account's running day; of a day that is settled already no price is news."""
        day = self._keeper.trading_day
        return day is not None and day != self._keeper.settled_day and tick.trading_day == to_day_number(day)

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

        Raises ``RuleError`` where it cannot be settled, and where days begin with the broker's (``broker_day``).
        """
        day, running = from_day_number(moment.day), self._keeper.trading_day
        if running == day:
            return
        if self._by_broker:
            text = say("The account trades on the broker's trading day, %(ours)s: the market is at %(day)s.",
                       ours=running, day=day)  # fmt: skip
            raise RuleError("broker_day", text)
        if running is not None and self._keeper.settled_day != running:
            self._settle()
        self._keeper.begin_day(day)

    def roll(self, held: Sequence[str]) -> None:
        """Where the market of something held has reached the next trading day, that begins.

        It waits for the settlement prices that the first ticks of the next day bring, though not beyond its opening.
        """
        try:
            moment = self._next_day(held)
            if moment is not None:
                self._keeper.now = moment.now
                self.open(moment)
        except RuleError as error:  # beyond the calendar, say: tried again in a second
            log.error("trading day not begun", account=self._keeper.account.code, reason=error.text)

    def _next_day(self, held: Sequence[str]) -> Moment | None:
        """The moment to begin the next trading day at; None where it is not to begin yet."""
        running = self._keeper.trading_day
        if running is None or self._by_broker:
            return None
        published = [code for code in held if self._market.now(code) is not None]
        moments = {code: market_moment(self._keeper, self._market, code) for code in published}
        next_days = {code: at for code, at in moments.items() if from_day_number(at.day) > running}
        told = self._told(held, running)
        for code, moment in next_days.items():
            opens = self._keeper.facts.contract(code).table.plan(moment.day).opens
            if self._keeper.settled_day == running or moment.now >= opens or all(code in told for code in held):
                return moment
        return None

    def _told(self, held: Iterable[str], day: date) -> dict[str, float]:
        """The settlement prices of ``day`` as ticks of a later day tell them."""
        ticks = {code: tick for code in held if (tick := self._market.tick(code)) is not None}
        later = {code: tick for code, tick in ticks.items() if tick.trading_day > to_day_number(day)}
        return {code: tick.pre_settlement for code, tick in later.items() if tick.pre_settlement > 0}

    def _settle(self) -> None:
        """The next day opens and nobody has settled: published prices where there are any, else the last ones."""
        held, day = self._keeper.held_codes(), self._keeper.trading_day
        if day is None:
            return
        seen = {code: self._market.last_on(code, to_day_number(day)) for code in held}
        last = {code: price for code in held if (price := seen.get(code) or self._keeper.last_price(code)) is not None}
        prices = day_prices(held, day, {}, told=self._told(held, day), last=last)
        settle_at(self._keeper, None, prices, self._end_orders)

    def _price(self, tick: Tick) -> None:
        """Mark at a tick of the running day; what was carried into it has the settlement price it was carried at."""
        keeper, code = self._keeper, tick.instrument
        keeper.price(code, tick.last, tick.average)
        if tick.pre_settlement > 0 and code not in keeper.pre_settlements and not keeper.carried(code):
            keeper.settled_before(code, tick.pre_settlement)
