"""Messages of ``/ws/market/``: data in the API's forms, encoded once for all that get them."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from math import isfinite
from typing import Any

import msgspec
import orjson

from marketdata.domain.ticks import BarMessage, Tick
from quantsite.common.times import iso_utc, ns_to_utc
from quantsite.web.direct import BINARY, TEXT, frame

Data = dict[str, Any]

_DAY_ZERO = date(1970, 1, 1)
_pack = msgspec.msgpack.Encoder().encode

DEPTH = ("bid_price", "bid_volume", "ask_price", "ask_volume")
"""The columns of levels 2 to 5, in the order of ``Tick.depth``."""


class Message:
    """One message of a channel. Each form of it is made when the first connection asks for it, and kept."""

    __slots__ = ("_binary", "_binary_frame", "_text", "_text_frame", "channel", "data", "kind", "seq")

    def __init__(self, kind: str, channel: str, seq: int | None, data: Any) -> None:
        self.kind = kind
        self.channel = channel
        self.seq = seq
        self.data = data
        self._text: bytes | None = None
        self._binary: bytes | None = None
        self._text_frame: bytes | None = None
        self._binary_frame: bytes | None = None

    @property
    def text(self) -> bytes:
        """As JSON; NaN is null."""
        if self._text is None:
            self._text = orjson.dumps(self._body())
        return self._text

    @property
    def binary(self) -> bytes:
        """The same in msgpack."""
        if self._binary is None:
            self._binary = pack(self._body())
        return self._binary

    @property
    def text_frame(self) -> bytes:
        """The JSON form in a whole WebSocket frame."""
        if self._text_frame is None:
            self._text_frame = frame(TEXT, self.text)
        return self._text_frame

    @property
    def binary_frame(self) -> bytes:
        """The msgpack form in a whole WebSocket frame."""
        if self._binary_frame is None:
            self._binary_frame = frame(BINARY, self.binary)
        return self._binary_frame

    def _body(self) -> Data:
        return {"type": self.kind, "channel": self.channel, "seq": self.seq, "data": self.data}


def tick_data(tick: Tick) -> Data:
    """A tick as the socket tells it: instants in ISO 8601 with ``Z``, the day as a date, NaN left for the encoder."""
    data = {name: getattr(tick, name) for name in _PLAIN}
    data["trading_day"] = day_text(tick.trading_day)
    data["time"] = instant_text(tick.time)
    data["received"] = instant_text(tick.received) if tick.received else None
    data["depth"] = _depth(tick.depth) if tick.depth else None
    return data


_PLAIN = tuple(name for name in Tick.__struct_fields__ if name not in {"depth", "received", "time", "trading_day"})


def bar_data(bar: BarMessage) -> Data:
    """A bar as the socket tells it; it is stamped with its start."""
    return {
        "start": instant_text(bar.start),
        "trading_day": day_text(bar.trading_day),
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": bar.volume,
        "turnover": bar.turnover,
        "open_interest": bar.open_interest,
        "settlement": bar.settlement,
        "final": bar.final,
        "partial": bar.partial,
    }


def instant_text(ns: int) -> str:
    """ISO 8601 in UTC with ``Z`` of ns since the epoch."""
    return iso_utc(ns_to_utc(ns))


@lru_cache(maxsize=64)
def day_text(day: int) -> str:
    """``YYYY-MM-DD`` of days since the epoch."""
    return (_DAY_ZERO + timedelta(days=day)).isoformat()


def _depth(depth: Sequence[float]) -> list[Data]:
    """Levels 2 to 5, best first."""
    return [{name: depth[4 * column + level] for column, name in enumerate(DEPTH)} for level in range(4)]


def _without_nan(value: Any) -> Any:
    """The same with null for numbers that are none, as JSON has it: msgpack would carry NaN."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return value


def pack(value: Any) -> bytes:
    """``value`` as msgpack; what is no number becomes null, as in JSON."""
    return _pack(_without_nan(value))
