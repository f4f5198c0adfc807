"""Checks a strategy on stored bars: does it look ahead, is its warm-up long enough? Nothing is stored.

Costs play no part in what a strategy may know: the runs are made without fees, slippage and margin, so that no
opening is refused and as much as possible is decided and filled.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from backtests.domain.engine import RunSetup
from backtests.domain.legs import Leg
from backtests.domain.lookahead import Fault, LookAhead, look_ahead
from backtests.domain.lookahead_warm_up import WarmUp, warm_ups
from backtests.permissions import demand_add
from backtests.request_checks import CheckedRequest, check_request
from backtests.requests import CostOptions, RunRequest
from backtests.run_costs import cost_table
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
    """What was checked and found; ``bars`` are counted over all legs."""

    checked: CheckedRequest
    bars: int
    looks: LookAhead
    warm_ups: tuple[WarmUp, ...]

    @property
    def faults(self) -> list[str]:
        """One sentence for each fault; empty for a strategy that passed."""
        return [fault.sentence for fault in self.looks.faults] + [each.sentence for each in self.warm_ups if each.short]

    def document(self) -> dict[str, Any]:
        """As one JSON object."""
        return {
            "strategy": self.checked.request.strategy,
            "instruments": [instrument.code for instrument in self.checked.instruments],
            "interval": self.checked.interval,
            "parameters": self.checked.parameters,
            "bars": self.bars,
            "forms": [form.value for form in self.looks.forms],
            "cuts": {form.value: len(cuts) for form, cuts in self.looks.cuts.items()},
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
    checked = check_request(request)
    legs = _legs(checked)
    setup = RunSetup(request.capital, request.volume)
    make = partial(registry.create, request.strategy, checked.parameters)
    options: dict[str, int] = {"seed": seed} if cuts is None else {"seed": seed, "cuts": cuts}
    looks = look_ahead(legs, make, setup, **options)
    found = tuple(warm_ups(legs, make, setup, **options))
    return StrategyCheck(checked, sum(len(leg.bars) for leg in legs), looks, found)


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
