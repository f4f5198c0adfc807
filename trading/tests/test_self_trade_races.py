"""Two gateways of one control group at once, orders racing: at no commit do working orders of the group meet."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from math import nan
from typing import Any

import pytest
from django.db import connection, transaction

from quantsite.common.errors import ConflictError
from quantsite.testing.patience import SOON
from trading import services
from trading.choices import CommandStatus, StatusName
from trading.domain.risk.self_trade import Standing, crosses
from trading.ledger.changes import write
from trading.order_models import AccountCommand, AccountEvent, Order
from trading.tests.loop_bench import Bench
from trading.tests.risk_table import group

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]

STEPS = 30
LOTS = 30
PRICES = (3993.0, 3995.0, 3997.0, 4003.0, 4005.0, 4007.0)


@dataclass
class Watcher:
    """Looks at the working orders of everybody after each commit of an account's gateway, and notes those that meet."""

    looks: int = 0
    met: list[str] = field(default_factory=list)

    def look(self) -> None:
        """One more commit has been made; whatever others do meanwhile, no committed state may hold two that meet."""
        self.looks += 1
        rows = Order.objects.working().exclude(status=StatusName.PENDING).select_related("instrument", "account")
        orders = [_standing(row) for row in rows]
        for one in orders:
            self.met += [f"{one} {other}" for other in orders if one.order_id < other.order_id and crosses(one, other)]

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look after every commit until the block ends."""

        def watched(*given: Any) -> None:
            with transaction.atomic(savepoint=False):
                write(*given)
                transaction.on_commit(self.look)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("trading.ledger.keeper.write", watched)
            yield


def _standing(row: Order) -> Standing:
    price = nan if row.price is None else float(row.price)
    opening = row.offset == "open"
    return Standing(row.pk, row.account.code, row.instrument.code, row.direction == "buy", opening, price)


def _trade(table: Bench, seed: str) -> None:
    """One gateway with its trader, in a thread of its own."""
    drawn = random.Random(seed)  # noqa: S311 - repeatable, not secret
    try:
        for _step in range(STEPS):
            for _order in range(drawn.randrange(1, 4)):
                _one(table, drawn)
            table.loop.commands.carry_out()
    finally:
        connection.close()


def _one(table: Bench, drawn: random.Random) -> None:
    working = list(table.account.orders.working().values_list("pk", flat=True))
    if working and drawn.random() < 0.3:
        try:
            services.cancel_order(None, drawn.choice(working))
        except ConflictError as error:  # it ended in between
            assert error.code == "order_final"  # noqa: PT017 - it may pass without
        return
    direction, offset = drawn.choice(["buy", "sell"]), drawn.choice(["open", "close_today"])
    table.order(direction, offset, drawn.choice(PRICES), drawn.randrange(1, 3))


def _together(tables: list[Bench], act: Callable[[Bench], None]) -> None:
    """Every gateway at once; raises what any of them met."""
    errors: list[BaseException] = []

    def run(table: Bench) -> None:
        try:
            act(table)
        except BaseException as error:  # noqa: BLE001 - of another thread: raised below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(table,)) for table in tables]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.mark.parametrize("seed", [1, 2])
def test_racing_orders_of_a_control_group_never_meet(seed: int) -> None:
    with group("A1", "B1") as tables:
        for table in tables:
            table.placed("buy", "open", 4001.0, LOTS)
            table.placed("sell", "open", 3999.0, LOTS)
        watcher = Watcher()
        with watcher.watching():
            _together(tables, lambda table: _trade(table, f"{seed} {table.account.code}"))
            for _time in range(10):  # what waits is set free by the other's gateway, turn by turn
                for table in tables:
                    table.loop.commands.carry_out()
        assert watcher.met == []
        assert watcher.looks > STEPS
        refused = Order.objects.filter(reason_code="self_trade")
        assert refused.exists()
        assert all("control group" in order.reason_text for order in refused)
        assert AccountEvent.objects.filter(kind="held").exists()
        assert not AccountCommand.objects.filter(status=CommandStatus.QUEUED).exists()
        assert not Order.objects.filter(status=StatusName.PENDING).exists()


def test_two_that_race_for_one_price_are_decided_one_after_the_other() -> None:
    with group("A1", "B1") as tables:
        one, other = tables
        for number in range(12):
            buy = one.order("buy", "open", 3990.0, 1)
            sell = other.order("sell", "open", 3990.0, 1)
            Order.objects.filter(pk=sell.pk).update(type="stop", stop_price=3980.0)  # it rests
            start = threading.Barrier(2)
            _together(tables, partial(_at_once, start))
            states = {order.status: order for order in Order.objects.filter(pk__in=[buy.pk, sell.pk])}
            assert set(states) == {"accepted", "rejected"}, number
            assert states["rejected"].reason_code == "self_trade"
            services.cancel_order(None, states["accepted"].pk)
            for table in tables:
                table.loop.commands.carry_out()


def _at_once(start: threading.Barrier, table: Bench) -> None:
    try:
        start.wait(SOON)
        table.loop.commands.carry_out()
    finally:
        connection.close()
