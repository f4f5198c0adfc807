"""The tables of a report as texts: statistics, conventions, costs, months, fills."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from django.utils.dates import MONTHS_3
from django.utils.translation import gettext as _

from backtests.domain.result import FillTable
from backtests.domain.statistics_conventions import Convention
from backtests.domain.statistics_drawdown import Spell, Water
from backtests.domain.statistics_tables import YearRow, monthly_returns
from backtests.reports import format as form
from backtests.reports.labels import (
    BLOCKS,
    CONVENTION_NAMES,
    CONVENTION_VALUES,
    COST_NAMES,
    DIRECTIONS,
    GROUPS,
    OFFSETS,
    RATE_NAMES,
    STANDARD,
    Label,
)
from backtests.reports.report_input import Figures, ReportInput
from backtests.reports.tables import direction_name, iso_days, offset_name, wall_clock
from marketdata.domain.calendar import from_day_number

SHOWN_FILLS = 50
"""So many fills from the beginning and from the end; all of them are in the CSV file."""

HEAT_STEPS = (0.0, 0.02, 0.05, 0.10)
"""A month is tinted the stronger the more of these returns it passes."""


class Pair(NamedTuple):
    """A name and its value, both as texts."""

    name: str
    value: str


class Cell(NamedTuple):
    """A figure and the class that tints it, '' for none."""

    text: str
    tint: str


class MonthTable(NamedTuple):
    """Names of the months, and one row a year: the year, twelve months, the total."""

    months: list[str]
    years: list[tuple[str, list[Cell], Cell]]


class Group(NamedTuple):
    """Figures of a block that belong together; the title may be ''."""

    title: str
    figures: list[Pair]


class Block(NamedTuple):
    """One block of statistics with what it assumes."""

    title: str
    groups: list[Group]
    conventions: list[Pair]

    @property
    def figures(self) -> list[Pair]:
        """All figures in their order."""
        return [pair for group in self.groups for pair in group.figures]


class DrawdownRow(NamedTuple):
    """One time under water as texts."""

    depth: str
    peak: str
    trough: str
    recovery: str
    to_trough: str
    to_recover: str
    length: str


class RateTable(NamedTuple):
    """Dated rates: column names, and one row a date with its rates."""

    title: str
    columns: list[str]
    rows: list[tuple[str, list[str]]]


class FillRow(NamedTuple):
    """One fill as texts; ``is_buy`` chooses the colour of the side, ``instrument`` is '' where a run has but one."""

    number: str
    time: str
    trading_day: str
    direction: str
    offset: str
    price: str
    volume: str
    commission: str
    profit: str
    is_buy: bool
    instrument: str = ""


class FillsShown(NamedTuple):
    """The first and the last fills; ``skipped`` counts those between as text, '' if none is left out.

    ``several`` tells that the run has more than one instrument.
    """

    total: str
    first: list[FillRow]
    skipped: str
    last: list[FillRow]
    several: bool = False


def blocks(run: ReportInput) -> list[Block]:
    """Both blocks of statistics, every figure that the run has."""
    titles = {"standard": _("Standard, by trading day"), "vnpy": _("As vn.py computes them, by calendar date")}
    return [
        Block(titles[name], _groups(BLOCKS[name], run.statistics[name]), conventions(run.conventions[name]))
        for name in BLOCKS
        if run.statistics.get(name)
    ]


def _groups(labels: Mapping[str, Label], figures: Figures) -> list[Group]:
    """The figures that the run has (one stored long ago has fewer), cut before each key of ``GROUPS``."""
    groups = [Group("", [])]
    for key, label in labels.items():
        if key in GROUPS and labels is STANDARD:
            groups.append(Group(str(GROUPS[key]), []))
        if key in figures:
            value = figures[key]
            groups[-1].figures.append(Pair(str(label.name), value if isinstance(value, str) else label.print(value)))
    return [group for group in groups if group.figures]


def conventions(convention: Convention) -> list[Pair]:
    """What a block assumes, in words."""
    values = {name: value for name, value in convention.items() if name in CONVENTION_NAMES}
    return [
        Pair(str(CONVENTION_NAMES[name]), str(CONVENTION_VALUES.get(str(value), value)))
        for name, value in values.items()
    ]


def costs(document: Mapping[str, Any]) -> list[Pair]:
    """The scalar part of the cost table, of each leg's."""
    return [
        Pair(f"{name}{of}", form.rate(table[key]))
        for of, table in _tables_of(document)
        for key, name in COST_NAMES.items()
        if key in table
    ]


