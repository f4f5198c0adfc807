"""Changes of contract on an instance's page: where it can roll to, how far a roll is on both legs, what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from marketdata.main_contracts.state import main_contract_on
from marketdata.models import Instrument
from strategies.choices import CauseName, RollState
from strategies.console.words import gain, lots
from strategies.event_models import StrategyOrder
from strategies.instance_models import StrategyInstance, StrategyLeg
from strategies.state_models import StrategyRoll, StrategyState
from trading.console.figures import price

ROLLS = 8
OPEN_ROLLS = (RollState.PLANNED, RollState.ROLLING, RollState.EXPOSED)
MARKS = {"done": "succeeded", "failed": "failed", "exposed": "failed", "undone": "cancelled"}


# --- where to ----------------------------------------------------------------------------------------------------


def targets(instance: StrategyInstance) -> list[dict[str, Any]]:
    """The contracts that its legs can roll to, leg by leg and by month; nothing while a roll is open.

    ``chosen`` is the product's main contract where that is a later one, else the next month.
    """
    if StrategyRoll.objects.filter(instance=instance, state__in=OPEN_ROLLS).exists():
        return []
    legs = list(instance.legs.select_related("instrument__product").order_by("number"))
    day = _today(instance)
    made = [line for leg in legs for line in _targets_of(leg, day, {each.instrument_id for each in legs})]
    best = next((line for line in made if line["main"]), None) or next((line for line in made if line["later"]), None)
    return [{**line, "chosen": line is best} for line in made]


def asked_for(given: str) -> tuple[int, str]:
    """Leg and contract of a target's value; leg -1 for a value that is none."""
    leg, _colon, code = given.partition(":")
    return (int(leg), code) if leg.isascii() and leg.isdigit() and len(leg) < 4 else (-1, given)


def _targets_of(leg: StrategyLeg, day: date, taken: set[int]) -> list[dict[str, Any]]:
    held = leg.instrument
    row = main_contract_on(held.product, day)
    known = Instrument.objects.filter(product=held.product, delivery_month__isnull=False).exclude(pk__in=taken)
    trading = known.filter(Q(expires=None) | Q(expires__gte=day)).order_by("delivery_year", "delivery_month")
    made = []
    for each in trading:
        later, main = _month(each) > _month(held), row is not None and row.instrument_id == each.pk
        words = f"{held.code} → {each.code}"
        text = _("%(contracts)s, the main contract") % {"contracts": words} if main else words
        made.append({"value": f"{leg.number}:{each.code}", "text": text, "main": main and later, "later": later})
    return made


def _month(instrument: Instrument) -> tuple[int, int]:
    return instrument.delivery_year or 0, instrument.delivery_month or 0


def _today(instance: StrategyInstance) -> date:
    """The trading day that it is in; that of the calendar where it has seen none."""
    stored = StrategyState.objects.filter(pk=instance.pk).values_list("trading_day", flat=True).first()
    return stored or timezone.localdate()


# --- how far -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Side:
    """What a roll's orders have filled of one contract."""

    lots: int = 0
    value: Decimal = Decimal(0)
    commission: Decimal = Decimal(0)

    @property
    def mean(self) -> Decimal | None:
        return self.value / self.lots if self.lots else None


def rolls(instance: StrategyInstance) -> list[dict[str, Any]]:
    """The newest first: state, both legs with what is filled, how long one stood alone, and the cost in yuan."""
    found = StrategyRoll.objects.filter(instance=instance).select_related("from_instrument", "to_instrument")
    rows = list(found.order_by("-id")[:ROLLS])
    orders = _orders(instance) if any(row.started_at for row in rows) else []
    return [_roll(row, *_sides(row, orders)) for row in rows]


def _orders(instance: StrategyInstance) -> list[dict[str, Any]]:
    """The orders of its rolls with what they have filled."""
    rows = StrategyOrder.objects.filter(instance=instance, cause=CauseName.ROLL, order__traded__gt=0).order_by()
    names = ("leg", "instrument", "decided_at", "order__traded", "order__average_price")
    return list(rows.values(*names).annotate(commission=Sum("order__fills__commission")))


def _sides(row: StrategyRoll, orders: Sequence[dict[str, Any]]) -> tuple[_Side, _Side]:
    """The old contract's side of a roll, and the new one's."""
    sides = {row.from_instrument_id: _Side(), row.to_instrument_id: _Side()}
    for order in orders:
        side = sides.get(order["instrument"])
        if side is None or order["leg"] != row.leg or row.started_at is None or order["decided_at"] < row.started_at:
            continue
        if row.ended_at is None or order["decided_at"] <= row.ended_at:
            side.lots += order["order__traded"]
            side.value += order["order__traded"] * order["order__average_price"]
            side.commission += order["commission"] or 0
    return sides[row.from_instrument_id], sides[row.to_instrument_id]


def _roll(row: StrategyRoll, closed: _Side, opened: _Side) -> dict[str, Any]:
    size = abs(row.lots)
    through = row.state == RollState.DONE and not (closed.lots or opened.lots)
    done = [size, size] if through else [min(closed.lots, size), min(opened.lots, size)]
    prices = (closed.mean or row.closed_price, opened.mean or row.opened_price)
    told = row.document
    return {
        "row": row,
        "lots": lots(row.lots),
        "state": row.get_state_display(),
        "open": row.state in OPEN_ROLLS,
        "working": row.state in OPEN_ROLLS and row.started_at is not None,
        "exposed": row.state == RollState.EXPOSED,
        "size": size,
        "share": sum(done) / (2 * size) if size else 0.0,
        "exposure": f"{row.exposure_seconds:,.1f}",
        "uncovered": abs(told.get("uncovered") or 0),
        "legs": [
            _leg(pgettext("leg of a roll", "close"), row.from_instrument, done[0], prices[0], told.get("old")),
            _leg(pgettext("leg of a roll", "open"), row.to_instrument, done[1], prices[1], told.get("new")),
        ],
        "cost": _cost(row, closed, opened),
        "mark": MARKS.get(row.state, "running"),
    }


def _leg(word: str, instrument: Instrument, done: int, mean: Any, held: int | None) -> dict[str, Any]:
    shown = price(mean, instrument.price_tick)
    return {"word": word, "code": instrument.code, "done": done, "price": shown, "held": lots(held) if held else "0"}


def _cost(row: StrategyRoll, closed: _Side, opened: _Side) -> dict[str, str] | None:
    """In yuan, below 0 for what was paid: commission, and what changing over has cost beyond the spread counted."""
    if not (closed.lots or opened.lots):
        return None
    commission = -(closed.commission + opened.commission)
    spread, both = row.document.get("spread"), min(closed.lots, opened.lots)
    if spread is None or closed.mean is None or opened.mean is None:
        return {"commission": gain(float(commission)), "spread": "", "sum": gain(float(commission))}
    worse = opened.mean - closed.mean - Decimal(str(spread[1])) + Decimal(str(spread[0]))
    paid = -(1 if row.lots >= 0 else -1) * worse * both * row.to_instrument.multiplier
    return {
        "commission": gain(float(commission)),
        "spread": gain(float(paid)),
        "sum": gain(float(paid + commission)),
    }
