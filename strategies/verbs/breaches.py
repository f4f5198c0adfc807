"""What the platform does to an instance by itself: after a breach of its loss limit, and after a failure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_noop

from accounts.alarms import raise_alarm
from accounts.models import Severity
from strategies.alarms import LOSS_LIMIT, LOST_TOO_MUCH
from strategies.choices import Health
from strategies.domain.lifecycle import Activity, Verb
from strategies.instance_models import StrategyInstance
from strategies.verbs.stages import NOT_APPROVED
from strategies.verbs.writing import locked, step, write

LOST = gettext_noop("It has lost %(loss)s yuan, its limit %(limit)s is %(maximum)s yuan: taken back and stopped.")
FAILED = gettext_noop("It has failed and is stopped (%(then)s): %(code)s.")


def breached_limit(instance: StrategyInstance, day_profit: Decimal, total_profit: Decimal) -> str:
    """``day_loss_limit`` or ``total_loss_limit`` where a loss in yuan has reached it, else empty."""
    for name, profit in (("day_loss_limit", day_profit), ("total_loss_limit", total_profit)):
        limit = getattr(instance, name)
        if limit is not None and -profit >= limit:
            return name
    return ""


def take_back(instance_id: int, limit: str, loss: Decimal) -> bool:
    """After a breach: back to *backtested*, stopped by the policy for failures, alarmed. False where it stood so.

    ``limit`` is the column that was breached, ``loss`` the amount lost in yuan, above 0.
    """
    with locked(instance_id) as instance:
        if instance.activity == Activity.STOPPED:
            return False
        columns = step(instance, Verb.TO_BACKTESTED) | NOT_APPROVED | {"stopping": instance.on_failure}
        told = {"loss": f"{loss:f}", "limit": limit, "maximum": f"{getattr(instance, limit):f}"}
        write(None, instance, "loss_limit", columns, LOST, told=told)
        raise_alarm(LOSS_LIMIT, instance.key, LOST_TOO_MUCH, Severity.CRITICAL, {"key": instance.key, **told})
    return True


def fail(instance_id: int, code: str, text: str, values: Mapping[str, Any] | None = None) -> bool:
    """After a failure of its code: stopped by its policy, the failure kept. False where it was stopped already.

    ``text`` is a template marked with ``gettext_noop``. The alarm is the runner's to raise.
    """
    with locked(instance_id) as instance:
        if instance.activity == Activity.STOPPED:
            return False
        columns = step(instance, Verb.STOP) | {"stopping": instance.on_failure, "health": Health.FAILED}
        columns |= {"failure_code": code, "failure_text": text, "failure_values": dict(values or {})}
        write(None, instance, "fail", columns, FAILED, told={"code": code, "then": instance.on_failure})
    return True
