"""Every preset on recorded bars: the table of docs/presets.md.

    python -m benchmarks.presets [--data ../shared/data] [--only TA] [--write docs/presets.md]

Plain rules, default parameters, the same simple costs for all; bars are read straight from the files, without a
database. Figures are no advice: with costs that nobody negotiated, most of these lose.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path

from backtests.domain.costs import CostTable
from backtests.domain.engine import RunSetup, prepare_legs
from backtests.domain.legs import Leg
from backtests.domain.result import RunResult
from backtests.domain.statistics import HEADLINE, standard
from backtests.domain.tick_engine import run_ticks
from benchmarks import preset_ticks
from marketdata.domain.bars import VALUE_COLUMNS, BarSeries
from marketdata.domain.instrument import Dated, FeeRates, MarginRates
from marketdata.domain.intervals import parse_interval
from marketdata.domain.reference import reference_session_table
from marketdata.domain.resample import resample
from marketdata.domain.terms import ContractTerms, terms_of
from marketdata.importers.bar_file import read_bar_file
from quantsite.common.times import SHANGHAI_OFFSET_NS
from strategies import registry

CAPITAL, VOLUME = 10_000_000.0, 1.0
RATE, SLIPPAGE, MARGIN = 0.0001, 1.0, 0.1
SHARED = Path(__file__).parents[2] / "shared" / "data"
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->\n"


@dataclass(frozen=True)
class Recorded:
    """One recorded file: where it is, whose bars it holds, and whether it stamps them with their ends."""

    file: str
    exchange: str
    product: str
    interval: str
    ends: bool
    made: str = ""
    """The interval that its bars are put together to, '' for their own."""


RECORDED = {
    "rb": Recorded("SHFE.rb.HOT_5m_2014-2019", "SHFE", "rb", "5m", ends=True),
    "IF": Recorded("CFFEX.IF.HOT_5m_2014-2017", "CFFEX", "IF", "5m", ends=True),
    "TA": Recorded("CZCE.TA.HOT_5m_2019-2020", "CZCE", "TA", "5m", ends=True),
    "au": Recorded("SHFE.au1912_1m", "SHFE", "au", "1m", ends=False),
}
MORE = {
    "m": Recorded("DCE.m2005_1m_201907-201910", "DCE", "m", "1m", ends=False, made="5m"),
    "IF1908": Recorded("CFFEX.IF1908_1m", "CFFEX", "IF", "1m", ends=False, made="5m"),
}
"""Beside those: legs of portfolios."""


@dataclass(frozen=True)
class Case:
    """One row of the table: a preset on one recorded series, or on two."""

    series: tuple[str, ...]
    preset: str
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def on_ticks(self) -> bool:
        """Whether it runs on recorded ticks."""
        return self.series[0] in preset_ticks.RECORDED

    @property
    def label(self) -> tuple[str, str]:
        """The first two cells of the row."""
        given = " ".join(f"{name}={value}" for name, value in self.values.items())
        return " - ".join(self.series), f"{self.preset} {given}".strip()


_SINGLE: Sequence[tuple[str, dict[str, object]]] = [
    ("double_ma", {}),
    ("macd", {}),
    ("bollinger", {}),
    ("bollinger", {"mode": "reversion"}),
    ("rsi", {}),
    ("grid", {}),
    ("dual_thrust", {}),
    ("turtle", {}),
]
CASES = [Case((series,), preset, values) for series in RECORDED for preset, values in _SINGLE] + [
    # What both have in common: five months of five-minute bars, steel against polyester.
    Case(("rb", "TA"), "spread"),
    Case(("rb", "TA"), "spread", {"length": 500, "ratio": 0.7}),
    # Steel against the stock index for four years, then all four that have two weeks in common.
    Case(("rb", "IF"), "momentum_portfolio"),
    Case(("rb", "TA", "m", "IF1908"), "momentum_portfolio", {"length": 90}),
    *(Case((name,), "imbalance") for name in ("ru ticks", "AP ticks", "IF ticks")),
]


@cache
def bars_of(name: str, data: Path = SHARED) -> BarSeries:
    """A recorded series with the starts and trading days that the reference tables give its bars."""
    recorded = (RECORDED | MORE)[name]
    file = read_bar_file(data / "bars" / f"{recorded.file}.csv.gz")
    table = reference_session_table(recorded.exchange, recorded.product)
    start = file.wall - SHANGHAI_OFFSET_NS
    if recorded.ends:
        start = table.starts_from_ends(start, parse_interval(recorded.interval))
    columns = (file.values[column] for column in VALUE_COLUMNS)
    code = f"{recorded.product}88.{recorded.exchange}"
    bars = BarSeries(code, recorded.interval, start, table.trading_days(start), *columns)
    return resample(bars, table, recorded.made) if recorded.made else bars


def leg_of(name: str, data: Path = SHARED) -> Leg:
    """A recorded series with its multiplier and tick, and the costs of the table."""
    recorded, bars = (RECORDED | MORE)[name], bars_of(name, data)
    terms = _terms(recorded)
    return Leg(bars.instrument, bars, _costs(terms, SLIPPAGE))


def _costs(terms: ContractTerms, slippage: float) -> CostTable:
    fees = FeeRates(open_by_money=RATE, close_by_money=RATE, close_today_by_money=RATE)
    margins = MarginRates(long_by_money=MARGIN, short_by_money=MARGIN)
    rows = (Dated(date.min, fees),), (Dated(date.min, margins),)
    return CostTable(terms.multiplier, terms.price_tick, slippage, *rows)


def tick_leg_of(name: str, data: Path = SHARED) -> Leg:
    """Recorded ticks as the leg of a run, with their minutes; fills on ticks have no slippage beside the book's."""
    recorded = preset_ticks.RECORDED[name]
    terms = terms_of(recorded.exchange, recorded.product)
    return Leg(recorded.code, preset_ticks.minutes_of(name, data), _costs(terms, 0.0))


