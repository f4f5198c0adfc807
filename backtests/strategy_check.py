"""Checks a strategy on stored bars: does it look ahead, is its warm-up long enough? What it found is evidence.

Costs play no part in what a strategy may know: the runs are made without fees, slippage and margin, so that no
opening is refused and as much as possible is decided and filled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from backtests.domain.engine import RunSetup
from backtests.domain.legs import Leg
from backtests.domain.lookahead import Fault, LookAhead, look_ahead_in
from backtests.domain.lookahead_market import Market
from backtests.domain.lookahead_ticks import MOST_DAYS, TickMarket
from backtests.domain.lookahead_warm_up import WarmUp, warm_ups_in
from backtests.evidence import show_check
from backtests.permissions import demand_add
from backtests.request_checks import CheckedRequest, check_request
from backtests.requests import CostOptions, RunRequest
from backtests.run_costs import cost_table
from backtests.tick_days import MINUTE, TICK, bars_built, recorded_days
from marketdata.series_cache import load
from quantsite.common.errors import RuleError
from quantsite.common.times import iso_utc, ns_to_utc
from strategies import registry

if TYPE_CHECKING:
    from accounts.models import User

FREE = CostOptions(commission_rate=0.0, slippage_ticks=0, margin_rate=0.0)
MOST_CUTS = 10_000


@dataclass(frozen=True, slots=True)
class StrategyCheck:
    """What was checked and found; ``bars`` are counted over all legs, or ticks; ``evidence`` numbers its rows."""

    checked: CheckedRequest
    bars: int
    looks: LookAhead
    warm_ups: tuple[WarmUp, ...]
    evidence: tuple[int, ...] = ()

    @property
    def faults(self) -> list[str]:
        """One sentence for each fault; empty for a strategy that passed."""
        return [fault.sentence for fault in self.looks.faults] + [each.sentence for each in self.warm_ups if each.short]

    @property
    def warm_up_holds(self) -> bool:
        """Whether no stated warm-up is too short."""
        return not any(each.short for each in self.warm_ups)

    @property
    def stated(self) -> int | None:
        """The bars that the class says it needs; None where it says nothing."""
        return max((each.stated for each in self.warm_ups if each.stated is not None), default=None)

    @property
    def needed(self) -> int | None:
        """The bars that were enough for every method on trial; None where there was none, or none were enough."""
        found = [each.needed for each in self.warm_ups]
        return max((each for each in found if each is not None), default=None) if None not in found else None

    @property
    def cuts(self) -> dict[str, int]:
        """How often each form was cut."""
        return {form.value: len(cuts) for form, cuts in self.looks.cuts.items()}

    def document(self) -> dict[str, Any]:
        """As one JSON object."""
        return {
            "strategy": self.checked.request.strategy,
            "instruments": [instrument.code for instrument in self.checked.instruments],
            "interval": self.checked.interval,
            "parameters": self.checked.parameters,
            "bars": self.bars,
            "forms": [form.value for form in self.looks.forms],
            "cuts": self.cuts,
            "needed": self.needed,
            "evidence": self.evidence,
            "ok": not self.faults,
            "look_ahead": [_fault(fault) for fault in self.looks.faults],
            "warm_up": [_warm_up(each) for each in self.warm_ups],
        }


def check_strategy(
    actor: "User | None", request: RunRequest, *, cuts: int | None = None, seed: int = 0
) -> StrategyCheck:
    """Check the strategy of ``request`` on its bars. ``cuts`` of each form, the seed chooses them.

    Raises ``RefusedError`` where the actor may not run backtests and ``RuleError`` for input that makes no sense.
    """
    demand_add(actor)
    if cuts is not None and cuts > MOST_CUTS:
        text = _("cuts must be at most %(most)s, not %(cuts)s.") % {"most": MOST_CUTS, "cuts": cuts}
        raise RuleError("invalid_cuts", text, fields={"cuts": text})
    checked = check_request(request, ticks=True)
    setup = RunSetup(request.capital, request.volume)
    strategy = registry.get(request.strategy)
    source_hash = registry.source_hash(strategy)  # of what is checked: its file may be written meanwhile
    make = partial(registry.create, strategy, checked.parameters)
    options: dict[str, int] = {"seed": seed} if cuts is None else {"seed": seed, "cuts": cuts}
    market = _ticks(checked, setup) if request.interval == TICK else Market(_legs(checked), setup)
    looks = look_ahead_in(market, make, **options)
    found = tuple(warm_ups_in(market, make, **options))
    check = StrategyCheck(checked, _count(market), looks, found)
    return replace(check, evidence=tuple(row.pk for row in show_check(actor, check, source_hash)))


def _count(market: Market) -> int:
    """The bars of all legs, or the ticks."""
    if isinstance(market, TickMarket):
        return sum(len(day.ticks) for day in market.days)
    return sum(len(leg.bars) for leg in market.legs)


def _ticks(checked: CheckedRequest, setup: RunSetup) -> TickMarket:
    request, instrument = checked.request, checked.instrument
    days = list(islice(recorded_days(instrument, request.start, request.end), MOST_DAYS + 1))
    if len(days) > MOST_DAYS:
        text = _("A check takes at most %(most)s days of ticks at once: name a start and an end.") % {"most": MOST_DAYS}
        raise RuleError("too_many_days", text, fields={"start": text})
    bars, _hash = bars_built(instrument, MINUTE, request.start, request.end)
    return TickMarket(Leg(instrument.code, bars, cost_table(instrument, FREE)), days, setup)


def _legs(checked: CheckedRequest) -> list[Leg]:
    request, legs = checked.request, []
    for instrument in checked.instruments:
        bars, _hash = load(instrument, checked.interval, request.start, request.end)
        if not len(bars):
            given = {"code": instrument.code, "interval": checked.interval}
            raise RuleError("no_bars", _("%(code)s has no %(interval)s bars in this period.") % given)
        legs.append(Leg(instrument.code, bars, cost_table(instrument, FREE)))
    return legs


def _fault(fault: Fault) -> Mapping[str, Any]:
    return {
        "kind": fault.kind.value,
        "form": fault.form.value,
        "bar": fault.index,
        "start": iso_utc(ns_to_utc(fault.start)),
        "cut": None if fault.cut is None else iso_utc(ns_to_utc(fault.cut)),
        "what": fault.what,
        "full": fault.full,
        "part": fault.part,
        "sentence": fault.sentence,
    }


def _warm_up(found: WarmUp) -> Mapping[str, Any]:
    return {
        "method": found.method,
        "stated": found.stated,
        "needed": found.needed,
        "ok": not found.short,
        "bar": found.index,
        "start": None if found.start is None else iso_utc(ns_to_utc(found.start)),
        "full": found.full,
        "part": found.part,
        "sentence": found.sentence,
    }
