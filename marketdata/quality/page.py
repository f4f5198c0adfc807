"""What the console shows of judged days: instruments by their worst day, and one instrument's calendar of a year."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.dates import MONTHS, WEEKDAYS_ABBR
from django.utils.translation import gettext as _

from marketdata.domain.calendar import SATURDAY, TradingCalendar
from marketdata.domain.intervals import parse_interval
from marketdata.domain.quality_score import POOR_BELOW, grade
from marketdata.instruments import find_instrument, trading_calendar
from marketdata.live_models import DayQuality
from marketdata.models import BarCoverage, Instrument
from marketdata.quality.links import calendar_url, day_url, list_url, tile
from marketdata.quality.overview import overview
from marketdata.quality.rows import fault_counts
from marketdata.quality.texts import FAULTS, counts_text, legend
from quantsite.common.errors import MissingError

WORST_DAYS = 20
DAYS_IN_WEEK = 7


class Cell(NamedTuple):
    """One weekday of the calendar. ``look`` is a grade, ``unjudged``, ``none`` (no bars) or ``closed``."""

    day: date
    look: str
    row: int
    column: int
    url: str = ""
    letter: str = ""
    score: str = ""
    counts: str = ""

    @property
    def label(self) -> str:
        """For a screen reader: day, score and what is wrong."""
        return f"{self.day:%Y-%m-%d}: {self.letter} {self.score}, {self.counts}" if self.url else ""


class Month(NamedTuple):
    """One small calendar: columns are weeks, rows are weekdays."""

    name: str
    cells: list[Cell]

    @property
    def is_empty(self) -> bool:
        """Whether no bars are stored of the whole month."""
        return all(cell.look in ("none", "closed") for cell in self.cells)


def page_context(query: Mapping[str, str]) -> dict[str, Any]:
    """The list of instruments, or the calendar of the one that the query names.

    Raises ``MissingError`` for an instrument, year or interval of which there is nothing.
    """
    codes = list(DayQuality.objects.values_list("instrument__code", flat=True).distinct().order_by("instrument__code"))
    shared = {"codes": codes, "base_url": list_url(), "legend": legend()}
    if code := query.get("instrument", "").strip():
        return {**shared, **_calendar(find_instrument(code), query)}
    return {**shared, **overview()}


# --- one instrument's year -------------------------------------------------------------------------------------


def _calendar(instrument: Instrument, query: Mapping[str, str]) -> dict[str, Any]:
    stored = DayQuality.objects.filter(instrument=instrument)
    intervals = sorted(set(stored.values_list("interval", flat=True)), key=lambda name: parse_interval(name) or 10**6)
    interval = query.get("interval") or (intervals[0] if intervals else "")
    if interval not in intervals:
        raise MissingError("not_judged", _("No day of %(code)s was judged yet.") % {"code": instrument.code})
    stored = stored.filter(interval=interval)
    years = sorted({day.year for day in stored.dates("trading_day", "year")})
    year = _year(query.get("year", ""), years)
    rows = list(stored.filter(trading_day__year=year).order_by("trading_day"))
    coverage = BarCoverage.objects.filter(instrument=instrument, interval=interval).first()
    months = _months(year, {row.trading_day: row for row in rows}, coverage)
    unjudged = sum(cell.look == "unjudged" for month in months for cell in month.cells)
    worst = sorted((row for row in rows if row.score < 1), key=lambda row: (row.score, row.trading_day))
    return {
        "instrument": instrument,
        "interval": interval,
        "intervals": [(name, calendar_url(instrument.code, year, name)) for name in intervals if name != interval],
        "year": year,
        "years": [(known, calendar_url(instrument.code, known, interval)) for known in years],
        "months": months,
        "weekdays": [_narrow(str(WEEKDAYS_ABBR[number])) for number in range(SATURDAY)],
        "tiles": _year_tiles(rows, unjudged),
        "worst_days": [_worst(row) for row in worst[:WORST_DAYS]],
        "hidden_days": max(0, len(worst) - WORST_DAYS),
        "kinds": _kinds(rows),
    }


def _narrow(weekday: str) -> str:
    """Two letters; in Chinese the one character that differs."""
    return weekday[:2] if weekday.isascii() else weekday[-1]


def _year(text: str, years: list[int]) -> int:
    """The year asked for, else the newest judged one. Raises ``MissingError`` for one without a judged day."""
    if not text:
        return years[-1]
    if not text.isdecimal() or int(text) not in years:
        raise MissingError("not_judged", _("No day of %(year)s was judged.") % {"year": text})
    return int(text)


def _months(year: int, rows: Mapping[date, DayQuality], coverage: BarCoverage | None) -> list[Month]:
    calendar, today = trading_calendar(), timezone.localdate()
    found = []
    for number, name in MONTHS.items():
        first = date(year, number, 1)
        days = [first + timedelta(days=later) for later in range(31)]
        weekdays = [day for day in days if day.month == number and day.weekday() < SATURDAY]
        cells = [_cell(day, first, rows.get(day), _look(day, calendar, coverage, today)) for day in weekdays]
        found.append(Month(str(name), cells))
    return found


def _look(day: date, calendar: TradingCalendar, coverage: BarCoverage | None, today: date) -> str:
    """What a weekday without a row is: closed, without bars, or not judged yet."""
    if not calendar.first <= day <= calendar.last or not calendar.is_trading_day(day):
        return "closed"
    begin, end = (coverage.first_day, coverage.last_day) if coverage else (None, None)
    held = begin is not None and end is not None and begin <= day <= min(end, today)
    return "unjudged" if held else "none"


def _cell(day: date, first: date, row: DayQuality | None, look: str) -> Cell:
    column = (day.day - 1 + first.weekday()) // DAYS_IN_WEEK + 1
    if first.weekday() >= SATURDAY:  # the month's first week has no weekday
        column -= 1
    place = (day.weekday() + 1, column)
    if row is None:
        return Cell(day, look, *place)
    letter, counts = grade(row.score), counts_text(fault_counts(row).items())
    return Cell(day, letter, *place, day_url(row.pk), letter, f"{row.score:.3f}", counts)


def _year_tiles(rows: list[DayQuality], unjudged: int) -> list[dict[str, str]]:
    poor = sum(row.score < POOR_BELOW for row in rows)
    mean = sum(row.score for row in rows) / len(rows)
    worst = min(rows, key=lambda row: row.score)
    note = _("%(count)s not judged yet") % {"count": f"{unjudged:,}"} if unjudged else _("all that are stored")
    return [
        tile(_("Poor days"), f"{poor:,}", _("of %(days)s judged") % {"days": f"{len(rows):,}"}, warn=poor > 0),
        tile(_("Mean score"), f"{mean:.4f}", _("1 is a day without a fault")),
        tile(_("Worst score"), f"{worst.score:.3f} {grade(worst.score)}", f"{worst.trading_day:%Y-%m-%d}"),
        tile(_("Judged days"), f"{len(rows):,}", note),
    ]


def _worst(row: DayQuality) -> dict[str, Any]:
    return {
        "day": row.trading_day,
        "url": day_url(row.pk),
        "letter": grade(row.score),
        "score": f"{row.score:.3f}",
        "bars": f"{row.bars:,} / {row.expected_bars:,}",
        "counts": counts_text(fault_counts(row).items()),
    }


def _kinds(rows: list[DayQuality]) -> list[dict[str, Any]]:
    """What was found in the year, by kind: how often, on how many days; what costs most first."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        for kind, told in row.details.get("faults", {}).items():
            about = found.setdefault(kind, {"count": 0, "days": 0, "cost": 0.0})
            about["count"] += told["count"]
            about["days"] += 1
            about["cost"] += told["cost"]
    most = max((about["cost"] for about in found.values()), default=0.0) or 1.0
    return [
        {
            "name": FAULTS[kind].name,
            "meaning": FAULTS[kind].meaning,
            "count": f"{about['count']:,.0f}",
            "days": about["days"],
            "cost": f"{about['cost']:.2f}",
            "share": round(100 * about["cost"] / most),
        }
        for kind, about in sorted(found.items(), key=lambda item: -item[1]["cost"])
        if kind in FAULTS
    ]