def _terms(recorded: Recorded) -> ContractTerms:
    if recorded.product == "au":
        return ContractTerms(1_000.0, 0.05)  # the tick of the recorded months; it is 0.02 since December 2019
    return terms_of(recorded.exchange, recorded.product)


def legs_of(case: Case, data: Path = SHARED) -> list[Leg]:
    """The legs of a row; of several, the bars of their common time."""
    if case.on_ticks:
        return [tick_leg_of(case.series[0], data)]
    legs = [leg_of(name, data) for name in case.series]
    first, last = max(leg.bars.start[0] for leg in legs), min(leg.bars.start[-1] for leg in legs)
    return [Leg(leg.code, leg.bars.between(int(first), int(last) + 1), leg.costs) for leg in legs]


def result_of(case: Case, data: Path = SHARED) -> RunResult:
    """The run of a row."""
    strategy = registry.create(case.preset, case.values)
    if case.on_ticks:
        [leg] = legs_of(case, data)
        return run_ticks([preset_ticks.day_of(case.series[0], data)], leg, strategy, RunSetup(CAPITAL, VOLUME))
    return prepare_legs(legs_of(case, data), RunSetup(CAPITAL, VOLUME)).run(strategy)


def row_of(case: Case, data: Path = SHARED) -> str:
    """The row in Markdown, figures as printed."""
    legs, result = legs_of(case, data), result_of(case, data)
    bars, multipliers = [leg.bars for leg in legs], [leg.costs.multiplier for leg in legs]
    figures = standard(result, CAPITAL, bars=bars, multiplier=multipliers)
    count = len(preset_ticks.ticks_of(case.series[0], data)) if case.on_ticks else sum(map(len, bars))
    cells = [*case.label, f"{count:,}", f"{len(result.fills):,}", f"{result.net_profit:,.2f}"]
    cells += [_cell(name, figures[name]) for name in HEADLINE]
    return f"| {' | '.join(cells)} |"


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if name in {"sharpe", "payoff_ratio"} else f"{100 * value:.2f} %"


def table(cases: Sequence[Case], data: Path = SHARED) -> Iterator[str]:
    """The table in Markdown, line by line."""
    titles = [
        "series",
        "preset",
        "bars or ticks",
        "fills",
        "net profit",
        *(name.replace("_", " ") for name in HEADLINE),
    ]
    yield f"| {' | '.join(titles)} |"
    yield f"|{'---|' * 2}{'--:|' * (len(titles) - 2)}"
    for case in cases:
        yield row_of(case, data)


def main(arguments: Sequence[str]) -> int:
    """Print the table, or put it between the marks of a document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED, help="folder with the recorded bars")
    parser.add_argument("--only", default="", help="one series")
    parser.add_argument("--write", type=Path, help="document whose table is replaced")
    given = parser.parse_args(arguments)
    lines = list(table([case for case in CASES if not given.only or given.only in case.series], given.data))
    if given.write is None:
        print("\n".join(lines))
        return 0
    before, rest = given.write.read_text(encoding="utf-8").split(BEGIN)
    text = "\n".join(lines)
    given.write.write_text(f"{before}{BEGIN}\n{text}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
