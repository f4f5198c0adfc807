"""Alarms: what a person must respond to. One open row for each code and subject; repeats are counted."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from prometheus_client.core import GaugeMetricFamily

from accounts.models import RANK, Alarm
from quantsite.common.texts import Kept, stored
from quantsite.web.metrics import register_collector

Value = str | int | Kept | list[Kept]
"""What an alarm's sentence may tell."""

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 5  # a race is lost only to a writer who raised or cleared the same alarm in between


@dataclass(frozen=True)
class AlarmKind:
    """What an alarm's code means; ``anchor`` is its heading in docs/runbook.md."""

    title: str | Promise
    anchor: str


KINDS: dict[str, AlarmKind] = {}


def register_kind(code: str, title: str | Promise) -> str:
    """Name an alarm code once, where it is raised; returns the code. The runbook has a heading of that name."""
    KINDS[code] = AlarmKind(title, code.replace("_", "-"))
    return code


SUBJECTS: dict[str, str | Promise] = {}


def register_subject(subject: str, words: str | Promise) -> str:
    """Name a subject that is a word and no code of something; returns it as it is stored."""
    SUBJECTS[subject] = words
    return subject


def shown_subject(alarm: Alarm) -> str:
    """What the alarm is about: a word, alone or before a number, in the reader's language, else the code itself."""
    word, _blank, number = alarm.subject.partition(" ")
    if number.isdigit() and word in SUBJECTS:
        return f"{SUBJECTS[word]} {number}"
    return str(SUBJECTS.get(alarm.subject, alarm.subject))


AUDIT_CHAIN_BROKEN = register_kind("audit_chain_broken", _("The audit trail was tampered with"))
AUDIT = register_subject("audit", _("audit trail"))


def raise_alarm(code: str, subject: str, text: str, severity: str, values: Mapping[str, Value] | None = None) -> Alarm:
    """Open the alarm, or count a repeat of the open one; returns the row.

    ``text`` is marked with ``gettext_noop`` and has a ``%(name)s`` for each of ``values``: it is put together in
    the language of whoever reads it, kept sentences among the values too.

    A repeat renews text and time. One of higher severity takes its acknowledgement back: somebody must look
    again. Safe against concurrent callers. It joins the caller's transaction and is undone with it.
    """
    if severity not in RANK:
        raise ValueError(f"severity {severity!r} is not one of {', '.join(RANK)}")
    for _attempt in range(MAX_ATTEMPTS):
        told = _Told(text, {name: stored(value) for name, value in (values or {}).items()}, severity)
        alarm = _repeat(code, subject, told) or _open(code, subject, told)
        if alarm is not None:
            log.warning("alarm raised", code=code, subject=subject, severity=alarm.severity, count=alarm.count)
            return alarm
    raise RuntimeError(f"alarm {code} {subject} was raised and cleared {MAX_ATTEMPTS} times in between")


def clear_alarm(code: str, subject: str) -> bool:
    """Close the open alarm of this code and subject; False where there is none."""
    cleared = Alarm.objects.open().filter(code=code, subject=subject).update(cleared_at=timezone.now())
    if cleared:
        log.info("alarm cleared", code=code, subject=subject)
    return bool(cleared)


@register_collector
def open_alarms() -> Iterator[GaugeMetricFamily]:
    """``quantsite_alarms_open`` by code, severity and whether somebody has taken it."""
    gauge = GaugeMetricFamily(
        "quantsite_alarms_open", "Alarms whose cause has not gone away", labels=["code", "severity", "acknowledged"]
    )
    rows = Alarm.objects.open().values_list("code", "severity", "acknowledged_at")
    counted = Counter((code, severity, "yes" if taken else "no") for code, severity, taken in rows)
    for labels, number in sorted(counted.items()):
        gauge.add_metric(labels, number)
    yield gauge


class _Told(NamedTuple):
    text: str
    values: dict[str, Any]
    severity: str


def _repeat(code: str, subject: str, told: _Told) -> Alarm | None:
    with transaction.atomic():
        alarm = Alarm.objects.open().select_for_update().filter(code=code, subject=subject).first()
        if alarm is None:
            return None
        if RANK[told.severity] > RANK[alarm.severity]:
            alarm.severity, alarm.acknowledged_by, alarm.acknowledged_at = told.severity, None, None
        alarm.text, alarm.values, alarm.last_at = told.text, told.values, timezone.now()
        alarm.count += 1  # the row is locked
        alarm.save()
        return alarm


def _open(code: str, subject: str, told: _Told) -> Alarm | None:
    """The new row, or None where another writer opened the same alarm first."""
    now = timezone.now()
    try:
        with transaction.atomic():
            return Alarm.objects.create(code=code, subject=subject, first_at=now, last_at=now, **told._asdict())
    except IntegrityError:
        return None
