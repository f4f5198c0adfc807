"""What trading costs in a backtest: dated fees and margins, multiplier and tick (dated if they change), slippage."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from marketdata.domain.instrument import Dated, FeeRates, MarginRates, rates_on
from marketdata.domain.terms import ContractTerms, price_ticks_on
from quantsite.common.errors import RuleError
from quantsite.common.texts import say, unsaid
from trading.domain.ledger import Terms

Rates = TypeVar("Rates", FeeRates, MarginRates, ContractTerms)

_UNSOUND = {
    "multiplier": unsaid("multiplier must be above 0, not %(value)r."),
    "price_tick": unsaid("price tick must be above 0, not %(value)r."),
    "slippage_ticks": unsaid("slippage must be 0 ticks or more, not %(value)r."),
    "fees": unsaid("there is no fee row: give a commission rate (0 is one)."),
    "margins": unsaid("there is no margin row: give a margin rate (0 is one)."),
}
"""What is said of a figure that makes no sense, by its name."""


@dataclass(frozen=True, slots=True)
class CostTable:
    """All that a run needs to know of an instrument's costs. Raises ``RuleError`` for figures that make no sense.

    ``multiplier`` units a lot, ``price_tick`` in the quoted unit, ``slippage_ticks`` ticks against the
    trader on every fill. The dated rows may come in any order; before the first one the earliest serves.
    ``prices`` is there where multiplier or tick change within the run (continuous series of au, fu): its rows
    count then, and the two single figures are those of the last row.
    """

    multiplier: float
    price_tick: float
    slippage_ticks: float
    fees: tuple[Dated[FeeRates], ...]
    margins: tuple[Dated[MarginRates], ...]
    prices: tuple[Dated[ContractTerms], ...] = ()

    def __post_init__(self) -> None:
        pairs = [ContractTerms(self.multiplier, self.price_tick), *(row.value for row in self.prices)]
        sound = {
            "multiplier": all(_positive(pair.multiplier) for pair in pairs),
            "price_tick": all(_positive(pair.price_tick) for pair in pairs),
            "slippage_ticks": math.isfinite(self.slippage_ticks) and self.slippage_ticks >= 0,
            "fees": bool(self.fees),
            "margins": bool(self.margins),
        }
        faults = {name: say(_UNSOUND[name], value=getattr(self, name)) for name, well in sound.items() if not well}
        faults = faults or self._rate_faults()
        if faults:
            raise RuleError("invalid_costs", " ".join(faults.values()), fields=faults)

    def _rate_faults(self) -> dict[str, str]:
        """A rate must be a number of 0 or more: a rebate would make trading itself the profit."""
        rates: list[FeeRates | MarginRates] = [row.value for row in self.fees]
        rates += [row.value for row in self.margins]
        return {
            name: say("%(name)s must be 0 or more, not %(value)s.", name=name, value=rate)
            for value in rates
            for name, rate in asdict(value).items()
            if not (math.isfinite(rate) and rate >= 0)
        }

    def terms_on(self, day: date) -> Terms:
        """The terms that hold on a trading day."""
        fees, _ = rates_on(self.fees, day)
        margins, _ = rates_on(self.margins, day)
        return Terms(self._pair_on(day).multiplier, fees, margins)

    def tick_on(self, day: date) -> float:
        """The price tick that holds on a trading day."""
        return self._pair_on(day).price_tick

    def ticks_on(self, trading_day: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
        """:meth:`tick_on` for a column of days since the epoch, shape ``(n,)``."""
        return price_ticks_on(self.prices, trading_day) if self.prices else np.full(len(trading_day), self.price_tick)

    def _pair_on(self, day: date) -> ContractTerms:
        return rates_on(self.prices, day)[0] if self.prices else ContractTerms(self.multiplier, self.price_tick)

    def changes(self) -> list[date]:
        """The days from which a row holds, ascending."""
        tables: tuple[Sequence[Dated[Any]], ...] = (self.fees, self.margins, self.prices)
        return sorted({row.valid_from for table in tables for row in table})

    def over(self, first: date, last: date) -> "CostTable":
        """The table as it acts on a run from trading day ``first`` to ``last``.

        Later rows are left out, but for the earliest if all are: what is learnt about later days must not change
        the hash of an earlier run. Multiplier and tick become single figures where one pair holds all the time.
        """
        prices = _distinct([row for row in _until(self.prices, last) if not _replaced_by(row, self.prices, first)])
        pair = prices[-1].value if prices else ContractTerms(self.multiplier, self.price_tick)
        return replace(
            self,
            multiplier=pair.multiplier,
            price_tick=pair.price_tick,
            fees=_until(self.fees, last),
            margins=_until(self.margins, last),
            prices=prices if len(prices) > 1 else (),
        )

    def until(self, day: date) -> "CostTable":
        """:meth:`over` for a run whose first day may be any."""
        return self.over(date.min, day)

    def unknown_before(self, day: date) -> list[str]:
        """Sentences for the report where ``day`` lies before the first row of a table."""
        tables = (
            ("fees", [row.valid_from for row in self.fees]),
            ("margins", [row.valid_from for row in self.margins]),
        )
        return [
            f"No {name} are known before {min(days)}: the earliest row is used from {day} on."
            for name, days in tables
            if min(days) > day
        ]

    def document(self) -> dict[str, Any]:
        """The table as JSON values: all numbers floats, dates ISO, rows ascending; ``prices`` only if it has rows."""
        document = {
            "multiplier": float(self.multiplier),
            "price_tick": float(self.price_tick),
            "slippage_ticks": float(self.slippage_ticks),
            "fees": _rows(self.fees),
            "margins": _rows(self.margins),
        }
        return document | ({"prices": _rows(self.prices)} if self.prices else {})

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "CostTable":
        """The table that :meth:`document` described. Raises ``KeyError`` or ``ValueError`` for another shape."""
        fees = tuple(Dated(day, FeeRates(**rates)) for day, rates in _read(document["fees"]))
        margins = tuple(Dated(day, MarginRates(**rates)) for day, rates in _read(document["margins"]))
        prices = tuple(Dated(day, ContractTerms(**terms)) for day, terms in _read(document.get("prices", ())))
        return cls(document["multiplier"], document["price_tick"], document["slippage_ticks"], fees, margins, prices)


def fees_given(
    commission_rate: float | None, commission_per_lot: float | None, close_today_rate: float | None
) -> tuple[Dated[FeeRates], ...] | None:
    """The fee table from the options of a request; ``None`` where no fee option is given (the dated table serves).

    One option given sets those not given to 0, and the close-today rate to the commission rate. The amount a
    lot is charged on opening, close and close-today alike.
    """
    if commission_rate is None and commission_per_lot is None and close_today_rate is None:
        return None
    rate, lot = commission_rate or 0.0, commission_per_lot or 0.0
    today = rate if close_today_rate is None else close_today_rate
    return (Dated(date.min, FeeRates(rate, lot, rate, lot, today, lot)),)


def margins_given(margin_rate: float | None) -> tuple[Dated[MarginRates], ...] | None:
    """The margin table from the option of a request, the same for both sides; ``None`` where it is not given."""
    if margin_rate is None:
        return None
    return (Dated(date.min, MarginRates(long_by_money=margin_rate, short_by_money=margin_rate)),)


def _until(rows: tuple[Dated[Rates], ...], day: date) -> tuple[Dated[Rates], ...]:
    known = tuple(row for row in rows if row.valid_from <= day)
    return known or tuple(sorted(rows, key=lambda row: row.valid_from)[:1])


def _replaced_by(row: Dated[Rates], rows: Sequence[Dated[Rates]], day: date) -> bool:
    """Whether another row has taken the place of ``row`` by ``day``."""
    return any(row.valid_from < other.valid_from <= day for other in rows)


def _distinct(rows: Sequence[Dated[Rates]]) -> tuple[Dated[Rates], ...]:
    """The rows ascending, without those that say what the row before says."""
    ordered = sorted(rows, key=lambda row: row.valid_from)
    return tuple(row for at, row in enumerate(ordered) if not at or row.value != ordered[at - 1].value)


def _positive(number: float) -> bool:
    return math.isfinite(number) and number > 0


def _rows(rows: Sequence[Dated[Rates]]) -> list[dict[str, Any]]:
    return [
        {"valid_from": row.valid_from.isoformat()} | {name: float(rate) for name, rate in asdict(row.value).items()}
        for row in sorted(rows, key=lambda row: row.valid_from)
    ]


def _read(rows: Sequence[Mapping[str, Any]]) -> list[tuple[date, dict[str, float]]]:
    return [
        (date.fromisoformat(row["valid_from"]), {name: rate for name, rate in row.items() if name != "valid_from"})
        for row in rows
    ]
