"""What the parts of one account's CTP gateway share: its session, its orders, and what it has to report."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import structlog

from marketdata.ctp.session import SessionState
from trading.domain import events
from trading.domain.ctp.answers import ContractOf
from trading.domain.ctp.folding import CtpOrder
from trading.domain.ctp.times import instant_on
from trading.domain.ctp.wire import Investor
from trading.domain.gateway import Report
from trading.gateways.ctp.adoption import Adopted
from trading.gateways.ctp.book import CtpBook, DayRows, Found

if TYPE_CHECKING:
    from marketdata.ctp.session import LoginFacts, TraderSession

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Surroundings:
    """What the gateway must know of its account and its market.

    ``clock`` is the market clock of an instrument (ns UTC), ``rows`` what is stored of a trading day, ``limits`` the
    day's upper and lower price limits of an instrument (NaN where unknown), ``day_before`` the trading day before one,
    ``contract_of`` our code and the multiplier of a symbol.
    """

    account: str
    clock: Callable[[str], int]
    rows: Callable[[date], DayRows]
    limits: Callable[[str], tuple[float, float]]
    day_before: Callable[[date], date]
    contract_of: ContractOf
    market_as_limit: bool = False


@dataclass
class CtpDesk:
    """The orders of one account as its gateway works them."""

    session: "TraderSession"
    around: Surroundings
    book: CtpBook = field(default_factory=CtpBook)
    reports: list[Report] = field(default_factory=list)
    adopted: Adopted = field(default_factory=Adopted)
    requests: dict[int, Found] = field(default_factory=dict)
    """What was sent under which nRequestID on this connection."""

    @property
    def who(self) -> Investor:
        """Whose orders they are."""
        return Investor(self.session.login.broker, self.session.login.user)

    @property
    def facts(self) -> "LoginFacts | None":
        """Of the login that holds; None before the first, and after a loss until the next."""
        up = self.session.state in {SessionState.SYNCHRONISING, SessionState.READY}
        return self.session.facts if up else None

    def add(self, order: CtpOrder) -> None:
        """Know an order of the day of the login."""
        order.day = self.book.day.isoformat() if self.book.day else ""
        self.book.add(order)

    def report(self, order: CtpOrder, event: events.Event) -> None:
        """Something happened to an order."""
        self.reports.append(Report(order.order_id, event))

    def tell(self, order: CtpOrder) -> None:
        """Report where an order stands, as far as that is news."""
        for event in order.news(self.around.clock(order.code)):
            self.report(order, event)

    def instant(self, code: str, text: str) -> int:
        """When it was at a time of day on the trading day, never later than the market clock."""
        now, day = self.around.clock(code), self.book.day
        told = None if day is None else instant_on(day, self.around.day_before(day), text)
        return now if told is None else min(told, now)
