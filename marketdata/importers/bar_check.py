"""From the columns of a file to bars: every row judged, starts and trading days found, auctions merged."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from marketdata.domain.bars import PRICE_COLUMNS, VALUE_COLUMNS, BarSeries, FloatColumn, LongColumn
from marketdata.domain.calendar import DayColumn, TradingCalendar, from_day_number
from marketdata.domain.sessions import SessionTable
from marketdata.importers.bar_file import NO_TIME, BarFile
from quantsite.common.numbers import on_grid_array
from quantsite.common.times import NS_PER_DAY, NS_PER_SECOND, SHANGHAI_OFFSET_NS

Flags = npt.NDArray[np.bool_]

NIGHT_SHIFT_NS = 6 * 3_600 * NS_PER_SECOND
"""Six hours on, an evening from 18:00 falls on the next calendar day, towards its trading day."""


class BarTime(StrEnum):
    """What the times of a file stand for."""

    START = "start"
    END = "end"


@dataclass(frozen=True)
class BarRules:
    """What the bars of one instrument must satisfy.

    ``ticks`` gives the price tick on each trading day (``None``: no grid, the series is adjusted or averaged).
    ``positive``: prices above zero (series adjusted by difference may fall below).
    ``minutes`` is the interval, ``None`` for a whole day.
    """

    minutes: int | None
    bar_time: BarTime
    ticks: Callable[[DayColumn], FloatColumn] | None
    positive: bool
    strict_sessions: bool


@dataclass(frozen=True, slots=True)
class Outside:
    """A bar outside the trading hours of its date: where it stands, and its time as the file has it."""

    line: int
    wall: str


@dataclass
class PreparedBars:
    """The sound bars of a file, ascending; ``lines`` says where each one stands (its first row, if merged)."""

    series: BarSeries
    lines: LongColumn
    merged_auctions: int = 0
    outside: list[Outside] = field(default_factory=list)


def wall_text(wall: int) -> str:
    """A moment of the Shanghai clock as a file has it."""
    return str(datetime.fromtimestamp(wall // NS_PER_SECOND, tz=UTC).replace(tzinfo=None))


def prepare_bars(file: BarFile, code: str, interval: str, table: SessionTable, rules: BarRules) -> PreparedBars:
    """Judge every row of ``file`` and give the sound ones as bars; the others are added to ``file.refusals``."""
    return _Preparation(file, table, rules).run(code, interval)


class _Preparation:
    """The steps over one file; ``sound`` marks the rows that have passed so far."""

    def __init__(self, file: BarFile, table: SessionTable, rules: BarRules) -> None:
        self.file = file
        self.table = table
        self.rules = rules
        refused = np.fromiter(file.refusals.by_line, dtype=np.int64)
        self.sound: Flags = ~np.isin(file.lines, refused)

    def run(self, code: str, interval: str) -> PreparedBars:
        self._check_values()
        self._check_calendar()
        self._check_order()
        start, auction = self._starts()
        day = np.zeros(len(start), dtype=np.int32)
        day[self.sound] = self.table.trading_days(start[self.sound])
        self._check_told_day(day)
        self._check_grid(day)
        outside = self._check_hours(start, day)
        self._check_starts(start, auction)
        rows = np.flatnonzero(self.sound)
        values = {name: self.file.values[name][rows] for name in VALUE_COLUMNS}
        stays = merge_auctions(start[rows], auction[rows], values)
        columns = (values[name][stays] for name in VALUE_COLUMNS)
        series = BarSeries(code, interval, start[rows][stays], day[rows][stays], *columns)
        return PreparedBars(series, self.file.lines[rows][stays], int((~stays).sum()), outside)

    def _refuse(self, bad: Flags, reason: Callable[[int], str]) -> None:
        """Refuse the rows that are ``bad`` (shape of the file) and have been sound so far."""
        rows = np.flatnonzero(bad & self.sound)
        self.file.refusals.add_all(rows, self.file.lines, reason)
        self.sound[rows] = False

    def _check_values(self) -> None:
        value = self.file.values
        for name in PRICE_COLUMNS if self.rules.positive else ():
            self._refuse(value[name] <= 0, _cell(name, value[name], "is not above 0"))
        self._check_extremes("high", np.less, "is below")
        self._check_extremes("low", np.greater, "is above")
        for name in ("volume", "turnover", "open_interest"):
            self._refuse(value[name] < 0, _cell(name, value[name], "is below 0"))
        volume = value["volume"]
        self._refuse(volume != np.floor(volume), _cell("volume", volume, "is no whole number of lots"))

    def _check_extremes(self, name: str, breaks: np.ufunc, words: str) -> None:
        """``high`` may not lie below another price of its row, ``low`` not above one."""
        value = self.file.values
        for other in PRICE_COLUMNS:
            reason = _cell(name, value[name], f"{words} {other}", value[other])
            self._refuse(breaks(value[name], value[other]), reason)

    def _check_calendar(self) -> None:
        """Refuse times that the calendar does not reach, and fractions of a second."""
        wall = np.where(self.sound, self.file.wall, 0)
        day = (wall + NIGHT_SHIFT_NS) // NS_PER_DAY
        days = self.table.calendar.days
        reach = f"{from_day_number(days[0])} to {from_day_number(days[-1])}"
        self._refuse(
            (day < days[0]) | (day > days[-1]),
            lambda row: f"{wall_text(self.file.wall[row])} lies outside the trading calendar ({reach})",
        )
        self._refuse(
            wall % NS_PER_SECOND != 0, lambda row: f"{wall_text(self.file.wall[row])} has a fraction of a second"
        )

    def _check_order(self) -> None:
        """Refuse a row whose time is not after that of every sound row before it."""
        wall = np.where(self.sound, self.file.wall, NO_TIME)
        latest = np.maximum.accumulate(wall)
        before = np.concatenate([[NO_TIME], latest[:-1]])
        holder = np.maximum.accumulate(np.where(wall > before, np.arange(len(wall)), 0))
        previous = np.concatenate([[0], holder[:-1]])
        self._refuse(wall <= before, lambda row: self._order_reason(row, int(previous[row])))

    def _order_reason(self, row: int, latest: int) -> str:
        wall, lines = self.file.wall, self.file.lines
        same = np.flatnonzero((wall[:row] == wall[row]) & self.sound[:row])
        if len(same):
            return f"{wall_text(wall[row])} stands in line {lines[same[0]]} already"
        return f"{wall_text(wall[row])} comes after {wall_text(wall[latest])} in line {lines[latest]}: rows must ascend"

    def _starts(self) -> tuple[LongColumn, Flags]:
        """The start of every sound row (ns UTC; 0 elsewhere), and which rows are auction bars."""
        start = np.zeros(len(self.file), dtype=np.int64)
        auction = np.zeros(len(self.file), dtype=np.bool_)
        minutes = self.rules.minutes
        if minutes is None and self._named_by_day():
            openings = self._openings()
            start[self.sound] = openings
            return start, auction
        instants = self.file.wall[self.sound] - SHANGHAI_OFFSET_NS
        if self.rules.bar_time is BarTime.END:
            opening = self.table.auction_ends(instants) if minutes else np.zeros(len(instants), dtype=np.bool_)
            auction[self.sound] = opening
            instants = np.where(opening, instants, self.table.starts_from_ends(instants, minutes))
        start[self.sound] = instants
        return start, auction

    def _named_by_day(self) -> bool:
        """Whether daily bars carry a date, their trading day, instead of a moment."""
        return bool((self.file.wall[self.sound] % NS_PER_DAY == 0).all())

    def _openings(self) -> LongColumn:
        """The openings of the trading days that the sound rows name; days without trading are refused."""
        calendar: TradingCalendar = self.table.calendar
        named = np.where(self.sound, self.file.wall, 0) // NS_PER_DAY
        self._refuse(~np.isin(named, calendar.days), lambda row: f"{from_day_number(named[row])} is no trading day")
        chosen = named[self.sound]
        if not len(chosen):
            return chosen
        start, day = self.table.grid_between(from_day_number(chosen[0]), from_day_number(chosen[-1]), None)
        return start[np.searchsorted(day, chosen)]

    def _check_told_day(self, day: DayColumn) -> None:
        """Where the file names trading days they must be the calendar's."""
        told = self.file.trading_day
        if told is not None:
            self._refuse(
                told != day,
                lambda row: f"trading_day {from_day_number(told[row])} should be {from_day_number(day[row])}",
            )

    def _check_grid(self, day: DayColumn) -> None:
        """Prices must be multiples of the tick of their day."""
        if self.rules.ticks is None:
            return
        tick = self.rules.ticks(day)
        for name in PRICE_COLUMNS:
            prices = self.file.values[name]
            judged = np.where(self.sound, prices, 0.0)  # what is refused may be infinite
            off = np.zeros(len(prices), dtype=np.bool_)
            for size in np.unique(tick).tolist():
                off |= (tick == size) & ~on_grid_array(judged, size)
            self._refuse(off, _cell(name, prices, "is no multiple of the price tick", tick))

    def _check_hours(self, start: LongColumn, day: DayColumn) -> list[Outside]:
        """The bars outside the trading hours of their date; with strict sessions they are refused instead."""
        outside = self.sound.copy()
        outside[self.sound] = ~self.table.inside(start[self.sound], day[self.sound])
        if self.rules.strict_sessions:
            self._refuse(
                outside, lambda row: f"{wall_text(self.file.wall[row])} lies outside the trading hours of its date"
            )
            return []
        rows = np.flatnonzero(outside)
        return [Outside(int(self.file.lines[row]), wall_text(self.file.wall[row])) for row in rows]

    def _check_starts(self, start: LongColumn, auction: Flags) -> None:
        """No two bars with one start, but an auction and the bar that it opens."""
        rows = np.flatnonzero(self.sound)
        here, before = start[rows[1:]], start[rows[:-1]]
        again = rows[1:][(here < before) | ((here == before) & ~auction[rows[:-1]])]
        bad = np.zeros(len(start), dtype=np.bool_)
        bad[again] = True
        lines = self.file.lines
        self._refuse(
            bad,
            lambda row: (
                f"this bar does not start after the one of line {lines[rows[np.searchsorted(rows, row) - 1]]}:"
                " is the interval right?"
            ),
        )


