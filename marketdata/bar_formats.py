"""A page of bars as JSON, CSV or Parquet, from columns, without an object a row."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from rest_framework.renderers import BaseRenderer

from marketdata.column_files import csv_bytes, instants, json_page, numbers, parquet_bytes
from marketdata.domain.bars import VALUE_COLUMNS, BarSeries, FloatColumn
from marketdata.klines import NO_BASIS, KlineBasis
from quantsite.common.times import SHANGHAI_OFFSET_NS, iso_utc, ns_to_utc
from quantsite.web.renderers import OrjsonRenderer


@dataclass(frozen=True)
class BarPage:
    """Bars in ascending order, and the address of the older ones; ``by_column`` asks for arrays in JSON.

    ``settlement`` is there for daily bars, NaN where unknown; ``basis`` says what the bars are made of.
    """

    bars: BarSeries
    simulated: bool
    next: str | None
    by_column: bool = False
    settlement: FloatColumn | None = None
    basis: KlineBasis = NO_BASIS


def start_texts(bars: BarSeries) -> list[str]:
    """The starts of bars in UTC with Z."""
    return [f"{text}Z" for text in instants(bars.start.astype("datetime64[ns]"), "s")]


def day_texts(bars: BarSeries) -> list[str]:
    """The trading days of bars, YYYY-MM-DD."""
    return instants(bars.trading_day.astype("datetime64[D]"), "D")


def basis_rows(basis: KlineBasis) -> list[dict[str, Any]]:
    """The stretches of an answer with what each is made of."""
    return [
        {
            "interval": part.interval,
            "first": iso_utc(ns_to_utc(part.first)),
            "last": iso_utc(ns_to_utc(part.last)),
            "bars": part.bars,
        }
        for part in basis.parts
    ]


def _volume(bars: BarSeries) -> npt.NDArray[np.int64]:
    return bars.volume.astype(np.int64)


class BarJsonRenderer(OrjsonRenderer):
    """``{"instrument", "interval", "simulated", "basis", "results" or "columns", "next"}``; UTC with Z, NaN as null."""

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """The body; what is no page of bars is rendered as everywhere else."""
        if not isinstance(data, BarPage):
            return super().render(data, accepted_media_type, renderer_context)
        bars = data.bars
        columns: dict[str, Any] = {"start": start_texts(bars), "trading_day": day_texts(bars)}
        columns |= {name: _volume(bars) if name == "volume" else getattr(bars, name) for name in VALUE_COLUMNS}
        if data.settlement is not None:
            columns["settlement"] = data.settlement
        about = {"instrument": bars.instrument, "interval": bars.interval, "simulated": data.simulated}
        about |= {"basis": basis_rows(data.basis)}
        return json_page(about, columns, data.next, by_column=data.by_column)


class BarCsvRenderer(BaseRenderer):
    """The form that ``import_bars --bar-time start`` reads: Shanghai wall clock, empty cells where unknown."""

    media_type = "text/csv"
    format = "csv"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:  # noqa: ARG002
        """The body."""
        return csv_bytes(_page_table(data))


class BarParquetRenderer(BaseRenderer):
    """Columns as in CSV; ``datetime`` carries its time zone."""

    media_type = "application/vnd.apache.parquet"
    format = "parquet"
    charset = None
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:  # noqa: ARG002
        """The body."""
        bars: BarSeries = data.bars
        start = pa.array(bars.start, type=pa.timestamp("ns", "Asia/Shanghai"))
        return parquet_bytes(_page_table(data, start))


def _page_table(page: BarPage, start: pa.Array | None = None) -> pa.Table:
    table = bar_table(page.bars, start)
    return table if page.settlement is None else table.append_column("settlement", numbers(page.settlement))


def bar_table(bars: BarSeries, start: pa.Array | None = None) -> pa.Table:
    """``datetime`` (``start``, or the Shanghai clock to the second), ``trading_day`` and the values of bars."""
    if start is None:
        wall = (bars.start + SHANGHAI_OFFSET_NS).astype("datetime64[ns]").astype("datetime64[s]")
        start = pa.array(wall)
    columns = {"datetime": start, "trading_day": pa.array(bars.trading_day.astype("datetime64[D]"))}
    columns |= {name: numbers(_volume(bars) if name == "volume" else getattr(bars, name)) for name in VALUE_COLUMNS}
    return pa.table(columns)
