"""Monthly partitions of the table of ticks, made when the first tick of a month comes.

Who makes one holds a lock of its own (:data:`LOCK`) until the transaction ends, so that two makers of the same month
wait for each other. A partition is made apart and then attached: readers and writers of other months go on meanwhile.
"""

from collections.abc import Iterable
from datetime import date, timedelta

from django.db import connection

from marketdata.domain.calendar import from_day_number

TABLE = "marketdata_tick"
LOCK = 0x7469636B
"""Key of the advisory lock: "tick"."""

_FIVE_DAYS = timedelta(days=5)
_PARTITIONED = "SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass(%s)"
_KNOWN = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass(%s)"


def ensure_partitions(days: Iterable[int]) -> list[str]:
    """Make the partitions that ticks of these trading days (days since the epoch) need; gives the names of new ones.

    Nothing to do on SQLite, nor where the table is no longer partitioned by us (a hypertable makes its own chunks).
    Joins the caller's transaction; take no other lock before it.
    """
    if connection.vendor != "postgresql":
        return []
    missing = _missing({_month(day) for day in days})
    if not missing:
        return []
    with connection.cursor() as cursor:
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
