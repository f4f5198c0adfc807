"""What is told of one instance besides how it stands: its signals and the lines of its log, as plain values."""

from typing import Any

from django.db.models import QuerySet

from strategies.event_models import Signal, StrategyLog
from strategies.standing import Standing, signal_value

LATEST = 50
"""So many of each are told at first, and at most so many at once."""


def news(standing: Standing, before: Standing | None) -> dict[str, Any]:
    """``signals`` and ``log`` up to ``standing``, the oldest first: those since ``before``, or else the newest ones.

    Bounded by ``standing`` at both ends, so that nothing is told twice or left out between two looks at the rows.
    """
    instance = standing["strategy"]
    signals = Signal.objects.filter(instance=instance, number__lte=_number(standing)).select_related("instrument")
    lines = StrategyLog.objects.filter(instance=instance, pk__lte=standing["last_log"] or 0)
    if before is not None:
        signals = signals.filter(number__gt=_number(before))
        lines = lines.filter(pk__gt=before["last_log"] or 0)
    return {
        "signals": [signal_value(row) for row in _newest(signals, "-number")],
        "log": [_line(row) for row in _newest(lines, "-pk")],
    }


def _number(standing: Standing) -> int:
    signal = standing["signal"]
    return int(signal["number"]) if signal else 0


def _newest(rows: QuerySet[Any], order: str) -> list[Any]:
    return list(reversed(rows.order_by(order)[:LATEST]))


def _line(row: StrategyLog) -> dict[str, Any]:
    return {
        "id": row.pk,
        "at": row.at,
        "level": row.level,
        "kind": row.kind,
        "text": row.told,
        "market_time": row.market_time,
        "details": row.details,
    }
