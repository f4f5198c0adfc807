"""What a gateway does without its database, and without the server of its streams and bells."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError
from django.test import override_settings

from accounts.leases import LeaseKeeper, take
from trading import services, wake
from trading.account_models import TradingAccount
from trading.ledger.apply import lease_of
from trading.loop.account_loop import AccountLoop
from trading.order_models import Order
from trading.runner import AccountGateway
from trading.tests.loop_bench import Bench, bench
from trading.tests.risk_table import changed
from trading.wake import WAKE_FAILURES

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]

NOBODY = "redis://127.0.0.1:1/0"
"""Where no server listens."""


@pytest.fixture
def table() -> Iterator[Bench]:
    """An account, a market at 4000, and a loop."""
    with bench() as made:
        yield made


class Asked:
    """A gateway's cancels, noted."""

    def __init__(self, loop: AccountLoop, patch: pytest.MonkeyPatch) -> None:
        self.orders: list[int] = []
        inner = loop.exchange.gateway.cancel

        def cancel(order: int, now: int) -> None:
            self.orders.append(order)
            inner(order, now)

        patch.setattr(loop.exchange.gateway, "cancel", cancel)


def away(*_given: Any, **_named: Any) -> Any:
    """As a server that has gone."""
    raise OperationalError("the connection is closed")


def run_once(table: Bench, *, lease_lasts: bool = True) -> AccountGateway:
    """One gateway whose database goes away while the bench's loop turns; gives it."""
    gateway = AccountGateway(table.account.code)
    held = take(lease_of(table.account), "test")
    table.loop.commands._lease = LeaseKeeper(held, lambda _reason: None)
    if not lease_lasts:
        table.loop.commands._lease._until = time.monotonic() - 1.0
    with pytest.raises(OperationalError):
        gateway._turn(table.loop, threading.Event(), threading.Event())
    held.release()
    return gateway


@pytest.mark.parametrize("wanted", [True, False])
def test_without_its_database_a_gateway_withdraws_what_rests_if_the_account_says_so(
    table: Bench, monkeypatch: pytest.MonkeyPatch, *, wanted: bool
) -> None:
    TradingAccount.objects.filter(pk=table.account.pk).update(cancel_when_blind=wanted)
    changed()
    orders = [table.placed("buy", "open", 3990.0 - n, 1) for n in range(3)]
    waiting = table.order("buy", "open", 3980.0, 1)
    asked = Asked(table.loop, monkeypatch)
    with monkeypatch.context() as broken:
        for name in ("commit", "load"):
            broken.setattr(table.loop.keeper, name, away)
        broken.setattr("trading.loop.inbox.waiting_commands", away)
        broken.setattr("trading.loop.risk_desk.RiskRevision.objects", None)
        broken.setattr("trading.loop.market.Publishing.read", away)
        gateway = run_once(table)
    assert asked.orders == ([order.pk for order in orders] if wanted else [])
    waiting.refresh_from_db()
    assert waiting.status == "pending"  # nothing is accepted that cannot be stored
    assert set(Order.objects.exclude(pk=waiting.pk).values_list("status", flat=True)) == {"accepted"}
    # the rows are back: what was asked for without them is asked for again, and told
    table.restart(clean=False)
    gateway._withdraw_again(table.loop)
    states = set(Order.objects.exclude(pk=waiting.pk).values_list("status", flat=True))
    assert states == ({"cancelled"} if wanted else {"accepted"})
    assert ("cancel_requested" in table.kinds()) is wanted


def test_a_gateway_whose_lease_has_run_out_touches_nothing(table: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    TradingAccount.objects.filter(pk=table.account.pk).update(cancel_when_blind=True)
    changed()
    table.placed("buy", "open", 3990.0, 1)
    asked = Asked(table.loop, monkeypatch)
    with monkeypatch.context() as broken:
        broken.setattr("trading.loop.market.Publishing.read", away)
        run_once(table, lease_lasts=False)
    assert asked.orders == []


def test_without_the_server_of_streams_cancels_and_closes_go_and_nothing_is_opened(
    table: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.placed("buy", "open", 4001.0, 2)
    resting = table.placed("buy", "open", 3990.0, 1)
    failures = WAKE_FAILURES._value.get()
    monkeypatch.setattr(wake, "_quiet_until", 0.0)
    monkeypatch.setattr("trading.loop.market.UNREAD_SECONDS", 0.3)
    table.loop._follower.close()  # nothing is read any more
    with override_settings(REDIS_URL=NOBODY):
        time.sleep(0.4)
        opening = table.order("buy", "open", 3990.0, 1)
        closing = table.order("sell", "close_today", 3999.0, 2)
        services.cancel_order(None, resting.pk)
        table.loop._asked.clear()  # nobody rings
        deadline = time.monotonic() + 60
        while Order.objects.get(pk=closing.pk).status == "pending" and time.monotonic() < deadline:
            table.loop.turn(0.1)
    states = {row.pk: (row.status, row.reason_code) for row in Order.objects.all()}
    assert states[opening.pk] == ("rejected", "no_price")
    assert states[closing.pk] == ("filled", "")
    assert states[resting.pk] == ("cancelled", "")
    assert WAKE_FAILURES._value.get() > failures
