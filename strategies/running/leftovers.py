"""Orders of an instance's former run: withdrawn, and waited for until none of them can fill any more.

A host knows only its own orders. One that began while others may still fill would not hear of those fills, and would
go on with other lots than the account has.
"""

import time
from collections.abc import Iterable
from typing import NamedTuple

from django.db.models import QuerySet

from strategies.event_models import client_order_id
from strategies.instance_models import StrategyInstance
from strategies.running.instance import Instance
from trading.choices import CommandKind
from trading.order_models import Order
from trading.verbs.inbox import enqueue

FIRST_SECONDS = 5.0
MOST_SECONDS = 60.0
"""An order that could not be withdrawn, as while its market rests, is asked back again after so long."""


class _Asked(NamedTuple):
    """When its orders are asked back next (monotonic), and how long that was waited for."""

    again_at: float
    seconds: float


class Leftovers:
    """Who waits for what is left of a former run."""

    def __init__(self) -> None:
        self._asked: dict[int, _Asked] = {}

    def gone(self, instance: Instance) -> bool:
        """Whether nothing may fill any more; what still may is withdrawn."""
        if not instance.sent:
            self._asked.pop(instance.pk, None)
            return True
        now = time.monotonic()
        asked = self._asked.get(instance.pk)
        if asked is None or now >= asked.again_at:
            seconds = FIRST_SECONDS if asked is None else min(2 * asked.seconds, MOST_SECONDS)
            self._asked[instance.pk] = _Asked(now + seconds, seconds)
            withdraw_all(instance)
        return False


def withdraw_all(instance: Instance) -> None:
    """Ask for the end of every order of it that may still fill."""
    withdraw_numbers(instance.row, instance.sent)


def withdraw_numbers(row: StrategyInstance, numbers: Iterable[int]) -> None:
    """The same of these numbers, in any thread."""
    names = [client_order_id(row.pk, number) for number in numbers]
    withdraw(Order.objects.working().filter(account=row.account_id, client_order_id__in=names))


def withdraw(orders: QuerySet[Order]) -> None:
    """Ask for the end of working orders."""
    for order in orders.select_related("account").order_by("pk"):
        enqueue(None, order.account, CommandKind.CANCEL, order=order)
