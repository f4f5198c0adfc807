"""How instances stand, as plain values: what lists, pages and sockets tell of each, read in a few queries for all.

Money is in yuan. A figure that nobody has told is None, never 0.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery

from marketdata.models import Instrument
from strategies.choices import ActivityName, Health
from strategies.event_models import Signal, StrategyLog, StrategyOrder
from strategies.instance_models import InstanceQuerySet, StrategyInstance, StrategyLeg
from strategies.state_models import StrategyDay, StrategyPosition
from trading.order_models import Order

Standing = dict[str, Any]

SILENT = timedelta(seconds=5)
"""The runner speaks once a second of every instance in its care: after so long without a word something is wrong."""
JUST_CHANGED = timedelta(seconds=30)
"""What was changed or told this recently is still told to sockets: a look that came late finds it."""
RUNNING = (Health.RUNNING, Health.WAITING, Health.WARMING, Health.PAUSED)


def standings(rows: InstanceQuerySet) -> list[Standing]:
    """Of every instance in ``rows`` how it stands, by key; names and meanings are in ``docs/strategies-console.md``."""
    return [state for _instance, state in standing_instances(rows)]


def standing_instances(rows: InstanceQuerySet) -> list[tuple[StrategyInstance, Standing]]:
    """The same with the instances themselves."""
    instances = list(_with_newest(rows).select_related("account__state", "stored").order_by("key"))
    keys = [instance.pk for instance in instances]
    signals = Signal.objects.in_bulk([row.signal for row in instances if row.signal])
    days = {day.instance_id: day for day in StrategyDay.objects.filter(pk__in=[row.day for row in instances])}
    legs = list(StrategyLeg.objects.filter(instance__in=keys))
    held = list(StrategyPosition.objects.filter(instance__in=keys))
    _name_instruments(signals.values(), legs, held)
    legs_of, held_of = _grouped(legs), _grouped(held)
    working = _working(keys)
    return [
        (
            row,
            {
                **_itself(row),
                **_holds(row, legs_of[row.pk], held_of[row.pk]),
                "today": _today(row, days.get(row.pk)),
                "signal": signal_value(signals[row.signal]) if row.signal in signals else None,
                "working": working.get(row.pk, 0),
                "last_order": row.last_order,
                "last_log": row.last_log,
            },
        )
        for row in instances
    ]


def lively(now: datetime) -> InstanceQuerySet:
    """The instances of which there may be something new: at work, asked to close, or changed a moment ago."""
    recent = Q(changed_at__gt=now - JUST_CHANGED) | Q(told_at__gt=now - JUST_CHANGED)
    at_work = ~Q(activity=ActivityName.STOPPED) | Q(flatten_done__lt=F("flatten_asked"))
    return StrategyInstance.objects.filter(at_work | recent)


def trouble_of(standing: Mapping[str, Any], now: datetime) -> str:
    """What keeps it from doing what people want: ``failed``, ``gap``, ``silent``, ``off``, or ``""``.

    ``silent``: it should be at work, and the runner has said nothing of it for a while.
    """
    if standing["health"] in {Health.FAILED, Health.GAP}:
        return str(standing["health"])
    if standing["activity"] == ActivityName.STOPPED and not standing["flattening"]:
        return ""
    if standing["told_at"] is None or now - standing["told_at"] > SILENT:
        return "silent"
    return "" if standing["health"] in RUNNING or standing["flattening"] else "off"


def _with_newest(rows: InstanceQuerySet) -> Any:
    def newest(of: QuerySet[Any], column: str, *order: str) -> Subquery:
        return Subquery(of.filter(instance=OuterRef("pk")).order_by(*order).values(column)[:1])

    return rows.annotate(
        signal=newest(Signal.objects.all(), "pk", "-id"),
        day=newest(StrategyDay.objects.all(), "pk", "-trading_day"),
        last_order=newest(StrategyOrder.objects.all(), "number", "-id"),
        last_log=newest(StrategyLog.objects.all(), "pk", "-id"),
    )


def _name_instruments(*groups: Iterable[Any]) -> None:
    """Give rows their instruments, each read once: a thousand instances trade a few of them."""
    rows = [row for group in groups for row in group]
    known = Instrument.objects.in_bulk({row.instrument_id for row in rows})
    for row in rows:
        row.instrument = known[row.instrument_id]


def _grouped(rows: Iterable[Any]) -> defaultdict[int, list[Any]]:
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.instance_id].append(row)
    return found


def _working(keys: list[int]) -> dict[int, int]:
    rows = Order.objects.working().filter(strategy_order__instance__in=keys).order_by()
    counted = rows.values_list("strategy_order__instance").annotate(count=Count("pk"))
    return {int(instance): count for instance, count in counted if instance is not None}


def _itself(row: StrategyInstance) -> Standing:
    stored = getattr(row, "stored", None)
    return {
        "strategy": row.pk,
        "key": row.key,
        "title": row.shown_name,
        "name": row.strategy,
        "account": row.account.code,
        "interval": row.interval,
        "status": row.status,
        "stage": row.stage,
        "activity": row.activity,
        "health": row.health,
        "failure_code": row.failure_code,
        "failure": row.failure,
        "told_at": row.told_at,
        "flattening": row.flatten_done < row.flatten_asked,
        "version": row.version,
        "parameters_version": row.parameters_version,
        "parameters_in_use": None if stored is None else stored.parameters_version,
    }


def _holds(row: Any, legs: list[StrategyLeg], held: list[StrategyPosition]) -> Standing:
    """Each leg with what is held of it, and what else is still held, as while a contract is rolled."""
    today = row.account.state.trading_day
    by_code = {position.instrument_id: position for position in held}
    named = {leg.instrument_id for leg in legs}
    left = [position for position in held if position.instrument_id not in named and position.lots]
    lines = [_leg(leg.number, leg.instrument, by_code.get(leg.instrument_id), today) for leg in legs]
    lines += [_leg(position.leg, position.instrument, position, today) for position in left]
    return {
        "positions": sorted(lines, key=lambda line: (line["leg"], line["instrument"])),
        "profit": sum(float(position.profit) for position in held) if held else None,
        "day_profit": sum(_of_day(position, today) for position in held) if held else None,
    }


def _leg(number: int, instrument: Any, position: StrategyPosition | None, today: date | None) -> Standing:
    return {
        "leg": number,
        "instrument": instrument.code,
        "tick": float(instrument.price_tick),
        "lots": position.lots if position else 0,
        "average": _number(position.average) if position and position.lots else None,
        "marked": _number(position.marked) if position else None,
        "profit": float(position.profit) if position else None,
        "day_profit": _of_day(position, today) if position else None,
    }


def _of_day(position: StrategyPosition, today: date | None) -> float:
    """Profit of the account's trading day; what was last marked on an earlier one has earned nothing today."""
    if today is not None and position.trading_day is not None and position.trading_day < today:
        return 0.0
    return float(position.profit - position.day_base)


def _today(row: Any, day: StrategyDay | None) -> Standing:
    """The counts of the newest trading day; of an earlier day than the account's they are 0."""
    current = row.account.state.trading_day
    fresh = day is not None and (current is None or day.trading_day >= current)
    names = ("orders", "fills", "signals", "errors", "refusals")
    counts = {name: getattr(day, name) if day is not None and fresh else 0 for name in names}
    worst = day.worst_latency_ms if day is not None and fresh else None
    slippage = float(day.slippage) if day is not None and fresh else None
    return {**counts, "worst_latency_ms": worst, "slippage": slippage, "trading_day": day.trading_day if day else None}


def signal_value(signal: Signal) -> Standing:
    """One signal; ``target`` in units, ``position`` in lots, ``values`` what it was based on."""
    return {
        "number": signal.number,
        "leg": signal.leg,
        "instrument": signal.instrument.code,
        "target": signal.target,
        "position": signal.position,
        "price": _number(signal.price),
        "reason": signal.reason,
        "values": signal.values,
        "bar_start": signal.bar_start,
        "decided_at": signal.decided_at,
        "stored_at": signal.created_at,
        "late": signal.late,
    }


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
