"""Monthly partitions of the table of ticks, made when the first tick of a month comes.

Who makes one holds a lock of its own (:data:`LOCK`) until the transaction ends, so that two makers of the same month
wait for each other. A partition is made apart and then attached: readers and writers of other months go on meanwhile.
"""

from collections.abc import Iterable
from datetime import date, timedelta

import structlog
from django.db import OperationalError, connection, transaction

from marketdata.domain.calendar import from_day_number

log = structlog.get_logger(__name__)

TABLE = "marketdata_tick"
LOCK = 0x7469636B
"""Key of the advisory lock: "tick"."""

_FIVE_DAYS = timedelta(days=5)
_PARTITIONED = "SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass(%s)"
_ATTACHED = (
    "SELECT c.relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid"
    " WHERE inhparent = to_regclass(%s) AND c.relispartition"
)
_KNOWN = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass(%s)"


def ensure_partitions(days: Iterable[int]) -> list[str]:
    """Make the partitions that ticks of these trading days (days since the epoch) need; gives the names of new ones.

    Nothing to do on SQLite, nor where the table is no longer partitioned by us (a hypertable makes its own chunks).
    Call it before a transaction that takes other locks: attaching a partition waits for writers of instruments.
    """
    if connection.vendor != "postgresql":
        return []
    missing = _missing({_month(day) for day in days})
    if not missing:
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        made = _missing(missing)
        for month in sorted(made):
            _make(month)
    return [partition_name(month) for month in sorted(made)]


def partition_name(month: date) -> str:
    """The name of a month's partition."""
    return f"{TABLE}_{month:%Y%m}"


def _month(day: int) -> date:
    return from_day_number(day).replace(day=1)


def _missing(months: set[date]) -> set[date]:
    with connection.cursor() as cursor:
        cursor.execute(_PARTITIONED, [TABLE])
        row = cursor.fetchone()
        if row is None or not row[0]:
            return set()
        cursor.execute(_KNOWN, [TABLE])
        known = {name for (name,) in cursor.fetchall()}
    return {month for month in months if partition_name(month) not in known}


def _make(month: date) -> None:
    name = partition_name(month)
    after = (month.replace(day=28) + _FIVE_DAYS).replace(day=1)
    with connection.cursor() as cursor:
        # Constraints and defaults come along, so that attaching looks at no row and builds no index.
        cursor.execute(f'CREATE TABLE "{name}" (LIKE "{TABLE}" INCLUDING ALL)')
        cursor.execute(
            f"ALTER TABLE \"{TABLE}\" ATTACH PARTITION \"{name}\" FOR VALUES FROM ('{month}') TO ('{after}')"
        )


def drop_empty_partitions(before: date) -> list[str]:
    """Drop the partitions of months before that of ``before`` that hold no tick any more; gives their names.

    One that somebody uses just now is left for the next time.
    """
    if connection.vendor != "postgresql":
        return []
    first_kept = partition_name(before.replace(day=1))
    with connection.cursor() as cursor:
        cursor.execute(_ATTACHED, [TABLE])
        names = sorted(name for (name,) in cursor.fetchall())
    return [name for name in names if len(name) == len(first_kept) and name < first_kept and _drop_empty(name)]


def _drop_empty(name: str) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            # The table before its partition, as writers take them: nobody waits for the other way round.
            cursor.execute(f'LOCK TABLE ONLY "{TABLE}" IN ACCESS EXCLUSIVE MODE')
            cursor.execute(f'SELECT EXISTS (SELECT FROM "{name}")')  # noqa: S608
            if cursor.fetchone() != (False,):
                return False
            cursor.execute(f'DROP TABLE "{name}"')
    except OperationalError as error:
        log.info("partition in use", partition=name, reason=str(error))
        return False
    return True
