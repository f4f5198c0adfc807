"""An instance's stored state: what the runner keeps beside its host's own document, and how both are written.

Every write names the epoch of the runner's lease: one whose lease is gone changes nothing any more.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, astuple
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from django.db import connection, transaction
from django.utils import timezone

from accounts.leases import LeaseLostError
from marketdata.domain.calendar import from_day_number
from quantsite.common.times import ns_to_utc
from quantsite.web.prepared import run_prepared
from strategies.event_models import SECOND_PART
from strategies.running.days import DayCount
from strategies.running.feeding import Read
from strategies.running.instance import Instance, SentOrder
from strategies.state_models import StrategyState

Values = tuple[Any, ...]
ReadBy = Callable[[Instance], Read]
COLUMNS = ("document", "frames", "account_seq", "trading_day", "at", "parameters_version", "updated_at")
_LISTS = {
    "document": "text",
    "frames": "text",
    "account_seq": "bigint",
    "trading_day": "date",
    "at": "timestamptz",
    "parameters_version": "integer",
    "updated_at": "timestamptz",
    "instance_id": "bigint",
}
_CASTS = {"document": "::jsonb", "frames": "::jsonb"}


def document_of(instance: Instance) -> dict[str, Any]:
    """All that an instance goes on from; the host's own part under ``host``, None where there is no host.

    A host in a process of its own has told its state of some moment ago: what the runner keeps beside it must be of
    the same moment, but for what was placed since, which is stored with the telling.
    """
    host = instance.host
    if host is None:
        return {"host": None, **parts_of(instance)}
    if not host.remote:
        return {"host": host.document(), **parts_of(instance)}
    if instance.document is None or not instance.parts:
        return {"host": None, **parts_of(instance)}
    parts = dict(instance.parts)
    newer = [row for row in _sent_rows(instance) if row[0] % SECOND_PART > parts["number"]]
    return {
        **parts,
        "host": instance.document,
        "signals": instance.signals,
        "number": instance.number,
        "sent": [*parts["sent"], *newer],
    }


def parts_of(instance: Instance) -> dict[str, Any]:
    """What the runner keeps of an instance beside its host's state."""
    return {
        "gather": instance.gatherer.document(),
        "book": instance.book.document(),
        "count": asdict(instance.count),
        "day": instance.day,
        "signals": instance.signals,
        "number": instance.number,
        "paused": instance.paused,
        "closing": instance.closing,
        "source": instance.row.source_hash,
        "sent": _sent_rows(instance),
        "half_ended": [[number, *end] for number, end in instance.half_ended.items()],
    }


def _sent_rows(instance: Instance) -> list[list[Any]]:
    return [[number, *astuple(sent)] for number, sent in instance.sent.items()]


def sent_of(document: Mapping[str, Any]) -> dict[int, SentOrder]:
    """The orders at work of a stored document."""
    return {number: SentOrder(*values) for number, *values in document.get("sent", ())}


def count_of(document: Mapping[str, Any]) -> DayCount:
    """The counts of its day."""
    return DayCount(**document.get("count", {}))


def store_states(instances: Sequence[Instance], read_by: ReadBy, epoch: int) -> None:
    """Write where these stand, in one statement. Raises :class:`LeaseLostError` where another runner has them.

    ``read_by`` says how far each has read: that is how far a host in our own process has. A state that was thrown away,
    as when a stopped instance is given other instruments, is not written again.
    """
    store_values(state_values(instances, read_by), epoch)
    note_stored(instances)


def store_values(values: Sequence[Values], epoch: int) -> None:
    """The same of what :func:`state_values` has given, in any thread."""
    if not values:
        return
    if connection.vendor != "postgresql":
        stored = _update_each(values, epoch)
    else:
        found = run_prepared(_statement(alone=not connection.in_atomic_block), storing_values(values, epoch))
        stored = found[0] if found else 0
    if stored != len(values):
        _demand_ours([instance_of(each) for each in values], epoch)


