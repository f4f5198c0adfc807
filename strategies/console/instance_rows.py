"""The tables of an instance's page: its newest signals, its orders and what they cost, its log, its evidence."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from quantsite.web.retold import retold
from strategies.choices import LogLevel
from strategies.console.words import based_on, lots, reference_word, side, units
from strategies.event_models import Evidence, Signal, StrategyLog, StrategyOrder
from strategies.instance_models import StrategyInstance
from strategies.labels import DAY_FAULTS, REASONS, listed, word
from strategies.permissions import facts_of
from trading.choices import DirectionName
from trading.console.figures import NOTHING, price, signed

LATEST = 30
LOG_LINES = 40
EVIDENCE_LINES = 20
LEVEL_MARKS = {LogLevel.WARNING: "warning", LogLevel.ERROR: "critical"}


def signals(instance: StrategyInstance) -> list[dict[str, Any]]:
    """The newest decisions with what each was based on."""
    rows = Signal.objects.filter(instance=instance).select_related("instrument").order_by("-id")[:LATEST]
    return [
        {
            "row": row,
            "target": units(row.target),
            "side": side(row.target),
            "position": lots(row.position),
            "price": price(row.price, row.instrument.price_tick),
            "based_on": based_on(row.values),
            "reason": word(REASONS, row.reason),
        }
        for row in rows
    ]


def orders(instance: StrategyInstance) -> list[dict[str, Any]]:
    """The newest orders: price at the decision, average of the fills, what lies between in ticks and yuan, latency."""
    rows = StrategyOrder.objects.filter(instance=instance).select_related("order", "instrument").order_by("-id")
    return [order_line(row) for row in rows[:LATEST]]


def order_line(row: StrategyOrder) -> dict[str, Any]:
    """One order as the table shows it; a refused one has no order of the account."""
    tick, order = row.instrument.price_tick, row.order
    filled = order.average_price if order is not None and order.traded else None
    ticks, yuan = slippage(row)
    return {
        "row": row,
        "order": order,
        "url": reverse("admin:trading_order_change", args=[order.pk]) if order is not None else "",
        "decision": price(row.decision_price, tick),
        "filled": price(filled, tick),
        "ticks": NOTHING if ticks is None else f"{ticks:+.1f}" if ticks else "0",
        "yuan": NOTHING if yuan is None else f"{yuan:+,.0f}" if round(yuan) else "0",
        "latency": NOTHING if row.latency_ms is None else f"{row.latency_ms:,.1f}",
        "refused": retold(row.refused_text) if row.refused_text else row.refused_code,
    }


def slippage(row: StrategyOrder) -> tuple[float | None, float | None]:
    """What the fills cost against the price at the decision: ticks a lot, and yuan in all; a minus is a gain.

    None where nothing was filled, or where nobody knows the price of the decision.
    """
    order = row.order
    if order is None or not order.traded or order.average_price is None or row.decision_price is None:
        return None, None
    sign = 1 if row.direction == DirectionName.BUY else -1
    worse = sign * (float(order.average_price) - float(row.decision_price))
    return worse / float(row.instrument.price_tick), worse * order.traded * float(row.instrument.multiplier)


def slippage_today(instance: StrategyInstance, state: Mapping[str, Any]) -> dict[str, Any]:
    """The orders of the newest trading day together: slippage in ticks a lot and yuan, the worst and middle latency."""
    day = state["today"]["trading_day"]
    rows = StrategyOrder.objects.filter(instance=instance).select_related("order", "instrument")
    rows = rows.filter(trading_day=day) if day is not None else rows.none()
    found = [(slippage(row), row.order.traded if row.order else 0, row.latency_ms) for row in rows]
    filled = [(ticks, yuan, count) for (ticks, yuan), count, _late in found if ticks is not None and yuan is not None]
    traded = sum(count for _ticks, _yuan, count in filled)
    late = sorted(latency for _slip, _count, latency in found if latency is not None)
    return {
        "ticks": f"{sum(ticks * count for ticks, _yuan, count in filled) / traded:+.2f}" if traded else NOTHING,
        "yuan": signed(sum(yuan for _ticks, yuan, _count in filled)) if filled else NOTHING,
        "middle": f"{late[len(late) // 2]:,.1f}" if late else NOTHING,
        "worst": f"{late[-1]:,.1f}" if late else NOTHING,
        "orders": len(found),
    }


def log(instance: StrategyInstance) -> list[dict[str, Any]]:
    """The newest lines; warnings and errors carry their severity."""
    rows = StrategyLog.objects.filter(instance=instance).order_by("-id")[:LOG_LINES]
    return [
        {
            "row": row,
            "severity": LEVEL_MARKS.get(LogLevel(row.level), ""),
            "word": row.get_level_display(),
            "text": row.told,
            "details": str(row.details.get("traceback", "")) if isinstance(row.details, dict) else "",
        }
        for row in rows
    ]


def _in_words(facts: dict[str, Any]) -> dict[str, Any]:
    """Why a day does not count in words, where there is anything against it."""
    faults = facts.get("faults")
    rest = {name: value for name, value in facts.items() if name != "faults"}
    return {**rest, "faults": listed(DAY_FAULTS, faults)} if faults else rest


def evidence(instance: StrategyInstance, user: User) -> list[dict[str, Any]]:
    """What counts for its gates, the newest first, with the figures that this person may know."""
    rows = Evidence.objects.all().about(instance).order_by("-id").select_related("created_by")[:EVIDENCE_LINES]
    return [
        {
            "row": row,
            "word": row.get_kind_display(),
            "passed": _("passed") if row.passed else _("failed"),
            "facts": based_on(_in_words(facts_of(user, row))),
            "of": row.trading_day.isoformat() if row.trading_day else reference_word(row.reference),
        }
        for row in rows
    ]
