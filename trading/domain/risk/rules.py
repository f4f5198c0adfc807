"""The rules of risk as one table: what each one measures, in what unit, and when it is asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

LARGE = 300
"""Lots from which a cancel is a large one at SHFE (DOMAIN.md 1, "Abnormal trading")."""


class Rule(StrEnum):
    """What can be limited; the value is the ``reason_code`` of an order that it refuses."""

    # asked before an order is handed over
    ORDER_VOLUME = "max_order_volume"
    ORDER_NOTIONAL = "max_order_notional"
    PRICE_COLLAR = "price_collar"
    SETTLEMENT_COLLAR = "settlement_collar"
    POSITION_INSTRUMENT = "max_position_instrument"
    POSITION_PRODUCT = "max_position_product"
    NOTIONAL = "max_notional"
    MARGIN = "max_margin"
    AVAILABLE = "min_available"
    ORDER_RATE = "max_order_rate"
    ORDERS_INSTRUMENT = "max_orders_instrument"
    CANCELS_INSTRUMENT = "max_cancels_instrument"
    LARGE_CANCELS = "max_large_cancels"
    DUPLICATES = "duplicate_burst"
    SELF_TRADE = "self_trade"
    INSTRUMENTS = "allowed_instruments"
    DIRECTIONS = "allowed_directions"
    # asked before an order, and watched afterwards
    RISK_DEGREE = "max_risk_degree"
    DAILY_LOSS = "max_daily_loss"
    DRAWDOWN = "max_drawdown"
    # watched afterwards
    CONCENTRATION_PRODUCT = "max_product_share"
    CONCENTRATION_MONTH = "max_month_share"
    MARGIN_STRESS = "max_stress_call"
    VALUE_AT_RISK = "max_value_at_risk"
    SHORTFALL = "max_expected_shortfall"
    EXPIRY = "min_days_to_expiry"
    RESTING_CLOSED = "max_resting_closed"
    BURSTS = "max_bursts"


class Unit(StrEnum):
    """In what a limit is counted."""

    LOTS = "lots"
    YUAN = "yuan"
    FRACTION = "fraction"
    COUNT = "count"
    PER_SECOND = "per_second"
    DAYS = "days"
    LIST = "list"


class Stage(StrEnum):
    """When a rule is asked: before an order, after it by the monitor, or at both times."""

    ORDER = "order"
    AFTER = "after"
    BOTH = "both"


class BreachAction(StrEnum):
    """What the monitor does about a breach, the mildest first."""

    WARN = "warn"
    NO_OPENING = "no_opening"
    CANCEL = "cancel"
    FLATTEN = "flatten"


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """One rule. ``floor``: the limit is a least value, so that a lower one is the looser one.

    ``default`` is what holds where no limit is set; None: nothing is limited. ``params`` are what else it needs.
    """

    rule: Rule
    unit: Unit
    stage: Stage
    default: float | None = None
    floor: bool = False
    params: Mapping[str, Any] = field(default_factory=dict)


RULES: Mapping[Rule, RuleSpec] = {
    spec.rule: spec
    for spec in (
        RuleSpec(Rule.ORDER_VOLUME, Unit.LOTS, Stage.ORDER),
        RuleSpec(Rule.ORDER_NOTIONAL, Unit.YUAN, Stage.ORDER),
        RuleSpec(Rule.PRICE_COLLAR, Unit.FRACTION, Stage.ORDER),
        RuleSpec(Rule.SETTLEMENT_COLLAR, Unit.FRACTION, Stage.ORDER),
        RuleSpec(Rule.POSITION_INSTRUMENT, Unit.LOTS, Stage.ORDER),
        RuleSpec(Rule.POSITION_PRODUCT, Unit.LOTS, Stage.ORDER),
        RuleSpec(Rule.NOTIONAL, Unit.YUAN, Stage.ORDER),
        RuleSpec(Rule.MARGIN, Unit.YUAN, Stage.ORDER),
        RuleSpec(Rule.AVAILABLE, Unit.YUAN, Stage.ORDER, floor=True),
        RuleSpec(Rule.ORDER_RATE, Unit.PER_SECOND, Stage.ORDER),
        RuleSpec(Rule.ORDERS_INSTRUMENT, Unit.COUNT, Stage.ORDER),
        # The exchanges count 500 cancels, and 50 large ones of 300 lots, as abnormal (DOMAIN.md 1): stop before them.
        RuleSpec(Rule.CANCELS_INSTRUMENT, Unit.COUNT, Stage.ORDER, default=470),
        RuleSpec(Rule.LARGE_CANCELS, Unit.COUNT, Stage.ORDER, default=45, params={"volume": LARGE}),
        RuleSpec(Rule.DUPLICATES, Unit.COUNT, Stage.ORDER, params={"seconds": 1.0}),
        RuleSpec(Rule.SELF_TRADE, Unit.COUNT, Stage.ORDER, default=0),
        RuleSpec(Rule.INSTRUMENTS, Unit.LIST, Stage.ORDER, params={"allowed": []}),
        RuleSpec(Rule.DIRECTIONS, Unit.LIST, Stage.ORDER, params={"allowed": []}),
        RuleSpec(Rule.RISK_DEGREE, Unit.FRACTION, Stage.BOTH),
        RuleSpec(Rule.DAILY_LOSS, Unit.YUAN, Stage.BOTH),
        RuleSpec(Rule.DRAWDOWN, Unit.FRACTION, Stage.BOTH),
        RuleSpec(Rule.CONCENTRATION_PRODUCT, Unit.FRACTION, Stage.AFTER),
        RuleSpec(Rule.CONCENTRATION_MONTH, Unit.FRACTION, Stage.AFTER),
        RuleSpec(Rule.MARGIN_STRESS, Unit.YUAN, Stage.AFTER),
        RuleSpec(Rule.VALUE_AT_RISK, Unit.YUAN, Stage.AFTER, params={"confidence": 0.99, "days": 250}),
        RuleSpec(Rule.SHORTFALL, Unit.YUAN, Stage.AFTER, params={"confidence": 0.975, "days": 250}),
        RuleSpec(Rule.EXPIRY, Unit.DAYS, Stage.AFTER, floor=True),
        RuleSpec(Rule.RESTING_CLOSED, Unit.COUNT, Stage.AFTER),
        # Ten seconds of a day with ten orders and cancels each must be reported (DOMAIN.md 1).
        RuleSpec(Rule.BURSTS, Unit.COUNT, Stage.AFTER, default=9, params={"per_second": 10}),
    )
}

WARNINGS = (0.6, 0.8, 0.95)
"""Shares of a limit at which somebody is told: a level is reached, and told, at the share itself."""

DUST = 1e-9
"""What sums of floats may be beyond a limit and still keep it, as a fraction of it (of 1 where it is smaller); and what
a share may miss of a warning level and still reach it."""
