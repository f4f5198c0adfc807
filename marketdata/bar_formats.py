"""A page of bars as JSON, CSV or Parquet, from columns, without an object a row."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from rest_framework.renderers import BaseRenderer

from marketdata.domain.bars import VALUE_COLUMNS, BarSeries
from quantsite.common.times import SHANGHAI_OFFSET_NS
from quantsite.web.renderers import OrjsonRenderer, dumps

BAR_COLUMNS = ("start", "trading_day", *VALUE_COLUMNS)


@dataclass(frozen=True)
class BarPage:
    """Bars in ascending order, and the address of the older ones; ``by_column`` asks for arrays in JSON."""

    bars: BarSeries
    simulated: bool
    next: str | None
    by_column: bool = False


def _texts(moments: npt.NDArray[Any], unit: str) -> list[str]:
    texts: list[str] = np.datetime_as_string(moments, unit=unit).tolist()  # type: ignore[call-overload]
    return texts


def _volume(bars: BarSeries) -> npt.NDArray[np.int64]:
    return bars.volume.astype(np.int64)


class BarJsonRenderer(OrjsonRenderer):
    """``{"instrument", "interval", "simulated", "results" or "columns", "next"}``; times UTC with Z, NaN as null."""

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """The body; what is no page of bars is rendered as everywhere else."""
        if not isinstance(data, BarPage):
            return super().render(data, accepted_media_type, renderer_context)
        bars = data.bars
        start = [f"{text}Z" for text in _texts(bars.start.astype("datetime64[ns]"), "s")]
        day = _texts(bars.trading_day.astype("datetime64[D]"), "D")
        values = [_volume(bars) if name == "volume" else getattr(bars, name) for name in VALUE_COLUMNS]
        about = {"instrument": bars.instrument, "interval": bars.interval, "simulated": data.simulated}
        if data.by_column:
            columns = dict(zip(BAR_COLUMNS, [start, day, *values], strict=True))
            return dumps({**about, "columns": columns, "next": data.next})
        # orjson writes NaN as null.
        rows = zip(start, day, *(column.tolist() for column in values), strict=True)
        results = [dict(zip(BAR_COLUMNS, row, strict=True)) for row in rows]
        return dumps({**about, "results": results, "next": data.next})


class BarCsvRenderer(BaseRenderer):
    """The form that ``import_bars --bar-time start`` reads: Shanghai wall clock, empty cells where unknown."""

    media_type = "text/csv"
    format = "csv"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:  # noqa: ARG002
        """The body."""
        bars: BarSeries = data.bars
        wall = (bars.start + SHANGHAI_OFFSET_NS).astype("datetime64[ns]").astype("datetime64[s]")
        table = _table(bars, pa.array(wall))
        options = pyarrow.csv.WriteOptions(quoting_style="none")
        file = io.BytesIO()
        pyarrow.csv.write_csv(table, file, options)
        header, _newline, rows = file.getvalue().partition(b"\n")
        return header.replace(b'"', b"") + b"\n" + rows


class BarParquetRenderer(BaseRenderer):
    """Columns as in CSV; ``datetime`` carries its time zone."""

    media_type = "application/vnd.apache.parquet"
    format = "parquet"
    charset = None
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:  # noqa: ARG002
        """The body."""
        bars: BarSeries = data.bars
        file = io.BytesIO()
        start = pa.array(bars.start, type=pa.timestamp("ns", "Asia/Shanghai"))
        pyarrow.parquet.write_table(_table(bars, start), file)
        return file.getvalue()


def _table(bars: BarSeries, start: pa.Array) -> pa.Table:
    columns = {"datetime": start, "trading_day": pa.array(bars.trading_day.astype("datetime64[D]"))}
    for name in VALUE_COLUMNS:
        column = getattr(bars, name)
        columns[name] = pa.array(_volume(bars)) if name == "volume" else pa.array(column, mask=np.isnan(column))
    return pa.table(columns)
