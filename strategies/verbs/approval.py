"""What takes two persons: the approval of an instance for going live, and changes of what was approved.

Both are proposals: whichever door the second person comes through, the owner and whoever asked are turned away, the
gates are asked once more, and an instance that was changed meanwhile makes the proposal void.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from accounts import proposals
from accounts.models import Proposal, ProposalStatus
from quantsite.common.errors import ConflictError, MissingError
from strategies.domain.lifecycle import Stage, Verb, after
from strategies.instance_models import CHANGE, StrategyInstance
from strategies.permissions import demand_change, find_instance, may_approve
from strategies.sources import demand_same_source
from strategies.verbs.accounts_of import demand_live_account
from strategies.verbs.changing import apply_terms, demand_possible, differing, wire
from strategies.verbs.evidence import demand_gates
from strategies.verbs.terms import TERMS, checked, terms_of
from strategies.verbs.writing import step, write
from trading.account_models import TradingAccount
from trading.permissions import find_account

if TYPE_CHECKING:
    from accounts.models import User

APPROVE_KIND = "approve_strategy"
CHANGE_KIND = "change_strategy"
APPROVED = gettext_noop("%(who)s has approved it for account %(account)s, as %(asked_by)s had asked.")


def ask_approval(actor: "User | None", instance_id: int, live_account: str, reason: str) -> Proposal:
    """Ask a second person to approve an instance, as it is, for going live on an account.

    Raises ``MissingError``, ``RefusedError``; ``ConflictError`` ``not_now``, ``source_changed``, ``gates_closed``,
    ``account_not_live``, ``proposal_open``; as ``proposals.propose``.
    """
    instance = find_instance(actor, instance_id)
    demand_change(actor, instance)
    account = find_account(actor, live_account)
    after(instance.state, Verb.APPROVE)
    demand_same_source(instance)
    demand_gates(instance, Stage.APPROVED)
    demand_live_account(account)
    wanted = {**_snapshot(instance), "stage": Stage.APPROVED.value, "live_account": account.code}
    return proposals.propose(actor, APPROVE_KIND, str(instance.pk), wanted, reason)


def approve(actor: "User | None", instance_id: int, reason: str = "") -> StrategyInstance:
    """Agree, as the second person, to what was asked for this instance. Raises as ``proposals.approve``.

    ``ConflictError`` ``nothing_asked`` where no approval waits.
    """
    instance = find_instance(actor, instance_id)
    waiting = waiting_on(instance, APPROVE_KIND)
    if waiting is None:
        text = _("Nobody has asked for the approval of strategy %(key)s: its owner asks first.")
        raise ConflictError("nothing_asked", text % {"key": instance.key})
    proposals.approve(actor, waiting.pk, reason)
    instance.refresh_from_db()
    return instance


def withdraw_request(actor: "User | None", instance_id: int) -> Proposal:
    """Take back what one has asked for about this instance: its approval, or else other terms.

    Raises ``MissingError``, ``RefusedError`` for what another has asked for, ``ConflictError`` ``nothing_asked``.
    """
    instance = find_instance(actor, instance_id)
    waiting = waiting_on(instance, APPROVE_KIND) or waiting_on(instance, CHANGE_KIND)
    if waiting is None:
        text = _("Nothing waits for a second person on strategy %(key)s.") % {"key": instance.key}
        raise ConflictError("nothing_asked", text)
    return proposals.withdraw(actor, waiting.pk)


def waiting_on(instance: StrategyInstance, kind: str) -> Proposal | None:
    """The open proposal of a kind on an instance."""
    rows = Proposal.objects.filter(kind=kind, target=str(instance.pk), status=ProposalStatus.OPEN)
    return rows.select_related("proposed_by").first()


def propose_change(actor: "User | None", instance: StrategyInstance, new: Mapping[str, Any], reason: str) -> Proposal:
    """Ask a second person to agree to other terms of an approved or live instance. Raises as ``proposals.propose``."""
    wanted = {**_snapshot(instance), **wire({name: value for name, value in new.items() if name in TERMS})}
    return proposals.propose(actor, CHANGE_KIND, str(instance.pk), wanted, reason)


def _snapshot(instance: StrategyInstance) -> dict[str, Any]:
    """All that a second person looks at; whatever of it changes makes the proposal void."""
    live = instance.live_account
    where = {"stage": instance.stage, "live_account": live.code if live else None, "version": instance.version}
    return {**where, **terms_of(instance)}


def _locked(target: str) -> StrategyInstance:
    rows = StrategyInstance.objects.select_for_update(of=("self",)).select_related("account", "live_account", "owner")
    found = rows.filter(pk=int(target)).first() if target.isdecimal() else None
    if found is None:
        raise MissingError("unknown_instance", _("There is no strategy instance %(id)s.") % {"id": target})
    return found


def _read(target: str) -> dict[str, Any]:
    return _snapshot(_locked(target))


def _apply_approval(proposal: Proposal, approver: "User") -> None:
    instance = _locked(proposal.target)
    _demand_second(proposal, approver)
    columns = step(instance, Verb.APPROVE)
    demand_same_source(instance)
    demand_gates(instance, Stage.APPROVED)
    account = TradingAccount.objects.get(code=(proposal.after or {})["live_account"])
    demand_live_account(account)
    columns |= {"approved_by": approver, "approved_at": timezone.now(), "live_account": account}
    told = {"account": account.code, "asked_by": proposal.proposed_by.username, "reason": proposal.reason}
    write(approver, instance, "approve", columns, APPROVED, told={**told, "proposal": proposal.pk})


def _apply_change(proposal: Proposal, approver: "User") -> None:
    instance = _locked(proposal.target)
    _demand_second(proposal, approver)
    was, will = proposal.before or {}, proposal.after or {}
    changes = {name: will[name] for name in TERMS if will[name] != was[name]}
    new = differing(instance, checked(None, changes, terms_of(instance)))
    demand_possible(instance, new)
    apply_terms(approver, instance, new, {"asked_by": proposal.proposed_by.username, "proposal": proposal.pk})


def _barred(proposal: Proposal, person: "User") -> str:
    """Why a person cannot be the second one; empty where they can."""
    instance = StrategyInstance.objects.filter(pk=proposal.target).first()
    if instance is None or may_approve(person, instance):
        return ""
    if instance.owner_id == person.pk:
        return _("Who owns a strategy cannot decide on it, whoever has asked: another person must.")
    text = _("%(name)s may not approve strategy %(key)s: it takes the permission to approve strategies of others.")
    return text % {"name": person.username, "key": instance.key}


def _demand_second(proposal: Proposal, person: "User") -> None:
    """The same once more behind the lock: the owner may be another one since the door was passed."""
    against = _barred(proposal, person)
    if against:
        raise ConflictError("not_a_second_person", against)


def _told(target: str) -> str:
    found = StrategyInstance.objects.filter(pk=target).first()
    return found.key if found else f"#{target}"


def _diff(before: Any, after: Any) -> list[proposals.Difference]:
    """Name by name, with the words that the console has for the columns; parameters each by itself."""
    was, will = before or {}, after or {}
    names = {field.name: str(field.verbose_name) for field in StrategyInstance._meta.concrete_fields}
    plain = [row for row in proposals.plain_diff(was, will) if row.name != "parameters"]
    inner = proposals.plain_diff(was.get("parameters") or {}, will.get("parameters") or {})
    return [proposals.Difference(names.get(row.name, row.name), row.before, row.after) for row in plain] + inner


for _kind, _title, _how in (
    (APPROVE_KIND, gettext_lazy("Approve a strategy for going live"), _apply_approval),
    (CHANGE_KIND, gettext_lazy("Change a strategy that was approved"), _apply_change),
):
    proposals.register(
        _kind,
        proposals.ProposalKind(
            title=_title,
            propose=f"strategies.{CHANGE}",
            read=_read,
            apply=_how,
            told=_told,
            diff=_diff,
            barred=_barred,
        ),
    )
