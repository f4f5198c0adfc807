"""What a run computes on: bars of each leg out of the cache, what they cost, what else is known of them."""

from dataclasses import dataclass

from backtests.domain.costs import CostTable
from backtests.domain.engine import RunSetup
from backtests.domain.legs import Facts, Leg
from backtests.domain.rules import Adjust, Rules, Sessions
from backtests.facts import facts_for, roll_notes
from backtests.requests import CostOptions
from backtests.rule_options import rules_from
from backtests.run_costs import cost_table
from backtests.run_legs import Asked, data_hash_of, instruments_of
from backtests.tick_days import bars_built, built_interval
from marketdata.domain.bars import BarSeries
from marketdata.domain.calendar import from_day_number
from marketdata.models import Instrument
from marketdata.series_cache import load
from quantsite.common.errors import RuleError
from strategies.domain.forms import Form


@dataclass(frozen=True, slots=True)
class RunInputs:
    """The legs in their order, one hash over the bars of all, and sentences to read before believing the figures."""

    legs: tuple[Leg, ...]
    setup: RunSetup
    data_hash: str
    notes: tuple[str, ...] = ()

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
    rules, instruments = rules_from(run.rules), instruments_of(run)
    found = [_leg(instrument, run, rules) for instrument in instruments]
    legs, hashes = [leg for leg, _hash in found], [data_hash for _leg, data_hash in found]
    form = Form(run.form) if run.form else None
    setup = RunSetup(run.capital, run.volume, run.close_at_end, rules, form)
    notes = [
        note
        for instrument, leg in zip(instruments, legs, strict=True)
        if rules.roll or rules.adjust != Adjust.NONE
        for note in roll_notes(instrument, leg.bars)
    ]
    return RunInputs(tuple(legs), setup, data_hash_of(hashes), tuple(notes))


def _leg(instrument: Instrument, run: Asked, rules: Rules) -> tuple[Leg, str]:
    """One leg and the data hash of its bars. Raises ``RuleError``."""
    built = built_interval(run.interval, run.rules)
    if built is None:
        bars, data_hash = load(instrument, run.interval, run.start, run.end)
    else:
        bars, data_hash = bars_built(instrument, built, run.start, run.end)
    if not len(bars):
        raise RuleError("no_bars", f"{instrument.code} has no {run.interval} bars in this period.")
    costs = cost_table(instrument, CostOptions.from_mapping(run.costs))
    first, last = (from_day_number(int(day)) for day in bars.trading_day[[0, -1]])
    facts = facts_for(instrument, bars) if asks_for_facts(rules) else Facts()
    return Leg(instrument.code, bars, costs.over(first, last), facts), data_hash


def asks_for_facts(rules: Rules) -> bool:
    """Whether the rules need more than bars and costs; a plain run does not look for it."""
    switches = (rules.settlement, rules.price_limits, rules.roll, rules.expiry)
    return any(switches) or rules.adjust != Adjust.NONE or rules.sessions != Sessions.ALL
