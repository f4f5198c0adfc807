"""Finding and making instruments, and the facts that belong to one: reads that services and pages share."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from typing import TypeVar

from django.utils.translation import gettext as _

from marketdata.domain.calendar import TradingCalendar
from marketdata.domain.codes import InstrumentCode, parse_code, resolve
from marketdata.domain.contract import Contract
from marketdata.domain.expiry import expiry_by_rule
from marketdata.domain.instrument import Dated, FeeRates, InstrumentSpec, MarginRates
from marketdata.domain.sessions import SessionTable
from marketdata.domain.terms import ContractTerms, terms_history, terms_of
from marketdata.models import (
    FeeRate,
    Instrument,
    MarginRate,
    Product,
    SessionSuspension,
    SpecialOpeningDay,
    TradingDay,
)
from quantsite.common.errors import ConflictError, MissingError

T = TypeVar("T")

LONGEST_CODE = 64
"""Characters of a code that nobody knows which are repeated to whoever asked."""
CANDIDATES = 2_000
"""Codes looked through for the one that was meant: more than a product ever has."""


def trading_calendar() -> TradingCalendar:
    """The trading calendar of all exchanges. Raises ``MissingError`` where there is none."""
    return TradingDay.objects.calendar()


def session_table(product: Product) -> SessionTable:
    """When the product trades. Raises ``MissingError`` ``no_hours`` where nobody has told its hours."""
    hours = [row.to_domain() for row in product.sessions.all()]
    if not hours:
        text = _("The product %(product)s has no trading hours: add them first.") % {"product": product}
        raise MissingError("no_hours", text)
    suspensions = [row.to_domain() for row in SessionSuspension.objects.filter(SessionSuspension.about(product))]
    openings = [row.to_domain() for row in SpecialOpeningDay.objects.filter(SpecialOpeningDay.about(product))]
    return SessionTable(trading_calendar(), hours, suspensions, openings)


def contract_of(instrument: Instrument, table: SessionTable | None = None) -> Contract:
    """The instrument as feeds and bar builders see it; ``table`` saves drawing that of the product again.

    Raises ``MissingError`` ``no_hours``.
    """
    return Contract(
        code=instrument.code,
        symbol=instrument.symbol,
        exchange=instrument.product.exchange_id,
        multiplier=float(instrument.multiplier),
        price_tick=float(instrument.price_tick),
        table=table or session_table(instrument.product),
    )


def costs_for(
    instrument: Instrument,
) -> tuple[InstrumentSpec, tuple[Dated[FeeRates], ...], tuple[Dated[MarginRates], ...]]:
    """The instrument with its dated commission and margin rates, ascending; either may be empty.

    The product's rates hold until the instrument's first own row, its own ones from then on.
    """
    fees = FeeRate.objects.filter(instrument=instrument) | FeeRate.objects.filter(product=instrument.product_id)
    margins = MarginRate.objects.filter(instrument=instrument) | MarginRate.objects.filter(
        product=instrument.product_id
    )
    return (
        instrument.to_domain(),
        _own_after_default(
            [row.to_domain() for row in fees if row.product_id], [row.to_domain() for row in fees if row.instrument_id]
        ),
        _own_after_default(
            [row.to_domain() for row in margins if row.product_id],
            [row.to_domain() for row in margins if row.instrument_id],
        ),
    )


def _own_after_default(default: Sequence[Dated[T]], own: Sequence[Dated[T]]) -> tuple[Dated[T], ...]:
    first = min((row.valid_from for row in own), default=None)
    kept = [row for row in default if first is None or row.valid_from < first]
    return tuple(sorted([*kept, *own], key=lambda row: row.valid_from))


def find_instrument(code: str) -> Instrument:
    """The stored instrument of this code, its product along. Raises ``MissingError`` ``unknown_instrument``."""
    storable = code.isprintable()  # PostgreSQL refuses a question with a NUL in it
    found = Instrument.objects.select_related("product__exchange").filter(code=code).first() if storable else None
    if found is not None:
        return found
    text = _("There is no instrument %(code)s.") % {"code": repr(code[:LONGEST_CODE])}
    if not storable:
        raise MissingError("unknown_instrument", text)
    alike = Instrument.objects.filter(code__istartswith=code[:2]).values_list("code", flat=True)[:CANDIDATES]
    close = get_close_matches(code[:LONGEST_CODE], list(alike), n=1)
    if close:
        text += " " + _("Did you mean %(code)s?") % {"code": repr(close[0])}
    raise MissingError("unknown_instrument", text)


def ensure_instrument(code: str, on: date) -> Instrument:
    """The instrument of ``code``, made from its product and code where it is not stored; ``on`` is a day of its data.

    Raises ``RuleError`` for a code that is none, ``MissingError`` ``unknown_product``, and ``ConflictError``
    ``other_decade`` where a CZCE code is stored as the contract of another decade. Safe against a concurrent maker.
    """
    parsed = resolve(parse_code(code), on)
    stored = Instrument.objects.select_related("product__exchange").filter(code=parsed.code).first()
    if stored is None:
        stored = _make(parsed, on)
    if parsed.year is not None and (stored.delivery_year, stored.delivery_month) != (parsed.year, parsed.month):
        text = _("%(code)s is stored as the contract of %(stored)s; data of %(on)s belong to that of %(asked)s.") % {
            "code": stored.code,
            "stored": f"{stored.delivery_year}-{stored.delivery_month:02d}",
            "on": on,
            "asked": f"{parsed.year}-{parsed.month:02d}",
        }
        raise ConflictError("other_decade", text)
    return stored


def find_product(code: InstrumentCode) -> Product:
    """The product of a code. Raises ``MissingError`` ``unknown_product``, with the likely one."""
    found = Product.objects.select_related("exchange").filter(exchange=code.exchange, code=code.product).first()
    if found is not None:
        return found
    text = _("%(exchange)s has no product %(product)s.") % {"exchange": code.exchange, "product": repr(code.product)}
    likely = _likely_product(code)
    if likely:
        text += " " + _("Did you mean %(product)s of %(exchange)s?") % {
            "product": repr(likely.code),
            "exchange": likely.exchange_id,
        }
    raise MissingError("unknown_product", text)


def _likely_product(code: InstrumentCode) -> Product | None:
    """The same letters on another exchange or in another case, else the nearest code of this exchange."""
    same = Product.objects.filter(code__iexact=code.product).exclude(exchange__simulated=True).first()
    if same is not None:
        return same
    known = {product.code: product for product in Product.objects.filter(exchange=code.exchange)}
    close = get_close_matches(code.product, list(known), n=1)
    return known[close[0]] if close else None


def dated_terms(instrument: Instrument) -> tuple[Dated[ContractTerms], ...]:
    """Multiplier and tick of a stored instrument over the years, ascending; never empty.

    A figure of the instrument's own row that no year of its history has is somebody's correction: it holds always.
    """
    product, multiplier, tick = instrument.product, float(instrument.multiplier), float(instrument.price_tick)
    month = (instrument.delivery_year, instrument.delivery_month)
    try:
        history = terms_history(product.exchange_id, product.code, *month)
    except MissingError:
        return (Dated(product.first_day, ContractTerms(multiplier, tick)),)
    if multiplier not in {row.value.multiplier for row in history}:
        history = tuple(Dated(row.valid_from, replace(row.value, multiplier=multiplier)) for row in history)
    if tick not in {row.value.price_tick for row in history}:
        history = tuple(Dated(row.valid_from, replace(row.value, price_tick=tick)) for row in history)
    return history


def _make(code: InstrumentCode, on: date) -> Instrument:
    product = find_product(code)
    try:
        # A series goes on: it takes the newest terms. A contract takes those of its own data.
        terms = terms_of(code.exchange, code.product, code.year, code.month, on if code.month else None)
    except MissingError:
        terms = ContractTerms(float(product.multiplier), float(product.price_tick))
    expires = None
    if code.year is not None and code.month is not None:
        expires = expiry_by_rule(product.to_domain(), code.year, code.month, trading_calendar())
    instrument, _created = Instrument.objects.get_or_create(
        code=code.code,
        defaults={
            "product": product,
            "symbol": code.symbol,
            "kind": code.kind,
            "series": code.series,
            "delivery_year": code.year,
            "delivery_month": code.month,
            "multiplier": Decimal(repr(terms.multiplier)),
            "price_tick": Decimal(repr(terms.price_tick)),
            "expires": expires,
            "expiry_by_rule": expires is not None,
            "max_margin_side": product.max_margin_side,
            "simulated": product.exchange.simulated,
        },
    )
    return instrument
