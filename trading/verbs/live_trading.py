"""Whether an account's orders may go to a real exchange: two persons allow it, one ends it."""

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import proposals
from accounts.audit import record
from accounts.permissions import refuse
from quantsite.common.errors import ConflictError, MissingError, RuleError
from trading.account_models import TradingAccount
from trading.broker_models import BrokerLogin
from trading.permissions import find_account, may_trade
from trading.risk_permissions import STOP, has
from trading.verbs import risk_revision

if TYPE_CHECKING:
    from accounts.models import Proposal, User

ENABLE = "enable_live"
CHANGE = "trading.change_tradingaccount"


def ask_live(actor: "User | None", account_code: str, reason: str) -> "Proposal":
    """Propose that an account trades live. Raises ``MissingError``, and as ``proposals.propose``."""
    account = find_account(actor, account_code)
    return proposals.propose(actor, ENABLE, account.code, {"live_enabled": True, **_terms(account)}, reason)


def end_live(actor: "User | None", account_code: str, reason: str) -> TradingAccount:
    """End live trading at once: whoever may change, stop or trade the account does it alone.

    Raises ``MissingError``, ``RefusedError``, ``RuleError`` without a reason, ``ConflictError`` ``not_live``.
    """
    account = find_account(actor, account_code)
    if not (has(actor, CHANGE) or has(actor, STOP) or may_trade(actor, account)):
        refuse(actor, "trading.end_live", account, "permission_denied", _("You may not end live trading here."))
    if not reason.strip():
        raise RuleError("reason_missing", _("Say why."), fields={"reason": _("Say why.")})
    with transaction.atomic():
        if not _set(account.pk, enabled=False):
            told = _("Account %(account)s does not trade live.") % {"account": account.code}
            raise ConflictError("not_live", told)
        record(actor, "account.live_off", account, before={"live_enabled": True}, after={"reason": reason.strip()})
    account.live_enabled = False
    return account


def _set(account_id: int, *, enabled: bool) -> bool:
    """Whether the flag was the other one before."""
    risk_revision.hold()  # first, as wherever both are locked
    rows = TradingAccount.objects.filter(pk=account_id, live_enabled=not enabled)
    changed = rows.update(live_enabled=enabled)
    if changed:
        risk_revision.bump()
    return bool(changed)


def _terms(account: TradingAccount) -> dict[str, Any]:
    """What the second person agrees to trade live with: another broker or control group needs a new proposal."""
    login = BrokerLogin.objects.filter(account=account).first()
    at = {"broker": login.broker_id, "broker_user": login.user_id} if login else {}
    return {"kind": account.kind, "control_group": account.control_group.code, "is_active": account.is_active, **at}


def _read(target: str) -> dict[str, Any]:
    risk_revision.hold()
    account = TradingAccount.objects.select_related("control_group").filter(code=target).first()
    if account is None:
        raise MissingError("unknown_account", _("There is no account %(code)s.") % {"code": repr(target)})
    return {"live_enabled": account.live_enabled, **_terms(account)}


def _apply(proposal: "Proposal", approver: "User") -> None:
    account = TradingAccount.objects.get(code=proposal.target)
    _set(account.pk, enabled=True)
    told = {"reason": proposal.reason, "proposal": proposal.pk, "proposed_by": proposal.proposed_by.username}
    record(approver, "account.live_on", account, after={"live_enabled": True, **told})


proposals.register(
    ENABLE,
    proposals.ProposalKind(title=gettext_lazy("Allow live trading"), propose=CHANGE, read=_read, apply=_apply),
)
