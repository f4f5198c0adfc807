"""Bars of any interval for charts, indicators and the API: stored ones, else put together from finer ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property

import numpy as np

from accounts.models import User
from accounts.permissions import require
from marketdata import series_cache
from marketdata.bar_rows import Boundary
from marketdata.daily_facts import DailySettlement
from marketdata.domain.bars import BarSeries, FloatColumn
from marketdata.domain.calendar import from_day_number, to_day_number
from marketdata.domain.indicator_values import joined
from marketdata.domain.intervals import interval_name, parse_interval
from marketdata.domain.kline_plan import Piece, Stored, bar_of, plan_pieces, still_open
from marketdata.domain.resample import resample
from marketdata.domain.sessions import SessionTable
from marketdata.instruments import find_instrument, session_table
from marketdata.live_models import FeedState, InstrumentFeed, RecorderPosition
from marketdata.main_contracts.continuous_reads import adjusted_form, raw_series_of
from marketdata.models import Bar, BarCoverage, Instrument
from quantsite.common.times import ns_to_utc, utc_to_ns

MINUTES_A_DAY = 720
"""More than any product trades on one day."""
LARGE = 20_000
"""Bars from which on a whole series is rather mapped than read again for every question."""


@dataclass(frozen=True, slots=True)
class BasisPart:
    """A stretch of an answer: its bars come from stored bars of ``interval``, the asked one or a finer one.

    ``first`` and ``last`` are the starts (ns UTC) of its first and last bar in the answer.
    """

    interval: str
    first: int
    last: int
    bars: int


@dataclass(frozen=True, slots=True)
class KlineBasis:
    """What the bars of an answer are made of, ascending; empty where there are none."""

    parts: tuple[BasisPart, ...]


NO_BASIS = KlineBasis(())


@dataclass(frozen=True, slots=True)
class Klines:
    """Bars with what they are made of."""

    bars: BarSeries
    basis: KlineBasis

    def without_first(self) -> "Klines":
        """The same without the first bar."""
        first, *others = self.basis.parts
        bars = self.bars.take(slice(1, None))
        if first.bars > 1:
            others.insert(0, replace(first, first=int(bars.start[0]), bars=first.bars - 1))
        return Klines(bars, KlineBasis(tuple(others)))


def get_kline_data(  # noqa: PLR0917 - the range comes last and may be left out
    actor: User | None,
    instrument: Instrument | str,
    interval: str,
    start: Boundary = None,
    end: Boundary = None,
    limit: int | None = None,
) -> BarSeries:
    """The bars of an instrument in ascending order, the newest ``limit`` of the range; ends as in ``Bar.objects``.

    Stored bars; where there are none, whole ones put together from the finest stored interval that divides this one,
    and for an adjusted series those of its raw one, adjusted (:func:`read_klines` tells which). Raises
    ``RefusedError``, ``MissingError`` ``unknown_instrument``, ``RuleError`` ``invalid_interval``.
    """
    require(actor, "marketdata.view_bar")
    return read_klines(instrument, interval, start, end, limit).bars


def read_klines(
    instrument: Instrument | str,
    interval: str,
    start: Boundary = None,
    end: Boundary = None,
    limit: int | None = None,
) -> Klines:
    """What :func:`get_kline_data` gives, and the basis; for doors that have asked for the permission."""
    return KlineReader(instrument, interval).read(start, end, limit)


class KlineReader:
    """Reads bars of one instrument and interval, several times if need be; what it must know for that it asks once.

    Raises ``MissingError`` ``unknown_instrument``, ``RuleError`` ``invalid_interval``.
    """

    def __init__(self, instrument: Instrument | str, interval: str) -> None:
        self.interval = interval_name(parse_interval(interval))
        self.instrument = find_instrument(instrument) if isinstance(instrument, str) else instrument

    def read(self, start: Boundary = None, end: Boundary = None, limit: int | None = None) -> Klines:
        """The newest ``limit`` bars of a range, gathered from the newest piece backwards."""
        raw = None if self._pieces else raw_series_of(self.instrument)
        if raw is not None:
            return self._adjusted(raw, start, end, limit)
        bars = BarSeries.empty(self.instrument.code, self.interval)
        parts: list[BasisPart] = []
        for piece in reversed(self._pieces):
            wanted = None if limit is None else limit - len(bars)
            if wanted == 0:
                break
            found = self._piece(piece, start, end, wanted)
            if len(found):
                first, last = int(found.start[0]), int(found.start[-1])
                parts.insert(0, BasisPart(piece.source.interval, first, last, len(found)))
                bars = joined(found, bars) if len(bars) else found
        return Klines(bars, KlineBasis(tuple(parts)))

    def _adjusted(self, raw: Instrument, start: Boundary, end: Boundary, limit: int | None) -> Klines:
        """An adjusted series: made of the whole raw one, so that its level does not hang on the range asked for."""
        whole = KlineReader(raw, self.interval).read()
        bars = _within(adjusted_form(self.instrument, raw, whole.bars), start, end)
        bars = bars if limit is None else bars.take(slice(max(len(bars) - limit, 0), None))
        parts = []
        for part in whole.basis.parts:
            own = bars.between(part.first, part.last + 1).start
            if len(own):
                parts.append(BasisPart(part.interval, int(own[0]), int(own[-1]), len(own)))
        return Klines(bars, KlineBasis(tuple(parts)))

    @cached_property
    def table(self) -> SessionTable:
        """Drawn only where bars are put together."""
        return session_table(self.instrument.product)

    @cached_property
    def _pieces(self) -> Sequence[Piece]:
        rows = BarCoverage.objects.filter(instrument=self.instrument.pk, bars__gt=0)
        stored = [
            Stored(row.interval, utc_to_ns(row.first_start), utc_to_ns(row.last_start), row.bars)
            for row in rows
            if row.first_start and row.last_start
        ]
        return plan_pieces(stored, self.interval, lambda: self.table)

    def _piece(self, piece: Piece, start: Boundary, end: Boundary, limit: int | None) -> BarSeries:
        source = piece.source
        if source.interval == self.interval:
            return _stored_bars(self.instrument, source, start, end, limit)
        since = None if piece.since is None else ns_to_utc(piece.since)
        until = None if piece.until is None else ns_to_utc(piece.until)
        latest = self._earlier(end, until)
        if isinstance(latest, datetime) and utc_to_ns(latest) <= source.first:
            return BarSeries.empty(self.instrument.code, self.interval)  # it may lie before the calendar begins
        last_day = self._last_day(latest, source)
        parts_a_day = MINUTES_A_DAY // (parse_interval(source.interval) or 1)
        parts_a_bar = (parse_interval(self.interval) or MINUTES_A_DAY) // (parse_interval(source.interval) or 1)
        # One bar more than asked for, as the first one may be cut; and the rest of the last trading day, which may lie
        # behind the range.
        wanted = None if limit is None else (limit + 1) * parts_a_bar + parts_a_day
        finer = _stored_bars(self.instrument, source, since if start is None else start, last_day, wanted)
        made = resample(finer, self.table, self.interval)
        made = self._whole(_within(_within(made, start, end), since, until), source)
        return made if limit is None else made.take(slice(max(len(made) - limit, 0), None))

    def _earlier(self, end: Boundary, until: datetime | None) -> Boundary:
        """The one that leaves fewer bars."""
        if end is None or until is None:
            return end or until
        if isinstance(end, datetime):
            return min(end, until)
        return until if self._day_of(until) <= end else end

    def _last_day(self, until: Boundary, source: Stored) -> date | None:
        """The trading day in which the last wanted bar ends: an instant cuts a bar, a day does not."""
        if not isinstance(until, datetime):
            return until
        return None if utc_to_ns(until) > source.last else self._day_of(until)

    def _day_of(self, until: datetime) -> date:
        """The trading day of the last instant before ``until``."""
        days = self.table.trading_days(np.array([utc_to_ns(until) - 1], dtype=np.int64))
        return from_day_number(int(days[0]))

    def _whole(self, bars: BarSeries, source: Stored) -> BarSeries:
        """Without a last bar that the market clock has not ended yet."""
        if not len(bars) or int(bars.start[-1]) != bar_of(source.last, self.interval, self.table):
            return bars
        now = market_clock(self.instrument)
        if now is None or not still_open(int(bars.start[-1]), self.interval, source, now, self.table):
            return bars
        return bars.take(slice(0, -1))


def _stored_bars(
    instrument: Instrument, source: Stored, start: Boundary, end: Boundary, limit: int | None
) -> BarSeries:
    """The newest ``limit`` stored bars of a range: out of the mapped file where that is current, else of the rows."""
    everything = start is None and limit is None
    most = limit is not None and limit >= LARGE and 2 * limit >= source.bars
    if everything or most:
        whole: BarSeries | None = series_cache.load(instrument, source.interval)[0]
    else:
        whole = series_cache.current(instrument, source.interval)
    if whole is not None:
        found = _within(whole, start, end)
        return found if limit is None else found.take(slice(max(len(found) - limit, 0), None))
    if limit is None:
        return Bar.objects.series(instrument, source.interval, start, end)
    return Bar.objects.newest(instrument, source.interval, limit, start, end)


def _within(bars: BarSeries, start: Boundary, end: Boundary) -> BarSeries:
    first, stop = series_cache.span(bars, start, end)
    return bars if (first, stop) == (0, len(bars)) else bars.take(slice(first, stop))


def settlement_prices(instrument: Instrument, bars: BarSeries) -> FloatColumn:
    """The settlement price of each bar's trading day, shape ``(n,)``; NaN where it is not known."""
    if not len(bars):
        return np.empty(0)
    first, last = from_day_number(int(bars.trading_day[0])), from_day_number(int(bars.trading_day[-1]))
    rows = DailySettlement.objects.within(first, last).filter(instrument=instrument.pk)
    prices = {to_day_number(day): price for day, price in rows.values_list("trading_day", "settlement_price")}
    return np.array([prices.get(day, np.nan) for day in bars.trading_day.tolist()])


def market_clock(instrument: Instrument) -> int | None:
    """The market clock (ns UTC) of what is recorded of an instrument's feed; None where no feed publishes it."""
    feed = InstrumentFeed.objects.filter(instrument=instrument.pk).first()
    if feed is None:
        return None
    for rows in (RecorderPosition.objects, FeedState.objects):
        row = rows.filter(source=feed.source).first()
        if row is not None and row.market_time is not None:
            return utc_to_ns(row.market_time)
    return None
