"""Recorded files of bars as series, without a database."""

from functools import cache

import numpy as np
import pyarrow.csv

from marketdata.domain.bars import PRICE_COLUMNS, Bar, BarSeries
from marketdata.domain.ticks import BarMessage
from marketdata.tests.domain.recorded import DATA
from quantsite.common.times import SHANGHAI_OFFSET_NS


@cache
def recorded_bars(name: str, interval: str, rows: int) -> BarSeries:
    """The first ``rows`` bars of a file, stamped as they are there; the trading day is the calendar's."""
    table = pyarrow.csv.read_csv(DATA / "bars" / f"{name}.csv.gz").slice(0, rows)
    start = table["datetime"].to_numpy().astype("datetime64[ns]").astype(np.int64) - SHANGHAI_OFFSET_NS
    unknown = np.full(len(start), np.nan)
    names = (*PRICE_COLUMNS, "volume", "turnover", "open_interest")
    columns = (table[name].to_numpy() if name in table.column_names else unknown for name in names)
    return BarSeries(name, interval, start, start // 86_400_000_000_000, *columns)


def message(bar: Bar) -> BarMessage:
    """A bar of a series as it comes over the stream."""
    prices = (bar.open, bar.high, bar.low, bar.close)
    return BarMessage("x", "5m", bar.start, bar.trading_day, *prices, int(bar.volume), bar.turnover, bar.open_interest)
