"""Ticks on their way out: a table with CTP's field names for files, and a page of ticks for the API.

The table says what the exchange published: prices where there is no quote are empty, turnover and average price carry
the multiplier as the exchange writes them. ``Seq``, ``Received`` and ``Flags`` are ours. ``import_ticks`` reads it back
to the same ticks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
from rest_framework.renderers import BaseRenderer

from marketdata.column_files import csv_bytes, instants, json_page, numbers, parquet_bytes
from marketdata.domain.normalise import CZCE
from marketdata.domain.tick_series import FloatColumn, TickSeries
from marketdata.importers.tick_file import LEVELS
from marketdata.models import Instrument
from quantsite.common.times import NS_PER_DAY, NS_PER_SECOND, SHANGHAI_OFFSET_NS
from quantsite.web.renderers import OrjsonRenderer

NS_PER_MILLISECOND = 1_000_000
NUDGES = (1, -1, 2, -2)
"""Neighbouring floats that are tried: a division and a multiplication are off by no more than this."""

PUBLISHED = {
    "LastPrice": "last",
    "PreSettlementPrice": "pre_settlement",
    "PreClosePrice": "pre_close",
    "PreOpenInterest": "pre_open_interest",
    "OpenPrice": "open",
    "HighestPrice": "high",
    "LowestPrice": "low",
    "Volume": "volume",
    "Turnover": "turnover",
    "OpenInterest": "open_interest",
    "ClosePrice": "close",
    "SettlementPrice": "settlement",
    "UpperLimitPrice": "upper_limit",
    "LowerLimitPrice": "lower_limit",
    "BidPrice1": "bid_price",
    "BidVolume1": "bid_volume",
    "AskPrice1": "ask_price",
    "AskVolume1": "ask_volume",
    "AveragePrice": "average",
}
"""CTP's names and those of :class:`TickSeries`."""


class Listing(NamedTuple):
    """What the table must know of an instrument: its exchange, its symbol there, and the units of goods in a lot."""

    symbol: str
    exchange: str
    multiplier: float

    @classmethod
    def of(cls, instrument: Instrument) -> Self:
        """That of a stored one; reads ``product``."""
        return cls(instrument.symbol, instrument.product.exchange_id, float(instrument.multiplier))


@dataclass(frozen=True)
class TickPage:
    """Ticks in their order, whose they are, and where older ones are; ``by_column`` asks for arrays in JSON."""

    ticks: TickSeries
    listing: Listing
    simulated: bool
    next: str | None
    by_column: bool = False


def ctp_table(ticks: TickSeries, listing: Listing) -> pa.Table:
    """The ticks with CTP's field names; prices NaN here are null there."""
    local = ticks.time + SHANGHAI_OFFSET_NS
    clock = local % NS_PER_DAY
    columns: dict[str, Any] = {
        "TradingDay": pa.array(_dates(ticks.trading_day)),
        "InstrumentID": pa.array([listing.symbol] * len(ticks)),
        "ExchangeID": pa.array([listing.exchange] * len(ticks)),
        "ActionDay": pa.array(_dates(local // NS_PER_DAY)),
        "UpdateTime": pa.array(_times(clock)),
        "UpdateMillisec": pa.array(clock % NS_PER_SECOND // NS_PER_MILLISECOND),
    }
    columns |= {name: numbers(_published(name, ticks, listing)) for name in PUBLISHED}
    if ticks.depth is not None:
        columns |= {name: numbers(ticks.depth[:, level]) for level, name in enumerate(LEVELS)}
    ours = {"Seq": ticks.seq, "Received": ticks.received, "Flags": ticks.flags}
    return pa.table(columns | {name: pa.array(column) for name, column in ours.items()})


def _published(name: str, ticks: TickSeries, listing: Listing) -> FloatColumn:
    """A column of numbers as the exchange writes it: CZCE's turnover and the others' average price are of one unit."""
    values: FloatColumn = getattr(ticks, PUBLISHED[name])
    scale = listing.multiplier
    if name == "Turnover" and listing.exchange == CZCE:
        return _undone(values, values / scale, lambda guess: guess * scale)
    if name == "AveragePrice" and listing.exchange != CZCE:
        return _undone(values, values * scale, lambda guess: guess / scale)
    return values


def _undone(values: FloatColumn, guess: FloatColumn, back: Callable[[FloatColumn], FloatColumn]) -> FloatColumn:
    """What ``back`` makes ``values`` of, to the last bit, near ``guess``; the guess where there is no such number."""
    found = guess.copy()
    open_ = back(guess) != values
    for nudge in NUDGES:
        near = guess[open_]
        for _step in range(abs(nudge)):
            near = np.nextafter(near, np.inf if nudge > 0 else -np.inf)
        right = back(near) == values[open_]
        rows = np.flatnonzero(open_)[right]
        found[rows] = near[right]
        open_[rows] = False
    return found


def _dates(days: Any) -> list[str]:
    return [text.replace("-", "") for text in instants(days.astype("datetime64[D]"), "D")]


def _times(clock: Any) -> list[str]:
    seconds = (clock // NS_PER_SECOND).tolist()
    return [f"{at // 3600:02d}:{at // 60 % 60:02d}:{at % 60:02d}" for at in seconds]


class TickJsonRenderer(OrjsonRenderer):
    """``{"instrument", "simulated", "results" or "columns", "next"}``; times UTC with Z, NaN as null."""

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """The body; what is no page of ticks is rendered as everywhere else."""
        if not isinstance(data, TickPage):
            return super().render(data, accepted_media_type, renderer_context)
        about = {"instrument": data.ticks.instrument, "simulated": data.simulated}
        return json_page(about, _json_columns(data.ticks), data.next, by_column=data.by_column)


class TickCsvRenderer(BaseRenderer):
    """CTP's field names, the form that ``import_ticks`` reads; empty cells where there is no quote."""

    media_type = "text/csv"
    format = "csv"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:  # noqa: ARG002
        """The body."""
        return csv_bytes(ctp_table(data.ticks, data.listing))


class TickParquetRenderer(BaseRenderer):
    """Columns as in CSV."""

    media_type = "application/vnd.apache.parquet"
    format = "parquet"
    charset = None
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:  # noqa: ARG002
        """The body."""
        return parquet_bytes(ctp_table(data.ticks, data.listing))


def _json_columns(ticks: TickSeries) -> dict[str, Any]:
    """The columns of a page: instants as texts, ``received`` null where it is not known."""
    known = ticks.received > 0
    received = _utc(np.where(known, ticks.received, 0), "us")
    columns: dict[str, Any] = {
        "time": _utc(ticks.time, "ms"),
        "trading_day": instants(ticks.trading_day.astype("datetime64[D]"), "D"),
        "seq": ticks.seq,
        "received": [text if is_known else None for text, is_known in zip(received, known, strict=True)],
    }
    columns |= {name: getattr(ticks, name) for name in (*PUBLISHED.values(), "flags")}
    if ticks.depth is not None:
        columns["depth"] = ticks.depth
    return columns


def _utc(moments: Any, unit: str) -> list[str]:
    return [f"{text}Z" for text in instants(moments.astype("datetime64[ns]"), unit)]
