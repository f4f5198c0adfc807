"""Verbs given what nobody should give, or twice, or while a server is away."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import LazySettings
from django.db.models import F

from marketdata.models import Instrument
from quantsite.common.errors import ConflictError, RuleError
from quantsite.testing.patience import SOON
from trading import services
from trading.choices import CommandKind, CommandStatus, ProfitChoice
from trading.models import AccountCommand, AccountState, Order, Position, TradingAccount
from trading.runner import AccountGateway
from trading.tests.loop_bench import RB, Bench, bench
from trading.verbs.new_order import NewOrder
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
    table.abandon()
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
    table.abandon()
    strange = AccountCommand.objects.create(account=table.account, kind="from_the_future")
    assert services.deposit(None, table.account.code, Decimal(5)).status == CommandStatus.DONE
    strange.refresh_from_db()
    assert (strange.status, strange.reason_code) == (CommandStatus.FAILED, "internal_error")


def test_a_command_that_fails_stops_no_gateway(table: Bench) -> None:
    table.abandon()
    before = table.order("buy", "open", 3990.0, 1)
    strange = AccountCommand.objects.create(account=table.account, kind="from_the_future")
    behind = table.order("buy", "open", 3990.0, 1)
    with _gateway(table):
        assert _soon(lambda: set(Order.objects.values_list("status", flat=True)) == {"accepted"})
        strange.refresh_from_db()
        assert (strange.status, strange.reason_code) == (CommandStatus.FAILED, "internal_error")
        assert {before.pk, behind.pk} == set(Order.objects.values_list("pk", flat=True))


def test_changed_terms_of_an_account_are_those_of_a_running_gateway(table: Bench) -> None:
    table.abandon()
    with _gateway(table):
        table.order("buy", "open", 3999.0, 1)
        table.order("buy", "open", 4001.0, 1)
        assert _soon(lambda: Order.objects.filter(status="filled").exists())
        table.street.tick(4010.0)
        state = AccountState.objects.filter(account=table.account)
        assert _soon(lambda: state.get().position_profit > 0)
        with_profit = state.get().available
        TradingAccount.objects.update(profit_algorithm=ProfitChoice.NONE, latency_ms=3_600_000.0)
        table.street.tick(4011.0)
        assert _soon(lambda: state.get().available < with_profit)
        late = table.order("buy", "open", 4020.0, 1)
        assert _soon(lambda: _status(late) == "submitting")
        table.street.tick(4012.0)
        assert _soon(lambda: Position.objects.get().last_price == 4012)
        assert _status(late) == "submitting"  # on its way for an hour of the market's
        assert list(Order.objects.order_by("pk").values_list("status", flat=True)[:2]) == ["accepted", "filled"]


def test_closing_an_account_rejects_what_no_gateway_has_taken(table: Bench) -> None:
    code = table.account.code
    resting = table.placed("buy", "open", 3990.0, 1)
    table.abandon()
    waiting = table.order("buy", "open", 3991.0, 1)
    services.set_active(None, code, active=False)  # nobody runs: the caller rejects it
    assert (_status(resting), _status(waiting)) == ("accepted", "rejected")
    assert (waiting.reason_code, table.kinds()[-1]) == ("account_closed", "rejected")
    table.restart(clean=False)
    table.turn()
    assert (_status(resting), _status(waiting)) == ("accepted", "rejected")
    services.set_active(None, code, active=True)
    assert table.placed("buy", "open", 3992.0, 1).status == "accepted"


def test_a_gateway_sends_nothing_for_a_closed_account(table: Bench) -> None:
    late = table.order("buy", "open", 3991.0, 1)
    TradingAccount.objects.update(is_active=False)  # and the command that closes is behind it in the inbox
    AccountCommand.objects.create(account=table.account, kind=CommandKind.CLOSE)
    table.turn()
    assert (_status(late), late.reason_code) == ("rejected", "account_closed")
    assert table.kinds().count("rejected") == 1
    assert not AccountCommand.objects.filter(status=CommandStatus.QUEUED).exists()


def test_an_order_that_waited_too_long_is_not_sent(table: Bench, settings: LazySettings) -> None:
    table.abandon()
    stale, fresh = (table.order("buy", "open", price, 1) for price in (3991.0, 3992.0))
    waited = timedelta(seconds=settings.ORDER_MAX_WAIT + 1)
    Order.objects.filter(pk=stale.pk).update(created_at=F("created_at") - waited)
    table.restart(clean=False)
    table.turn()
    assert (_status(stale), stale.reason_code) == ("rejected", "waited_too_long")
    assert int(stale.reason_text.split()[3]) > settings.ORDER_MAX_WAIT, stale.reason_text
    assert _status(fresh) == "accepted"


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
    assert time.monotonic() - began < SOON  # not even a third of a second each


@contextmanager
def _gateway(table: Bench) -> Iterator[None]:
    """The account's gateway in a thread, as the command runs it."""
    stop = threading.Event()
    runs = threading.Thread(target=AccountGateway(table.account.code).run, args=(stop,))
    runs.start()
    try:
        yield
    finally:
        stop.set()
        runs.join()


def _status(order: Order) -> str:
    order.refresh_from_db()
    return order.status


def _order(**given: object) -> NewOrder:
    figures = {"client_order_id": "mine", "price": 4000.0, "volume": 1, **given}
    return NewOrder(RB, "buy", "open", "limit", **figures)  # type: ignore[arg-type]


def _soon(done) -> bool:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + 60
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
