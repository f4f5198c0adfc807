"""From what is known of an account at one moment to its figures, its limits and what both say: the monitor's one path.

The gateway that has the account in hand and the sweep that only has its rows go through here alike.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from marketdata.domain.calendar import TradingCalendar
from trading.domain.risk.account_limits import AccountLimits
from trading.domain.risk.actions import Action
from trading.domain.risk.bursts import PER_SECOND, ProgrammeDay, programme_days
from trading.domain.risk.expiry import expiring
from trading.domain.risk.figures import AccountView, DayCounts
from trading.domain.risk.holdings import Holding
from trading.domain.risk.limits import Limit
from trading.domain.risk.picture import Measurements
from trading.domain.risk.resting import Resting
from trading.domain.risk.rules import RULES, Rule
from trading.domain.risk.standing import (
    Measured,
    account_values,
    count_values,
    day_values,
    holding_values,
    position_values,
)
from trading.domain.risk.stress import margin_stress
from trading.domain.risk.tail_risk import Floats, TailRisk, tail_risk

TAIL = (Rule.VALUE_AT_RISK, Rule.SHORTFALL)


@dataclass(frozen=True, slots=True)
class Known:
    """An account at one moment. ``returns`` are daily ones by instrument, None where nobody has read them yet.

    ``actions`` are what the control group sent on trading day ``day``, ``counts`` its orders and cancels; ``products``
    the product of every instrument that is named anywhere.
    """

    view: AccountView
    holdings: Sequence[Holding]
    products: Mapping[str, str]
    day: date | None = None
    calendar: TradingCalendar | None = None
    returns: Mapping[str, Floats] | None = None
    counts: Mapping[str, DayCounts] = field(default_factory=dict)
    actions: Iterable[Action] = ()
    resting: Sequence[tuple[Resting, int]] = ()
    working_orders: int = 0
    orders_today: int = 0
    switches: Sequence[int] = ()
    ages: Mapping[str, float] = field(default_factory=dict)


def measured(known: Known, limits: AccountLimits) -> Measurements:
    """The figures, and how much of each limit they use."""
    own = limits.of()
    stress, tail = margin_stress(known.view.balance, known.holdings), tail_of(known, own)
    near = [] if known.day is None or known.calendar is None else expiring(known.holdings, known.calendar, known.day)
    programme = programme_of(known.actions, own)
    values: list[Measured] = [
        *account_values(known.view),
        *position_values(known.view),
        *count_values(known.counts),
        *holding_values(known.holdings, stress, tail),
        *day_values(near, known.resting, programme),
    ]
    return Measurements(
        view=known.view,
        usages=limits.usages(values, known.products),
        holdings=known.holdings,
        stress=stress,
        tail=tail,
        working_orders=known.working_orders,
        orders_today=known.orders_today,
        counts=known.counts,
        expiring=near,
        resting=known.resting,
        programme=programme,
        switches=known.switches,
        ages=known.ages,
    )


def tail_days(limits: Mapping[Rule, Limit]) -> int:
    """How many trading days the history is to have: the most that a limit in force asks for."""
    return max(int(_param(rule, limits, "days")) for rule in TAIL)


def tail_of(known: Known, limits: Mapping[Rule, Limit]) -> TailRisk:
    """Value at risk and shortfall by the limits' confidences; NaN while no returns have been read."""
    exposures = {row.instrument: row.exposure for row in known.holdings}
    if known.returns is None:
        held = tuple(sorted(code for code, value in exposures.items() if value))
        return TailRisk(math.nan, math.nan, 0, held) if held else TailRisk(0.0, 0.0, 0, ())
    return tail_risk(
        exposures,
        known.returns,
        confidence=_param(Rule.VALUE_AT_RISK, limits, "confidence"),
        shortfall_confidence=_param(Rule.SHORTFALL, limits, "confidence"),
    )


def programme_of(actions: Iterable[Action], limits: Mapping[Rule, Limit]) -> list[ProgrammeDay]:
    """The bursts of the day, with as many actions a second as the limit says."""
    limit = limits.get(Rule.BURSTS)
    return programme_days(actions, PER_SECOND if limit is None else int(limit.params.get("per_second", PER_SECOND)))


def _param(rule: Rule, limits: Mapping[Rule, Limit], name: str) -> float:
    default: float = RULES[rule].params[name]
    return default if rule not in limits else float(limits[rule].params.get(name, default))
