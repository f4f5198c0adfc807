"""The CSV files of a run: one row a fill, one row a trading day. UTF-8, comma, one header line, LF."""

import csv
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TextIO

import numpy as np

from backtests.domain.result import DayTable, FillTable
from backtests.reports.format import plain
from quantsite.common.times import SHANGHAI_OFFSET_NS
from trading.domain.offsets import Direction, Offset

FILL_HEADER = ("datetime", "trading_day", "instrument", "direction", "offset", "price", "volume", "commission")
DRAWDOWN_PLACES = 12
"""A fraction of the equity: six decimals would be ten yuan in ten million."""

EQUITY_HEADER = ("trading_day", "equity", "net_profit", "commission", "slippage", "drawdown")

Row = tuple[str, ...]
NOTHING: Mapping[str, np.ndarray] = MappingProxyType({})


def direction_name(direction: int) -> str:
    """``buy`` or ``sell``. Raises ``ValueError`` for another number."""
    return Direction(direction).name.lower()


def offset_name(offset: int) -> str:
    """``open``, ``close``, ``close_today`` ... Raises ``ValueError`` for another number."""
    return Offset(offset).name.lower()


def wall_clock(moments: np.ndarray) -> list[str]:
    """Instants (ns UTC) as ``YYYY-MM-DD HH:MM:SS`` of Shanghai."""
    texts: list[str] = np.datetime_as_string((moments + SHANGHAI_OFFSET_NS).astype("datetime64[ns]"), "s").tolist()
    return [text.replace("T", " ") for text in texts]


def iso_days(days: np.ndarray) -> list[str]:
    """Days since the epoch as ``YYYY-MM-DD``."""
    texts: list[str] = np.datetime_as_string(days.astype("datetime64[D]")).tolist()
    return texts


def instrument_names(fills: FillTable, *instruments: str) -> list[str]:
    """For each fill the name of its leg's instrument."""
    return [instruments[leg] for leg in fills.leg.tolist()]


def fill_rows(fills: FillTable, *instruments: str) -> Iterable[Row]:
    """The fills as texts, ``instruments`` by leg; ``datetime`` is the start of the bar that fills."""
    return zip(
        wall_clock(fills.start),
        iso_days(fills.trading_day),
        instrument_names(fills, *instruments),
        map(direction_name, fills.direction.tolist()),
        map(offset_name, fills.offset.tolist()),
        map(plain, fills.price.tolist()),
        map(plain, fills.volume.tolist()),
        map(plain, fills.commission.tolist()),
        strict=True,
    )


def equity_rows(days: DayTable) -> Iterable[Row]:
    """The trading days as texts."""
    money = (map(plain, column.tolist()) for column in (days.equity, days.net_profit, days.commission, days.slippage))
    drawdown = (plain(fraction, DRAWDOWN_PLACES) for fraction in days.drawdown.tolist())
    return zip(iso_days(days.trading_day), *money, drawdown, strict=True)


def write_fills_csv(file: TextIO, fills: FillTable, *instruments: str) -> None:
    """Write the fills of a run on ``instruments``, by leg, to ``file``, opened with ``newline=""``."""
    _write(file, FILL_HEADER, fill_rows(fills, *instruments))


def write_equity_csv(file: TextIO, days: DayTable, further: Mapping[str, np.ndarray] = NOTHING) -> None:
    """Write the trading days of a run to ``file``, opened with ``newline=""``; ``further`` columns follow by name."""
    more = [map(plain, column.astype(np.float64).tolist()) for column in further.values()]
    rows = ((*row, *others) for row, *others in zip(equity_rows(days), *more, strict=True))
    _write(file, (*EQUITY_HEADER, *further), rows)


def _write(file: TextIO, header: Row, rows: Iterable[Row]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
