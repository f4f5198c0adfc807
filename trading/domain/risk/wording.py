"""What the rules say: one sentence with the value that was found, and one with the limit and whom to ask about it.

Two sentences, so that each can be told again in its reader's language from the English that is stored
(``quantsite.web.retold``): for that each must end with words of its own, not with a value.
"""

import math
from collections.abc import Mapping

from quantsite.common.texts import Kept, kept, say, sentences, unsaid
from trading.domain.risk.limits import DEFAULT, Limit
from trading.domain.risk.rules import RULES, Rule, Unit
from trading.domain.risk.scopes import ScopeKind

WITH_ORDER: Mapping[Rule, str] = {
    Rule.ORDER_VOLUME: unsaid("The order is for %(value)s lots."),
    Rule.ORDER_NOTIONAL: unsaid("The order is worth %(value)s yuan."),
    Rule.PRICE_COLLAR: unsaid("The order may fill away from the last price by %(value)s of it."),
    Rule.SETTLEMENT_COLLAR: unsaid("The order may fill away from the previous settlement by %(value)s of it."),
    Rule.POSITION_INSTRUMENT: unsaid("With this order the position in %(subject)s would be %(value)s lots."),
    Rule.POSITION_PRODUCT: unsaid("With this order the position in all of %(subject)s would be %(value)s lots."),
    Rule.NOTIONAL: unsaid("With this order all positions would be worth %(value)s yuan."),
    Rule.MARGIN: unsaid("With this order the margin would be %(value)s yuan."),
    Rule.AVAILABLE: unsaid("This order would leave %(value)s yuan available."),
    Rule.ORDER_RATE: unsaid("Within one second this would be order number %(value)s of the account."),
    Rule.ORDERS_INSTRUMENT: unsaid(
        "This would be order number %(value)s of the day in %(subject)s, all accounts of the control group counted."
    ),
    Rule.CANCELS_INSTRUMENT: unsaid(
        "Its cancel would be number %(value)s of the day in %(subject)s, all accounts of the control group counted."
    ),
    Rule.LARGE_CANCELS: unsaid(
        "Its cancel would be large cancel number %(value)s of the day in %(subject)s, "
        "all accounts of the control group counted."
    ),
    Rule.DUPLICATES: unsaid("The same order would be sent %(value)s times in short succession."),
    Rule.INSTRUMENTS: unsaid("%(subject)s is not on the list of what may be opened."),
    Rule.DIRECTIONS: unsaid("The direction %(subject)s may not open positions."),
    Rule.RISK_DEGREE: unsaid("With this order the risk degree would be %(value)s of the balance."),
    Rule.DAILY_LOSS: unsaid("The loss of the day would be %(value)s yuan, the order's commission included."),
    Rule.DRAWDOWN: unsaid("The account has lost %(value)s of its peak."),
}
"""By rule: what was measured of an order."""

AS_IT_STANDS: Mapping[Rule, str] = {
    Rule.POSITION_INSTRUMENT: unsaid("The position in %(subject)s is %(value)s lots."),
    Rule.POSITION_PRODUCT: unsaid("The position in all of %(subject)s is %(value)s lots."),
    Rule.NOTIONAL: unsaid("All positions are worth %(value)s yuan."),
    Rule.MARGIN: unsaid("The margin is %(value)s yuan."),
    Rule.AVAILABLE: unsaid("%(value)s yuan are available."),
    Rule.ORDERS_INSTRUMENT: unsaid(
        "%(value)s orders were sent today in %(subject)s, all accounts of the control group counted."
    ),
    Rule.CANCELS_INSTRUMENT: unsaid(
        "%(value)s cancels were sent today in %(subject)s, all accounts of the control group counted."
    ),
    Rule.LARGE_CANCELS: unsaid(
        "%(value)s large cancels were sent today in %(subject)s, all accounts of the control group counted."
    ),
    Rule.RISK_DEGREE: unsaid("The risk degree is %(value)s."),
    Rule.DAILY_LOSS: unsaid("The loss of the day is %(value)s yuan."),
    Rule.DRAWDOWN: WITH_ORDER[Rule.DRAWDOWN],
    Rule.CONCENTRATION_PRODUCT: unsaid("%(subject)s has %(value)s of the margin."),
    Rule.CONCENTRATION_MONTH: unsaid("Contracts that expire in %(subject)s have %(value)s of the margin."),
    Rule.MARGIN_STRESS: unsaid("With all prices at their limits %(value)s yuan of margin would be missing."),
    Rule.VALUE_AT_RISK: unsaid("The value at risk over one day is %(value)s yuan."),
    Rule.SHORTFALL: unsaid("The expected shortfall over one day is %(value)s yuan."),
    Rule.EXPIRY: unsaid("%(subject)s is held and has %(value)s trading days left."),
    Rule.RESTING_CLOSED: unsaid("%(value)s orders rest while their exchange is closed."),
    Rule.BURSTS: unsaid("Orders and cancels on %(subject)s made %(value)s bursts today (programmatic trading)."),
}
"""By rule: what was measured of an account, no order asked."""

