"""What a rule found, as a row that people take care of: repeats are counted, each step leaves a note and a trace."""

from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.models import User
from accounts.permissions import require
from quantsite.common.errors import ConflictError, RuleError
from quantsite.common.texts import stored
from trading.account_models import TradingAccount
from trading.domain.risk.findings import Finding
from trading.domain.risk.scopes import PLATFORM, Scope
from trading.limit_models import KillSwitch
from trading.order_models import Order
from trading.risk_models import RiskEvent, RiskNote
from trading.risk_permissions import HANDLE, find_risk_event, has, visible_risk_events

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ATTEMPTS = 5  # a race is lost only to a writer who opened or closed the same event in between
LONGEST_TEXT = 4_000
LONGEST_KEY = 400
"""As the column takes it."""


@dataclass(frozen=True)
class Found:
    """What was found. ``text`` is a template as in the source, with the places of ``values``.

    Two of the same kind, rule, account, scope, subject, reason and trading day are the same one. ``level``: share of
    the limit; ``value`` and ``limit`` are in the rule's unit.
    """

    kind: str
    text: str
    values: "Mapping[str, Any]" = field(default_factory=dict)
    account: TradingAccount | None = None
    rule: str = ""
    scope: Scope = PLATFORM
    subject: str = ""
    level: float | None = None
    value: float | None = None
    limit: float | None = None
    order: Order | None = None
    switch: KillSwitch | None = None
    reason_code: str = ""
    trading_day: date | None = None
    market_time: datetime | None = None
    times: int = 1

    @property
    def key(self) -> str:
        """What makes two of them the same, while one is open."""
        about = self.account.code if self.account else ""
        day = self.trading_day.isoformat() if self.trading_day else ""
        stop = self.switch.pk if self.switch else ""
        parts = (self.kind, about, self.rule, *self.scope, self.subject, self.reason_code, day, stop)
        key = "|".join(str(part) for part in parts)
        return key if len(key) <= LONGEST_KEY else sha256(key.encode()).hexdigest()

    def latest(self) -> dict[str, Any]:
        """The columns that a repeat renews."""
        return {
            "text": self.text,
            "values": {name: stored(value) for name, value in self.values.items()},
            "value": self.value,
            "limit": self.limit,
            "level": self.level,
            "order": self.order,
            "market_time": self.market_time,
            "last_at": timezone.now(),
        }


def found_by(kind: str, finding: Finding, level: float | None) -> Found:
    """What a rule found, but for whose it is and when."""
    return Found(
        kind,
        finding.text.template,
        finding.text.values,
        rule=finding.rule.value,
        scope=finding.limit.scope,
        subject=finding.subject,
        level=level,
        value=finding.value,
        limit=finding.limit.maximum,
    )


def found(what: Found) -> RiskEvent:
    """The open event of this, new or counted on by its ``times``; a ``count`` of no more tells that it is new.

    A repeat at a higher level takes the acknowledgement back: somebody must look again. Safe against concurrent
    callers; it joins the caller's transaction and is undone with it.
    """
    for _attempt in range(MAX_ATTEMPTS):
        event = _repeat(what) or _open(what)
        if event is not None:
            return event
    raise RuntimeError(f"risk event {what.key} was opened and closed {MAX_ATTEMPTS} times in between")


def acknowledge(actor: User | None, event_id: int) -> RiskEvent:
    """Say that somebody has seen it; the first one stays.

    Raises ``RefusedError``, ``MissingError``, ``ConflictError`` ``event_closed``.
    """
    _demand(actor, event_id)
    with transaction.atomic():
        event = _open_event(event_id)
        if event.acknowledged_at is None:
            event.acknowledged_by, event.acknowledged_at = actor, timezone.now()
            event.save(update_fields=["acknowledged_by", "acknowledged_at"])
            _note(actor, event, "acknowledge")
    return event


def assign(actor: User | None, event_id: int, username: str) -> RiskEvent:
    """Give it to somebody who may handle and see it. Raises as :func:`acknowledge`; ``RuleError`` ``cannot_take``."""
    _demand(actor, event_id)
    with transaction.atomic():
        event = _open_event(event_id)
        person = User.objects.filter(username=username, is_active=True).first()
        if person is None or not (has(person, HANDLE) and visible_risk_events(person).filter(pk=event.pk).exists()):
            told = _("%(name)s cannot take this risk event: name an active risk officer.") % {"name": repr(username)}
            raise RuleError("cannot_take", told, fields={"to": told})
        event.assigned_to = person
        event.save(update_fields=["assigned_to"])
        _note(actor, event, "assign", person.username)
    return event


def comment(actor: User | None, event_id: int, text: str) -> RiskNote:
    """Write something about it, closed or not. Raises as :func:`acknowledge`; ``RuleError`` without a text."""
    event = _demand(actor, event_id)
    said = _text(text, "text")
    with transaction.atomic():
        return _note(actor, event, "comment", said)


def close(actor: User | None, event_id: int, reason: str) -> RiskEvent:
    """Be done with it, and say why; what is found after is a new event. Raises as :func:`comment`."""
    _demand(actor, event_id)
    said = _text(reason, "reason")
    with transaction.atomic():
        event = _open_event(event_id)
        event.closed_by, event.closed_at = actor, timezone.now()
        event.save(update_fields=["closed_by", "closed_at"])
        _note(actor, event, "close", said)
    return event


def _repeat(what: Found) -> RiskEvent | None:
    with transaction.atomic():
        event = RiskEvent.objects.select_for_update().filter(key=what.key, closed_at=None).first()
        if event is None:
            return None
        if what.level is not None and event.level is not None and what.level > event.level:
            event.acknowledged_by = event.acknowledged_at = None
        for name, value in what.latest().items():
            setattr(event, name, value)
        event.count += what.times  # the row is locked
        event.save()
        return event


def _open(what: Found) -> RiskEvent | None:
    """The new row, or None where another writer opened the same one first."""
    try:
        with transaction.atomic():
            return RiskEvent.objects.create(
                key=what.key,
                kind=what.kind,
                account=what.account,
                count=what.times,
                rule=what.rule,
                scope_kind=what.scope.kind.value,
                scope_key=what.scope.key,
                subject=what.subject,
                switch=what.switch,
                reason_code=what.reason_code,
                trading_day=what.trading_day,
                **what.latest(),
            )
    except IntegrityError:
        return None


def _demand(actor: User | None, event_id: int) -> RiskEvent:
    """The event, for who may handle and see it; asked before the transaction, so that a refusal's trace stays."""
    require(actor, HANDLE)
    return find_risk_event(actor, event_id)


def _open_event(event_id: int) -> RiskEvent:
    """The event, locked until the transaction ends. Raises ``ConflictError`` ``event_closed``."""
    event = RiskEvent.objects.select_for_update(of=("self",)).select_related("account").get(pk=event_id)
    if event.closed_at is not None:
        raise ConflictError("event_closed", _("This risk event is closed: comment on it, or wait for a new one."))
    return event


def _note(actor: User | None, event: RiskEvent, verb: str, text: str = "") -> RiskNote:
    note = RiskNote.objects.create(event=event, author=actor, verb=verb, text=text)
    record(actor, f"risk_event.{verb}", event, after={"text": text} if text else None)
    return note


def _text(text: str, field_name: str) -> str:
    said = text.strip()
    if not said:
        raise RuleError(f"{field_name}_missing", _("Say why."), fields={field_name: _("Say why.")})
    if len(said) > LONGEST_TEXT:
        told = _("A text has %(most)d characters at most.") % {"most": LONGEST_TEXT}
        raise RuleError("text_too_long", told, fields={field_name: told})
    return said
