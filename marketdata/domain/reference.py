"""The project's own facts about exchanges, products, hours and rates, read from ``marketdata/reference``.

Every loader reads its file once a process and gives back tuples of frozen rows. A file that breaks its own form
raises ``ValueError`` with file and line: it is part of the program.
"""

from dataclasses import dataclass
from datetime import date

from marketdata.domain.calendar import TradingCalendar
from marketdata.domain.hours import SessionHours, SpecialOpening, Suspension
from marketdata.domain.instrument import Dated, FeeRates, MarginRates
from marketdata.domain.sessions import SessionTable


@dataclass(frozen=True, slots=True)
class ExchangeFacts:
    """One exchange. ``close_today_flag``: closing today's lots needs its own offset flag (SHFE, INE)."""

    code: str
    name_en: str
    name_zh: str
    close_today_flag: bool
    simulated: bool


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """One product. ``first_day``/``last_day``: first and last trading day of the code, ``last_day`` ``None`` while it trades.

    ``multiplier`` (units a lot) and ``price_tick`` are those of the newest contracts, see :func:`terms_of` for others.
    ``expiry_rule`` names a rule of ``expiry.py``; ``max_margin_side``: the exchange charges the larger side only;
    ``margin_group``: products whose sides are netted together; ``mark``: how the row is known (README of the folder).
    """

    exchange: str
    code: str
    name_en: str
    name_zh: str
    multiplier: float
    price_tick: float
    first_day: date
    last_day: date | None
    expiry_rule: str
    max_margin_side: bool
    margin_group: str
    mark: str


@dataclass(frozen=True, slots=True)
class ProductHours:
    """A product's hours from trading day ``valid_from`` on; ``group`` names the pattern for people."""

    exchange: str
    product: str
    valid_from: date
    group: str
    hours: SessionHours


@dataclass(frozen=True, slots=True)
class NightSuspension:
    """Suspended night sessions of an exchange's products; ``exchange`` and ``product`` may be ``*``."""

    exchange: str
    product: str
    suspension: Suspension


@dataclass(frozen=True, slots=True)
class DatedOpening:
    """A special opening of an exchange's products; ``exchange`` and ``product`` may be ``*``."""

    exchange: str
    product: str
    opening: SpecialOpening


@dataclass(frozen=True, slots=True)
class ProductMargin:
    """Default margin rates of a product."""

    exchange: str
    product: str
    rates: Dated[MarginRates]


@dataclass(frozen=True, slots=True)
class ProductFees:
    """Default commission rates of a product."""

    exchange: str
    product: str
    rates: Dated[FeeRates]


@dataclass(frozen=True, slots=True)
class ContractTerms:
    """What one lot of a contract is: ``multiplier`` units, quoted in steps of ``price_tick``."""

    multiplier: float
    price_tick: float


def load_exchanges() -> tuple[ExchangeFacts, ...]:
    """The six exchanges and ``SIM``."""


def load_products() -> tuple[ProductFacts, ...]:
    """Every product, trading or delisted, by exchange and code."""


def load_sessions() -> tuple[ProductHours, ...]:
    """The dated hours of every product, ascending within each."""


def load_suspensions() -> tuple[NightSuspension, ...]:
    """Trading days without the night session that their hours promise."""


def load_special_openings() -> tuple[DatedOpening, ...]:
    """Trading days that opened at an unusual moment."""


def load_holidays() -> tuple[date, ...]:
    """The weekdays on which all exchanges are closed, ascending."""


def load_calendar() -> TradingCalendar:
    """The trading calendar of all exchanges, from 2003-01-01 to the end of the last year whose holidays are known."""


def load_margins() -> tuple[ProductMargin, ...]:
    """Default margin rates of every product, dated."""


def load_fees() -> tuple[ProductFees, ...]:
    """Default commission rates of every product, dated."""


def terms_of(exchange: str, product: str, year: int | None = None, month: int | None = None) -> ContractTerms:
    """Multiplier and tick of the contract of that delivery month (au1912 0.05, au2012 0.02); newest without a month.

    Raises :class:`MissingError` ``unknown_product``.
    """


def reference_session_table(exchange: str, product: str) -> SessionTable:
    """The session table of a product straight from the files. Raises :class:`MissingError` ``unknown_product``."""
