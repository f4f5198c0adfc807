"""The verbs of market data: import bars and instruments, make simulated bars.

Each checks permission first (its refusal is audited on its own), then works in one transaction that ends with its
audit entry.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.models import User
from accounts.permissions import require
from marketdata import bar_store
from marketdata.alarms import check_calendar
from marketdata.domain.bars import VALUE_COLUMNS, BarSeries
from marketdata.domain.calendar import SATURDAY, from_day_number, to_day_number
from marketdata.domain.codes import parse_code
from marketdata.domain.intervals import interval_name, parse_interval
from marketdata.domain.simulation import simulate_bars
from marketdata.domain.terms import price_ticks_on
from marketdata.importers.bar_check import BarRules, BarTime, PreparedBars, prepare_bars, wall_text
from marketdata.importers.bar_file import NO_TIME, BarFile, read_bar_file
from marketdata.importers.instrument_file import read_instrument_file
from marketdata.indicators.services import calculate_indicators
from marketdata.instrument_store import InstrumentCounts, store_instruments
from marketdata.instruments import (
    costs_for,
    dated_terms,
    ensure_instrument,
    find_instrument,
    session_table,
    trading_calendar,
)
from marketdata.klines import get_kline_data
from marketdata.locks import lock_bars
from marketdata.models import BarCoverage, BarImport, Instrument, TradingDay
from marketdata.quotes.services import get_realtime_data
from marketdata.rate_changes import rates_changed
from marketdata.subscriptions import subscribe_symbol, unsubscribe_symbol
from quantsite.common.errors import ConflictError, RuleError
from quantsite.common.times import SHANGHAI_OFFSET_NS

__all__ = [
    "BarImportOptions",
    "ImportOutcome",
    "calculate_indicators",
    "costs_for",
    "ensure_instrument",
    "extend_calendar",
    "find_instrument",
    "get_kline_data",
    "get_realtime_data",
    "import_bars",
    "import_instruments",
    "session_table",
    "store_simulated_bars",
    "subscribe_symbol",
    "trading_calendar",
    "unsubscribe_symbol",
]

Progress = Callable[[str, int, int], None]
"""Told the stage (read, check, store), the rows done and the rows in all."""

SERIES_BELOW_ZERO = frozenset({"888", "889"})
"""Adjusted by difference: an old price may come out at or below zero."""


@dataclass(frozen=True)
class BarImportOptions:
    """How a file of bars is taken.

    ``bar_time``: ``start`` or ``end``; ``strict_sessions`` refuses bars outside the hours of their date;
    ``skip_errors`` imports the sound rows and writes the refused ones to ``rejects``; ``replace`` lets a row
    overwrite a stored one.
    """

    bar_time: str
    strict_sessions: bool = False
    skip_errors: bool = False
    replace: bool = False
    rejects: Path | None = None


@dataclass(frozen=True)
class ImportOutcome:
    """What an import did. ``warnings`` are the bars outside the trading hours: line and time as in the file.

    ``after_expiry`` counts the bars of days after the contract's last trading day, ``first_after_expiry`` is the
    line of the first one: mostly the data of another contract, or a last day that was computed wrong.
    """

    instrument: Instrument
    interval: str
    rows_read: int
    stored: int
    unchanged: int
    replaced: int
    refused: int
    merged_auctions: int
    warnings: list[tuple[int, str]] = field(default_factory=list)
    rejects: Path | None = None
    import_id: int | None = None
    after_expiry: int = 0
    first_after_expiry: int | None = None


def no_progress(_stage: str, _done: int, _total: int) -> None:
    """Tells nobody."""


def import_bars(
    actor: User | None,
    path: Path,
    instrument: str,
    interval: str,
    options: BarImportOptions,
    *,
    progress: Progress = no_progress,
) -> ImportOutcome:
    """Import a CSV or Parquet file of bars; all rows or, unless ``options.skip_errors``, none.

    Rows stored already with the same values are left alone, so that a second import changes nothing. Raises
    ``RefusedError``, and ``RuleError``: ``unreadable_file``, ``invalid_header``, ``invalid_rows`` with lines and
    reasons, ``invalid_interval``, ``unknown_product`` and what else a code may break.
    """
    require(actor, "marketdata.add_barimport")
    code, minutes, bar_time = parse_code(instrument), parse_interval(interval), _bar_time(options.bar_time)
    if options.rejects and options.rejects.resolve() == path.resolve():
        raise RuleError("invalid_rejects", _("The refused rows would overwrite %(path)s itself.") % {"path": path})
    file = read_bar_file(path)
    progress("read", len(file), len(file))
    with transaction.atomic():
        row = ensure_instrument(instrument, _first_day(file))
        terms = dated_terms(row)
        rules = BarRules(
            minutes=minutes,
            bar_time=bar_time,
            ticks=partial(price_ticks_on, terms) if code.on_tick_grid else None,
            positive=code.series not in SERIES_BELOW_ZERO,
            strict_sessions=options.strict_sessions,
        )
        bars = prepare_bars(file, row.code, interval_name(minutes), session_table(row.product), rules)
        progress("check", len(file), len(file))
        return _store(actor, row, file, bars, options=options, progress=progress)


def _bar_time(text: str) -> BarTime:
    try:
        return BarTime(text)
    except ValueError:
        raise RuleError(
            "invalid_bar_time", _("Bar times are 'start' or 'end', not %(text)r.") % {"text": text}
        ) from None


def _first_day(file: BarFile) -> date:
    """The calendar day of the first sound row. Raises ``RuleError`` where there is none."""
    if not file.rows_read:
        raise RuleError("empty_file", _("%(file)s has no rows.") % {"file": file.name})
    sound = file.wall[file.wall != NO_TIME]
    if not len(sound):
        raise file.refusals.error(_("No row of the file has a time."))
    return datetime.fromisoformat(wall_text(int(sound[0]))).date()


def _store(
    actor: User | None,
    row: Instrument,
    file: BarFile,
    bars: PreparedBars,
    *,
    options: BarImportOptions,
    progress: Progress,
) -> ImportOutcome:
    """Compare with what is stored, write what is new, and leave the record of it."""
    series = bars.series
    coverage = lock_bars(row, series.interval)
    found = bar_store.compare(series, coverage)
    if not options.replace:
        for number, line in enumerate(bars.lines[found.different].tolist()):
            file.refusals.add(line, bar_difference(series, int(found.different[number]), found.stored, number))
    if len(file.refusals) and not options.skip_errors:
        raise file.refusals.error(_("Nothing was imported; --on-error skip imports the sound rows."))
    replaced = len(found.different) if options.replace else 0
    if replaced:
        bar_store.delete(found.stored, coverage)
        bar_store.insert(series.take(found.different), coverage)
    bar_store.insert(series.take(found.new), coverage, partial(progress, "store"))
    late = _after_expiry(row, bars)
    outcome = ImportOutcome(
        instrument=row,
        interval=series.interval,
        rows_read=file.rows_read,
        stored=len(found.new),
        unchanged=len(found.unchanged),
        replaced=replaced,
        refused=len(file.refusals),
        merged_auctions=bars.merged_auctions,
        warnings=[(bar.line, bar.wall) for bar in bars.outside],
        rejects=options.rejects if len(file.refusals) else None,
        after_expiry=len(late),
        first_after_expiry=late[0] if late else None,
    )
    if outcome.rejects:
        _write_rejects(file, outcome.rejects)
    return _finish(actor, outcome, coverage, {"source": file.name, "sha256": file.sha256, "bar_time": options.bar_time})


def _after_expiry(row: Instrument, bars: PreparedBars) -> list[int]:
    """The lines of the bars whose trading day comes after the contract's last one."""
    if row.expires is None:
        return []
    lines: list[int] = bars.lines[bars.series.trading_day > to_day_number(row.expires)].tolist()
    return lines


