"""Files of ticks with CTP's field names, CSV (plain or gzip) and Parquet, as columns and as raw records.

Sources carry different columns: what one lacks is not told. An empty cell and ``N/A`` are no value; DBL_MAX and 0
stay as they are, for what they mean is judged by the normaliser (``domain.normalise``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from marketdata.domain.bars import FloatColumn, LongColumn
from marketdata.domain.depth import INVALID_ABOVE, RawTick
from marketdata.importers.bar_file import check_header, read_table
from marketdata.importers.refusals import Refusals

TEXTS = {
    "TradingDay": "trading_day",
    "InstrumentID": "instrument_id",
    "ExchangeID": "exchange_id",
    "UpdateTime": "update_time",
    "ActionDay": "action_day",
}
WHOLE = {
    "UpdateMillisec": "update_millisec",
    "Volume": "volume",
    "BidVolume1": "bid_volume",
    "AskVolume1": "ask_volume",
}
NUMBERS = {
    "LastPrice": "last_price",
    "Turnover": "turnover",
    "OpenInterest": "open_interest",
    "BidPrice1": "bid_price",
    "AskPrice1": "ask_price",
    "OpenPrice": "open_price",
    "HighestPrice": "highest_price",
    "LowestPrice": "lowest_price",
    "ClosePrice": "close_price",
    "AveragePrice": "average_price",
    "SettlementPrice": "settlement_price",
    "PreSettlementPrice": "pre_settlement_price",
    "PreClosePrice": "pre_close_price",
    "PreOpenInterest": "pre_open_interest",
    "UpperLimitPrice": "upper_limit_price",
    "LowerLimitPrice": "lower_limit_price",
}
FIELDS = {**TEXTS, **WHOLE, **NUMBERS}
"""CTP's names and those of :class:`RawTick`."""

LEVELS = tuple(
    f"{side}{what}{level}" for side in ("Bid", "Ask") for what in ("Price", "Volume") for level in range(2, 6)
)
"""The columns of ``RawTick.depth``, in its order."""
PRICE_LEVELS = [number for number, name in enumerate(LEVELS) if "Price" in name]

OURS = ("Seq", "Received", "Flags")
"""What ``export_ticks`` adds: our number of the tick, when we received it (ns UTC), and its flags."""

IGNORED = ("ExchangeInstID", "PreDelta", "CurrDelta", "BandingUpperPrice", "BandingLowerPrice", "reserve1", "reserve2")
REQUIRED = (
    "TradingDay",
    "InstrumentID",
    "UpdateTime",
    "UpdateMillisec",
    "LastPrice",
    "Volume",
    "Turnover",
    "OpenInterest",
)
KNOWN = (*FIELDS, *LEVELS, *IGNORED, *OURS)

