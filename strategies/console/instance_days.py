"""The days of an instance as bars and figures."""

from typing import Any

from django.utils.translation import gettext as _

from strategies.console.words import gain
from strategies.instance_models import StrategyInstance
from strategies.state_models import StrategyDay
from trading.console.figures import NOTHING, tone

BARS = 60
TABLE = 10
STEP, HEIGHT = 14, 148
"""Pixels: from bar to bar, and the height of the chart."""


def days(instance: StrategyInstance) -> dict[str, Any] | None:
    """Bars of the last days and a line of each of the newest; None before the first day."""
    rows = list(StrategyDay.objects.filter(instance=instance).order_by("-trading_day")[:BARS])
    if not rows:
        return None
    profits = [float(row.profit) for row in rows]
    best, worst = max(profits), min(profits)
    return {
        "bars": _bars(list(reversed(rows))) if len(rows) > 1 else [],
        "width": STEP * len(rows),
        "height": HEIGHT,
        "zero": _zero(profits),
        "rows": [_day(row) for row in rows[:TABLE]],
        "sum": gain(sum(profits)),
        "sum_tone": tone(sum(profits)),
        "won": sum(profit > 0 for profit in profits),
        "count": len(rows),
        "best": gain(best),
        "worst": gain(worst),
    }


def _scale(profits: list[float]) -> float:
    """Pixels a yuan."""
    span = max(0.0, *profits) - min(0.0, *profits)
    return (HEIGHT - 4) / span if span else 0.0


def _zero(profits: list[float]) -> int:
    """Where the line of no profit is drawn, from the top."""
    return 2 + round(max(0.0, *profits) * _scale(profits)) if any(profits) else HEIGHT // 2


def _bars(rows: list[StrategyDay]) -> list[dict[str, Any]]:
    profits = [float(row.profit) for row in rows]
    scale, zero = _scale(profits), _zero(profits)
    made = []
    for place, (row, profit) in enumerate(zip(rows, profits, strict=True)):
        height = max(1, round(abs(profit) * scale))
        words = {"day": row.trading_day.isoformat(), "profit": gain(profit), "fills": row.fills}
        made.append(
            {
                "x": STEP * place,
                "y": zero - height if profit >= 0 else zero,
                "height": height,
                "css": "st-gain" if profit > 0 else "st-loss" if profit < 0 else "st-flat",
                "title": _("%(day)s: %(profit)s yuan, %(fills)d fills") % words,
                "doubtful": bool(row.errors or row.gaps),
            }
        )
    return made


def _day(row: StrategyDay) -> dict[str, Any]:
    return {
        "row": row,
        "profit": gain(float(row.profit)),
        "tone": tone(row.profit),
        "commission": f"{row.commission:,.0f}",
        "slippage": gain(float(row.slippage)),
        "latency": NOTHING if row.worst_latency_ms is None else f"{row.worst_latency_ms:,.1f}",
    }
