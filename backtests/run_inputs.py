"""What a run computes on: bars of each leg out of the cache, what they cost, what else is known of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backtests.domain.costs import CostTable
from backtests.domain.engine import RunSetup
from backtests.domain.legs import Facts, Leg
from backtests.models import BacktestRun
from backtests.optimise.models import AskedRun
from backtests.requests import CostOptions
from backtests.rule_options import rules_from
from backtests.run_costs import cost_table
from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import from_day_number
from marketdata.models import Instrument
from marketdata.series_cache import load
from quantsite.common.errors import RuleError
from strategies.domain.forms import Form

Asked = BacktestRun | AskedRun
"""What asks for runs: one of its own, or many of an optimisation."""


@dataclass(frozen=True, slots=True)
class RunInputs:
    """The legs in their order, and one hash over the bars of all."""

    legs: tuple[Leg, ...]
    setup: RunSetup
    data_hash: str

    @property
    def bars(self) -> tuple[BarSeries, ...]:
        """The bars of each leg."""
        return tuple(leg.bars for leg in self.legs)

    @property
    def costs(self) -> tuple[CostTable, ...]:
        """The cost table of each leg."""
        return tuple(leg.costs for leg in self.legs)

    @property
    def multipliers(self) -> tuple[float, ...]:
        """Units of goods in one lot of each leg."""
        return tuple(leg.costs.multiplier for leg in self.legs)


def inputs_of(run: Asked) -> RunInputs:
    """Everything that the run needs. Raises ``RuleError`` where the request does not fit the data any more."""
    found = [_leg(instrument, run) for instrument in instruments_of(run)]
    form = Form(run.form) if run.form else None
    setup = RunSetup(run.capital, run.volume, run.close_at_end, rules_from(run.rules), form)
    return RunInputs(tuple(leg for leg, _hash in found), setup, data_hash_of([data for _leg, data in found]))


def instruments_of(run: Asked) -> list[Instrument]:
    """The instruments of all legs, the first one first. Raises ``RuleError`` for one that is gone."""
    if not run.legs:
        return [run.instrument]
    known = {row.code: row for row in Instrument.objects.select_related("product").filter(code__in=run.legs)}
    if gone := [code for code in run.legs if code not in known]:
        raise RuleError("unknown_instrument", f"There is no instrument {', '.join(gone)} any more.")
    return [run.instrument, *(known[code] for code in run.legs)]


def data_hash_of(hashes: Sequence[str]) -> str:
    """The data hash of a run: that of its one leg, or the SHA-256 (hex) over those of its legs in their order."""
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode("ascii")).hexdigest()


def cost_document(legs: Sequence[Leg]) -> dict[str, Any]:
    """What was charged: the first leg's table, and those of further legs under ``legs``, each with its code."""
    first, *others = legs
    further = [{"instrument": leg.code, **leg.costs.document()} for leg in others]
    return first.costs.document() | ({"legs": further} if further else {})


def _leg(instrument: Instrument, run: Asked) -> tuple[Leg, str]:
    """One leg and the data hash of its bars. Raises ``RuleError``."""
    bars, data_hash = load(instrument, run.interval, run.start, run.end)
    if not len(bars):
        raise RuleError("no_bars", f"{instrument.code} has no {run.interval} bars in this period.")
    costs = cost_table(instrument, CostOptions.from_mapping(run.costs))
    first, last = (from_day_number(int(day)) for day in bars.trading_day[[0, -1]])
    return Leg(instrument.code, bars, costs.over(first, last), Facts()), data_hash
