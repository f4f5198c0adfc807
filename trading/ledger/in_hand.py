"""An account in memory as it stands: its book, its working orders, its running day, and what things cost on it."""

import math
from contextlib import suppress
from datetime import date

import structlog

from marketdata.instruments import trading_calendar
from quantsite.common.errors import MissingError, RuleError
from quantsite.common.times import utc_to_ns
from trading.account_models import AccountState, TradingAccount
from trading.domain.account_book import AccountBook, BrokerTerms
from trading.ledger.book_rows import Tracked, cost
from trading.ledger.changes import Changes, PositionKey
from trading.ledger.day_counts import DayCounters
from trading.ledger.facts import Facts
from trading.ledger.stop_effects import StopEffects
from trading.ledger_models import Position
from trading.shapes import Shape

log = structlog.get_logger(__name__)


class AccountInHand:
    """What an account is and holds on its running day; :class:`trading.ledger.keeper.Keeper` fills it from rows."""

    state: AccountState
    broker: BrokerTerms
    book: AccountBook
    positions: dict[PositionKey, Position]
    """As they were told last."""
    pre_settlements: dict[str, float]
    """The previous settlement prices of the running day, by instrument."""
    settled_day: date | None
    committed: int
    """The number of the last event that is stored."""
    told: Shape
    """The funds as they were told last."""

    def __init__(self, account: TradingAccount, epoch: int = 0, facts: Facts | None = None) -> None:
        self.account = account
        self.epoch = epoch
        self.facts = facts or Facts(account)
        self.changes = Changes()
        self.orders: dict[int, Tracked] = {}
        self.counters = DayCounters()
        self.stops = StopEffects()
        self.now: int | None = None
        self.rates = 0
        """The change of rates that the terms in hand were read after at least."""
        self._costed: set[str] = set()

    @property
    def market_now(self) -> int:
        """The market clock (ns UTC) as this account heard of it last; 0 before it ever did."""
        if self.now is None and self.state.market_time is not None:
            return utc_to_ns(self.state.market_time)
        return self.now or 0

    @property
    def trading_day(self) -> date | None:
        """The running trading day; None before the first order."""
        return self.state.trading_day

    @property
    def cash_day(self) -> date | None:
        """The trading day whose statement counts what comes or goes now: the next one, once the running one is settled.

        None where no calendar tells it.
        """
        day = self.trading_day
        if day is None or self.settled_day != day:
            return day
        with suppress(RuleError):
            return trading_calendar().next_after(day)
        return None

    def held_codes(self) -> list[str]:
        """Instruments in which lots are held."""
        return sorted({row.instrument for row in self.book.positions()})

    def working_codes(self) -> set[str]:
        """Instruments in which orders may still fill."""
        return {tracked.row.instrument.code for tracked in self.orders.values()}

    def begin_day(self, day: date) -> None:
        """Trade on ``day`` from now on; everything held is costed by its terms."""
        self.state.trading_day = day
        self.counters.begin(day)
        self.pre_settlements.clear()
        self._costed.clear()
        self.facts.forget_days_before(day)
        for code in self.held_codes():
            self.know_or_keep(code)

    def know(self, code: str) -> None:
        """Have the terms of an instrument on the running day. Raises ``MissingError`` where there are none."""
        day = self.trading_day
        if day is None:
            raise ValueError("no trading day runs yet")
        cost(self.book, code, day, self.facts)
        self._costed.add(code)
        before = self.pre_settlements.get(code)
        if before is not None and self.settled_day != day:  # told before a restart, when nothing asked for it
            self.book.set_pre_settlement(code, before)

    def knows(self, code: str) -> bool:
        """Whether an instrument is costed by the terms of the running day."""
        return code in self._costed

    def know_or_keep(self, code: str) -> None:
        """As :meth:`know`; where nobody tells the terms any more, those of the day before hold on."""
        try:
            self.know(code)
        except MissingError as error:
            if code not in self.book.known:
                raise
            log.error("terms missing", account=self.account.code, instrument=code, reason=error.text)

    def renew_terms(self, rates: int) -> None:
        """Cost everything by the rates as they are now, after their change of this number; what was paid was paid.

        Orders at work hold back what they did.
        """
        self.rates = rates
        self.facts.forget_all_terms()
        if self.trading_day is not None:
            for code in sorted({*self._costed, *self.held_codes()}):
                self.know_or_keep(code)
        log.info("rates renewed", account=self.account.code, change=rates)

    def settled_before(self, code: str, price: float) -> None:
        """The previous settlement price of an instrument, for the running day; it is kept with the state."""
        self.pre_settlements[code] = price
        self.book.set_pre_settlement(code, price)

    def price(self, code: str, last: float, average: float = math.nan) -> None:
        """Mark an instrument that the account knows."""
        if code in self.book.known and last > 0:  # NaN is not, and 0 is how some front says that there is none
            self.book.mark(code, last, average)

    def holds(self, code: str) -> bool:
        """Whether lots of an instrument are held."""
        return bool(self.book.positions([code]))

    def carried(self, code: str) -> bool:
        """Whether lots of an instrument are held since before the running day."""
        return any(row.yesterday for row in self.book.positions([code]))

    def last_price(self, code: str) -> float | None:
        """Where an instrument is marked; None where nothing is held of it."""
        return next((row.last_price for row in self.book.positions([code])), None)
