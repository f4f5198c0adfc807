"""Multiplier and price tick, which change with the trading day or with the delivery month."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
import numpy.typing as npt

from marketdata.domain.calendar import to_day_number
from marketdata.domain.instrument import Dated, rates_on
from marketdata.domain.reference_file import Row, read_rows
from quantsite.common.errors import MissingError
from quantsite.common.texts import say

Month = tuple[int, int]
"""Year and month of delivery."""

EVERY_MONTH: Month = (0, 0)


@dataclass(frozen=True, slots=True)
class ContractTerms:
    """What one lot is: ``multiplier`` units, quoted in steps of ``price_tick``."""

    multiplier: float
    price_tick: float


@dataclass(frozen=True, slots=True)
class ProductTerms:
    """Terms of the contracts of delivery month ``from_month`` and later, from trading day ``valid_from`` on."""

    exchange: str
    product: str
    valid_from: date
    from_month: Month
    terms: ContractTerms
    mark: str


@cache
def load_terms() -> tuple[ProductTerms, ...]:
    """The terms of every product, ascending by delivery month and day within each."""
    return read_rows("contract_terms.csv", _terms)


def terms_history(
    exchange: str, product: str, year: int | None = None, month: int | None = None
) -> tuple[Dated[ContractTerms], ...]:
    """The terms of one contract over its life, ascending; without a month those of a continuous series.

    A series takes new terms for contracts from some month on with the first day of that month: what it is spliced
    from expires around then. Raises :class:`MissingError` ``unknown_product``.
    """
    rows = [row for row in load_terms() if (row.exchange, row.product) == (exchange, product)]
    if not rows:
        text = say("%(exchange)s has no product %(product)r.", exchange=exchange, product=product)
        raise MissingError("unknown_product", text)
    if year is None or month is None:
        return tuple(sorted((Dated(_series_start(row), row.terms) for row in rows), key=lambda row: row.valid_from))
    begun = [row.from_month for row in rows if row.from_month <= (year, month)]
    chosen = max(begun) if begun else min(row.from_month for row in rows)
    return tuple(Dated(row.valid_from, row.terms) for row in rows if row.from_month == chosen)


def terms_of(
    exchange: str, product: str, year: int | None = None, month: int | None = None, on: date | None = None
) -> ContractTerms:
    """The terms of the contract of that delivery month on day ``on``; the newest without a day.

    au1912 moved in steps of 0.05 until 2019-12-10, then of 0.02. Raises :class:`MissingError` ``unknown_product``.
    """
    history = terms_history(exchange, product, year, month)
    return history[-1].value if on is None else rates_on(history, on)[0]


def price_ticks_on(
    history: Iterable[Dated[ContractTerms]], trading_day: npt.NDArray[np.int32]
) -> npt.NDArray[np.float64]:
    """The price tick on each trading day (days since the epoch), shape ``(n,)``: what a grid check of a file needs.

    ``history`` as :func:`terms_history` gives it; days before its first row take that row.
    """
    rows = sorted(history, key=lambda row: row.valid_from)
    starts = np.array([to_day_number(row.valid_from) for row in rows], dtype=np.int32)
    ticks = np.array([row.value.price_tick for row in rows], dtype=np.float64)
    chosen: npt.NDArray[np.float64] = ticks[np.maximum(np.searchsorted(starts, trading_day, side="right") - 1, 0)]
    return chosen


def parse_month(text: str) -> Month:
    """``2019-12`` as year and month, empty text as :data:`EVERY_MONTH`. Raises ``ValueError`` for anything else."""
    year, _, month = text.partition("-")
    return (int(year), int(month)) if text else EVERY_MONTH


def _terms(row: Row) -> ProductTerms:
    from_month = parse_month(row["from_month"])
    terms = ContractTerms(row.number("multiplier"), row.number("price_tick"))
    return ProductTerms(row["exchange"], row["product"], row.day("valid_from"), from_month, terms, row["mark"])


def _series_start(row: ProductTerms) -> date:
    if row.from_month == EVERY_MONTH:
        return row.valid_from
    return max(row.valid_from, date(*row.from_month, 1))
