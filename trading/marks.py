"""Old marks go: what a price made of positions and funds a week ago, second by second, is of use to nobody.

The other events of an account stay. A reader that asks for what came after a mark that is gone gets a snapshot instead.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from trading.order_models import AccountEvent

KIND = "mark"
BATCH = 2_000
"""Rows deleted at a time: gateways write in between."""


def prune_marks(before: datetime | None = None) -> int:
    """Delete the marks stored before that moment (``MARK_DAYS`` days ago); gives how many."""
    border = before or timezone.now() - timedelta(days=settings.MARK_DAYS)
    accounts = AccountEvent.objects.order_by().values_list("account_id", flat=True).distinct()
    return sum(_prune(account, border) for account in list(accounts))


def _prune(account: int, border: datetime) -> int:
    gone = 0
    events = AccountEvent.objects.filter(account_id=account)
    while True:
        old = events.filter(kind=KIND, created_at__lt=border).order_by("seq").values_list("seq", flat=True)
        batch = list(old[:BATCH])
        if not batch:
            return gone
        gone += events.filter(seq__in=batch).delete()[0]
