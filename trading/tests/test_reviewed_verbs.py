"""Verbs given what nobody should give, or twice, or while a server is away."""

import threading
import time
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.conf import LazySettings

from marketdata.models import Instrument
from quantsite.common.errors import ConflictError, RuleError
from trading import services
from trading.account_gateway import AccountGateway
from trading.choices import CommandStatus
from trading.models import AccountCommand, AccountState, Order
from trading.new_order import NewOrder
from trading.tests.loop_bench import RB, Bench, bench
from trading.wake import wake_gateway

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]

AWAY = "redis://127.0.0.1:1/0"


@pytest.fixture
def table() -> Iterator[Bench]:
    """An account, a market at 4000, and a loop."""
    with bench() as made:
        yield made


def test_money_that_no_column_keeps_is_refused(table: Bench) -> None:
    code = table.account.code
    table.loop.abandon()
    for amount in ("0.0000001", "1.0000001", "NaN", "Infinity", "0", "-1", "1e14"):
        with pytest.raises(RuleError, match="amount"):
            services.deposit(None, code, Decimal(amount))
    for capital in ("0.0000001", "NaN", "-1", "1e14"):
        with pytest.raises(RuleError, match="capital"):
            services.add_account(None, "other", capital=Decimal(capital))
    assert services.deposit(None, code, Decimal("9000000000000")).status == CommandStatus.DONE
    again = services.deposit(None, code, Decimal("9000000000000"))
    assert (again.status, again.reason_code) == (CommandStatus.FAILED, "balance_too_large")
    assert AccountState.objects.get(account=table.account).balance == Decimal("9000001000000")


def test_a_command_that_fails_is_given_up_by_a_verb(table: Bench) -> None:
    table.loop.abandon()
    strange = AccountCommand.objects.create(account=table.account, kind="from_the_future")
    assert services.deposit(None, table.account.code, Decimal(5)).status == CommandStatus.DONE
    strange.refresh_from_db()
    assert (strange.status, strange.reason_code) == (CommandStatus.FAILED, "internal_error")


def test_a_command_that_fails_stops_no_gateway(table: Bench) -> None:
    table.loop.abandon()
    before = table.order("buy", "open", 3990.0, 1)
    strange = AccountCommand.objects.create(account=table.account, kind="from_the_future")
    behind = table.order("buy", "open", 3990.0, 1)
    stop = threading.Event()
    runs = threading.Thread(target=AccountGateway(table.account.code).run, args=(stop,))
    runs.start()
    try:
        assert _soon(lambda: set(Order.objects.values_list("status", flat=True)) == {"accepted"})
        strange.refresh_from_db()
        assert (strange.status, strange.reason_code) == (CommandStatus.FAILED, "internal_error")
        assert {before.pk, behind.pk} == set(Order.objects.values_list("pk", flat=True))
    finally:
        stop.set()
        runs.join()


def test_an_order_that_no_row_can_keep_is_refused(table: Bench) -> None:
    wrong: list[dict[str, object]] = [
        {"client_order_id": "a\0b"},
        {"client_order_id": "x" * 65},
        {"client_order_id": ""},
        {"volume": 1 << 40},
        {"volume": 0},
        {"price": float("inf")},
        {"price": -5.0},
    ]
    for given in wrong:
        with pytest.raises(RuleError):
            services.create_order(None, table.account.code, _order(**given))
    services.create_order(None, table.account.code, _order())
    assert services.create_order(None, table.account.code, _order())[1] is False
    others: list[dict[str, object]] = [{"price": 4000.3}, {"price": 4001.0}, {"volume": 2}, {"price": float("inf")}]
    for other in others:
        with pytest.raises(ConflictError):
            services.create_order(None, table.account.code, _order(**other))
    assert Order.objects.count() == 1


def test_a_close_is_asked_for_once_and_within_bounds(table: Bench) -> None:
    code = table.account.code
    table.placed("buy", "open", 4001.0, 5)
    with pytest.raises(RuleError):
        services.close_position(None, code, RB, "long", 0)
    Instrument.objects.filter(code=RB).update(max_limit_volume=4)
    with pytest.raises(RuleError, match="4 lots"):
        services.close_position(None, code, RB, "long")
    first = services.close_position(None, code, RB, "long", 4, client_order_id="once")
    table.turn()
    assert services.close_position(None, code, RB, "long", 4, client_order_id="once") == first
    assert services.close_position(None, code, RB, "long", client_order_id="once") == first
    with pytest.raises(ConflictError):
        services.close_position(None, code, RB, "long", 3, client_order_id="once")
    first.refresh_from_db()
    assert first.status == "filled"


def test_nobody_waits_long_for_a_server_that_is_away(settings: LazySettings) -> None:
    settings.REDIS_URL = AWAY
    began = time.monotonic()
    for account in range(200):
        wake_gateway(account)
    assert time.monotonic() - began < 2.0


def _order(**given: object) -> NewOrder:
    figures = {"client_order_id": "mine", "price": 4000.0, "volume": 1, **given}
    return NewOrder(RB, "buy", "open", "limit", **figures)  # type: ignore[arg-type]


def _soon(done) -> bool:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + 20
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
