"""The peak of an account set anew, so that its drawdown counts from where it stands: two persons, for it loosens."""

import math
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import proposals
from accounts.audit import record
from accounts.permissions import require
from quantsite.common.errors import MissingError, RuleError
from trading.account_models import AccountState, TradingAccount
from trading.domain.risk.peak import Peak
from trading.permissions import find_account
from trading.risk_permissions import LIMIT
from trading.verbs import risk_revision
from trading.verbs.risk_picture import paid_in, remembered, reset_peak

if TYPE_CHECKING:
    from accounts.models import Proposal, User

RESET = "reset_peak"


def ask_reset(actor: "User | None", account_code: str, reason: str) -> "Proposal":
    """Propose that the drawdown of an account counts from its balance of now; gateways take it over once approved.

    Whatever stop the drawdown has set stays until it is released. Raises ``MissingError``, ``RuleError`` ``no_peak``,
    ``no_drawdown``, and as ``proposals.propose``.
    """
    account = find_account(actor, account_code)
    require(actor, LIMIT, account)
    stands, balance = standing_peak(account), float(AccountState.objects.get(account=account).balance)
    if stands is None:
        text = _("Nobody has watched account %(account)s yet: it has no peak.") % {"account": account.code}
        raise RuleError("no_peak", text)
    if round(balance, 2) >= stands:
        told = _("Account %(account)s stands at its peak of %(peak)s yuan: there is nothing to reset.")
        raise RuleError("no_drawdown", told % {"account": account.code, "peak": f"{stands:,.2f}"})
    return proposals.propose(actor, RESET, account.code, {"peak": round(balance, 2)}, reason)


def standing_peak(account: TradingAccount) -> float | None:
    """The balance in yuan from which the drawdown counts now; None where nobody has watched the account."""
    peak = remembered(account).peak
    return None if peak is None else round(peak.moved(-math.inf, paid_in(account)).balance, 2)


def _read(target: str) -> dict[str, Any]:
    risk_revision.hold()
    return {"peak": standing_peak(_account(target))}


def _apply(proposal: "Proposal", approver: "User") -> None:
    account, wanted = _account(proposal.target), (proposal.after or {})["peak"]
    number = reset_peak(account, Peak(wanted, paid_in(account)))
    risk_revision.bump()
    told = {"reason": proposal.reason, "proposal": proposal.pk, "proposed_by": proposal.proposed_by.username}
    record(
        approver, "account.peak_reset", account, before=proposal.before, after={"peak": wanted, "reset": number, **told}
    )


def _account(code: str) -> TradingAccount:
    account = TradingAccount.objects.filter(code=code).first()
    if account is None:
        raise MissingError("unknown_account", _("There is no account %(code)s.") % {"code": repr(code)})
    return account


def _diff(before: Any, after: Any) -> list[proposals.Difference]:
    return [proposals.Difference(_("peak of the balance, yuan"), (before or {}).get("peak"), (after or {}).get("peak"))]


proposals.register(
    RESET,
    proposals.ProposalKind(title=gettext_lazy("Reset the peak"), propose=LIMIT, read=_read, apply=_apply, diff=_diff),
)
