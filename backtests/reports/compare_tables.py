"""The tables of a comparison as texts: what differs, the figures, how the runs move together."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from backtests.domain.comparison import FigureRow, number
from backtests.domain.statistics import HEADLINE
from backtests.reports import format as form
from backtests.reports.compare_input import Comparison
from backtests.reports.labels import BLOCKS, COST_NAMES, RATE_NAMES, Label
from backtests.reports.notices import Notice, translated
from backtests.rule_options import RULE_OPTIONS

FACT_NAMES: dict[str, Promise] = {
    "strategy": gettext_lazy("Strategy"),
    "instrument": gettext_lazy("Instrument"),
    "legs": gettext_lazy("Further instruments"),
    "interval": gettext_lazy("Interval"),
    "first_bar": gettext_lazy("First bar"),
    "last_bar": gettext_lazy("Last bar"),
    "bars": gettext_lazy("Bars"),
    "capital": gettext_lazy("Start capital"),
    "volume": gettext_lazy("Volume a target, lots"),
    "close_at_end": gettext_lazy("Closed at the end"),
    "costs.fees": gettext_lazy("Commission rates"),
    "costs.margins": gettext_lazy("Margin rates"),
    "form": gettext_lazy("Form"),
    "seed": gettext_lazy("Seed"),
    "data_hash": gettext_lazy("Data hash"),
    "source_hash": gettext_lazy("Source hash of the strategy"),
    "engine_version": gettext_lazy("Engine version"),
    **{f"costs.{name}": text for name, text in COST_NAMES.items()},
    **{f"rules.{option.name}": option.label for option in RULE_OPTIONS},
}
HASHES = {"data_hash", "source_hash"}
HASH_LETTERS = 12


class FactCell(NamedTuple):
    """One fact of one run; ``differs`` from the first run's, ``full`` is what was shortened, '' if nothing was."""

    text: str
    differs: bool
    full: str


class FactText(NamedTuple):
    """One fact of every run."""

    name: str
    cells: list[FactCell]


class FigureCell(NamedTuple):
    """One figure of one run; ``difference`` to the first run's is signed, '' for the first itself."""

    text: str
    difference: str
    is_best: bool


class FigureText(NamedTuple):
    """One figure of every run."""

    name: str
    cells: list[FigureCell]


class FigureBlock(NamedTuple):
    """The figures of one block; ``name`` is the block's code."""

    name: str
    title: str
    rows: list[FigureText]


class Pairing(NamedTuple):
    """How two runs move together; ``strength`` from 0 to 4 tints the cell, ``side`` is ``with`` or ``against``."""

    text: str
    days: str
    side: str
    strength: int


def facts(found: Comparison) -> list[FactText]:
    """What was given to the runs and is not the same in all of them."""
    return [
        FactText(_fact_name(row.name), [_fact(row.name, value, row.values[0]) for value in row.values])
        for row in found.facts()
    ]


def _fact_name(name: str) -> str:
    return str(FACT_NAMES.get(name) or name.removeprefix("parameters."))


def _fact(name: str, value: Any, first: Any) -> FactCell:
    differs = value != first
    if name in HASHES and value:
        return FactCell(f"{value[:HASH_LETTERS]}…", differs, value)
    text = str(value) if name == "seed" else _fact_text(value)
    return FactCell(text, differs, "")


def _fact_text(value: Any) -> str:
    """A fact as people read it; a table of dated rates as its one row, or as the number of its rows."""
    if value is None or value == "":
        return form.DASH
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int | float):
        return form.count(value) if float(value).is_integer() else form.plain(value, 10)
    if not isinstance(value, list):
        return str(value)
    if len(value) == 1 and isinstance(value[0], Mapping):
        return _rates(value[0])
    return ngettext("%(number)s dated row", "%(number)s dated rows", len(value)) % {"number": len(value)}


def _rates(row: Mapping[str, Any]) -> str:
    """The rates of a row that are not zero."""
    known = [f"{text} {form.rate(row[name])}" for name, text in RATE_NAMES.items() if row.get(name)]
    return ", ".join(known) or "0"


def figures(found: Comparison) -> list[FigureBlock]:
    """Every figure that has a name, block by block, those first that people name first."""
    titles = {"standard": _("Standard, by trading day"), "vnpy": _("As vn.py computes them, by calendar date")}
    rows = {(row.block, row.name): row for row in found.figures()}
    blocks = []
    for block, labels in BLOCKS.items():
        names = dict.fromkeys([*(name for name in HEADLINE if name in labels), *labels])
        named = [_figure(rows[block, name], labels[name]) for name in names if (block, name) in rows]
        if named:
            blocks.append(FigureBlock(block, titles[block], named))
    return blocks


def _figure(row: FigureRow, label: Label) -> FigureText:
    cells = [
        FigureCell(
            text=value if isinstance(value, str) else label.print(value),
            difference=_difference(label, less) if place else "",
            is_best=place in row.best,
        )
        for place, (value, less) in enumerate(zip(row.values, row.differences, strict=True))
    ]
    return FigureText(str(label.name), cells)


def _difference(label: Label, less: float | int | None) -> str:
    """Signed in the unit of the figure; '' where undefined, 0 where nothing differs."""
    if number(less) is None:
        return ""
    if not less:
        return "0"
    return ("+" if less > 0 else "") + label.print(less)


def pairings(found: Comparison) -> list[list[Pairing]]:
    """The coefficients of the daily returns, one row a run."""
    return [
        [
            Pairing(
                text=form.decimal(pair.value, 2),
                days=form.count(pair.days),
                side="" if pair.value is None else "with" if pair.value >= 0 else "against",
                strength=0 if pair.value is None else min(4, int(abs(pair.value) * 5)),
            )
            for pair in row
        ]
        for row in found.correlations()
    ]


def notices(found: Comparison) -> list[Notice]:
    """What forbids to read the columns against each other, then the warnings of the runs, the gravest first."""
    told: dict[Notice, list[int]] = {}
    for run in found.runs:
        if run.simulated:
            text = _("Simulated prices: the data was generated, no such market existed.")
            told.setdefault(Notice("critical", text), []).append(run.run)
        for sentence in run.warnings:
            told.setdefault(Notice("warning", translated(sentence)), []).append(run.run)
    single = [Notice(level, f"{_numbers(runs)}: {text}") for (level, text), runs in told.items()]
    return sorted([*_unlike(found), *single], key=lambda notice: notice.level != "critical")


def _unlike(found: Comparison) -> list[Notice]:
    texts = []
    if not found.is_same_period():
        texts.append(_("The runs cover different trading days: totals and drawdowns are not of the same time."))
    if len({run.capital for run in found.runs}) > 1:
        texts.append(_("The start capitals differ: compare fractions and ratios, not money."))
    return [Notice("warning", text) for text in texts]


def _numbers(runs: Sequence[int]) -> str:
    return ", ".join(f"#{run}" for run in runs)
