"""Instants as int64 nanoseconds since the epoch (UTC), and their forms for people and JSON.

The market's wall clock is Asia/Shanghai, which has been UTC+8 without daylight saving since 1991; domain
code may therefore add the fixed offset to whole columns.
"""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
SHANGHAI_FIXED = timezone(timedelta(hours=8), "CST")
SHANGHAI_OFFSET_NS = 8 * 3_600 * 1_000_000_000
NS_PER_SECOND = 1_000_000_000
NS_PER_MINUTE = 60 * NS_PER_SECOND
NS_PER_DAY = 86_400 * NS_PER_SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ns_to_utc(ns: int) -> datetime:
    """The aware UTC datetime of an instant; what lies below a microsecond is cut off."""
    return _EPOCH + timedelta(microseconds=int(ns) // 1_000)


def utc_to_ns(moment: datetime) -> int:
    """Nanoseconds since the epoch of an aware datetime. Raises ``ValueError`` for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone: say which instant is meant")
    elapsed = moment - _EPOCH
    return (elapsed.days * 86_400 + elapsed.seconds) * NS_PER_SECOND + elapsed.microseconds * 1_000


def iso_utc(moment: datetime) -> str:
    """ISO-8601 in UTC with ``Z``, whole seconds unless there is a fraction."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
