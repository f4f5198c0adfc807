"""What follows from a comparison with the broker: its row, an alarm, and a stop once a difference has stayed.

Written by the account's gateway, which looks at every login and so often after that.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.alarms import clear_alarm, raise_alarm
from accounts.models import Severity
from quantsite.common.texts import say
from quantsite.common.times import ns_to_utc
from trading.account_models import AccountState, TradingAccount
from trading.alarms import BOOKS_DIFFER
from trading.books_models import BrokerComparison
from trading.domain.ctp.compare import Compared, Line
from trading.domain.ctp.picture import BrokerPicture
from trading.domain.risk.scopes import ScopeKind
from trading.domain.risk.switches import Strength
from trading.metrics import BROKER_COMPARISONS
from trading.verbs.switches import set_switch

log = structlog.get_logger(__name__)

STAYS = 2
"""A difference that is seen so often in a row is believed: one look may meet the broker in the middle of a booking."""
NAMED = 5
"""Differences that an alarm names."""
DIFFER = gettext_noop("The broker's books of account %(account)s differ from ours in %(count)s fields: %(what)s.")
PLACES = 6


def tell_comparison(
    account: TradingAccount, picture: BrokerPicture, found: Compared, *, seq: int, epoch: int
) -> BrokerComparison | None:
    """Store one look; the second difference in a row alarms and stops openings, agreement ends the alarm.

    The stop is set once for as long as the books differ: whoever releases it, with a second person, has the last word.
    None where a later gateway has the account.
    """
    wrong = found.differences
    with transaction.atomic():
        if not AccountState.objects.filter(account=account, epoch=epoch).exists():
            return None
        before = BrokerComparison.objects.filter(account=account).first()
        row = _row(account, picture, found, seq)
        row.successive = (before.successive if before else 0) + 1 if wrong else 0
        row.save(force_insert=True)
        if before is not None and not before.differences:
            BrokerComparison.objects.filter(pk=before.pk).update(lines=None)
    BROKER_COMPARISONS.labels("different" if wrong else "equal").inc()
    if not wrong:
        clear_alarm(BOOKS_DIFFER, account.code)
    else:
        _differ(account, wrong, row.successive)
    return row


def prune_comparisons() -> int:
    """Delete those older than ``COMPARISON_DAYS`` days, but for the newest of each account; gives how many."""
    border = timezone.now() - timedelta(days=settings.COMPARISON_DAYS)
    newest = [
        row.pk
        for account in TradingAccount.objects.filter(comparisons__isnull=False).distinct()
        if (row := BrokerComparison.objects.filter(account=account).first()) is not None
    ]
    return BrokerComparison.objects.filter(created_at__lt=border).exclude(pk__in=newest).delete()[0]


def line_shape(line: Line) -> dict[str, Any]:
    """One field as it is stored, and as programs see it."""
    own, broker = (None if value is None else round(value, PLACES) for value in (line.own, line.broker))
    return {
        "subject": line.subject,
        "field": line.field,
        "own": own,
        "broker": broker,
        "judged": line.judged,
        "agrees": line.agrees,
    }


def _row(account: TradingAccount, picture: BrokerPicture, found: Compared, seq: int) -> BrokerComparison:
    return BrokerComparison(
        account=account,
        trading_day=picture.trading_day,
        asked_at=ns_to_utc(picture.asked_at),
        told_at=ns_to_utc(picture.done_at),
        differences=len(found.differences),
        lines=[line_shape(line) for line in found.lines],
        seq=seq,
    )


def _differ(account: TradingAccount, wrong: Sequence[Line], successive: int) -> None:
    named = [f"{line.subject} {line.field}".strip() for line in wrong]
    log.warning("broker's books differ", account=account.code, fields=named, in_a_row=successive)
    if successive < STAYS:
        return
    what = ", ".join(named[:NAMED]) + (", …" if len(named) > NAMED else "")
    values: dict[str, str | int] = {"account": account.code, "count": len(wrong), "what": what}
    raise_alarm(BOOKS_DIFFER, account.code, DIFFER, Severity.CRITICAL, dict(values))
    if successive == STAYS:
        reason = say("The broker's books differ from ours: %(what)s.", what=what)
        set_switch(None, ScopeKind.ACCOUNT.value, account.code, Strength.NO_OPENING.value, reason)
