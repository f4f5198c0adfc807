"""How every verb writes: the instance locked, the step of its life checked, audit and log beside the row."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import record
from quantsite.common.errors import ConflictError, RuleError
from strategies.domain.lifecycle import Verb, after
from strategies.event_models import StrategyLog
from strategies.instance_models import StrategyInstance
from strategies.wake import announce

if TYPE_CHECKING:
    from accounts.models import User


@contextmanager
def locked(instance_id: int, version: int | None = None) -> Iterator[StrategyInstance]:
    """The instance as it stands now, locked until the transaction of this block ends.

    Raises ``ConflictError`` ``instance_changed`` where it is not the ``version`` that the caller has seen.
    """
    with transaction.atomic():
        rows = StrategyInstance.objects.select_for_update(of=("self",)).select_related("account", "owner")
        instance = rows.get(pk=instance_id)
        if version is not None and instance.version != version:
            text = _("Strategy %(key)s was changed meanwhile (version %(now)d, not %(seen)d): look at it again.")
            told = text % {"key": instance.key, "now": instance.version, "seen": version}
            raise ConflictError("instance_changed", told)
        yield instance


def step(instance: StrategyInstance, verb: Verb) -> dict[str, Any]:
    """The columns that a verb changes. Raises ``ConflictError`` ``not_now`` where the table does not have it."""
    then = after(instance.state, verb)
    now = timezone.now()
    columns: dict[str, Any] = {}
    if then.stage != instance.state.stage:
        columns |= {"stage": then.stage.value, "stage_since": now, "version": instance.version + 1}
    if then.activity != instance.state.activity:
        columns |= {"activity": then.activity.value, "activity_since": now}
    return columns


def write(
    actor: "User | None",
    instance: StrategyInstance,
    verb: str,
    columns: Mapping[str, Any],
    text: str,
    *,
    told: Mapping[str, Any] | None = None,
) -> None:
    """Store ``columns`` of a locked instance with log line and audit entry, and wake the runner after the commit.

    ``text`` is a template marked with ``gettext_noop``; ``told`` are its values and what the audit says besides.
    """
    before = {name: plain(getattr(instance, name)) for name in columns}
    for name, value in columns.items():
        setattr(instance, name, value)
    instance.changed_at = timezone.now()
    instance.save(update_fields=[*columns, "changed_at"])
    values = {"who": actor.username if actor else "system", **(told or {})}
    StrategyLog.objects.create(instance=instance, kind=verb, text=text, values=values)
    after = {name: plain(value) for name, value in columns.items()}
    record(actor, f"strategy.{verb}", instance, before=before, after={**after, **(told or {})})
    announce(instance.pk)


def plain(value: Any) -> Any:
    """A column as the audit keeps it: a row by its number or code."""
    return str(value) if hasattr(value, "pk") else value


def demand_reason(reason: str) -> str:
    """The reason without blanks around it. Raises ``RuleError`` ``reason_missing`` without one."""
    if not reason.strip():
        raise RuleError("reason_missing", _("Say why."), fields={"reason": _("Say why.")})
    return reason.strip()


def why(reason: str) -> dict[str, str]:
    """A reason that may be left out, as audit and log take it."""
    return {"reason": reason.strip()} if reason.strip() else {}
