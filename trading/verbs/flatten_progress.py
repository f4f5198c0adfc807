"""How a plan to close positions comes on: its rows as the account's gateway carries it out.

A step has, beside what it was made with: ``done`` lots closed by orders that have ended, ``order`` the one at work,
``slices`` how many there have been, ``refused`` how many in a row closed nothing, ``waits`` why there is none now, and
``over`` once nothing is left of it. All of it is stored together with the order that it tells of.
"""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.alarms import raise_alarm
from accounts.audit import record
from accounts.models import Severity
from trading.alarms import FLATTEN_FAILED
from trading.limit_models import SwitchEffect
from trading.order_models import Order
from trading.risk_choices import PlanStatus, RiskEventKind
from trading.risk_models import FlattenPlan
from trading.verbs.flatten import plan_steps
from trading.verbs.placing import close_position
from trading.verbs.risk_events import Found, found

FAILED = gettext_noop("The closing of positions has failed, the last order said: %(reason)s")
STUCK = gettext_noop("Account %(account)s: the closing of positions has failed, the last order said: %(reason)s")
CLOSED = gettext_noop("%(lots)s lots have been closed: %(reason)s")

PREFIX = "plan-"
Step = dict[str, Any]


def begin_plan(plan: FlattenPlan) -> None:
    """Its time has come. The caller's transaction holds the row, here and below."""
    plan.status = PlanStatus.RUNNING
    plan.save(update_fields=["status"])
    record(None, "plan.begin", plan)


def close_slice(plan: FlattenPlan, number: int, lots: int, price: float) -> Order:
    """The next order of a step. Its name tells plan, step and slice: asked for twice, it is the same one.

    Raises as ``close_position``.
    """
    step: Step = plan.steps[number]
    count = step.get("slices", 0) + 1
    name = f"{PREFIX}{plan.pk}-{number}-{count}"
    account, code = plan.account.code, step["instrument"]
    order = close_position(None, account, code, step["side"], lots, price=price, client_order_id=name)
    step.update(order=order.pk, slices=count, waits="")
    plan.save(update_fields=["steps"])
    return order


def book_slice(plan: FlattenPlan, number: int, order: Order) -> None:
    """The order at work has ended: what it closed counts."""
    step: Step = plan.steps[number]
    step["done"] += order.traded
    refused = 0 if order.traded or not order.reason_code else step.get("refused", 0) + 1
    step.update(order=None, refused=refused, reason=order.reason_text)
    plan.save(update_fields=["steps"])


def finish_plan(plan: FlattenPlan) -> bool:
    """End a plan of which nothing is left. False where a stop wants more closed: what filled before it took hold."""
    more = plan_steps(plan.account, plan.product, plan.strategy_key, plan.side) if plan.switch_id else []
    if more:
        plan.steps = [*plan.steps, *more]
        plan.save(update_fields=["steps"])
        return False
    _end(plan, PlanStatus.DONE)
    lots = sum(step["done"] for step in plan.steps)
    values = {"lots": lots, "reason": plan.reason}
    found(Found(RiskEventKind.FLATTEN, CLOSED, values, account=plan.account, subject=plan.product, value=lots))
    if plan.switch_id:
        SwitchEffect.objects.filter(switch=plan.switch_id, account=plan.account).update(flat_at=plan.ended_at)
    record(None, "plan.done", plan, after={"steps": plan.steps})
    return True


def fail_plan(plan: FlattenPlan, reason: str) -> None:
    """Order after order closed nothing: a person must look."""
    _end(plan, PlanStatus.FAILED)
    found(Found(RiskEventKind.FLATTEN, FAILED, {"reason": reason}, account=plan.account, subject=plan.product))
    code = plan.account.code
    raise_alarm(FLATTEN_FAILED, code, STUCK, Severity.CRITICAL, {"account": code, "reason": reason})
    record(None, "plan.fail", plan, after={"steps": plan.steps, "reason": reason})


def plan_of(order: Order) -> int | None:
    """The plan that an order belongs to; None for every other order."""
    name = order.client_order_id
    if order.created_by_id is not None or not name.startswith(PREFIX):
        return None
    number = name.removeprefix(PREFIX).partition("-")[0]
    return int(number) if number.isdecimal() else None


def _end(plan: FlattenPlan, status: PlanStatus) -> None:
    plan.status, plan.ended_at = status, timezone.now()
    plan.save(update_fields=["status", "ended_at"])
