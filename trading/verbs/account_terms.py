"""The terms of an account, changed after it was opened. Gateways take the new ones over within a second."""

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.permissions import require
from quantsite.common.errors import ConflictError, RuleError
from trading.account_models import ControlGroup, Desk, TradingAccount
from trading.domain.risk.limits import effective, table_of
from trading.domain.risk.loosening import looser
from trading.domain.risk.scopes import Scope, ScopeKind, scopes_of
from trading.limit_models import KillSwitch, RiskLimit
from trading.order_models import Order
from trading.permissions import find_account
from trading.risk_choices import RuleName
from trading.verbs import risk_revision

if TYPE_CHECKING:
    from accounts.models import User

TERMS = ("name", "margin_price", "profit_algorithm", "include_close_profit", "cancel_when_blind")
"""What may change while the account trades; latency and queue belong to a simulated exchange that is running."""


def change_account(
    actor: "User | None",
    account_code: str,
    *,
    desk: str | None = None,
    control_group: str | None = None,
    **terms: object,
) -> TradingAccount:
    """The account with other terms, desk or control group; those that are not named stay.

    Raises ``MissingError``, ``RefusedError``, ``RuleError`` for what is no term, ``ValidationError`` for a bad value,
    and ``ConflictError`` ``working_orders``: orders at work were checked against those of their own control group.
    """
    require(actor, "trading.change_tradingaccount")
    found = find_account(actor, account_code)
    if unknown := sorted(terms.keys() - set(TERMS)):
        told = _("%(names)s cannot be changed: there are %(known)s.")
        raise RuleError("unknown_term", told % {"names": ", ".join(unknown), "known": ", ".join(TERMS)})
    with transaction.atomic():
        risk_revision.hold()
        account = TradingAccount.objects.select_for_update().get(pk=found.pk)
        before = _told(account)
        if desk is not None and desk != account.desk.code:
            _demand_no_escape(account, desk)
            account.desk = Desk.objects.get_or_create(code=desk)[0]
        if control_group is not None and control_group != account.control_group.code:
            demand_idle(account)
            account.control_group = ControlGroup.objects.get_or_create(code=control_group)[0]
        for name, value in terms.items():
            setattr(account, name, value)
        account.clean_fields()
        after = _told(account)
        if after != before:
            account.save()
            risk_revision.bump()
            record(actor, "account.change", account, before=before, after=after)
    return account


def demand_idle(account: TradingAccount) -> None:
    """Raises ``ConflictError`` ``working_orders`` while orders of the account may still fill."""
    working = Order.objects.working().filter(account=account).count()
    if working:
        told = _(
            "Account %(account)s has %(count)d working orders, checked against its control group: cancel them first."
        )
        raise ConflictError("working_orders", told % {"account": account.code, "count": working})


def _demand_no_escape(account: TradingAccount, desk: str) -> None:
    """Raises ``ConflictError`` where the account would leave a stop or a stricter limit behind with its desk."""
    old = Scope(ScopeKind.DESK, account.desk.code)
    if KillSwitch.objects.active().filter(scope_kind=old.kind.value, scope_key=old.key).exists():
        told = _("Desk %(desk)s is stopped: its accounts stay until the stop is released.") % {"desk": old.key}
        raise ConflictError("desk_stopped", told)
    table = table_of(row.to_domain() for row in RiskLimit.objects.order_by("pk"))
    here, there = (effective(table, scopes_of(desk=name, account=account.code)) for name in (old.key, desk))
    if loosened := [rule for rule, limit in here.items() if looser(limit, there.get(rule))]:
        names = ", ".join(str(RuleName(rule).label) for rule in loosened)
        told = _("Desk %(desk)s has looser limits (%(names)s): set them on the account itself first.")
        raise ConflictError("loosens_limits", told % {"desk": desk, "names": names})


def _told(account: TradingAccount) -> dict[str, object]:
    terms: dict[str, object] = {name: getattr(account, name) for name in TERMS}
    return {**terms, "desk": account.desk.code, "control_group": account.control_group.code}
