"""The verb that archives ticks at somebody's word; every night it happens by itself (``tasks.py``)."""

from dataclasses import asdict
from datetime import date

from django.db import transaction

from accounts.audit import record
from accounts.models import User
from accounts.permissions import require
from marketdata.ticks.archive import ArchiveRun, archive_before, cutoff, days_before


def archive_ticks(actor: User | None, before: date | None = None) -> ArchiveRun:
    """Move ticks of trading days before ``before`` to files, and write down who asked. Raises ``RefusedError``."""
    require(actor, "marketdata.add_tickfile")
    limit = before or cutoff()
    run = archive_before(limit)
    with transaction.atomic():
        record(actor, "ticks.archive", "ticks", after={"before": limit, **asdict(run)})
    return run


def archivable(actor: User | None, before: date | None = None) -> list[tuple[str, date]]:
    """Codes and trading days that :func:`archive_ticks` would move. Raises ``RefusedError``."""
    require(actor, "marketdata.add_tickfile")
    return [(instrument.code, day) for instrument, day in days_before(before or cutoff())]
