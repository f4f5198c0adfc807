"""Accounts whose rows and events are written by hand, as a gateway writes them: both in one transaction.

What happens is drawn at random and means nothing; but the rows and the bodies of the events say the same.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from marketdata.instruments import ensure_instrument
from marketdata.models import Instrument
from trading.account_models import AccountState, ControlGroup, Desk, TradingAccount
from trading.choices import WORKING_STATUSES, StatusName
from trading.ledger_models import Position
from trading.order_models import AccountEvent, Fill, Order
from trading.shapes import fill_shape, funds_shape, order_shape, position_shape
from trading.wake import announce

CODES = ("rb2501.SHFE", "hc2501.SHFE")
DAY = date(2024, 12, 3)
NOON = datetime(2024, 12, 3, 4, tzinfo=UTC)

NEXT = {
    StatusName.PENDING: StatusName.SUBMITTING,
    StatusName.SUBMITTING: StatusName.SUBMITTED,
    StatusName.SUBMITTED: StatusName.ACCEPTED,
}


def instruments() -> list[Instrument]:
    """What is traded."""
    return [ensure_instrument(code, DAY) for code in CODES]


def made_account(code: str) -> TradingAccount:
    """A new account on its first trading day."""
    desk, _ = Desk.objects.get_or_create(code="desk")
    group = ControlGroup.objects.create(code=code)
    account = TradingAccount.objects.create(code=code, desk=desk, control_group=group)
    AccountState.objects.create(account=account, trading_day=DAY)
    return account


class Scribe:
    """Writes what happens to one account; several may write to the same one."""

    def __init__(self, account: TradingAccount, seed: int = 0) -> None:
        self.account = account
        self.random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.seed = seed
        self.count = 0

    def happen(self, times: int = 1) -> None:
        """Something, at random."""
        for _ in range(times):
            self._happen()

    def _happen(self) -> None:
        whats: list[Callable[[], object]]
        whats = [self.place, self.advance, self.advance, self.advance, self.trade, self.trade, self.end, self.deposit]
        whats += [self.next_day] if self.random.random() < 0.1 else []
        self.random.choice(whats)()

    def place(self) -> Order:
        """An order that waits for the gateway: it has no event."""
        self.count += 1
        return Order.objects.create(
            account=self.account,
            client_order_id=f"{self.seed}-{self.count}",
            instrument=self.random.choice(instruments()),
            direction=self.random.choice(["buy", "sell"]),
            offset="open",
            type="limit",
            price=self.random.randrange(3_000, 4_000),
            volume=self.random.randrange(1, 20),
        )

    def advance(self) -> None:
        """An order is submitted, or accepted."""
        with self._step() as step:
            order = step.order(*NEXT)
            if order is not None:
                order.status = NEXT[StatusName(order.status)]
                order.trading_day = step.day
                step.tell(order.status, order)

    def trade(self) -> None:
        """An order trades some lots."""
        with self._step() as step:
            order = step.order(StatusName.ACCEPTED, StatusName.PARTIALLY_FILLED)
            if order is not None:
                volume = self.random.randint(1, order.left)
                order.traded += volume
                order.status = StatusName.PARTIALLY_FILLED if order.left else StatusName.FILLED
                step.tell("traded", order, volume)

    def end(self) -> None:
        """An order is cancelled or refused."""
        with self._step() as step:
            order = step.order(*WORKING_STATUSES)
            if order is not None:
                order.status = self.random.choice([StatusName.CANCELLED, StatusName.REJECTED])
                order.trading_day = step.day
                order.reason_code = "chance"
                step.tell(order.status, order)

    def reject(self, order: Order, code: str, text: str) -> None:
        """This order is refused, for this reason."""
        with self._step() as step:
            order.status, order.reason_code, order.reason_text = StatusName.REJECTED, code, text
            step.tell("rejected", order)

    def deposit(self, amount: int = 1_000) -> int:
        """Money comes; the event's number."""
        with self._step() as step:
            step.state.deposit += amount
            return step.tell("deposit")

    def next_day(self) -> None:
        """All that works expires, one event each, and a new trading day begins."""
        with self._step() as step:
            for order in list(step.working(*WORKING_STATUSES)):
                order.status, order.trading_day = StatusName.EXPIRED, step.day
                step.tell("expired", order)
            step.state.trading_day = step.day + timedelta(days=1)
            step.tell("settled", positions=list(Position.objects.filter(account=self.account)))

    @contextmanager
    def _step(self) -> "Iterator[Step]":
        with transaction.atomic():
            AccountState.objects.filter(pk=self.account.pk).update(last_seq=F("last_seq") + 0)  # waits for others
            step = Step(AccountState.objects.select_related("account").get(pk=self.account.pk), self.random)
            yield step
            transaction.on_commit(lambda: announce(self.account.pk))


class Step:
    """One transaction of an account."""

    def __init__(self, state: AccountState, chance: random.Random) -> None:
        self.state = state
        self.day = state.trading_day or DAY
        self.random = chance

    def working(self, *statuses: str) -> Any:
        """The orders that stand so."""
        rows = Order.objects.select_related("account", "instrument").order_by("pk")
        return rows.filter(account=self.state.account_id, status__in=statuses)

    def order(self, *statuses: str) -> Order | None:
        """One of them."""
        found = list(self.working(*statuses))
        return self.random.choice(found) if found else None

    def tell(
        self, kind: str, order: Order | None = None, volume: int = 0, positions: list[Position] | None = None
    ) -> int:
        """The rows and the event of what has happened; the event's number."""
        state = self.state
        state.last_seq += 1
        state.balance = self.random.randrange(10**9) / 1_000
        state.risk_degree = self.random.choice([None, self.random.random()])
        state.save()
        body: dict[str, Any] = {"funds": funds_shape(state)}
        if order is not None:
            order.updated_seq = state.last_seq
            order.save()
            body["order"] = order_shape(order)
        if order is not None and volume:
            fill = self._fill(order, volume)
            body["fills"] = [fill_shape(fill)]
            positions = [self._position(order)]
        if positions:
            body["positions"] = [position_shape(position) for position in positions]
        AccountEvent.objects.create(
            account_id=state.account_id, seq=state.last_seq, kind=kind, order=order, body=body, market_time=NOON
        )
        return state.last_seq

    def _fill(self, order: Order, volume: int) -> Fill:
        return Fill.objects.create(
            account=order.account,
            order=order,
            instrument=order.instrument,
            trading_day=self.day,
            trade_id=str(self.state.last_seq),
            direction=order.direction,
            offset=order.offset,
            price=order.price,
            volume=volume,
            commission=self.random.randrange(10**6) / 10**4,
            traded_at=NOON,
            seq=self.state.last_seq,
        )

    def _position(self, order: Order) -> Position:
        """The side that the order trades on, with a random volume; 0: it is gone."""
        which: dict[str, Any] = {"account": order.account, "instrument": order.instrument, "side": "long"}
        lots = self.random.randrange(5)
        if not lots:
            Position.objects.filter(**which).delete()
            return Position(**which, volume=0, today=0, open_price=0, base_price=0)
        held: dict[str, Any] = {"volume": lots, "today": lots, "open_price": order.price, "base_price": order.price}
        return Position.objects.update_or_create(**which, defaults=held)[0]
