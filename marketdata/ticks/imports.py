"""The verb that imports a file of ticks, and on request the bars that are in them.

As in ``services.py``: permission first, then one transaction that ends with its audit entry.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.models import User
from accounts.permissions import require
from marketdata.built_bars import BarCounts, Source, built_series, store_built, store_settlements
from marketdata.domain.bar_builder import build_bars
from marketdata.domain.bars import LongColumn
from marketdata.domain.calendar import from_day_number, to_day_number
from marketdata.domain.codes import parse_code
from marketdata.domain.intervals import interval_name, parse_interval
from marketdata.domain.tick_series import COLUMNS, DEPTH_WIDTH, Levels, TickSeries
from marketdata.domain.ticks import BACKWARD, OUTSIDE
from marketdata.importers.tick_check import FileTicks, file_ticks
from marketdata.importers.tick_file import TickTable, read_tick_table
from marketdata.instruments import contract_of, ensure_instrument
from marketdata.locks import lock_all_bars, lock_ticks
from marketdata.models import Instrument, Product
from marketdata.ticks.archive import DamagedArchiveError
from marketdata.ticks.models import Tick, TickFile
from marketdata.ticks.partitions import ensure_partitions
from marketdata.ticks.store import insert_ticks
from quantsite.common.errors import ConflictError, RuleError


@dataclass(frozen=True)
class TickImportOptions:
    """How a file of ticks is taken.

    ``instrument``: the code, where the file does not tell the exchange; ``intervals``: bars to build, by name;
    ``replace`` lets the file's ticks and bars take the place of stored ones that differ.
    """

    instrument: str | None = None
    intervals: Sequence[str] = ()
    replace: bool = False


@dataclass
class TickImport:
    """What an import did with one instrument. ``outside`` and ``backward`` count ticks that made no bar."""

    instrument: Instrument
    rows: int
    stored: int = 0
    unchanged: int = 0
    replaced: int = 0
    outside: int = 0
    backward: int = 0
    settlements: int = 0
    bars: list[BarCounts] = field(default_factory=list)


def import_ticks(actor: User | None, path: Path, options: TickImportOptions) -> list[TickImport]:
    """Import a file of ticks with CTP's field names; all or nothing. Gives what was done, an entry an instrument.

    Ticks are numbered from 1 within each trading day in the order of the file (or by its column ``Seq``); those
    stored already with the same values are left alone. Raises ``RefusedError``, and ``RuleError``:
    ``unreadable_file``, ``invalid_header``, ``invalid_rows`` with lines and reasons, ``other_instrument``,
    ``no_exchange``; ``ConflictError`` ``other_ticks``, ``other_bars`` where something else is stored.
    """
    require(actor, "marketdata.add_tick")
    intervals = [interval_name(parse_interval(name)) for name in dict.fromkeys(options.intervals)]
    table = read_tick_table(path)
    if len(table) and not len(table.refusals):
        # Before the transaction: who attaches a partition waits for writers of instruments.
        ensure_partitions({to_day_number(_day(text)) for text in set(table.columns["trading_day"].tolist())})
    with transaction.atomic():
        instruments = _instruments(table, options.instrument)
        found = file_ticks(table, {row.symbol: contract_of(row) for row in instruments.values()})
        if len(table.refusals):
            raise table.refusals.error(_("Nothing was imported."))
        for instrument in sorted(instruments.values(), key=lambda row: row.pk):
            lock_ticks(instrument)
        work = _Work(actor, Source(table.name, table.sha256), intervals, replace=options.replace)
        done = [_store_ticks(work, instruments[of.contract.code], of) for of in found]
        if intervals:
            _store_bars(work, done, found)
        for of in done:
            _record(work, of)
        return done


@dataclass(frozen=True, slots=True)
class _Work:
    """What holds for every instrument of a file."""

    actor: User | None
    source: Source
    intervals: Sequence[str]
    replace: bool


def _instruments(table: TickTable, told: str | None) -> dict[str, Instrument]:
    """The instruments of the file by code, made where they are not stored.

    Raises ``RuleError`` ``empty_file``, ``other_instrument`` where the file contradicts what was told, ``no_exchange``.
    """
    if not len(table):
        if len(table.refusals):
            raise table.refusals.error(_("Nothing was imported."))
        raise RuleError("empty_file", _("%(file)s has no rows.") % {"file": table.name})
    symbols, first = np.unique(table.columns["instrument_id"].astype(str), return_index=True)
    found = {}
    for symbol, row in zip(symbols.tolist(), first.tolist(), strict=True):
        if int(table.lines[row]) in table.refusals.by_line:
            continue
        code = _code(table, row, symbol, told)
        found[code] = ensure_instrument(code, _day(table.columns["trading_day"][row]))
    return found


def _day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def _code(table: TickTable, row: int, symbol: str, told: str | None) -> str:
    """The code of a symbol of the file."""
    line = f"{table.name} line {table.lines[row]}"
    exchange = str(table.columns["exchange_id"][row]) if "exchange_id" in table.columns else ""
    if told is not None:
        parsed = parse_code(told)
        if symbol != parsed.symbol or exchange not in ("", parsed.exchange):
            here = f"{symbol}.{exchange}" if exchange else symbol
            text = _("%(line)s: the ticks are of %(here)s, not of %(told)s. Nothing was imported.")
            raise RuleError("other_instrument", text % {"line": line, "here": here, "told": told})
        return parsed.code
    if not exchange:
        letters = symbol.rstrip("0123456789")
        likely = Product.objects.filter(code=letters, exchange__simulated=False).first()
        text = _("%(line)s does not tell the exchange of %(symbol)s: give --instrument %(code)s.")
        code = f"{symbol}.{likely.exchange_id if likely else _('EXCHANGE')}"
        raise RuleError("no_exchange", text % {"line": line, "symbol": symbol, "code": code})
    return parse_code(f"{symbol}.{exchange}").code


def _store_ticks(work: _Work, instrument: Instrument, ticks: FileTicks) -> TickImport:
    """The ticks of one instrument, day by day."""
    flags = ticks.series.flags
    done = TickImport(
        instrument,
        rows=len(ticks.series),
        outside=int((flags & OUTSIDE > 0).sum()),
        backward=int((flags & BACKWARD > 0).sum()),
    )
    for day in np.unique(ticks.series.trading_day).tolist():
        _store_day(done, ticks, day, replace=work.replace)
    return done


def _store_day(done: TickImport, ticks: FileTicks, day: int, *, replace: bool) -> None:
    """One trading day: nothing to do, something to add, or a day that says something else.

    Raises ``ConflictError`` ``other_ticks`` for the last, unless ``replace``.
    """
    rows = np.flatnonzero(ticks.series.trading_day == day)
    incoming, lines = ticks.series.take(rows), ticks.lines[rows]
    date_ = from_day_number(day)
    try:
        stored = Tick.objects.series(done.instrument, date_, date_)
    except DamagedArchiveError as error:
        if not replace:
            raise
        stored, reason = TickSeries.empty(done.instrument.code), str(error.reason)
    else:
        reason = _difference(incoming, stored, lines)
    known = np.isin(incoming.seq, stored.seq)
    if not reason:
        insert_ticks({done.instrument: incoming.take(~known)})
        done.stored += int((~known).sum())
        done.unchanged += int(known.sum())
        return
    if not replace:
        text = _("%(code)s of %(day)s is stored otherwise: %(reason)s; --replace overwrites the day.")
        raise ConflictError("other_ticks", text % {"code": done.instrument.code, "day": date_, "reason": reason})
    Tick.objects.filter(instrument=done.instrument, trading_day=date_).delete()
    TickFile.objects.filter(instrument=done.instrument, trading_day=date_).delete()
    insert_ticks({done.instrument: incoming})
    done.replaced += len(incoming)


def _difference(incoming: TickSeries, stored: TickSeries, lines: LongColumn) -> str:
    """What contradicts the stored ticks of the day first, empty where nothing does.

    New ticks may follow or fill up what is stored, but not where the stored day has ticks that the file lacks: its
    numbers then mean something else, and the day would be there twice.
    """
    known = np.isin(incoming.seq, stored.seq)
    here, there = incoming.take(known), stored.take(np.isin(stored.seq, incoming.seq))
    names = [name for name in COLUMNS if name != "received" or incoming.received.any()]
    for name in names:
        mine, theirs = getattr(here, name), getattr(there, name)
        differs = np.flatnonzero((mine != theirs) & ~((mine != mine) & (theirs != theirs)))  # noqa: PLR0124
        if len(differs):
            row = int(differs[0])
            at = {"line": lines[known][row], "seq": here.seq[row], "name": name}
            text = _("line %(line)s (tick %(seq)s) has %(name)s %(mine)s, %(theirs)s is stored")
            return text % {**at, "mine": f"{mine[row]:.15g}", "theirs": f"{theirs[row]:.15g}"}
    deep = np.flatnonzero(~np.isclose(_levels(here), _levels(there), rtol=0, atol=0, equal_nan=True).all(axis=1))
    if len(deep):
        at = {"line": lines[known][deep[0]], "seq": here.seq[deep[0]]}
        return _("line %(line)s (tick %(seq)s) has other deeper levels than are stored") % at
    missing = len(stored) - len(there)
    if missing and not known.all():
        text = _("%(number)s stored ticks are not in the file, the first has the number %(seq)s")
        return text % {"number": missing, "seq": stored.seq[~np.isin(stored.seq, incoming.seq)][0]}
    return ""


def _levels(ticks: TickSeries) -> Levels:
    return np.full((len(ticks), DEPTH_WIDTH), np.nan) if ticks.depth is None else ticks.depth


def _store_bars(work: _Work, done: Sequence[TickImport], ticks: Sequence[FileTicks]) -> None:
    """The bars and settlement prices that are in the ticks of each instrument."""
    built = [build_bars(of.series.rows(), of.contract, work.intervals) for of in ticks]
    # All at once and in the order of their rows, as the recorder takes them.
    lock_all_bars({(of.instrument.pk, interval) for of in done for interval in work.intervals})
    for of, messages in zip(done, built, strict=True):
        for interval in work.intervals:
            bars = built_series(of.instrument.code, interval, messages)
            of.bars.append(store_built(work.actor, of.instrument, bars, work.source, replace=work.replace))
        of.settlements = store_settlements(of.instrument, messages, work.source, replace=work.replace)


def _record(work: _Work, done: TickImport) -> None:
    counts = {name: getattr(done, name) for name in ("rows", "stored", "unchanged", "replaced", "settlements")}
    about = {"source": work.source.name, "sha256": work.source.sha256, **counts}
    record(work.actor, "ticks.import", done.instrument, after={**about, "bars": [asdict(of) for of in done.bars]})
