"""An instance's books where its stored document cannot be read: from the rows of its orders and fills.

What only its own document knew (counts of the day, what its strategy keeps) is gone; lots, orders at work and profit
are the account's to tell.
"""

from math import nan

from marketdata.domain.calendar import to_day_number
from strategies.event_models import SECOND_PART, StrategyOrder
from strategies.running.instance import Instance, SentOrder
from strategies.state_models import StrategyPosition
from trading.account_models import AccountState
from trading.choices import FINAL_STATUSES, DirectionName
from trading.domain.offsets import Direction
from trading.order_models import Fill


def rebuild(instance: Instance) -> None:
    """Have it hold what its fills on its account left, and know its orders at work, up to the newest event there."""
    newest = AccountState.objects.filter(account=instance.account).values_list("last_seq", flat=True).first() or 0
    instance.seq = newest
    filled = _fills(instance, newest)
    _marks(instance)
    rows = StrategyOrder.objects.filter(instance=instance.pk, order__account=instance.account)
    at_work = rows.exclude(order__status__in=FINAL_STATUSES).select_related("order", "instrument")
    for row in at_work.order_by("number"):
        assert row.order is not None  # noqa: S101 - asked for
        sign = int(Direction[row.direction.upper()])
        left = row.lots - filled.get(row.number, 0)
        closes = row.order.offset != "open"
        price = None if row.decision_price is None else float(row.decision_price)
        instance.book.know(row.instrument.code, instance.multiplier(row.instrument.code))
        instance.sent[row.number] = SentOrder(row.leg, row.instrument.code, sign * left, closes, price)
    instance.number = max([instance.number, *(number % SECOND_PART for number in instance.sent)])


def _fills(instance: Instance, newest: int) -> dict[int, int]:
    """Book them; gives the lots filled by an order's number."""
    filled: dict[int, int] = {}
    rows = Fill.objects.filter(account=instance.account, order__strategy_order__instance=instance.pk, seq__lte=newest)
    columns = ("order__strategy_order__number", "instrument__code", "direction", "volume", "price", "commission")
    for number, code, direction, lots, price, commission in rows.order_by("seq", "part").values_list(*columns):
        instance.book.know(code, instance.multiplier(code))
        instance.book.fill(code, lots if direction == DirectionName.BUY else -lots, float(price), float(commission))
        filled[number] = filled.get(number, 0) + lots
    return filled


def _marks(instance: Instance) -> None:
    """Prices and profit before the day, as they were last shown."""
    for row in StrategyPosition.objects.filter(instance=instance.pk).select_related("instrument"):
        holding = instance.book.holdings.get(row.instrument.code)
        if holding is not None:
            holding.marked = nan if row.marked is None else float(row.marked)
            holding.day_base = float(row.day_base)
        if row.trading_day is not None:
            instance.book.day = max(instance.book.day, to_day_number(row.trading_day))
