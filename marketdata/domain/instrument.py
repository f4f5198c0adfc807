"""What an instrument is and what trading it costs; every rate carries the day from which it holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Generic, TypeVar

from quantsite.common.errors import MissingError
from quantsite.common.texts import say

T = TypeVar("T")


class InstrumentKind(StrEnum):
    """A contract with a delivery month, or a series spliced from several of them."""

    FUTURE = "future"
    CONTINUOUS = "continuous"


@dataclass(frozen=True, slots=True)
class FeeRates:
    """Commission rates: ``*_by_money`` a fraction of turnover, ``*_by_volume`` yuan a lot; both terms always count."""

    open_by_money: float = 0.0
    open_by_volume: float = 0.0
    close_by_money: float = 0.0
    close_by_volume: float = 0.0
    close_today_by_money: float = 0.0
    close_today_by_volume: float = 0.0


@dataclass(frozen=True, slots=True)
class MarginRates:
    """Margin rates: ``*_by_money`` a fraction of the contract's value, ``*_by_volume`` yuan a lot."""

    long_by_money: float = 0.0
    long_by_volume: float = 0.0
    short_by_money: float = 0.0
    short_by_volume: float = 0.0


@dataclass(frozen=True, slots=True)
class Dated(Generic[T]):
    """A value that holds from a trading day on, until a later row replaces it."""

    valid_from: date
    value: T


def rates_on(rows: Sequence[Dated[T]], day: date) -> tuple[T, bool]:
    """The value that holds on ``day``, and whether ``day`` lies before the first row (then the earliest value).

    ``rows`` may come in any order. Raises :class:`MissingError` ``no_rates`` where there is no row at all.
    """
    if not rows:
        raise MissingError("no_rates", say("There is no dated row to choose from."))
    earliest = min(rows, key=lambda row: row.valid_from)
    known = [row for row in rows if row.valid_from <= day]
    if not known:
        return earliest.value, True
    return max(known, key=lambda row: row.valid_from).value, False


@dataclass(frozen=True, slots=True)
class InstrumentSpec:
    """One tradable instrument or series: ``multiplier`` units a lot, ``price_tick`` in the quoted unit.

    ``listed`` and ``expires`` are the first and the last trading day, ``None`` where unknown or without end
    (a continuous series). ``simulated`` marks made-up data and what is computed from it.
    """

    code: str
    exchange: str
    product: str
    multiplier: float
    price_tick: float
    kind: InstrumentKind = InstrumentKind.FUTURE
    listed: date | None = None
    expires: date | None = None
    simulated: bool = False
