"""Ticks and the messages of the market data stream: one msgpack form between all processes, encoded once.

A frame is what a stream keeps under one id: a msgpack array of messages. A message is an array too, its tag first,
so that frames are put together from messages that are encoded already.
"""

from collections.abc import Iterable
from math import nan

import msgspec

MAX_MESSAGES = 65_535
"""A frame's array has a header of 16 bits."""

OUTSIDE = 1
"""Flag of a tick whose time lies in no session and no opening auction of its trading day: it makes no bar."""
STALE = 2
"""Flag of a tick far from the market clock: an old snapshot that a front sends after a subscription."""
BACKWARD = 4
"""Flag of a tick before an earlier one in time, or whose volume is below an earlier one's, of the same day."""


class Tick(msgspec.Struct, tag="t", array_like=True, frozen=True, gc=False):
    """One snapshot of the market, as the exchange published it. Prices are NaN where there is no quote.

    ``seq`` numbers the ticks of one instrument and trading day, ascending; ``time`` is the exchange's, ``received``
    ours (ns UTC, 0 where unknown); ``trading_day`` is in days since the epoch. ``volume`` and ``open_interest`` are
    lots as published, ``turnover`` is yuan; volume and turnover count from the opening of the trading day.
    ``average`` is a price, whatever the exchange multiplies it with. ``depth`` is None, or 16 numbers: bid prices,
    bid volumes, ask prices and ask volumes of levels 2 to 5.
    """

    instrument: str
    trading_day: int
    seq: int
    time: int
    received: int
    last: float
    volume: int
    turnover: float
    open_interest: float
    bid_price: float = nan
    bid_volume: int = 0
    ask_price: float = nan
    ask_volume: int = 0
    open: float = nan
    high: float = nan
    low: float = nan
    close: float = nan
    average: float = nan
    settlement: float = nan
    pre_settlement: float = nan
    pre_close: float = nan
    pre_open_interest: float = nan
    upper_limit: float = nan
    lower_limit: float = nan
    flags: int = 0
    depth: tuple[float, ...] | None = None


class BarMessage(msgspec.Struct, tag="b", array_like=True, frozen=True, gc=False):
    """One bar of an instrument. A final one is closed; of a daily bar a later one may bring the settlement price.

    ``start`` is ns UTC, ``trading_day`` days since the epoch; units as in :class:`Tick`, volume and turnover of this
    bar alone. ``partial``: the recording began inside the bar, so that something is missing from it.
    """

    instrument: str
    interval: str
    start: int
    trading_day: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    turnover: float
    open_interest: float
    settlement: float = nan
    final: bool = True
    partial: bool = False


class Clock(msgspec.Struct, tag="c", array_like=True, frozen=True, gc=False):
    """The market clock of a source: ``now`` (ns UTC) at the moment of sending, and how fast it runs.

    ``speed`` is 1 for a live market, 50 for a replay at fifty times, 0 for one that stands still.
    """

    source: str
    now: int
    trading_day: int
    speed: float = 1.0


class SettlementMessage(msgspec.Struct, tag="s", array_like=True, frozen=True, gc=False):
    """The settlement price of a trading day, with the limits of that day; NaN where unknown."""

    instrument: str
    trading_day: int
    settlement: float
    pre_settlement: float = nan
    upper_limit: float = nan
    lower_limit: float = nan


Message = Tick | BarMessage | Clock | SettlementMessage

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Message])

encode = _encoder.encode
"""The bytes of one message."""


def frame(encoded: Iterable[bytes]) -> bytes:
    """A frame of encoded messages. Raises ``OverflowError`` beyond :data:`MAX_MESSAGES`."""
    messages = list(encoded)
    return b"\xdc" + len(messages).to_bytes(2, "big") + b"".join(messages)


def unframe(data: bytes) -> list[Message]:
    """The messages of a frame. Raises ``msgspec.DecodeError`` for bytes that are none."""
    return _decoder.decode(data)
