"""The bars that fills are marked by: stored ones, or a file that is read as an import reads it and is not stored."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from django.utils.translation import gettext as _

from backtests.fills.file import nothing_done
from backtests.fills.request import ANY, FillsRequest
from backtests.request_checks import coverage_of
from marketdata.domain.bars import BarSeries
from marketdata.domain.codes import parse_code
from marketdata.domain.intervals import LONGEST_MINUTES, interval_name, parse_interval
from marketdata.importers.bar_check import BarRules, BarTime, prepare_bars
from marketdata.importers.bar_file import read_bar_file
from marketdata.instruments import session_table
from marketdata.models import BarCoverage, Instrument
from marketdata.series_cache import load
from marketdata.services import SERIES_BELOW_ZERO
from quantsite.common.errors import RuleError


class Marks(NamedTuple):
    """The bars of one instrument, at least one, their hash, and the name of their file ('' for stored ones)."""

    bars: BarSeries
    data_hash: str
    source: str


def check_marks(request: FillsRequest) -> None:
    """Raises ``RuleError`` where files of marks are given without what says how to read them."""
    if request.interval:
        parse_interval(request.interval)
    if request.marks and not (request.interval and request.bar_time):
        text = _("A file of marks needs --interval (such as 5m) and --bar-time (start or end) to be read by.")
        raise RuleError("invalid_marks", text, fields={"marks": text})


def marks_of(instruments: Sequence[Instrument], request: FillsRequest) -> list[Marks]:
    """The marks of each instrument. Raises ``RuleError`` where one has none, and for a file that cannot be read."""
    files = dict(request.marks)
    if ANY in files and len(instruments) > 1:
        codes = ", ".join(f"--marks {instrument.code}=FILE" for instrument in instruments)
        text = _("The fills are of %(count)d instruments: say whose marks a file has (%(codes)s).")
        raise RuleError("invalid_marks", text % {"count": len(instruments), "codes": codes})
    if unknown := sorted(set(files) - {ANY, *(instrument.code for instrument in instruments)}):
        text = _("There are marks of %(codes)s, and no fill of it.")
        raise RuleError("invalid_marks", text % {"codes": ", ".join(unknown)})
    return [_marks(row, files.get(row.code, files.get(ANY)), request) for row in instruments]


def _marks(instrument: Instrument, path: Path | None, request: FillsRequest) -> Marks:
    if path is not None:
        bars = _bars_of_file(instrument, path, request)
        return Marks(bars, bars.data_hash(), path.name)
    bars, data_hash = load(instrument, _stored_interval(instrument, request.interval))
    return Marks(bars, data_hash, "")


def _bars_of_file(instrument: Instrument, path: Path, request: FillsRequest) -> BarSeries:
    """The bars of a file, by the rules of an import, but off the price grid too: they only mark."""
    file = read_bar_file(path)
    minutes = parse_interval(request.interval)
    rules = BarRules(
        minutes=minutes,
        bar_time=BarTime(request.bar_time),
        ticks=None,
        positive=parse_code(instrument.code).series not in SERIES_BELOW_ZERO,
        strict_sessions=False,
    )
    bars = prepare_bars(file, instrument.code, interval_name(minutes), session_table(instrument.product), rules).series
    if len(file.refusals):
        raise file.refusals.error(nothing_done())
    if not len(bars):
        raise RuleError("empty_file", _("%(file)s has no bars to mark with.") % {"file": file.name})
    return bars


def _stored_interval(instrument: Instrument, asked: str) -> str:
    """The interval asked for, else the one whose bars reach over the most days, the finest of equals."""
    if asked:
        return coverage_of(instrument, interval_name(parse_interval(asked))).interval
    stored = list(BarCoverage.objects.filter(instrument=instrument, bars__gt=0))
    if not stored:
        text = _("%(code)s has no stored bars to mark it by: give --marks FILE, or import some (import_bars).")
        raise RuleError("no_bars", text % {"code": instrument.code})
    return max(stored, key=_reach).interval


def _reach(cover: BarCoverage) -> tuple[timedelta, int]:
    days = cover.last_day - cover.first_day if cover.last_day and cover.first_day else timedelta(0)
    return days, -(parse_interval(cover.interval) or LONGEST_MINUTES + 1)
