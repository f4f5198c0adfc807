"""The recorded ticks that presets are measured on, read straight from the files, without a database."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from backtests.domain.tick_day import TickDay
from marketdata.domain.bar_builder import build_bars
from marketdata.domain.bars import VALUE_COLUMNS, BarSeries
from marketdata.domain.contract import Contract
from marketdata.domain.normalise import Normaliser
from marketdata.domain.reference import reference_session_table
from marketdata.domain.terms import terms_of
from marketdata.domain.ticks import BarMessage, Tick
from marketdata.importers.tick_file import read_tick_file


@dataclass(frozen=True)
class RecordedTicks:
    """One recorded trading day: where it is, and whose ticks it holds."""

    file: str
    code: str
    product: str

    @property
    def exchange(self) -> str:
        """The part behind the dot."""
        return self.code.rpartition(".")[2]


RECORDED = {
    "ru holiday": RecordedTicks("SHFE.ru1901_tick_20181008", "ru1901.SHFE", "ru"),
    "ru ticks": RecordedTicks("SHFE.ru1901_tick_20181009", "ru1901.SHFE", "ru"),
    "AP ticks": RecordedTicks("CZCE.AP010_tick_20200803", "AP010.CZCE", "AP"),
    "IF ticks": RecordedTicks("CFFEX.IF2101_tick_20210104", "IF2101.CFFEX", "IF"),
}


def contract_of(name: str) -> Contract:
    """The contract with its hours, as the reference files tell them."""
    recorded = RECORDED[name]
    terms = terms_of(recorded.exchange, recorded.product)
    hours = reference_session_table(recorded.exchange, recorded.product)
    symbol = recorded.code.partition(".")[0]
    return Contract(recorded.code, symbol, recorded.exchange, terms.multiplier, terms.price_tick, hours)


@cache
def ticks_of(name: str, data: Path) -> Sequence[Tick]:
    """The ticks, with the flags that the normaliser gives them."""
    normaliser = Normaliser([contract_of(name)])
    found = (normaliser.tick(raw) for raw in read_tick_file(data / "ticks" / f"{RECORDED[name].file}.csv.gz"))
    return tuple(tick for tick in found if tick is not None)


def day_of(name: str, data: Path) -> TickDay:
    """The trading day as a run takes it."""
    ticks = ticks_of(name, data)
    plan = reference_session_table(RECORDED[name].exchange, RECORDED[name].product).plan(ticks[0].trading_day)
    return TickDay(ticks[0].trading_day, plan.opens, plan.closes, ticks)


@cache
def minutes_of(name: str, data: Path) -> BarSeries:
    """The minutes that the ticks make."""
    return minutes_from(ticks_of(name, data), contract_of(name))


def minutes_from(ticks: Sequence[Tick], contract: Contract) -> BarSeries:
    """The minutes that the ticks of one day make."""
    told = build_bars(ticks, contract, ("1m",))
    found = {bar.start: bar for bar in told if isinstance(bar, BarMessage)}
    bars = [found[start] for start in sorted(found)]
    starts, days = (np.array([getattr(bar, column) for bar in bars]) for column in ("start", "trading_day"))
    values = (np.array([getattr(bar, column) for bar in bars], dtype=np.float64) for column in VALUE_COLUMNS)
    return BarSeries(contract.code, "1m", starts.astype(np.int64), days.astype(np.int32), *values)