def instance_of(values: Values) -> int:
    """Whose state it is."""
    pk: int = values[-1]
    return pk


def note_stored(instances: Iterable[Instance]) -> None:
    """Where these stand is stored."""
    for instance in instances:
        instance.dirty_since = 0.0 if instance.documented else time.monotonic()
        instance.urgent = False


def _demand_ours(instance_ids: Sequence[int], epoch: int) -> None:
    if StrategyState.objects.filter(pk__in=instance_ids).exclude(epoch=epoch).exists():
        raise LeaseLostError("lease_lost", "another process runs these strategies")


def claim(instance_ids: Iterable[int], epoch: int) -> None:
    """Have these states be ours: whoever held the lease before writes them no more."""
    wanted = set(instance_ids)
    known = set(StrategyState.objects.filter(instance__in=wanted).values_list("pk", flat=True))
    StrategyState.objects.bulk_create(StrategyState(instance_id=pk, epoch=epoch) for pk in wanted - known)
    StrategyState.objects.filter(instance__in=known, epoch__lt=epoch).update(epoch=epoch)


def state_values(instances: Iterable[Instance], read_by: ReadBy) -> list[Values]:
    """Where these stand, as both databases take it."""
    now = timezone.now()
    return [_values(instance, read_by, now) for instance in instances]


def storing() -> str:
    """The part ``stored`` of a statement of PostgreSQL: a row for each state that was ours and is written."""
    table = StrategyState._meta.db_table
    assigned = ", ".join(f"{name} = given.{name}{_CASTS.get(name, '')}" for name in COLUMNS)
    lists = ", ".join(f"%({name}s)b::{kind}[]" for name, kind in _LISTS.items())
    return f"""
stored AS (
  UPDATE {table} state SET {assigned} FROM unnest({lists}) AS given ({", ".join(_LISTS)})
  WHERE state.instance_id = given.instance_id AND state.epoch = %(epoch)s RETURNING state.instance_id
)"""  # noqa: S608 - our own names


def storing_values(values: Sequence[Values], epoch: int) -> dict[str, Any]:
    """The values of :func:`storing`."""
    columns = zip(*values, strict=True)
    return {"epoch": epoch, **{f"{name}s": list(column) for name, column in zip(_LISTS, columns, strict=True)}}


@cache
def _statement(*, alone: bool) -> str:
    """States by themselves need not be on the disk before their commit counts, as nothing has gone out with them.

    What is committed later is behind them in the log of the database: no order is ever there without its state. A
    server that loses its power may have lost the states of the last moment, and they are made again by what followed.
    """
    unhurried = ", set_config('synchronous_commit', 'off', true)" if alone else ""
    return f"WITH {storing()} SELECT count(*){unhurried} FROM stored"  # noqa: S608 - our own names


def _values(instance: Instance, read_by: ReadBy, now: datetime) -> Values:
    remote = instance.host is not None and instance.host.remote
    if not remote or instance.documented:
        frames, instance.seq = read_by(instance)
        instance.frames = dict(frames)
    return (
        orjson.dumps(document_of(instance), option=orjson.OPT_NON_STR_KEYS).decode(),
        orjson.dumps(instance.frames).decode(),
        instance.seq,
        from_day_number(instance.day) if instance.day else None,
        ns_to_utc(instance.at) if instance.at else None,
        instance.parameters_version,
        now,
        instance.pk,
    )


def _update_each(values: Sequence[Values], epoch: int) -> int:
    written = 0
    with transaction.atomic():
        for document, frames, seq, day, at, version, now, pk in values:
            written += StrategyState.objects.filter(pk=pk, epoch=epoch).update(
                document=orjson.loads(document),
                frames=orjson.loads(frames),
                account_seq=seq,
                trading_day=day,
                at=at,
                parameters_version=version,
                updated_at=now,
            )
    return written
