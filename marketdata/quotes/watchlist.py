"""The contracts a person watches: their own subscriptions, in the order they gave them."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.models import User
from accounts.permissions import require
from marketdata.live_models import Subscription
from marketdata.models import Instrument
from marketdata.subscriptions import owner_of, subscribe_symbol, unsubscribe_symbol
from quantsite.common.errors import ConflictError, RuleError

MOST = 100
"""Rows a person's list may have: more does not fit a screen, and each asks the feed for an instrument."""


def watched(user: User) -> QuerySet[Instrument]:
    """What the person watches, in their order, with products and feeds."""
    rows = Instrument.objects.filter(subscription__owner=owner_of(user)).select_related("product", "feed")
    return rows.order_by("subscription__position", "subscription__pk")


def watch(actor: User, instrument: Instrument) -> None:
    """Put an instrument at the end of the list; nothing changes where it is there already.

    Raises ``AuditedRefusalError``; ``ConflictError`` ``watchlist_full`` beyond :data:`MOST`.
    """
    require(actor, "marketdata.add_subscription")
    mine = _rows(actor)
    if mine.filter(instrument=instrument).exists():
        return
    if mine.count() >= MOST:
        text = _("A watchlist holds %(most)d contracts: take one off first.") % {"most": MOST}
        raise ConflictError("watchlist_full", text)
    with transaction.atomic():
        last = mine.aggregate(last=Max("position"))["last"] or 0
        subscribe_symbol(actor, instrument)
        mine.filter(instrument=instrument).update(position=last + 1)


def unwatch(actor: User, instrument: Instrument) -> None:
    """Take an instrument off the list; nothing changes where it is not there. Raises ``AuditedRefusalError``."""
    require(actor, "marketdata.delete_subscription")
    if _rows(actor).filter(instrument=instrument).exists():
        unsubscribe_symbol(actor, instrument)


def reorder(actor: User, codes: Sequence[str]) -> None:
    """Give the list another order: ``codes`` are those that are on it, each once.

    Raises ``AuditedRefusalError``; ``RuleError`` ``not_the_watchlist`` where they are others, as after a change in
    another window.
    """
    require(actor, "marketdata.add_subscription")
    with transaction.atomic():
        rows = {row.instrument.code: row for row in _rows(actor).select_related("instrument").select_for_update()}
        if sorted(codes) != sorted(rows):
            text = _("These are not the contracts on your list: load the page again.")
            raise RuleError("not_the_watchlist", text, fields={"instruments": text})
        for position, code in enumerate(codes, 1):
            rows[code].position = position
        Subscription.objects.bulk_update(rows.values(), ["position"])
        record(actor, "watchlist.order", owner_of(actor), after={"instruments": list(codes)})


def _rows(actor: User) -> QuerySet[Subscription]:
    return Subscription.objects.filter(owner=owner_of(actor))
