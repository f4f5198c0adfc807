"""The Parquet files of a run: the rows of the CSV files as typed columns, unrounded.

Instants carry their time zone (Asia/Shanghai), days are dates, names are dictionaries.
"""

from collections.abc import Mapping
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from backtests.domain.result import DayTable, FillTable
from backtests.reports.tables import NOTHING, direction_name, instrument_names, offset_name

INSTANT = pa.timestamp("ns", "Asia/Shanghai")
NAME = pa.dictionary(pa.int8(), pa.string())


def fills_parquet(fills: FillTable, *instruments: str) -> bytes:
    """The fills of a run on ``instruments``, by leg, with ``slippage`` and ``profit`` besides."""
    columns = {
        "datetime": pa.array(fills.start, INSTANT),
        "trading_day": _days(fills.trading_day),
        "instrument": pa.array(instrument_names(fills, *instruments), NAME),
        "direction": pa.array(map(direction_name, fills.direction.tolist()), NAME),
        "offset": pa.array(map(offset_name, fills.offset.tolist()), NAME),
        **{name: getattr(fills, name) for name in ("price", "volume", "commission", "slippage", "profit")},
    }
    return _file(columns)


def equity_parquet(days: DayTable, further: Mapping[str, np.ndarray] = NOTHING) -> bytes:
    """The trading days of a run; besides the CSV file's columns ``margin``, ``position`` and ``further`` ones."""
    names = ("equity", "net_profit", "commission", "slippage", "drawdown", "margin", "position")
    columns = {name: getattr(days, name) for name in names}
    return _file({"trading_day": _days(days.trading_day), **columns, **further})


def _days(column: np.ndarray) -> pa.Array:
    return pa.array(column.astype("datetime64[D]"))


def _file(columns: dict[str, pa.Array | np.ndarray]) -> bytes:
    file = BytesIO()
    pyarrow.parquet.write_table(pa.table(columns), file)
    return file.getvalue()