_ORIGIN: Mapping[ScopeKind, str] = {
    ScopeKind.PLATFORM: unsaid(
        "The limit is %(limit)s from the platform; "
        "a risk officer can propose a looser one, which a second person must approve."
    ),
    ScopeKind.DESK: unsaid(
        "The limit is %(limit)s from desk %(key)s; "
        "a risk officer can propose a looser one, which a second person must approve."
    ),
    ScopeKind.PRODUCT: unsaid(
        "The limit is %(limit)s from product %(key)s; "
        "a risk officer can propose a looser one, which a second person must approve."
    ),
    ScopeKind.ACCOUNT: unsaid(
        "The limit is %(limit)s from account %(key)s; "
        "a risk officer can propose a looser one, which a second person must approve."
    ),
    ScopeKind.ACCOUNT_PRODUCT: unsaid(
        "The limit is %(limit)s from account and product %(key)s; "
        "a risk officer can propose a looser one, which a second person must approve."
    ),
    ScopeKind.USER: unsaid(
        "The limit is %(limit)s from user %(key)s; "
        "a risk officer can propose a looser one, which a second person must approve."
    ),
    ScopeKind.STRATEGY: unsaid(
        "The limit is %(limit)s from strategy %(key)s; "
        "a risk officer can propose a looser one, which a second person must approve."
    ),
}


def measured(rule: Rule, value: float, subject: str) -> Kept:
    """The value that was found of an order, as a sentence to be stored."""
    return kept(WITH_ORDER[rule], value=number(value, rule), subject=subject)


def standing(rule: Rule, value: float, subject: str) -> Kept:
    """The value that was found of an account, as a sentence to be stored."""
    return kept(AS_IT_STANDS[rule], value=number(value, rule), subject=subject)


def origin(limit: Limit) -> str:
    """The limit, where it comes from ("2 % from desk main"), and who can change it, as a sentence."""
    if limit.scope == DEFAULT:
        return say(
            "The limit is %(limit)s, the default of the rule; "
            "a risk officer can propose a looser one, which a second person must approve.",
            limit=limit_text(limit),
        )
    return say(_ORIGIN[limit.scope.kind], limit=limit_text(limit), key=limit.scope.key)


def refusal(told: Kept, limit: Limit) -> str:
    """Why an order is refused: what was found, the limit, and who can help."""
    return sentences(str(told), origin(limit))


def limit_text(limit: Limit) -> str:
    """The limit's number, or its list."""
    if RULES[limit.rule].unit == Unit.LIST:
        return ", ".join(map(str, limit.params.get("allowed", ()))) or "-"
    return "-" if limit.maximum is None else number(limit.maximum, limit.rule)


def number(value: float, rule: Rule) -> str:
    """A value as people read it in the rule's unit: yuan with cents where there are any, fractions in per cent."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    if RULES[rule].unit == Unit.YUAN:
        return f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"
    return f"{value * 100:.6g} %" if RULES[rule].unit == Unit.FRACTION else f"{value:.12g}"
