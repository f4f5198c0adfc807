"""The one writer of the audit trail.

What people do and what is permitted to them goes in here; machine events have tables of their own.
"""

from collections.abc import Mapping
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import override

from accounts import audit_chain
from accounts.models import AuditEntry, AuditHead, User
from quantsite.web import request_id

SYSTEM = "system"
ANONYMOUS = "anonymous"
HEAD_BROKEN = "broken"  # never a valid MAC: once a head was tampered with, no later entry heals it

log = structlog.get_logger(__name__)

Actor = User | AnonymousUser | None


class AuditError(RuntimeError):
    """The audit trail cannot be written; the work that it would have described must not be done."""


def record(
    actor: Actor,
    verb: str,
    obj: models.Model | str | None = None,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Append one link and return it; call it as the last statement of the transaction that did the work.

    ``actor`` is None for the system itself. ``obj`` is a row, or a text where there is none. Values of
    ``before`` and ``after`` are made JSON-safe, credentials redacted. The head row stays locked until the
    transaction ends, so writers queue and the chain never forks. Raises ``AuditError`` outside of a
    transaction or where the head row is missing.
    """
    if not transaction.get_connection().in_atomic_block:
        raise AuditError("an audit entry belongs in the transaction of the work that it describes")
    head = AuditHead.objects.select_for_update().filter(pk=1).first()
    if head is None:
        raise AuditError("the audit trail has lost its head row: run manage.py verify_audit")
    entry = _link(head, {**_who(actor), **_what(obj), "verb": verb, **_values(before, after)})
    entry.save(force_insert=True)
    _advance(head, entry)
    log.info("audit", seq=entry.seq, actor=entry.actor_name, verb=verb, object=entry.object_text, hash=entry.hash)
    return entry


def record_refusal(
    actor: Actor, verb: str, obj: models.Model | str | None = None, *, reason: str = ""
) -> AuditEntry | None:
    """Write down that somebody known was refused ``verb``; strangers only reach the log, which gives None.

    Opens its own transaction: call it outside of the one that the refusal rolls back.
    """
    if not isinstance(actor, User):
        log.warning("refused", actor=ANONYMOUS if actor else SYSTEM, verb=verb, object=str(obj or ""))
        return None
    with transaction.atomic():
        return record(actor, "refused", obj, after={"verb": verb, "reason": reason} if reason else {"verb": verb})


def genesis_head() -> dict[str, Any]:
    """The fields of the head row of an empty chain, for the migration and for clean-ups of test databases."""
    mac = audit_chain.head_mac(settings.AUDIT_KEY, 0, audit_chain.GENESIS)
    return {"id": 1, "count": 0, "last_hash": audit_chain.GENESIS, "mac": mac}


def head_is_sound(count: int, last_hash: str, mac: str) -> bool:
    """Whether a head row carries the MAC that only the platform can make."""
    return audit_chain.same(mac, audit_chain.head_mac(settings.AUDIT_KEY, count, last_hash))


def _link(head: AuditHead, said: dict[str, Any]) -> AuditEntry:
    said |= {
        "seq": head.count + 1,
        "request_id": audit_chain.clean(request_id.current())[:64],
        "created_at": timezone.now(),
        "prev_hash": head.last_hash,
    }
    return AuditEntry(**said, hash=audit_chain.link_hash(settings.AUDIT_KEY, said))


def _advance(head: AuditHead, entry: AuditEntry) -> None:
    """Move the head on. A head that was tampered with keeps a MAC that ``verify_audit`` refuses."""
    sound = head_is_sound(head.count, head.last_hash, head.mac)
    if not sound:
        log.critical("audit head altered", count=head.count)
    head.count, head.last_hash = entry.seq, entry.hash
    head.mac = audit_chain.head_mac(settings.AUDIT_KEY, entry.seq, entry.hash) if sound else HEAD_BROKEN
    head.save(update_fields=["count", "last_hash", "mac"])


def _who(actor: Actor) -> dict[str, Any]:
    if isinstance(actor, User):
        return {"actor_id": actor.pk, "actor_name": actor.get_username()}
    return {"actor_id": None, "actor_name": SYSTEM if actor is None else ANONYMOUS}


def _what(obj: models.Model | str | None) -> dict[str, str]:
    if not isinstance(obj, models.Model):
        return {"object_type": "", "object_id": "", "object_text": audit_chain.clean(obj or "")[:200]}
    with override("en"):
        text = audit_chain.clean(str(obj))[:200]
    pk = "" if obj.pk is None else audit_chain.clean(str(obj.pk))[:64]
    return {"object_type": obj._meta.label_lower, "object_id": pk, "object_text": text}


def _values(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "before": None if before is None else audit_chain.safe(before),
        "after": None if after is None else audit_chain.safe(after),
    }
