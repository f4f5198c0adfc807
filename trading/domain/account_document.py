"""An account's ledger as a JSON document, and back: every float exactly as it was, NaN as null.

Working orders are no part of it: whoever rebuilds an account puts them back one by one.
"""

import math
from dataclasses import asdict
from datetime import date
from typing import Any

from marketdata.domain.instrument import FeeRates, MarginRates
from trading.domain.ledger import Terms
from trading.domain.offsets import Side
from trading.domain.position import Lot, Position

Document = dict[str, Any]

VERSION = 1
FUND_ENTRIES = ("pre_balance", "deposit", "withdraw", "cash_in", "commission", "close_profit")
"""The entries that cannot be computed from the lots."""

_PRICES = ("last", "average", "pre_settlement")


def write_position(position: Position) -> Document:
    """The lots of both sides, oldest first, and the prices they are marked at."""
    prices = {name: _or_null(getattr(position, name)) for name in _PRICES}
    sides = {"longs": position.longs, "shorts": position.shorts}
    return {
        "multiplier": position.multiplier,
        **prices,
        **{name: [_write_lot(lot) for lot in lots] for name, lots in sides.items()},
    }


def read_position(document: Document, position: Position) -> None:
    """Put the lots and prices into an empty position."""
    position.multiplier = document["multiplier"]
    for name in _PRICES:
        setattr(position, name, _or_nan(document[name]))
    position.longs = [_read_lot(Side.LONG, row) for row in document["longs"]]
    position.shorts = [_read_lot(Side.SHORT, row) for row in document["shorts"]]


def write_terms(exchange: str, day: date, terms: Terms) -> Document:
    """The terms that were in force, so that margins can be computed before newer ones are told."""
    return {"exchange": exchange, "day": day.isoformat(), **asdict(terms)}


def read_terms(document: Document) -> tuple[str, date, Terms]:
    """Exchange, the day that the terms were set for, and the terms."""
    terms = Terms(
        multiplier=document["multiplier"],
        fees=FeeRates(**document["fees"]),
        margins=MarginRates(**document["margins"]),
        larger_side=document["larger_side"],
        margin_group=document["margin_group"],
    )
    return document["exchange"], date.fromisoformat(document["day"]), terms


def _write_lot(lot: Lot) -> list[float | bool]:
    return [lot.open_price, lot.base_price, lot.volume, lot.commission, lot.opened_at, lot.trading_day, lot.today]


def _read_lot(side: Side, row: list[Any]) -> Lot:
    return Lot(side, *row)


def _or_null(price: float) -> float | None:
    return None if math.isnan(price) else price


def _or_nan(price: float | None) -> float:
    return math.nan if price is None else price