NOTHING = ("", "N/A")
"""Cells without a value."""

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_FORMS = {
    "UpdateTime": (r"^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$", "is no time: CTP writes HH:MM:SS"),
    "InstrumentID": (r".", "is no instrument"),
}
_MOST = 2.0**53
"""Whole numbers beyond this are none any more as float64."""
_CHUNK = 10_000
"""Records made at a time: a file of millions is not held as objects."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TickTable:
    """The columns of one file, all of shape ``(n,)``; rows in ``refusals`` hold meaningless values.

    ``lines`` are 1-based (CSV: the header is line 1), ``columns`` are named as in :class:`RawTick`, ``depth`` has
    shape ``(n, 16)``, ``ours`` holds those of :data:`OURS` that the file has.
    """

    name: str
    sha256: str
    lines: LongColumn
    columns: dict[str, Any]
    depth: FloatColumn | None
    ours: dict[str, LongColumn]
    refusals: Refusals

    def __len__(self) -> int:
        return len(self.lines)

    def raw_ticks(self) -> Iterator[RawTick]:
        """The records in the order of the file, plain Python values."""
        names = list(self.columns)
        for first in range(0, len(self), _CHUNK):
            part = slice(first, first + _CHUNK)
            columns = [column[part].tolist() for column in self.columns.values()]
            for row, levels in zip(zip(*columns, strict=True), self._levels(part), strict=True):
                yield RawTick(depth=levels, **dict(zip(names, row, strict=True)))

    def _levels(self, part: slice) -> list[tuple[float, ...] | None]:
        """The deeper levels of each row, None where none of them is quoted; a price that is none is NaN."""
        if self.depth is None:
            return [None] * len(self.lines[part])
        levels = self.depth[part].copy()
        prices = levels[:, PRICE_LEVELS]
        levels[:, PRICE_LEVELS] = np.where((prices > 0) & (prices < INVALID_ABOVE), prices, np.nan)
        quoted = np.asarray((~np.isnan(levels[:, PRICE_LEVELS])).any(axis=1))
        return [tuple(row) if is_quoted else None for row, is_quoted in zip(levels.tolist(), quoted, strict=True)]


def read_tick_file(path: Path) -> Iterator[RawTick]:
    """The records of a file of ticks in its order.

    Raises :class:`RuleError` before the first one: ``unreadable_file``, ``invalid_header``, ``invalid_rows`` with
    lines, columns and values.
    """
    table = read_tick_table(path)
    if len(table.refusals):
        raise table.refusals.error("Nothing was read.")
    return table.raw_ticks()


def read_tick_table(path: Path) -> TickTable:
    """The columns of a file of ticks. Raises :class:`RuleError` ``unreadable_file``, ``invalid_header``.

    Cells that are no number, no time or no date are refusals of the result.
    """
    raw = read_table(path, "ticks")
    names = raw.table.column_names
    check_header(path.name, names, REQUIRED, KNOWN)
    refusals = Refusals(path.name)
    for line, text in raw.broken.items():
        refusals.add(line, raw.broken_reason(text))
    cells = _Cells(raw.table, raw.lines, refusals)
    columns: dict[str, Any] = {field: cells.texts(name) for name, field in TEXTS.items() if name in names}
    columns |= {field: cells.whole(name) for name, field in WHOLE.items() if name in names}
    columns |= {field: cells.numbers(name) for name, field in NUMBERS.items() if name in names}
    ours = {name: cells.whole(name) for name in OURS if name in names}
    return TickTable(path.name, raw.sha256, raw.lines, columns, cells.depth(), ours, refusals)


class _Cells:
    """The cells of a table as columns of one kind; what does not fit is refused with its line, column and value."""

    def __init__(self, table: pa.Table, lines: LongColumn, refusals: Refusals) -> None:
        self.table = table
        self.lines = lines
        self.refusals = refusals

    def texts(self, name: str) -> npt.NDArray[np.object_]:
        """Texts without blanks around them, dates as ``20181008``, whatever the type of the column."""
        column = self.table[name]
        if pa.types.is_time(column.type):
            column = column.cast(pa.time32("s"), safe=False)
        elif pa.types.is_temporal(column.type):
            column = pc.replace_substring(column.cast(pa.string()), "-", "")
        text = pc.utf8_trim_whitespace(pc.fill_null(column.cast(pa.string()), ""))
        if name == "TradingDay":
            days = [day for day in pc.unique(text).to_pylist() if _is_day(day)]
            self._refuse(name, ~_true(pc.is_in(text, pa.array(days, pa.string()))), "is no date: CTP writes YYYYMMDD")
        elif name in _FORMS:
            pattern, hint = _FORMS[name]
            self._refuse(name, ~_true(pc.match_substring_regex(text, pattern)), hint)
        return np.asarray(text.to_numpy(), dtype=object)

    def numbers(self, name: str) -> FloatColumn:
        """Numbers, NaN where the cell is empty or ``N/A``."""
        column = self.table[name]
        if not _is_text(column.type):
            return np.asarray(pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy(), dtype=np.float64)
        text = pc.utf8_trim_whitespace(pc.fill_null(column.cast(pa.string()), ""))
        empty = pc.is_in(text, value_set=pa.array(NOTHING))
        number = pc.match_substring_regex(text, _NUMBER)
        self._refuse(name, ~_true(pc.or_(empty, number)), "is no number")
        found = pc.if_else(number, text, pa.scalar(None, pa.string())).cast(pa.float64())
        return np.asarray(pc.fill_null(found, np.nan).to_numpy(), dtype=np.float64)

    def whole(self, name: str) -> LongColumn:
        """Whole numbers from 0 on; an empty cell is refused where the column is required, else 0."""
        column = self.table[name]
        if pa.types.is_integer(column.type):
            found = np.asarray(pc.fill_null(column.cast(pa.int64()), -1).to_numpy(), dtype=np.int64)
            self._refuse(name, found < 0, "is no whole number from 0 on")
            return found
        if name in OURS:
            return self._long(name)
        numbers = self.numbers(name)
        if name not in REQUIRED:
            numbers = np.where(np.isnan(numbers), 0.0, numbers)
        bad = ~((numbers >= 0) & (numbers < _MOST) & (numbers == np.floor(numbers)))
        self._refuse(name, bad, "is no whole number from 0 on")
        return np.where(bad, 0.0, numbers).astype(np.int64)

    def depth(self) -> FloatColumn | None:
        """Levels 2 to 5, shape ``(n, 16)``; None where the file has no such column."""
        if not any(name in self.table.column_names for name in LEVELS):
            return None
        nothing = np.full(self.table.num_rows, np.nan)
        columns = [self.numbers(name) if name in self.table.column_names else nothing for name in LEVELS]
        return np.column_stack(columns)

    def _long(self, name: str) -> LongColumn:
        """Nanoseconds do not fit into a float: texts become whole numbers at once."""
        text = pc.utf8_trim_whitespace(self.table[name].cast(pa.string()))
        number = pc.match_substring_regex(text, r"^(\d{1,18}|[1-8]\d{18})$")
        self._refuse(name, ~_true(number), "is no whole number from 0 on")
        found = pc.if_else(number, text, pa.scalar("0")).cast(pa.int64())
        return np.asarray(found.to_numpy(), dtype=np.int64)

    def _refuse(self, name: str, bad: Flags, reason: str) -> None:
        column = self.table[name]
        self.refusals.add_all(np.flatnonzero(bad), self.lines, lambda row: f"{name} {column[row].as_py()!r} {reason}")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind))


def _true(column: Any) -> Flags:
    return np.asarray(pc.fill_null(column, False).to_numpy(), dtype=np.bool_)


def _is_day(text: str) -> bool:
    if len(text) != len("20240102") or not text.isdecimal():
        return False
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True
