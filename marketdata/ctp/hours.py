"""Whether a connection to a front is wanted now, by the trading hours of everything that CTP's exchanges trade."""

from contextlib import suppress

import structlog

from marketdata.domain.calendar import from_day_number
from marketdata.domain.codes import SIMULATED_EXCHANGE
from marketdata.domain.ctp import hours
from marketdata.domain.market_hours import trading_day_at
from marketdata.instruments import session_table, trading_calendar
from marketdata.models import Product
from quantsite.common.errors import RuleError
from quantsite.common.times import NS_PER_MINUTE

log = structlog.get_logger(__name__)


class TradingHours:
    """Asked once a second; reads the rows when a trading day begins, and each hour where they do not reach."""

    def __init__(self) -> None:
        self._until = 0
        self._stretches: tuple[hours.Wanted, ...] = ()

    def __call__(self, now: int) -> bool:
        """Whether a connection is wanted at ``now`` (ns UTC): at any time where nobody has told the hours."""
        if now >= self._until:
            self._read(now)
        return not self._stretches or hours.should_connect(self._stretches, now)

    def _read(self, now: int) -> None:
        try:
            self._stretches = _stretches(now)
        except RuleError as error:
            log.warning("no trading hours: a connection is wanted at any time", reason=error.text)
            self._stretches = ()
        last = max((stretch.end for stretch in self._stretches), default=0)
        self._until = last if last > now else now + NS_PER_MINUTE


def _stretches(now: int) -> tuple[hours.Wanted, ...]:
    """Those of the trading day at ``now``. Raises ``RuleError`` beyond the calendar."""
    calendar = trading_calendar()
    day = from_day_number(trading_day_at(calendar, now))
    told = []
    for product in _likely_products():
        with suppress(RuleError):  # this one has no hours
            told.append(session_table(product).hours_on(day))
    return hours.wanted(day, calendar.previous_before(day), told)


def _likely_products() -> list[Product]:
    """One of those of an exchange that trade at the same hours: a hundred products have twenty different ones."""
    rows = Product.objects.exclude(exchange=SIMULATED_EXCHANGE).prefetch_related("sessions")
    found = {(row.exchange_id, tuple(str(each.to_domain()) for each in row.sessions.all())): row for row in rows}
    return list(found.values())
