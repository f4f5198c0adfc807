"""Which source publishes an instrument: one at a time, and the first one that lives keeps it."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import Exists, Max, OuterRef, Value
from django.db.models.functions import Concat, Now

from accounts.leases import Held
from accounts.models import Lease
from marketdata.live_models import InstrumentFeed

LEASE_PREFIX = "feed:"
EPOCHS = "feeds"
"""A row that nobody holds: its epoch is the last one that a feed was given."""
ATTEMPTS = 3


def lease_name(source: str) -> str:
    """The lease that a source's feed holds."""
    return LEASE_PREFIX + source


def epoch_above(least: int) -> int:
    """Above which the epoch of a feed that starts now must lie: that of no other source's feed, nor ``least``.

    A live feed numbers its ticks from its epoch on. An instrument that goes from one source to another within a
    trading day must not get numbers there that it has had here: its ticks would pass for stored ones.
    """
    Lease.objects.get_or_create(name=EPOCHS)
    with transaction.atomic():
        counter = Lease.objects.select_for_update().get(name=EPOCHS)
        feeds = Lease.objects.filter(name__startswith=LEASE_PREFIX).aggregate(newest=Max("epoch"))["newest"] or 0
        counter.epoch = max(counter.epoch, feeds, least) + 1
        counter.save(update_fields=["epoch"])
    return counter.epoch - 1


@dataclass(frozen=True)
class Claims:
    """What came of asking for instruments (by key): those that are ours, and of the others who has them."""

    granted: frozenset[int]
    refused: dict[int, str]


def claim(source: str, held: Held, instruments: Iterable[int]) -> Claims:
    """Have these instruments (keys) published by nobody but us; what another living source has stays its own.

    A source lives while the lease with which it claimed has not ended.
    """
    wanted = sorted(set(instruments))
    for _attempt in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return _claim(source, held.epoch, wanted)
        except IntegrityError:  # another source claimed one of them in between: look again
            continue
    raise RuntimeError(f"claims of {source} collided {ATTEMPTS} times")


def give_up(source: str, held: Held, instruments: Iterable[int] | None = None) -> None:
    """Leave instruments, all of ours unless told, to whoever wants them."""
    ours = InstrumentFeed.objects.filter(source=source, epoch=held.epoch)
    (ours if instruments is None else ours.filter(instrument__in=list(instruments))).delete()


def _claim(source: str, epoch: int, wanted: list[int]) -> Claims:
    rows = {
        row.instrument_id: row
        for row in InstrumentFeed.objects.select_for_update(of=("self",))
        .filter(instrument__in=wanted)
        .annotate(lives=_lives())
        .order_by("instrument")
    }
    refused = {key: row.source for key, row in rows.items() if row.source != source and row.lives}
    granted = [key for key in wanted if key not in refused]
    InstrumentFeed.objects.filter(instrument__in=[key for key in granted if key in rows]).update(
        source=source, epoch=epoch, since=Now()
    )
    InstrumentFeed.objects.bulk_create(
        InstrumentFeed(instrument_id=key, source=source, epoch=epoch) for key in granted if key not in rows
    )
    return Claims(frozenset(granted), refused)


def _lives() -> Exists:
    name = Concat(Value(LEASE_PREFIX), OuterRef("source"))
    return Exists(Lease.objects.filter(name=name, epoch=OuterRef("epoch"), expires_at__gt=Now()))
