"""Plans to close what an account holds: made here, seen by a person before they begin, carried out by the gateway."""

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.audit import record
from quantsite.common.errors import ConflictError, RuleError
from trading.account_models import TradingAccount
from trading.choices import DirectionName, OffsetName, SideName
from trading.domain.risk.flatten import flatten_plan
from trading.domain.risk.holdings import Holding
from trading.ledger_models import Position
from trading.limit_models import KillSwitch
from trading.order_models import Fill
from trading.permissions import demand_reduce, find_account
from trading.risk_choices import PlanStatus, RiskEventKind
from trading.risk_models import FlattenPlan, RiskEvent
from trading.risk_permissions import demand_stop_plan, find_plan
from trading.verbs import risk_revision
from trading.verbs.liquidity import liquidity_of
from trading.verbs.risk_events import Found, found
from trading.verbs.risk_scopes import product_of

if TYPE_CHECKING:
    from accounts.models import User

OPEN = (PlanStatus.WAITING, PlanStatus.RUNNING)
BEGINS = gettext_noop("%(lots)s lots are to be closed from %(starts)s on: %(reason)s")
STOPPED = gettext_noop("The closing of positions is stopped: %(reason)s")

Step = dict[str, Any]


def preview_plan(
    actor: "User | None", account_code: str, *, product: str = "", strategy_key: str = "", side: str = ""
) -> list[Step]:
    """The steps of a plan as it would be made now; nothing is written. Raises as :func:`make_plan`, but on no lots."""
    account = find_account(actor, account_code)
    demand_reduce(actor, account)
    _check(product, side)
    return plan_steps(account, product, strategy_key, side)


def make_plan(
    actor: "User | None",
    account_code: str,
    *,
    product: str = "",
    strategy_key: str = "",
    side: str = "",
    reason: str = "",
    event: RiskEvent | None = None,
) -> FlattenPlan:
    """A plan that begins after the delay of the settings, so that a person can look at it and stop it.

    Raises ``MissingError``, ``RefusedError``, ``RuleError`` for an unknown product or side and without a reason,
    ``ConflictError`` ``nothing_to_close``, or ``plan_open`` where the same one waits or runs already.
    """
    account = find_account(actor, account_code)
    demand_reduce(actor, account)
    _check(product, side)
    if not reason.strip():
        raise RuleError("reason_missing", _("Say why."), fields={"reason": _("Say why.")})
    with transaction.atomic():
        risk_revision.hold()
        steps = plan_steps(account, product, strategy_key, side)
        if not steps:
            told = _("There is nothing to close on %(account)s.") % {"account": account.code}
            raise ConflictError("nothing_to_close", told)
        if _open_plan(account, product, strategy_key, side) is not None:
            raise ConflictError("plan_open", _("The same plan waits or runs already: stop it first."))
        what = {"product": product, "strategy_key": strategy_key, "side": side}
        return _make(actor, account, steps, reason.strip(), event=event, **what)


def plan_for_stop(
    actor: "User | None", account: TradingAccount, switch: KillSwitch, *, product: str, strategy_key: str
) -> FlattenPlan | None:
    """The plan of a stop that closes positions, in the caller's transaction; None where nothing is held or one runs."""
    steps = plan_steps(account, product, strategy_key, "")
    if not steps or _open_plan(account, product, strategy_key, "") is not None:
        return None
    what = {"product": product, "strategy_key": strategy_key, "side": ""}
    return _make(actor, account, steps, switch.reason, switch=switch, **what)


def stop_plan(actor: "User | None", plan_id: int, reason: str) -> FlattenPlan:
    """End a plan before it is done; what it has closed stays closed.

    Raises ``MissingError``, ``RefusedError``, ``RuleError`` without a reason, ``ConflictError`` ``plan_ended``.
    """
    demand_stop_plan(actor, find_plan(actor, plan_id))
    if not reason.strip():
        raise RuleError("reason_missing", _("Say why."), fields={"reason": _("Say why.")})
    with transaction.atomic():
        risk_revision.hold()  # first, as wherever both are locked
        plan = FlattenPlan.objects.select_for_update(of=("self",)).select_related("account").get(pk=plan_id)
        if plan.status not in OPEN:
            told = _("This plan is %(status)s: there is nothing left to stop.")
            raise ConflictError("plan_ended", told % {"status": plan.get_status_display()})
        end_plan(actor, plan, reason.strip())
    return plan


