"""The files that can be made of a finished run: its report, its fills, the equity of its days."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from backtests.domain.statistics_conventions import STANDARD_ANNUAL_DAYS
from backtests.models import BacktestDay, BacktestFill, BacktestRun
from backtests.reports.html import render_report
from backtests.reports.parquet import equity_parquet, fills_parquet
from backtests.reports.tables import direction_name, offset_name, write_equity_csv, write_fills_csv
from backtests.result_rows import read_days, read_fills
from backtests.run_document import result_document
from backtests.run_report import bars_of, report_input, statistics_of
from quantsite.common.errors import RuleError
from quantsite.common.times import iso_utc
from quantsite.web.renderers import dumps

MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
    "pdf": "application/pdf",
}


class File(NamedTuple):
    """A finished file; ``name`` has its suffix."""

    name: str
    media_type: str
    body: bytes

    @property
    def disposition(self) -> str:
        """The header ``Content-Disposition``: a page is looked at, any other file is saved."""
        kind = "inline" if self.media_type.startswith("text/html") else "attachment"
        return f'{kind}; filename="{self.name}"'


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: the end of its name, and what makes its content in each format."""

    name: str
    makers: Mapping[str, Callable[[BacktestRun, int], bytes]]

    def make(self, run: BacktestRun, form: str, annual_days: int = STANDARD_ANNUAL_DAYS) -> File:
        """The file of ``run`` in the format ``form``. Raises ``RuleError`` for a format that is not known.

        ``annual_days`` are those of a year in the standard statistics, for files that have them.
        """
        body = self.makers[known_form(form, self.makers)](run, annual_days)
        return File(f"backtest-{run.pk}{self.name}.{form}", MEDIA_TYPES[form], body)


def known_form(form: str, known: Mapping[str, Any]) -> str:
    """``form`` itself. Raises ``RuleError`` that names the known ones."""
    if form not in known:
        text = _("There is no format %(name)s here; known: %(known)s.")
        text %= {"name": repr(form), "known": ", ".join(known)}
        raise RuleError("unknown_format", text, fields={"as": text})
    return form


def form_of(path: Path, known: Mapping[str, Any]) -> str:
    """The format that a file's suffix stands for.

    Raises ``RuleError`` that names the known suffixes, and for a file that cannot be written: asked before the work.
    """
    folder = path.absolute().parent
    if not folder.is_dir():
        text = _("%(file)s: the folder %(folder)s does not exist")
        raise RuleError("invalid_file", text % {"file": path, "folder": folder})
    if path.is_dir():
        raise RuleError("invalid_file", _("%(file)s is a folder: name a file") % {"file": path})
    form = path.suffix.removeprefix(".").lower()
    if form not in known:
        text = _("%(file)s: the name of the file should end in %(known)s.")
        raise RuleError("unknown_format", text % {"file": path, "known": " / ".join(f".{name}" for name in known)})
    return form


def codes_of(run: BacktestRun) -> tuple[str, ...]:
    """The codes of the run's instruments in the order of their legs."""
    return (run.instrument.code, *run.legs)


def _report_html(run: BacktestRun, annual_days: int) -> bytes:
    return render_report(report_input(run, bars_of(run), annual_days=annual_days)).encode()


def _report_pdf(run: BacktestRun, annual_days: int) -> bytes:
    from backtests.reports.pdf import render_pdf  # noqa: PLC0415 - reportlab is slow to load and seldom needed

    return render_pdf(report_input(run, bars_of(run), annual_days=annual_days))


def _report_json(run: BacktestRun, annual_days: int) -> bytes:
    """Everything: the result as ``--json`` prints it, its fingerprints, every fill and every day."""
    identity = ("data_hash", "source_hash", "engine_version", "seed", "close_at_end")
    document = {
        **result_document(run),
        "statistics": statistics_of(run, annual_days),
        "annual_days": annual_days,
        **{name: getattr(run, name) for name in identity},
        "owner": run.owner.get_username() if run.owner else None,
        "finished_at": iso_utc(run.finished_at) if run.finished_at else None,
        "fill_rows": [_fill(fill, codes_of(run)) for fill in run.fills.order_by("seq")],
        "day_rows": [_day(day) for day in run.days.order_by("trading_day")],
    }
    return dumps(document)


def _fill(fill: BacktestFill, instruments: tuple[str, ...]) -> dict[str, Any]:
    return {
        "seq": fill.seq,
        "instrument": instruments[fill.leg],
        "start": fill.start,
        "trading_day": fill.trading_day,
        "direction": direction_name(fill.direction),
        "offset": offset_name(fill.offset),
        **{name: getattr(fill, name) for name in ("price", "volume", "commission", "slippage", "profit")},
    }


def _day(day: BacktestDay) -> dict[str, Any]:
    names = ("trading_day", "equity", "net_profit", "commission", "slippage", "drawdown", "margin", "position")
    return {name: getattr(day, name) for name in names}


def _fills_csv(run: BacktestRun, _annual_days: int) -> bytes:
    file = StringIO(newline="")
    write_fills_csv(file, read_fills(run), *codes_of(run))
    return file.getvalue().encode()


def _fills_parquet(run: BacktestRun, _annual_days: int) -> bytes:
    return fills_parquet(read_fills(run), *codes_of(run))


def _equity_csv(run: BacktestRun, _annual_days: int) -> bytes:
    file = StringIO(newline="")
    write_equity_csv(file, read_days(run))
    return file.getvalue().encode()


def _equity_parquet(run: BacktestRun, _annual_days: int) -> bytes:
    return equity_parquet(read_days(run))


REPORT = Kind("", {"html": _report_html, "pdf": _report_pdf, "json": _report_json})
FILLS = Kind("-fills", {"csv": _fills_csv, "parquet": _fills_parquet})
EQUITY = Kind("-equity", {"csv": _equity_csv, "parquet": _equity_parquet})
KINDS = {"report": REPORT, "fills": FILLS, "equity": EQUITY}
