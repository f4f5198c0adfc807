"""What trading must know of an instrument: what it is, when it trades, and what it costs on a trading day."""

from datetime import UTC, date, datetime, timedelta

from django.db import connection

from marketdata.domain.calendar import from_day_number
from marketdata.domain.contract import Contract
from marketdata.domain.instrument import FeeRates, MarginRates, rates_on
from marketdata.domain.market_hours import trading_day_at
from marketdata.domain.sessions import SessionTable
from marketdata.instruments import contract_of, costs_for, find_instrument, trading_calendar
from marketdata.models import Instrument
from quantsite.common.errors import MissingError
from quantsite.common.times import SHANGHAI_FIXED, ns_to_utc, utc_to_ns
from trading.account_models import TradingAccount
from trading.books_models import BrokerRate
from trading.choices import AccountKind
from trading.domain.checks import ContractFacts
from trading.domain.ledger import Terms

LONGEST_BREAK = timedelta(days=30)
"""More than any run of days without trading."""


def contract_facts(instrument: Instrument) -> ContractFacts:
    """The instrument as the static checks see it; reads ``product``."""
    return ContractFacts(
        code=instrument.code,
        exchange=instrument.product.exchange_id,
        kind=instrument.kind,
        price_tick=float(instrument.price_tick),
        min_limit_volume=instrument.min_limit_volume,
        max_limit_volume=instrument.max_limit_volume,
        min_market_volume=instrument.min_market_volume,
        max_market_volume=instrument.max_market_volume,
        listed=instrument.listed,
        expires=instrument.expires,
    )


def order_day(instrument: Instrument) -> date | None:
    """A day that tells whether the contract lives; None where no market tells its clock now.

    Our own clock tells nothing: a contract of 2024 lives in a replay that begins in a second. Raises ``RuleError``
    ``outside_calendar``.
    """
    now = _published_clock(instrument.pk)
    if now is None:
        return None
    return day_within_life(instrument, now) or day_at(utc_to_ns(now))


def day_within_life(instrument: Instrument | ContractFacts, now: datetime) -> date | None:
    """The calendar day, where the contract lives on it and on every trading day that its evening may belong to.

    A trading day lies on the calendar day of its clock or after it, by no more than ``LONGEST_BREAK``.
    """
    day = now.astimezone(SHANGHAI_FIXED).date()
    listed = instrument.listed is None or instrument.listed <= day
    lives = instrument.expires is None or day + LONGEST_BREAK <= instrument.expires
    return day if listed and lives else None


def _published_clock(instrument: int) -> datetime | None:
    """The market clock as the feed that publishes an instrument told it last; None before its first word."""
    with connection.cursor() as cursor:
        cursor.execute(_CLOCK, [instrument])
        found = next((value for (value,) in cursor.fetchall()), None)
    moment = datetime.fromisoformat(found) if isinstance(found, str) else found  # SQLite keeps texts, in UTC
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


_CLOCK = """
    SELECT told.market_time FROM marketdata_instrumentfeed feed
    JOIN marketdata_feedstate told ON told.source = feed.source AND told.epoch = feed.epoch
    WHERE feed.instrument_id = %s
"""
"""Of the run of the feed that claimed the instrument: one before it may have played another year."""


def day_at(now: int) -> date:
    """The trading day of an instant (ns UTC). Raises ``RuleError`` ``outside_calendar``."""
    return from_day_number(trading_day_at(trading_calendar(), now))


def moment(now: int | None) -> datetime | None:
    """An instant (ns UTC) as a column keeps it."""
    return None if now is None else ns_to_utc(now)


class Facts:
    """Instruments, hours and terms of one account's loop: each is read once, and terms once a trading day.

    What the broker of the ``account`` has told of its rates goes before the tables of everybody.
    """

    def __init__(self, account: TradingAccount | None = None) -> None:
        self._broker_of = account if account is not None and account.kind == AccountKind.CTP else None
        self._rows: dict[str, Instrument] = {}
        self._numbered: dict[int, Instrument] = {}
        self._contracts: dict[str, Contract] = {}
        self._tables: dict[int, SessionTable] = {}
        self._terms: dict[tuple[str, date], Terms] = {}

    def row(self, code: str) -> Instrument:
        """The stored instrument. Raises ``MissingError``."""
        found = self._rows.get(code)
        if found is None:
            found = self._rows[code] = find_instrument(code)
        return found

    def instrument(self, number: int) -> Instrument:
        """The stored instrument of this primary key."""
        found = self._numbered.get(number)
        if found is None:
            found = Instrument.objects.select_related("product__exchange").get(pk=number)
            self._numbered[number] = self._rows[found.code] = found
        return found

    def contract(self, code: str) -> Contract:
        """Its hours, tick and multiplier. Raises ``MissingError`` ``no_hours``."""
        found = self._contracts.get(code)
        if found is None:
            row = self.row(code)
            table = self._tables.get(row.product_id)
            found = self._contracts[code] = contract_of(row, table)
            self._tables[row.product_id] = found.table
        return found

    def terms(self, code: str, day: date) -> Terms:
        """What it costs on a trading day. Raises ``MissingError`` ``no_rates`` where nobody has told its margin."""
        found = self._terms.get((code, day))
        if found is None:
            found = self._terms[code, day] = self._read_terms(code, day)
        return found

    def forget_terms(self, code: str) -> None:
        """Rates of an instrument have been told: its terms are read anew."""
        self._terms = {key: terms for key, terms in self._terms.items() if key[0] != code}

    def forget_days_before(self, day: date) -> None:
        """Terms of earlier days are read no more; rows may have changed meanwhile."""
        kept = {key: terms for key, terms in self._terms.items() if key[1] >= day}
        self.forget()
        self._terms = kept

    def forget(self) -> None:
        """Instruments have changed: everything is read anew."""
        self._terms.clear()
        self._rows.clear()
        self._numbered.clear()
        self._contracts.clear()
        self._tables.clear()

    def forget_all_terms(self) -> None:
        """Rates have changed: they are read anew when somebody asks."""
        self._terms.clear()

    def _read_terms(self, code: str, day: date) -> Terms:
        row = self.row(code)
        spec, fees, margins = costs_for(row)
        own_fees, own_margins = self._told(row, day)
        fee, _early = rates_on(fees, day) if fees else (FeeRates(), False)
        if not margins and own_margins is None:
            text = f"{code} has no margin rate: add one to its product first."
            raise MissingError("no_rates", text)
        margin: MarginRates = own_margins or rates_on(margins, day)[0]
        return Terms(
            multiplier=spec.multiplier,
            fees=fee if own_fees is None else own_fees,
            margins=margin,
            larger_side=row.max_margin_side,
            margin_group=_group(row),
        )

    def _told(self, row: Instrument, day: date) -> tuple[FeeRates | None, MarginRates | None]:
        """What the broker told of an instrument, on the day or on the last one before it."""
        if self._broker_of is None:
            return None, None
        told = BrokerRate.objects.filter(account=self._broker_of, instrument=row, trading_day__lte=day)
        fees = told.exclude(fees=None).order_by("-trading_day").first()
        margins = told.exclude(margins=None).order_by("-trading_day").first()
        return fees.fee_rates if fees else None, margins.margin_rates if margins else None


def _group(row: Instrument) -> str:
    """The contracts whose larger side is charged together; '' where each stands alone."""
    product = row.product
    return f"{product.exchange_id}.{product.margin_group}" if row.max_margin_side and product.margin_group else ""
