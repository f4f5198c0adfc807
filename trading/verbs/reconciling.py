"""The verbs of books that a broker keeps too: what it says, adopting its figures by two persons, its statement."""

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import proposals
from accounts.audit import record
from accounts.permissions import require
from quantsite.common.errors import ConflictError, MissingError, RuleError
from trading.account_models import TradingAccount
from trading.books_models import BookAdoption, BrokerComparison, BrokerSession, BrokerStatement
from trading.choices import AccountKind, CommandKind
from trading.ledger.apply import apply_now
from trading.order_models import AccountCommand
from trading.permissions import find_account
from trading.shapes import Shape, day, instant
from trading.verbs import risk_revision
from trading.verbs.inbox import enqueue

if TYPE_CHECKING:
    from accounts.models import Proposal, User

ADOPT_KIND = "adopt_broker"
ADOPT = "trading.adopt_broker_figures"
CONFIRM = "trading.confirm_brokerstatement"
SEE = "trading.view_brokercomparison"


def ask_adoption(actor: "User | None", account_code: str, reason: str) -> "Proposal":
    """Propose that the broker's figures become the account's own; a second person decides, then its gateway does it.

    Raises ``MissingError``, ``RuleError`` ``not_at_a_broker``, ``ConflictError`` ``books_agree``, and as
    ``proposals.propose``.
    """
    require(actor, ADOPT)
    account = _at_broker(actor, account_code)
    newest = BrokerComparison.objects.filter(account=account).first()
    wrong = [line for line in (newest.lines or []) if not line["agrees"]] if newest is not None else []
    if not wrong:
        told = _("The books of account %(code)s agree with the broker's: there is nothing to adopt.")
        raise ConflictError("books_agree", told % {"code": account.code})
    after = {**_stands(account), "adopted": True, "differences": wrong}
    return proposals.propose(actor, ADOPT_KIND, account.code, after, reason)


def confirm_statement(actor: "User | None", account_code: str, statement_id: int) -> AccountCommand:
    """Have the gateway confirm the broker's statement, which somebody has read.

    Raises ``MissingError``, ``RefusedError``, ``RuleError`` ``not_at_a_broker``, ``ConflictError``
    ``statement_confirmed`` or ``statement_passed`` (a newer one is there).
    """
    require(actor, CONFIRM)
    account = _at_broker(actor, account_code)
    newest = BrokerStatement.objects.filter(account=account).first()
    if newest is None or newest.pk != statement_id:
        raise ConflictError("statement_passed", _("This statement is not the newest one: look at that."))
    if newest.confirmed_at is not None:
        told = _("The statement of %(day)s is confirmed already.") % {"day": newest.trading_day}
        raise ConflictError("statement_confirmed", told)
    with transaction.atomic():
        command = enqueue(actor, account, CommandKind.CONFIRM, payload={"statement": newest.pk})
        record(actor, "account.confirm_statement", account, after={"trading_day": newest.trading_day.isoformat()})
    return apply_now(account, command)


def get_broker(actor: "User | None", account_code: str) -> Shape:
    """What the broker says of an account: session, the newest comparison, statement, adoptions.

    Raises ``MissingError``, ``RefusedError``, ``RuleError`` ``not_at_a_broker``.
    """
    require(actor, SEE)
    account = _at_broker(actor, account_code)
    comparison = BrokerComparison.objects.filter(account=account).first()
    statement = BrokerStatement.objects.filter(account=account).first()
    adoption = BookAdoption.objects.filter(account=account).select_related("adopted_by").first()
    return {
        "account": account.code,
        "session": _session(account),
        "comparison": comparison and comparison_shape(comparison),
        "statement": statement and statement_shape(statement),
        "adoption": adoption and adoption_shape(adoption),
    }


def comparison_shape(row: BrokerComparison) -> Shape:
    """One comparison as programs see it; ``lines`` is null where they are not kept any more."""
    return {
        "id": row.pk,
        "trading_day": day(row.trading_day),
        "compared_at": instant(row.created_at),
        "asked_at": instant(row.asked_at),
        "told_at": instant(row.told_at),
        "differences": row.differences,
        "in_a_row": row.successive,
        "lines": row.lines,
        "seq": row.seq,
    }


def statement_shape(row: BrokerStatement) -> Shape:
    """One statement as programs see it."""
    return {
        "id": row.pk,
        "trading_day": day(row.trading_day),
        "text": row.text,
        "received_at": instant(row.created_at),
        "confirmed_at": instant(row.confirmed_at),
    }


def adoption_shape(row: BookAdoption) -> Shape:
    """One adoption as programs see it."""
    return {
        "trading_day": day(row.trading_day),
        "adopted_at": instant(row.created_at),
        "adopted_by": row.adopted_by.username if row.adopted_by else None,
        "changes": row.changes,
        "seq": row.seq,
    }


def _session(account: TradingAccount) -> Shape | None:
    row = BrokerSession.objects.filter(account=account).first()
    if row is None:
        return None
    return {
        "state": row.state,
        "since": instant(row.since),
        "front": row.front,
        "trading_day": day(row.trading_day),
        "login_at": instant(row.login_at),
        "code": row.code,
        "text": row.text,
        "updated_at": instant(row.updated_at),
    }


def _at_broker(actor: "User | None", account_code: str) -> TradingAccount:
    account = find_account(actor, account_code)
    if account.kind != AccountKind.CTP:
        told = _("Account %(code)s has no broker that keeps books.") % {"code": account.code}
        raise RuleError("not_at_a_broker", told)
    return account


# --- as a proposal -----------------------------------------------------------------------------------------


def _stands(account: TradingAccount) -> dict[str, Any]:
    """What the second person decides on: another adoption meanwhile needs a new proposal."""
    newest = BookAdoption.objects.filter(account=account).values_list("pk", flat=True).first()
    return {"adoption": newest, "adopted": False, "differences": []}


def _read(target: str) -> dict[str, Any]:
    risk_revision.hold()
    account = TradingAccount.objects.filter(code=target).first()
    if account is None:
        raise MissingError("unknown_account", _("There is no account %(code)s.") % {"code": repr(target)})
    return _stands(account)


def _apply(proposal: "Proposal", approver: "User") -> None:
    account = TradingAccount.objects.get(code=proposal.target)
    enqueue(approver, account, CommandKind.ADOPT, payload={"proposal": proposal.pk})
    told = {"reason": proposal.reason, "proposal": proposal.pk, "proposed_by": proposal.proposed_by.username}
    record(approver, "account.adopt", account, after=told)


def _diff(_before: Any, after: Any) -> list[proposals.Difference]:
    """Own figure to broker's figure; the gateway adopts those of the moment, not these."""
    return [
        proposals.Difference(f"{line['subject']} {line['field']}".strip(), line["own"], line["broker"])
        for line in after["differences"]
    ]


proposals.register(
    ADOPT_KIND,
    proposals.ProposalKind(
        title=gettext_lazy("Adopt the broker's figures"), propose=ADOPT, read=_read, apply=_apply, diff=_diff
    ),
)