def bar_difference(series: BarSeries, here: int, stored: BarSeries, there: int) -> str:
    """What a bar says and what is stored of it, where the two differ."""
    parts = [
        f"{name} {getattr(series, name)[here]:.12g} here, {getattr(stored, name)[there]:.12g} stored"
        for name in VALUE_COLUMNS
        if not _same(getattr(series, name)[here], getattr(stored, name)[there])
    ]
    if series.trading_day[here] != stored.trading_day[there]:
        days = (
            from_day_number(column[row]) for column, row in ((series.trading_day, here), (stored.trading_day, there))
        )
        parts.append("trading day {} here, {} stored".format(*days))
    start = wall_text(int(series.start[here]) + SHANGHAI_OFFSET_NS)
    return f"the bar that starts {start} is stored with other values ({'; '.join(parts)}): --replace overwrites it"


def _same(one: float, other: float) -> bool:
    return bool(one == other) or (one != one and other != other)  # noqa: PLR0124 - NaN is not itself


def _write_rejects(file: BarFile, path: Path) -> None:
    """Before the commit: where this file cannot be written, nothing is imported."""
    try:
        file.refusals.write(path, file.table.column_names, file.cells)
    except OSError as error:
        text = _("The refused rows cannot be written to %(path)s: %(reason)s. Nothing was imported.")
        raise RuleError("unwritable_rejects", text % {"path": path, "reason": error.strerror}) from error


