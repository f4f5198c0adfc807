"""The quality of days as rows: reports in, and what pages, alarms and backtests read of them."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date, timedelta
from math import isnan
from typing import Any, NamedTuple

from django.db.models import QuerySet

from marketdata.daily_facts import MainContractDay
from marketdata.domain.intervals import parse_interval
from marketdata.domain.quality import DayReport
from marketdata.domain.quality_score import Example, Fault, Finding
from marketdata.live_models import DayQuality
from marketdata.models import BarCoverage, Instrument
from quantsite.common.times import iso_utc, ns_to_utc

RECENT = timedelta(days=10)
"""A day older than this is history: it is shown, and calls nobody. No closure lasts longer."""

RULES = 1
"""Raised with every change of the rules of judging, so that all days are judged again."""

FETCH = 10_000

COLUMNS = (
    *("score", "expected_bars", "bars", "missing", "zero_volume", "off_tick", "outside_limits", "jumps", "partial"),
    *("ticks", "missing_ticks", "crossed", "backward", "clock_skew_ms", "details", "computed_at"),
)


def row_of(coverage: BarCoverage, day: date, report: DayReport, digest: str) -> DayQuality:
    """A report as a row that is not stored yet. ``zero_volume`` counts all such bars, ``details`` those that cost."""
    counted = ("missing", "off_tick", "outside_limits", "jumps", "partial", "missing_ticks", "crossed", "backward")
    return DayQuality(
        instrument=coverage.instrument,
        interval=coverage.interval,
        trading_day=day,
        score=report.score,
        expected_bars=report.expected,
        bars=report.bars,
        zero_volume=report.zero_volume,
        ticks=report.ticks,
        clock_skew_ms=report.skew.median if report.skew else None,
        details={
            "fault": report.fault,
            "faults": {fault.value: _finding(found) for fault, found in report.findings.items() if found.count},
            "quiet": report.quiet,
            "flat": report.flat,
            "locked": report.locked,
            "skew_p99_ms": report.skew.p99 if report.skew else None,
            "usual": asdict(report.usual) if report.usual else None,
            "data": digest,
            "revision": coverage.revision,
            "rules": RULES,
        },
        **{name: report.count(Fault(name)) for name in counted},
    )


def _finding(found: Finding) -> dict[str, Any]:
    return {
        "count": found.count,
        "cost": round(found.cost, 6),
        "examples": [_example(example) for example in found.examples],
    }


def _example(example: Example) -> dict[str, Any]:
    """Times are UTC; a gap in the ticks has no time."""
    told: dict[str, Any] = {"time": iso_utc(ns_to_utc(example.time)) if example.time else None}
    if example.name:
        told["name"] = example.name
    for name, value in (("value", example.value), ("against", example.against)):
        if value is not None:
            told[name] = None if isnan(value) else value
    return told


def fault_counts(row: DayQuality) -> dict[str, float]:
    """Kind of fault -> how often it was found, in the order of kinds; those that were not found are left out."""
    faults = row.details.get("faults", {})
    return {fault.value: faults[fault.value]["count"] for fault in Fault if fault.value in faults}


def store(rows: list[DayQuality]) -> None:
    """Write the rows over those of the same days."""
    DayQuality.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["instrument", "interval", "trading_day"],
        update_fields=list(COLUMNS),
        batch_size=500,
    )


def finest_coverage(rows: Iterable[BarCoverage]) -> BarCoverage | None:
    """The coverage with bars of the shortest interval; None where there is none."""
    return min((row for row in rows if row.bars), key=lambda row: parse_interval(row.interval) or 10**6, default=None)


class JudgedDay(NamedTuple):
    """What a reader needs of one row, ``key``."""

    key: int
    trading_day: date
    interval: str
    score: float


def judged_days(instrument: Instrument, interval: str, first: date, last: date) -> list[JudgedDay]:
    """The judged trading days of a period, ascending, one row a day, read in one query.

    Rows of ``interval`` itself count; a day that has none is told by the row of another interval, the worst one.
    """
    rows = DayQuality.objects.filter(instrument=instrument, trading_day__range=(first, last)).order_by()
    values = rows.values_list("pk", "trading_day", "interval", "score")
    found: dict[date, JudgedDay] = {}
    for day in map(JudgedDay._make, values.iterator(FETCH)):
        known = found.get(day.trading_day)
        if known is None or _rank(day, interval) < _rank(known, interval):
            found[day.trading_day] = day
    return [found[day] for day in sorted(found)]


def faults_of(keys: Iterable[int]) -> Mapping[int, str]:
    """The kind of fault that costs each of these rows most, '' for none. Apart: reading it of thousands takes long."""
    return dict(DayQuality.objects.filter(pk__in=list(keys)).values_list("pk", "details__fault"))


def _rank(day: JudgedDay, interval: str) -> tuple[bool, float]:
    return day.interval != interval, day.score


def main_contracts(first: date, last: date) -> Mapping[int, date]:
    """Instruments (by key) that are a product's main contract, each with the newest of the days asked for."""
    rows = MainContractDay.objects.within(first, last).values_list("instrument_id", "trading_day")
    return dict(rows)  # ascending: the newest day stays


def of_recent_days(today: date) -> QuerySet[DayQuality]:
    """The rows that may call somebody."""
    return DayQuality.objects.filter(trading_day__gt=today - RECENT, trading_day__lte=today)
