"""What the accounts of a control group sent on a trading day, from the events that were stored as it was sent.

An order counts from its ``submitting``, a cancel from its ``cancel_requested`` of an order that was handed over, both
when we sent them, on the market clock: that is the exchange's second, live as in a replay of another year at any speed.
What the desk refused was never sent, and what an exchange withdraws by itself is no cancel. Monitor, sweep and report
count by this one function (docs/decisions/0018-what-risk-measures.md).
"""

from collections.abc import Collection
from datetime import date

from django.db.models import QuerySet

from quantsite.common.times import utc_to_ns
from trading.account_models import AccountState
from trading.domain.risk.actions import Action, ActionKind
from trading.order_models import AccountEvent

KINDS = {"submitting": ActionKind.ORDER, "cancel_requested": ActionKind.CANCEL}


def sent_on(accounts: Collection[int], day: date) -> list[Action]:
    """Everything of these accounts on the trading day, in the order of its time."""
    return sorted(actions_in(AccountEvent.objects.filter(order__account__in=accounts), day))


class DayActions:
    """The same, read on as it grows: each look asks only for what is new."""

    def __init__(self) -> None:
        self.day: date | None = None
        self._looked_to: dict[int, int] = {}
        self._actions: list[Action] = []

    def look(self, accounts: Collection[int], day: date | None) -> list[Action]:
        """Everything so far, in no order. Do not change it."""
        if day != self.day:
            self.day, self._looked_to, self._actions = day, {}, []
        if day is None:
            return self._actions
        newest = dict(AccountState.objects.filter(pk__in=accounts).values_list("pk", "last_seq"))
        for account, seq in newest.items():
            before = self._looked_to.get(account)
            if before is None:  # found by the day's orders: by their numbers all events of the account would be read
                self._actions += actions_in(AccountEvent.objects.filter(order__account=account, seq__lte=seq), day)
            elif seq > before:
                news = AccountEvent.objects.filter(account=account, seq__gt=before, seq__lte=seq)
                self._actions += actions_in(news, day)
            self._looked_to[account] = seq
        return self._actions


def actions_in(events: "QuerySet[AccountEvent]", day: date) -> list[Action]:
    """What these events tell of orders and cancels that were sent on a trading day, in no order."""
    rows = events.filter(kind__in=KINDS, order__trading_day=day, order__submitted_at__isnull=False).order_by()
    instrument = "order__instrument__code", "order__instrument__product__exchange"
    return [
        Action(utc_to_ns(at), KINDS[kind], exchange, code, volume - traded)
        for at, kind, code, exchange, volume, traded in rows.values_list(
            "market_time", "kind", *instrument, "order__volume", "body__order__traded"
        )
    ]
