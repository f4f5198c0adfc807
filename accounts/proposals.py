"""Four eyes: what one person proposes, another one approves, and only then it is done.

An app names what it puts under this rule by :func:`register`. Whoever proposed a change cannot approve it: persons are
compared, not sessions or roles, and the table itself refuses such a row.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from prometheus_client.core import GaugeMetricFamily

from accounts.audit import record
from accounts.models import Proposal, ProposalStatus, User
from accounts.permissions import refuse as refuse_person
from accounts.permissions import require
from quantsite.common.errors import ConflictError, MissingError, RuleError
from quantsite.web.metrics import register_collector

APPROVE = "accounts.approve_proposal"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that a proposal changes, named in the reader's language."""

    name: str
    before: Any
    after: Any


def plain_diff(before: Any, after: Any) -> list[Difference]:
    """What differs between two JSON values, name by name."""
    old, new = _as_map(before) or {}, _as_map(after) or {}
    names = [*old, *(name for name in new if name not in old)]
    return [Difference(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)]


def nothing_against(_proposal: Proposal, _person: User) -> str:
    """Whoever may approve may decide on it."""
    return ""


@dataclass(frozen=True)
class ProposalKind:
    """One thing that takes two persons.

    ``read`` gives what stands for a target now, as JSON; it is called in the transaction that applies, and locks what
    it reads. ``apply`` does what the proposal says, on behalf of whoever approved. ``propose``: the permission needed.
    ``told`` names a target in the reader's language, ``diff`` what changes from before to after. ``barred`` says why a
    person may not decide on it although the role would allow it; empty where nothing stands against it.
    """

    title: str | Promise
    propose: str
    read: Callable[[str], Any]
    apply: Callable[[Proposal, User], None]
    told: Callable[[str], str] = str
    diff: Callable[[Any, Any], list[Difference]] = plain_diff
    barred: Callable[[Proposal, User], str] = nothing_against


KINDS: dict[str, ProposalKind] = {}


def register(name: str, kind: ProposalKind) -> str:
    """Put something under the rule of two persons; returns its name."""
    KINDS[name] = kind
    return name


def propose(actor: User | None, kind: str, target: str, after: Any, reason: str) -> Proposal:
    """An open proposal, from what stands now to ``after``.

    Raises ``RefusedError``; ``RuleError`` without a reason, for the system or for no change at all; ``ConflictError``
    ``proposal_open`` where one on the same target waits already.
    """
    known = KINDS[kind]
    person = _person(actor)
    require(person, known.propose)
    text = _reason(reason)
    now = timezone.now()
    try:
        with transaction.atomic():
            expire_due(kind, target)
            waiting = _waiting(kind, target)  # locked before what it is about, as by those who decide on it
            before = known.read(target)
            if before == after:
                raise RuleError("nothing_changes", _("This is what stands already: there is nothing to propose."))
            _retire(waiting, before)
            proposal = Proposal.objects.create(
                kind=kind,
                target=target,
                before=before,
                after=after,
                reason=text,
                proposed_by=person,
                proposed_at=now,
                expires_at=now + timedelta(hours=settings.PROPOSAL_HOURS),
            )
            record(person, "proposal.made", proposal, before=_as_map(before), after=_as_map(after))
    except IntegrityError as error:
        told = _("Another proposal on %(target)s waits already: have it decided first.") % {"target": target}
        raise ConflictError("proposal_open", told) from error
    return proposal


def approve(actor: User | None, proposal_id: int, reason: str = "") -> Proposal:
    """Carry out what another person proposed.

    Raises ``RefusedError`` for the proposer and for who may not approve, ``ConflictError`` ``proposal_decided``,
    ``proposal_expired`` or ``proposal_stale`` (what it starts from stands no more), ``MissingError``.
    """
    person = _person(actor)
    decidable(person, proposal_id)
    with transaction.atomic():
        row = _locked(proposal_id)
        outcome = _outcome(row)
        if outcome is ProposalStatus.APPROVED:
            KINDS[row.kind].apply(row, person)
        _decide(row, outcome, person if outcome is ProposalStatus.APPROVED else None, reason)
    if outcome is ProposalStatus.EXPIRED:
        raise ConflictError("proposal_expired", _("This proposal has expired: make it anew."))
    if outcome is ProposalStatus.STALE:
        text = _("What this proposal starts from stands no more: make it anew from what stands now.")
        raise ConflictError("proposal_stale", text)
    return row


def refuse(actor: User | None, proposal_id: int, reason: str) -> Proposal:
    """Say no to what another person proposed. Raises as :func:`approve`, ``RuleError`` without a reason."""
    person = _person(actor)
    decidable(person, proposal_id)
    text = _reason(reason)
    with transaction.atomic():
        row = _locked(proposal_id)
        _decide(row, ProposalStatus.REFUSED, person, text)
    return row


def withdraw(actor: User | None, proposal_id: int) -> Proposal:
    """Take one's own proposal back. Raises ``RefusedError`` for anybody else."""
    person = own(actor, proposal_id).proposed_by
    with transaction.atomic():
        row = _locked(proposal_id)
        _decide(row, ProposalStatus.WITHDRAWN, person, "")
    return row


@register_collector
def open_proposals() -> Iterator[GaugeMetricFamily]:
    """``quantsite_proposals_open`` by kind: what waits for a second person."""
    gauge = GaugeMetricFamily("quantsite_proposals_open", "Changes that wait for a second person", labels=["kind"])
    rows = Proposal.objects.filter(status=ProposalStatus.OPEN, expires_at__gt=timezone.now())
    counted = Counter(rows.order_by().values_list("kind", flat=True))
    for kind in sorted(KINDS.keys() | counted.keys()):
        gauge.add_metric([kind], counted[kind])
    yield gauge