def _finish(
    actor: User | None, outcome: ImportOutcome, coverage: BarCoverage, source: Mapping[str, str]
) -> ImportOutcome:
    """The coverage, the row of the import (only where bars changed), and the audit entry."""
    row = None
    if outcome.stored or outcome.replaced:
        bar_store.refresh(coverage)
        row = BarImport.objects.create(
            instrument=outcome.instrument,
            interval=outcome.interval,
            rows_read=outcome.rows_read,
            stored=outcome.stored,
            unchanged=outcome.unchanged,
            replaced=outcome.replaced,
            refused=outcome.refused,
            merged_auctions=outcome.merged_auctions,
            warning_count=len(outcome.warnings),
            warnings=outcome.warnings,
            after_expiry=outcome.after_expiry,
            simulated=outcome.instrument.simulated,
            actor=actor,
            **source,
        )
    counts = {name: getattr(outcome, name) for name in ("rows_read", "stored", "unchanged", "replaced", "refused")}
    about = {"interval": outcome.interval, **source, **counts, "import": row and row.pk}
    record(actor, "bars.import", outcome.instrument, after=about)
    return ImportOutcome(**{**vars(outcome), "import_id": row and row.pk})


def store_simulated_bars(
    actor: User | None,
    instrument: str = "simrb88.SIM",
    interval: str = "5m",
    *,
    first: date,
    last: date,
    seed: int,
    start_price: float = 3_600.0,
) -> ImportOutcome:
    """Make bars by the project's own generator and store them, marked as simulated everywhere.

    Raises ``RuleError`` ``not_simulated`` for an instrument that is not of the exchange SIM, ``ConflictError``
    ``other_bars`` where bars with other values are stored already.
    """
    require(actor, "marketdata.add_barimport")
    minutes = parse_interval(interval)
    if minutes is None:
        raise RuleError("invalid_interval", _("Simulated bars are made in minutes, not days."))
    with transaction.atomic():
        row = ensure_instrument(instrument, first)
        if not row.simulated:
            raise RuleError("not_simulated", _("%(code)s is traded: made-up bars belong to SIM.") % {"code": row.code})
        table = session_table(row.product)
        bars = simulate_bars(row.to_domain(), table, first, last, minutes=minutes, seed=seed, start_price=start_price)
        coverage = lock_bars(row, interval_name(minutes))
        found = bar_store.compare(bars, coverage)
        if len(found.different):
            text = _("%(code)s has other bars of %(interval)s already: nothing was stored.")
            raise ConflictError("other_bars", text % {"code": row.code, "interval": coverage.interval})
        bar_store.insert(bars.take(found.new), coverage)
        outcome = ImportOutcome(row, coverage.interval, len(bars), len(found.new), len(found.unchanged), 0, 0, 0)
        return _finish(actor, outcome, coverage, {"source": f"simulated, seed {seed}", "bar_time": BarTime.START.value})


def import_instruments(actor: User | None, path: Path, valid_from: date | None = None) -> InstrumentCounts:
    """Create and update instruments from a CSV file with CTP's field names, with margin rates from ``valid_from`` on.

    ``valid_from`` is today in Shanghai where not given. Options and combinations are left out and counted. All rows
    or none: raises ``RuleError`` ``invalid_rows`` with lines and reasons. Importing again changes nothing.
    """
    require(actor, "marketdata.add_instrument")
    file = read_instrument_file(path)
    with transaction.atomic():
        counts = store_instruments(file, valid_from or timezone.localdate())
        if len(file.refusals):
            raise file.refusals.error(_("Nothing was imported."))
        if counts.margin_rates:
            rates_changed()
        record(actor, "instruments.import", file.name, after={"sha256": file.sha256, **asdict(counts)})
    return counts


def extend_calendar(actor: User | None, holidays: Iterable[date]) -> date:
    """Add the weekdays of the year after the calendar's last one, those of ``holidays`` closed; gives the new last day.

    Raises ``RefusedError``, and ``RuleError`` ``invalid_holidays`` where none is given (no year is without) or one
    is no weekday of that year.
    """
    require(actor, "marketdata.add_tradingday")
    closed = set(holidays)
    with transaction.atomic():
        last = trading_calendar().last
        year = (last + timedelta(days=1)).year
        wrong = sorted(day for day in closed if day.year != year or day.weekday() >= SATURDAY)
        if wrong or not closed:
            text = _("Closed days must be weekdays of %(year)d; given: %(days)s.")
            told = ", ".join(map(str, wrong)) or _("none")
            raise RuleError("invalid_holidays", text % {"year": year, "days": told})
        days = [last + timedelta(days=number) for number in range(1, (date(year, 12, 31) - last).days + 1)]
        weekdays = [day for day in days if day.weekday() < SATURDAY]
        TradingDay.objects.bulk_create(TradingDay(day=day, is_open=day not in closed) for day in weekdays)
        record(actor, "calendar.extend", str(year), after={"closed": sorted(map(str, closed)), "last": weekdays[-1]})
    check_calendar()
    return weekdays[-1]