def end_plan(actor: "User | None", plan: FlattenPlan, reason: str) -> None:
    """Stop an open plan in the caller's transaction, which holds its row."""
    plan.status, plan.stopped_by, plan.ended_at = PlanStatus.STOPPED, actor, timezone.now()
    plan.save(update_fields=["status", "stopped_by", "ended_at"])
    found(Found(RiskEventKind.FLATTEN, STOPPED, {"reason": reason}, account=plan.account, subject=plan.product))
    risk_revision.bump()
    record(actor, "plan.stop", plan, after={"reason": reason})


def plan_steps(account: TradingAccount, product: str, strategy_key: str, side: str) -> list[Step]:
    """What closes the lots held, ordered as the domain says; of a strategy the lots that it has open."""
    held = Position.objects.filter(account=account).select_related("instrument__product").order_by("pk")
    if product:
        held = held.filter(instrument__product__in=product_of(product))
    if side:
        held = held.filter(side=side)
    rows = list(held)
    own = _strategy_lots(account, strategy_key) if strategy_key else None
    holdings = [_holding(row, row.volume if own is None else own[row.instrument.code, row.side]) for row in rows]
    liquidity = liquidity_of([row.instrument for row in rows])
    return [step.as_row() for step in flatten_plan(holdings, liquidity)]


def _holding(row: Position, lots: int) -> Holding:
    """So many lots of a position, at the most all of them, with their part of its margin."""
    volume = max(min(row.volume, lots), 0)
    margin = float(row.margin) * volume / row.volume
    long = row.side == SideName.LONG
    return Holding(
        instrument=row.instrument.code,
        product=str(row.instrument.product),
        long=volume if long else 0,
        short=0 if long else volume,
        multiplier=float(row.instrument.multiplier),
        long_margin=margin if long else 0.0,
        short_margin=0.0 if long else margin,
    )


def _make(actor: "User | None", account: TradingAccount, steps: list[Step], reason: str, **what: Any) -> FlattenPlan:
    now = timezone.now()
    plan = FlattenPlan.objects.create(
        account=account,
        steps=steps,
        reason=reason,
        created_by=actor,
        starts_at=now + timedelta(seconds=settings.FLATTEN_DELAY),
        **what,
    )
    lots = sum(step["volume"] for step in steps)
    values = {"lots": lots, "starts": plan.starts_at.isoformat(timespec="seconds"), "reason": reason}
    found(Found(RiskEventKind.FLATTEN, BEGINS, values, account=account, subject=plan.product, value=lots))
    risk_revision.bump()
    record(actor, "plan.make", plan, after={"account": account.code, "steps": steps, "reason": reason})
    return plan


def _open_plan(account: TradingAccount, product: str, strategy_key: str, side: str) -> FlattenPlan | None:
    same = {"account": account, "product": product, "strategy_key": strategy_key, "side": side}
    return FlattenPlan.objects.filter(**same, status__in=OPEN).first()


def _strategy_lots(account: TradingAccount, strategy_key: str) -> Counter[tuple[str, str]]:
    """Lots that a strategy has opened and not closed, by instrument and side."""
    fills = Fill.objects.filter(account=account, order__strategy_key=strategy_key).order_by()
    lots: Counter[tuple[str, str]] = Counter()
    named = fills.values_list("instrument__code", "direction", "offset").annotate(lots=Sum("volume"))
    for code, direction, offset, volume in named:
        buying, opening = direction == DirectionName.BUY, offset == OffsetName.OPEN
        side = SideName.LONG if buying == opening else SideName.SHORT
        lots[code, side.value] += volume if opening else -volume
    return lots


def _check(product: str, side: str) -> None:
    if product and not product_of(product).exists():
        told = _("There is no product %(key)s: it is written with its exchange, such as rb.SHFE.")
        told %= {"key": repr(product)}
        raise RuleError("unknown_product", told, fields={"product": told})
    if side and side not in SideName.values:
        told = _("A side is long or short, not %(side)s.") % {"side": repr(side)}
        raise RuleError("unknown_side", told, fields={"side": told})
