"""Who wants the ticks of what: rows that feeds look at once a second."""

from django.db import transaction

from accounts.audit import record
from accounts.models import User
from accounts.permissions import require
from marketdata.instruments import find_instrument
from marketdata.live_models import Subscription
from marketdata.models import Instrument

SYSTEM_OWNER = "system"


def subscribe_symbol(actor: User | None, instrument: Instrument | str, owner: str | None = None) -> Subscription:
    """Have a feed publish the ticks of an instrument (a row or its code); a second time changes nothing.

    ``owner`` is who wants them, such as ``strategy:12``; the actor unless told. They are published for as long as
    anybody wants them. Raises ``RefusedError``, ``MissingError`` ``unknown_instrument``.
    """
    require(actor, "marketdata.add_subscription")
    row = find_instrument(instrument) if isinstance(instrument, str) else instrument
    with transaction.atomic():
        wanted, new = Subscription.objects.get_or_create(owner=owner or owner_of(actor), instrument=row)
        if new:
            record(actor, "subscription.add", row, after={"owner": wanted.owner})
    return wanted


def unsubscribe_symbol(actor: User | None, instrument: Instrument | str, owner: str | None = None) -> bool:
    """``owner`` wants an instrument no more; False where it did not. Raises ``RefusedError``, ``MissingError``."""
    require(actor, "marketdata.delete_subscription")
    row = find_instrument(instrument) if isinstance(instrument, str) else instrument
    name = owner or owner_of(actor)
    with transaction.atomic():
        gone, _tables = Subscription.objects.filter(owner=name, instrument=row).delete()
        if gone:
            record(actor, "subscription.remove", row, before={"owner": name})
    return bool(gone)


def owner_of(actor: User | None) -> str:
    """The owner that a person's own subscriptions carry; the system has one too."""
    return SYSTEM_OWNER if actor is None else f"user:{actor.pk}"