def _tables_of(document: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The cost tables of all legs, each with what tells it apart: the code of a further instrument."""
    return [("", document), *((f" · {table['instrument']}", table) for table in document.get("legs", []))]


def rate_tables(document: Mapping[str, Any]) -> list[RateTable]:
    """Fee and margin rates with the day from which each row holds."""
    titles = {"fees": _("Commission rates"), "margins": _("Margin rates")}
    return [
        _rate_table(title + of, table[key])
        for of, table in _tables_of(document)
        for key, title in titles.items()
        if table.get(key)
    ]


def _rate_table(title: str, rows: Sequence[Mapping[str, Any]]) -> RateTable:
    names = [name for name in RATE_NAMES if name in rows[0]]
    return RateTable(
        title,
        [str(RATE_NAMES[name]) for name in names],
        [(_valid_from(row["valid_from"]), [form.rate(row[name]) for name in names]) for row in rows],
    )


def _valid_from(day: str) -> str:
    return _("always") if date.fromisoformat(day) == date.min else day


def months(run: ReportInput) -> MonthTable:
    """Returns of months and years."""
    rows = monthly_returns(run.days.trading_day, run.days.equity, run.capital)
    names = [str(name).capitalize() for name in MONTHS_3.values()]
    return MonthTable(names, [_year(row) for row in rows])


def _year(row: YearRow) -> tuple[str, list[Cell], Cell]:
    return str(row.year), [_cell(value) for value in row.months], _cell(row.total)


def _cell(value: float | None) -> Cell:
    """A return in percent, one decimal; its tint says gain or loss and how much."""
    if value is None:
        return Cell("", "")
    strength = sum(abs(value) > step for step in HEAT_STEPS)
    side = "gain" if value > 0 else "loss"
    return Cell(form.decimal(value * 100, 1, signed=True), f"{side}-{strength}" if strength else "")


def drawdowns(run: ReportInput) -> list[DrawdownRow]:
    """The five deepest times under water, the deepest first."""
    water = Water.of(run.days.equity, run.capital)
    return [] if water is None else [_drawdown(spell) for spell in water.worst(run.days.trading_day)]


def _drawdown(spell: Spell) -> DrawdownRow:
    return DrawdownRow(
        depth=form.percent(spell.depth),
        peak=_("start") if spell.peak_day is None else _iso(spell.peak_day),
        trough=_iso(spell.trough_day),
        recovery=_("not yet") if spell.recovery_day is None else _iso(spell.recovery_day),
        to_trough=form.count(spell.to_trough),
        to_recover=form.count(spell.to_recover),
        length=form.count(spell.length),
    )


def _iso(day: int) -> str:
    return from_day_number(day).isoformat()


def fills(run: ReportInput) -> FillsShown:
    """The fills of a run, all of them if they are few."""
    table, total, legs = run.fills, len(run.fills), _fill_legs(run)
    several = len(legs) > 1
    moments = table.start if run.moments is None else run.moments
    if total <= 2 * SHOWN_FILLS:
        return FillsShown(form.count(total), _fill_rows(table, moments, range(total), legs), "", [], several)
    first = _fill_rows(table, moments, range(SHOWN_FILLS), legs)
    last = _fill_rows(table, moments, range(total - SHOWN_FILLS, total), legs)
    return FillsShown(form.count(total), first, form.count(total - 2 * SHOWN_FILLS), last, several)


def _fill_legs(run: ReportInput) -> list[tuple[str, int]]:
    """For each leg the name to show ('' for the only one) and the decimals of its prices."""
    others = run.costs.get("legs", [])
    places = [form.tick_places(table["price_tick"]) for table in (run.costs, *others)]
    if not others:
        return [("", places[0])]
    codes = [run.instrument.split(" + ")[0], *(table["instrument"] for table in others)]
    return list(zip(codes, places, strict=True))


def _fill_rows(
    table: FillTable, moments: npt.NDArray[np.int64], chosen: range, legs: Sequence[tuple[str, int]]
) -> list[FillRow]:
    part = slice(chosen.start, chosen.stop)
    times, days = wall_clock(moments[part]), iso_days(table.trading_day[part])
    return [
        FillRow(
            number=form.count(row + 1),
            time=times[row - chosen.start],
            trading_day=days[row - chosen.start],
            direction=str(DIRECTIONS[direction_name(int(table.direction[row]))]),
            offset=str(OFFSETS[offset_name(int(table.offset[row]))]),
            price=form.decimal(float(table.price[row]), legs[int(table.leg[row])][1]),
            volume=form.plain(float(table.volume[row])),
            commission=form.money(float(table.commission[row])),
            profit=form.DASH if not table.offset[row] else form.money(float(table.profit[row]), signed=True),
            is_buy=bool(table.direction[row] > 0),
            instrument=legs[int(table.leg[row])][0],
        )
        for row in chosen
    ]
