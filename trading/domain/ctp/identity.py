"""Which order and which trade a message of CTP is about.

Before the exchange knows an order it is FrontID + SessionID + OrderRef, afterwards ExchangeID + OrderSysID. Both repeat
on other days, and trade numbers on other exchanges and on both sides of a self-trade, so keys carry what they need.
The trading day is that of the login, never a date of a message: at night these differ by exchange.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from trading.domain.ctp.flags import DIRECTION_OF
from trading.domain.offsets import Direction

Fields = Mapping[str, Any]


class SentKey(NamedTuple):
    """An order as the terminal that sent it knows it; ``ref`` as :func:`plain_ref` gives it."""

    front: int
    session: int
    ref: str


class SystemKey(NamedTuple):
    """An order as its exchange knows it; ``number`` without the blanks that the exchange fills it up with."""

    day: date
    exchange: str
    number: str


class TradeKey(NamedTuple):
    """One side of one trade."""

    day: date
    exchange: str
    symbol: str
    number: str
    direction: Direction | None


def plain_ref(text: str) -> str:
    """An OrderRef however it is filled up; what is no number stays as it is."""
    bare = text.strip()
    return str(int(bare)) if bare.isascii() and bare.isdigit() else bare


def sent_key(fields: Fields) -> SentKey | None:
    """Of an order or a cancel; None where the terminal gave no OrderRef."""
    ref = plain_ref(fields.get("OrderRef") or "")
    return SentKey(fields.get("FrontID") or 0, fields.get("SessionID") or 0, ref) if ref else None


def system_key(fields: Fields, day: date) -> SystemKey | None:
    """Of an order or a trade; None as long as the exchange has given no number."""
    number = (fields.get("OrderSysID") or "").strip()
    return SystemKey(day, (fields.get("ExchangeID") or "").strip(), number) if number else None


def trade_key(fields: Fields, day: date) -> TradeKey:
    """Of a trade."""
    return TradeKey(
        day,
        (fields.get("ExchangeID") or "").strip(),
        fields.get("InstrumentID") or "",
        (fields.get("TradeID") or "").strip(),
        DIRECTION_OF.get(fields.get("Direction") or ""),
    )


def fill_id(key: TradeKey) -> str:
    """How a fill's row names its trade: unique within a day, an instrument and a direction."""
    return f"{key.exchange}:{key.number}"


def key_of_fill(day: date, code: str, trade_id: str, direction: Direction) -> TradeKey:
    """The way back from a fill's row."""
    exchange, _colon, number = trade_id.partition(":")
    return TradeKey(day, exchange, code.rpartition(".")[0], number, direction)


def foreign_id(key: SystemKey) -> str:
    """The client order id of an order that another terminal sent."""
    return f"ctp:{key.exchange}:{key.number}:{key.day:%Y%m%d}"


def code_of(fields: Fields) -> str:
    """The instrument as this platform names it: ``rb2501.SHFE``."""
    return f"{fields.get('InstrumentID') or ''}.{(fields.get('ExchangeID') or '').strip()}"
