"""What risk says to one order before it is handed over.

A closing order is never refused here, whatever the limits and figures are, but for what the exchange itself would
refuse. Of an opening order everything must be known: a figure that is not a number, a limit that cannot be read or a
check that fails refuses it. The calls are stable: :func:`order_reason`, :func:`judged`, :func:`price_limit_reason`.
"""

from collections.abc import Iterable, Mapping
from math import isfinite, isnan
from typing import NamedTuple

from quantsite.common.numbers import GRID_TOLERANCE
from quantsite.common.texts import say
from trading.domain.checks import Reason
from trading.domain.risk.figures import Asked, Quote, RiskOrder
from trading.domain.risk.findings import Finding
from trading.domain.risk.limits import Limit
from trading.domain.risk.measures import MEASURES, Measure
from trading.domain.risk.rules import Rule
from trading.domain.risk.shares import breaks, level_of, share_of
from trading.domain.risk.wording import measured, refusal

FAILED = "risk_check_failed"
"""The reason code where a check itself could not be made."""

_FIELDS = {
    Rule.INSTRUMENTS: "instrument",
    Rule.DIRECTIONS: "direction",
    Rule.ORDER_VOLUME: "volume",
    Rule.ORDER_NOTIONAL: "volume",
    Rule.PRICE_COLLAR: "price",
    Rule.SETTLEMENT_COLLAR: "price",
    Rule.POSITION_INSTRUMENT: "volume",
    Rule.POSITION_PRODUCT: "volume",
}
"""The input at fault, where one is."""

_BY_PRODUCT = frozenset({Rule.POSITION_PRODUCT})
_BY_INSTRUMENT = frozenset(
    {Rule.POSITION_INSTRUMENT, Rule.ORDERS_INSTRUMENT, Rule.CANCELS_INSTRUMENT, Rule.LARGE_CANCELS, Rule.INSTRUMENTS}
)


class Judgement(NamedTuple):
    """Why the order is refused, if it is; and the limits that it comes near, those that it would break included."""

    reason: Reason | None
    findings: tuple[Finding, ...] = ()


class Ask(NamedTuple):
    """One rule with its limit, as an order is asked: what is measured, and from where on it is to be looked at."""

    rule: Rule
    limit: Limit
    measure: Measure
    floor: bool
    quiet: float


def asks_of(limits: Mapping[Rule, Limit]) -> tuple[Ask, ...]:
    """What an order is asked under the limits in force for it, in the order of the rules."""
    found = ((rule, limits.get(rule), measure) for rule, measure in MEASURES.items())
    return tuple(Ask(rule, limit, measure, limit.floor, limit.quiet) for rule, limit, measure in found if limit)


def order_reason(asked: Asked, limits: Mapping[Rule, Limit]) -> Reason | None:
    """The first reason against an order, None where there is none. ``limits`` are those in force for it."""
    return judged(asked, limits).reason


def judged(asked: Asked, limits: Mapping[Rule, Limit]) -> Judgement:
    """The first reason against an order, and what is to be told of the limits it comes near up to there."""
    return judged_by(asked, asks_of(limits))


def judged_by(asked: Asked, asks: Iterable[Ask]) -> Judgement:
    """As :func:`judged`, for whoever has prepared what is asked: the limits of one account change seldom."""
    reason = price_limit_reason(asked.order, asked.quote)
    if reason is not None or not asked.order.opening:
        return Judgement(reason)
    reason = figures_reason(asked)
    if reason is not None:
        return Judgement(reason)
    findings: list[Finding] = []
    for rule, limit, measure, floor, quiet in asks:
        value = measure(asked, limit)
        if value >= quiet if floor else value <= quiet:  # far from it; never so for what is not a number
            continue
        if isnan(value):
            return Judgement(_unmeasured(rule), tuple(findings))
        findings.append(_finding(asked.order, limit, value))
        if breaks(value, limit):
            return Judgement(_refused(findings[-1]), tuple(findings))
    return Judgement(None, tuple(finding for finding in findings if finding.level))


def rule_reason(rule: Rule, asked: Asked, limit: Limit) -> Reason | None:
    """What one rule says to an order by itself; nothing to a closing one."""
    if not asked.order.opening:
        return None
    value = MEASURES[rule](asked, limit)
    if isnan(value):
        return _unmeasured(rule)
    return _refused(_finding(asked.order, limit, value)) if breaks(value, limit) else None


def price_limit_reason(order: RiskOrder, quote: Quote) -> Reason | None:
    """Why the exchange would refuse the price of any order, a closing one too; None where its limits are not known."""
    if not order.price > 0:
        return None
    near = GRID_TOLERANCE * order.price_tick
    if order.price > quote.upper + near or order.price < quote.lower - near:
        given = {"price": order.price, "lower": quote.lower, "upper": quote.upper, "code": order.instrument}
        text = say("%(price)g lies outside the day's price limits of %(code)s, %(lower)g to %(upper)g.", **given)
        return Reason("outside_price_limits", text, "price")
    return None


def figures_reason(asked: Asked) -> Reason | None:
    """Why the figures of the account or the order allow no judgement; None where all of them are numbers."""
    view, order = asked.view, asked.order
    total = (
        view.balance + view.available + view.margin + view.frozen_margin + view.day_profit + view.drawdown
        + view.notional + view.order_margin + view.order_commission + order.multiplier + order.volume
    )  # fmt: skip
    if isfinite(total):
        return None
    names = ("balance", "available", "margin", "frozen_margin", "day_profit", "drawdown", "notional", "order_margin",
             "order_commission")  # fmt: skip
    bad = [name for name in names if not isfinite(getattr(view, name))]
    text = say("Positions cannot be opened: risk is not known (%(names)s).", names=", ".join(bad) or "volume")
    return Reason(FAILED, text)


def failed(error: Exception) -> Reason:
    """Why an opening order is refused whose check has raised."""
    text = say("Positions cannot be opened: the check of the limits failed (%(error)s).", error=type(error).__name__)
    return Reason(FAILED, text)


def _unmeasured(rule: Rule) -> Reason:
    text = say("Positions cannot be opened: the figure of the limit %(rule)s is not known.", rule=rule.value)
    return Reason(FAILED, text)


def _refused(finding: Finding) -> Reason:
    return Reason(finding.rule.value, refusal(finding.text, finding.limit), _FIELDS.get(finding.rule, ""))


def _finding(order: RiskOrder, limit: Limit, value: float) -> Finding:
    subject = _subject(order, limit.rule)
    share = share_of(value, limit)
    return Finding(limit, value, share, level_of(share), measured(limit.rule, value, subject), subject)


def _subject(order: RiskOrder, rule: Rule) -> str:
    if rule == Rule.DIRECTIONS:
        return order.direction
    if rule in _BY_PRODUCT:
        return order.product
    return order.instrument if rule in _BY_INSTRUMENT else ""