def merge_auctions(start: LongColumn, auction: Flags, values: dict[str, FloatColumn]) -> Flags:
    """Put each auction bar into the first bar of its session, in place; gives the rows that stay, shape ``(n,)``.

    The first bar takes the auction's open and volume and its high and low are widened (DOMAIN.md section 1); open
    interest stays the later one. An auction without volume has no price of its own and only goes away. An auction
    without a first bar stays as the first bar.
    """
    stays = np.ones(len(start), dtype=np.bool_)
    into = np.flatnonzero(auction[:-1] & (start[1:] == start[:-1])) + 1
    stays[into - 1] = False
    traded = into[values["volume"][into - 1] > 0]
    values["open"][traded] = values["open"][traded - 1]
    values["high"][traded] = np.maximum(values["high"][traded], values["high"][traded - 1])
    values["low"][traded] = np.minimum(values["low"][traded], values["low"][traded - 1])
    values["volume"][traded] += values["volume"][traded - 1]
    values["turnover"][traded] += values["turnover"][traded - 1]
    return stays


def _cell(name: str, column: FloatColumn, words: str, other: FloatColumn | None = None) -> Callable[[int], str]:
    """Makes sentences such as "high 3560 is below open 3562" from the row number."""

    def sentence(row: int) -> str:
        against = "" if other is None else f" {other[row]:.12g}"
        return f"{name} {column[row]:.12g} {words}{against}"

    return sentence
