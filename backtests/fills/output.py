"""An analysis of fills as one JSON object, as files, and as the value that reports are made of."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from io import StringIO
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from backtests.domain.version import ENGINE_VERSION
from backtests.fills.analysis import Analysis
from backtests.reports.html import render_report
from backtests.reports.parquet import equity_parquet
from backtests.reports.report_input import ReportInput
from backtests.reports.tables import write_equity_csv
from backtests.run_costs import cost_document
from backtests.run_document import money
from quantsite.common.times import iso_utc, ns_to_utc
from quantsite.web.renderers import dumps

Maker = Callable[[Analysis], bytes]


def analysis_document(analysis: Analysis) -> dict[str, Any]:
    """The analysis in the keys that docs/fills.md promises; those of a backtest have the same names."""
    result, bars = analysis.result, [leg.bars for leg in analysis.legs]
    return {
        "file": analysis.file.name,
        "sha256": analysis.file.sha256,
        "instrument": analysis.instruments[0].code,
        "legs": [instrument.code for instrument in analysis.instruments[1:]],
        "made": list(analysis.made),
        "interval": intervals(analysis),
        "marks": _marks(analysis),
        "bars": sum(map(len, bars)),
        "first_bar": iso_utc(ns_to_utc(min(int(series.start[0]) for series in bars))),
        "last_bar": iso_utc(ns_to_utc(max(int(series.start[-1]) for series in bars))),
        "costs": _costs(analysis),
        "capital": analysis.request.capital,
        "statistics": analysis.statistics,
        "fills": len(analysis.file.lines),
        "fill_rows": len(result.fills),
        "end_equity": money(result.end_equity),
        "net_profit": money(result.net_profit),
        "commission": money(result.commission),
        "slippage": money(result.slippage),
        "close_profit_by_date": money(float(analysis.account.funds.close_profit.sum())),
        "close_profit_by_trade": money(float(analysis.account.funds.close_profit_by_trade.sum())),
        "positions": _positions(analysis),
        "result_hash": analysis.result_hash,
        "warnings": list(analysis.warnings),
        "data_quality": analysis.data_quality or None,
        "timing": {"total_seconds": analysis.seconds},
    }


def intervals(analysis: Analysis) -> str:
    """The interval of the marks, of each instrument's where they differ."""
    return " + ".join(dict.fromkeys(leg.bars.interval for leg in analysis.legs))


def _marks(analysis: Analysis) -> list[dict[str, Any]]:
    rows = zip(analysis.legs, analysis.marks, analysis.account.settled, strict=True)
    return [
        {
            "instrument": leg.code,
            "source": marks.source or "stored",
            "interval": leg.bars.interval,
            "bars": len(leg.bars),
            "settled_days": settled,
        }
        for leg, marks, settled in rows
    ]


def _costs(analysis: Analysis) -> dict[str, Any]:
    """The options as given (null: not given) and the table charged by."""
    options = analysis.request.costs
    return {**{name: getattr(options, name) for name in options.names()}, **cost_document(analysis.legs)}


def _positions(analysis: Analysis) -> list[dict[str, Any]]:
    return [
        {
            "instrument": analysis.instruments[held.leg].code,
            "side": held.side.name.lower(),
            "volume": held.volume,
            "open_price": held.open_price,
            "mark": held.mark,
            "open_profit": money(held.open_profit),
        }
        for held in analysis.account.held
    ]


def fills_report_input(analysis: Analysis) -> ReportInput:
    """The analysis as the reports of backtests take it."""
    result = analysis.result
    sources = {
        " · ".join(filter(None, (_("marks"), leg.code if len(analysis.legs) > 1 else ""))): marks.source or _("stored")
        for leg, marks in zip(analysis.legs, analysis.marks, strict=True)
    }
    return ReportInput(
        strategy="",
        instrument=" + ".join(instrument.code for instrument in analysis.instruments),
        interval=intervals(analysis),
        parameters={_("file"): analysis.file.name, "SHA-256": analysis.file.sha256, **sources},
        costs=cost_document(analysis.legs),
        capital=analysis.request.capital,
        volume=0.0,
        bars=analysis.legs[0].bars,
        further=tuple(leg.bars for leg in analysis.legs[1:]),
        fills=result.fills,
        days=result.days,
        statistics=analysis.statistics,
        end_equity=result.end_equity,
        result_hash=analysis.result_hash,
        engine_version=ENGINE_VERSION,
        source_hash="",
        data_hash=analysis.data_hash,
        warnings=analysis.warnings,
        simulated=any(instrument.simulated for instrument in analysis.instruments),
        data_quality=analysis.data_quality,
        moments=analysis.account.moments,
    )


def _funds(analysis: Analysis) -> dict[str, np.ndarray]:
    """The columns that a backtest's days do not have."""
    funds = analysis.account.funds
    return {column.name: getattr(funds, column.name) for column in fields(funds)}


def _equity_csv(analysis: Analysis) -> bytes:
    days = analysis.result.days
    file = StringIO(newline="")
    write_equity_csv(file, days, {**_funds(analysis), "margin": days.margin, "position": days.position})
    return file.getvalue().encode()


def _equity_parquet(analysis: Analysis) -> bytes:
    return equity_parquet(analysis.result.days, _funds(analysis))


def _report_html(analysis: Analysis) -> bytes:
    return render_report(fills_report_input(analysis)).encode()


def _report_pdf(analysis: Analysis) -> bytes:
    from backtests.reports.pdf import render_pdf  # noqa: PLC0415 - reportlab is slow to load and seldom needed

    return render_pdf(fills_report_input(analysis))


def _report_json(analysis: Analysis) -> bytes:
    return dumps(analysis_document(analysis))


EQUITY: Mapping[str, Maker] = {"csv": _equity_csv, "parquet": _equity_parquet}
REPORT: Mapping[str, Maker] = {"html": _report_html, "pdf": _report_pdf, "json": _report_json}
MAKERS = {"equity": EQUITY, "report": REPORT}
"""What makes the content of each file that may be asked for, by its format."""