def expire_due(kind: str = "", target: str = "") -> int:
    """Close what is past its time, of one target or everywhere; gives how many."""
    due = Proposal.objects.filter(status=ProposalStatus.OPEN, expires_at__lte=timezone.now())
    if kind:
        due = due.filter(kind=kind, target=target)
    with transaction.atomic():
        rows = list(due.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked))
        for row in rows:
            _decide(row, ProposalStatus.EXPIRED, None, "")
    return len(rows)


def _waiting(kind: str, target: str) -> Proposal | None:
    """The open proposal on a target, locked until the transaction ends."""
    rows = Proposal.objects.select_for_update().filter(status=ProposalStatus.OPEN, kind=kind, target=target)
    return rows.first()


def _retire(waiting: Proposal | None, stands: Any) -> None:
    """Close an open proposal that starts from what stands no more: it can never be approved."""
    if waiting is not None and waiting.before != stands:
        _decide(waiting, ProposalStatus.STALE, None, "")


def title_of(proposal: Proposal) -> str:
    """What kind of change it is, in the reader's language."""
    known = KINDS.get(proposal.kind)
    return str(known.title) if known else proposal.kind


def about(proposal: Proposal) -> str:
    """What it is about, in the reader's language."""
    known = KINDS.get(proposal.kind)
    return known.told(proposal.target) if known else proposal.target


def diff_of(proposal: Proposal) -> list[Difference]:
    """What it changes, name by name, in the reader's language."""
    known = KINDS.get(proposal.kind)
    return (known.diff if known else plain_diff)(proposal.before, proposal.after)


def find(proposal_id: int) -> Proposal:
    """The proposal. Raises ``MissingError``."""
    found = Proposal.objects.select_related("proposed_by", "decided_by").filter(pk=proposal_id).first()
    if found is None:
        raise MissingError("unknown_proposal", _("There is no proposal %(id)s.") % {"id": proposal_id})
    return found


def waiting_for(user: User) -> QuerySet[Proposal]:
    """The proposals that this person may decide on now."""
    rows = Proposal.objects.filter(status=ProposalStatus.OPEN, expires_at__gt=timezone.now())
    if not user.has_perm(APPROVE):
        return rows.none()
    rows = rows.exclude(proposed_by=user)
    return rows.exclude(pk__in=[row.pk for row in rows if against(row, user)])


def against(proposal: Proposal, person: User) -> str:
    """Why a person who may approve may not decide on this one, in the reader's language; empty where they may."""
    if proposal.proposed_by_id == person.pk:
        return _("Who proposed a change cannot decide on it: a second person must.")
    known = KINDS.get(proposal.kind)
    return known.barred(proposal, person) if known else ""


def decidable(actor: User | None, proposal_id: int) -> Proposal:
    """The proposal, for who may decide on it. Raises ``RefusedError`` for the proposer, as :func:`approve`."""
    person = _person(actor)
    proposal = find(proposal_id)
    _demand_other(person, proposal)
    return proposal


def own(actor: User | None, proposal_id: int) -> Proposal:
    """One's own proposal. Raises ``RefusedError`` for anybody else, ``MissingError``."""
    person = _person(actor)
    proposal = find(proposal_id)
    if proposal.proposed_by_id != person.pk:
        text = _("Only who made a proposal takes it back: refuse it instead.")
        refuse_person(person, "proposal.withdraw", proposal, "not_the_proposer", text)
    return proposal


def _person(actor: User | None) -> User:
    """Who it is, as stored now: what a session still holds of roles or of being active does not count.

    Raises ``RuleError`` ``person_needed`` for the system.
    """
    if actor is None:
        raise RuleError("person_needed", _("This takes two persons: name one with --user."))
    return User.objects.get(pk=actor.pk)


def _demand_other(person: User, proposal: Proposal) -> None:
    require(person, APPROVE, proposal)
    told = against(proposal, person)
    if told:
        own_proposal = proposal.proposed_by_id == person.pk
        code = "own_proposal" if own_proposal else "not_a_second_person"
        refuse_person(person, "proposal.decide", proposal, code, told)


def _locked(proposal_id: int) -> Proposal:
    """The open proposal, locked until the transaction ends. Raises ``ConflictError`` where it is open no more."""
    row = Proposal.objects.select_for_update(of=("self",)).select_related("proposed_by").get(pk=proposal_id)
    if row.status != ProposalStatus.OPEN:
        told = _("This proposal is %(status)s already.") % {"status": row.get_status_display()}
        raise ConflictError("proposal_decided", told)
    return row


def _outcome(row: Proposal) -> ProposalStatus:
    if row.expires_at <= timezone.now():
        return ProposalStatus.EXPIRED
    if KINDS[row.kind].read(row.target) != row.before:
        return ProposalStatus.STALE
    return ProposalStatus.APPROVED


def _decide(row: Proposal, status: ProposalStatus, person: User | None, reason: str) -> None:
    row.status, row.decided_by, row.decided_at, row.decision_reason = status, person, timezone.now(), reason.strip()
    row.save(update_fields=["status", "decided_by", "decided_at", "decision_reason"])
    record(person, f"proposal.{status.value}", row, before=_as_map(row.before), after=_as_map(row.after))


def _reason(text: str) -> str:
    if not text.strip():
        raise RuleError("reason_missing", _("Say why."), fields={"reason": _("Say why.")})
    return text.strip()


def _as_map(value: Any) -> dict[str, Any] | None:
    if value is None or isinstance(value, dict):
        return value
    return {"value": value}
