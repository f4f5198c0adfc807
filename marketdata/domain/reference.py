"""The project's own facts about exchanges, products, hours and rates, read from ``marketdata/reference``.

Every loader reads its file once a process and gives back frozen rows. A file that breaks its own form raises
``ValueError`` with file and line: it is part of the program.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import TypeVar

from marketdata.domain.calendar import TradingCalendar
from marketdata.domain.hours import SessionHours, SpecialOpening, Suspension, parse_spans
from marketdata.domain.instrument import Dated, FeeRates, MarginRates
from marketdata.domain.reference_file import Row, read_rows
from marketdata.domain.sessions import SessionTable
from marketdata.domain.terms import ContractTerms, terms_of
from quantsite.common.errors import MissingError
from quantsite.common.texts import say, sentences

EVERY = "*"
"""Stands for every exchange or every product in a file."""

FIRST_DAY = date(2003, 1, 1)
"""Where the known holidays begin."""

T = TypeVar("T")


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
    """One product.

    ``first_day`` and ``last_day`` are the first and last trading day of the code, ``last_day`` ``None`` while it
    trades. ``multiplier`` (units a lot) and ``price_tick`` are those of the newest contracts; ``terms.py`` has the
    others. ``expiry_rule`` names a rule of ``expiry.py``. ``max_margin_side``: the exchange charges the larger side
    only, within ``margin_group``. ``mark`` says how the row is known (README of the folder).
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
    """Suspended night sessions; ``exchange`` and ``product`` may be :data:`EVERY`."""

    exchange: str
    product: str
    suspension: Suspension


@dataclass(frozen=True, slots=True)
class DatedOpening:
    """A special opening; ``exchange`` and ``product`` may be :data:`EVERY`."""

    exchange: str
    product: str
    opening: SpecialOpening


@dataclass(frozen=True, slots=True)
class ProductMargin:
    """Default margin rates of a product; ``mark`` as in the README of the folder."""

    exchange: str
    product: str
    rates: Dated[MarginRates]
    mark: str


@dataclass(frozen=True, slots=True)
class ProductFees:
    """Default commission rates of a product; ``mark`` as in the README of the folder."""

    exchange: str
    product: str
    rates: Dated[FeeRates]
    mark: str


@cache
def load_exchanges() -> tuple[ExchangeFacts, ...]:
    """The six exchanges and ``SIM``."""
    return read_rows(
        "exchanges.csv",
        lambda row: ExchangeFacts(
            row["code"], row["name_en"], row["name_zh"], row.flag("close_today_flag"), row.flag("simulated")
        ),
    )


@cache
def load_products() -> tuple[ProductFacts, ...]:
    """Every product, trading or delisted, by exchange and code."""
    return read_rows("products.csv", _product)


@cache
def load_sessions() -> tuple[ProductHours, ...]:
    """The dated hours of every product, ascending within each."""
    groups = dict(read_rows("session_groups.csv", _session_group))
    return read_rows(
        "product_sessions.csv",
        lambda row: ProductHours(
            row["exchange"], row["product"], row.day("valid_from"), row["group"], groups[row["group"]]
        ),
    )


@cache
def load_suspensions() -> tuple[NightSuspension, ...]:
    """Trading days without the night session that their hours promise."""
    return read_rows(
        "night_suspensions.csv",
        lambda row: NightSuspension(
            row["exchange"], row["product"], Suspension(row.day("first"), row.day("last"), row["reason"])
        ),
    )


@cache
def load_special_openings() -> tuple[DatedOpening, ...]:
    """Trading days that opened at an unusual moment."""
    return read_rows(
        "special_openings.csv",
        lambda row: DatedOpening(
            row["exchange"],
            row["product"],
            SpecialOpening(row.day("trading_day"), datetime.fromisoformat(row["opens"]), row["reason"]),
        ),
    )


@cache
def load_holidays() -> tuple[date, ...]:
    """The weekdays on which all exchanges are closed, ascending."""
    return read_rows("holidays.csv", lambda row: row.day("date"))


@cache
def load_calendar() -> TradingCalendar:
    """The trading calendar of all exchanges, from :data:`FIRST_DAY` to the end of the last year with known holidays."""
    holidays = load_holidays()
    return TradingCalendar(holidays, FIRST_DAY, date(holidays[-1].year, 12, 31))


@cache
def load_margins() -> tuple[ProductMargin, ...]:
    """Default margin rates of every product, dated."""
    names = ("long_by_money", "long_by_volume", "short_by_money", "short_by_volume")
    return _rates("margin_rates.csv", names, MarginRates, ProductMargin)


@cache
def load_fees() -> tuple[ProductFees, ...]:
    """Default commission rates of every product, dated."""
    names = tuple(f"{offset}_by_{base}" for offset in ("open", "close", "close_today") for base in ("money", "volume"))
    return _rates("fee_rates.csv", names, FeeRates, ProductFees)


def find_product(exchange: str, product: str) -> ProductFacts:
    """The facts of one product. Raises :class:`MissingError` ``unknown_product``, with a product of another exchange or
    another case where that is likely meant."""
    for facts in load_products():
        if (facts.exchange, facts.code) == (exchange, product):
            return facts
    alike = [facts for facts in load_products() if facts.code.lower() == product.lower()]
    text = say("%(exchange)s has no product %(product)r.", exchange=exchange, product=product)
    if alike:
        near, home = alike[0].code, alike[0].exchange
        text = sentences(text, say("Did you mean %(product)s of %(exchange)s?", product=repr(near), exchange=home))
    raise MissingError("unknown_product", text)


def applies_to(row: NightSuspension | DatedOpening, exchange: str, product: str) -> bool:
    """Whether a row speaks of this product."""
    return row.exchange in (exchange, EVERY) and row.product in (product, EVERY)


@cache
def reference_session_table(exchange: str, product: str) -> SessionTable:
    """The session table of a product straight from the files. Raises :class:`MissingError` ``unknown_product``."""
    find_product(exchange, product)
    return SessionTable(
        load_calendar(),
        [
            Dated(row.valid_from, row.hours)
            for row in load_sessions()
            if (row.exchange, row.product) == (exchange, product)
        ],
        [row.suspension for row in load_suspensions() if applies_to(row, exchange, product)],
        [row.opening for row in load_special_openings() if applies_to(row, exchange, product)],
    )


def _product(row: Row) -> ProductFacts:
    newest: ContractTerms = terms_of(row["exchange"], row["code"])
    return ProductFacts(
        exchange=row["exchange"],
        code=row["code"],
        name_en=row["name_en"],
        name_zh=row["name_zh"],
        multiplier=newest.multiplier,
        price_tick=newest.price_tick,
        first_day=row.day("first_day"),
        last_day=row.day("last_day") if row["last_day"] else None,
        expiry_rule=row["expiry_rule"],
        max_margin_side=row.flag("max_margin_side"),
        margin_group=row["margin_group"],
        mark=row["mark"],
    )


def _session_group(row: Row) -> tuple[str, SessionHours]:
    return row["group"], SessionHours(*(parse_spans(row[name]) for name in ("night", "day", "auctions")))


R = TypeVar("R")


def _rates(
    name: str, columns: tuple[str, ...], kind: Callable[..., T], line: Callable[[str, str, Dated[T], str], R]
) -> tuple[R, ...]:
    """The rows of a file of dated rates."""
    return read_rows(
        name,
        lambda row: line(
            row["exchange"],
            row["product"],
            Dated(row.day("valid_from"), kind(*(row.number(column) for column in columns))),
            row["mark"],
        ),
    )
