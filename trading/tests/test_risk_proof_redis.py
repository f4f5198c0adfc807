"""The desk as processes whose Redis is killed: cancels and closings go on, nothing is opened, failures are counted."""

import re
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from accounts.models import User
from marketdata.instruments import ensure_instrument
from marketdata.live_models import FeedState
from quantsite.testing.private_redis import private_redis
from trading import services
from trading.account_models import AccountState, TradingAccount
from trading.order_models import Order
from trading.tests.desk_processes import Client, Processes, processes, with_real_password
from trading.tests.killed_desk import DAY, write_market
from trading.tests.loop_bench import CAPITAL, RB

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]

CODE = "T1"
BOUGHT, RESTING = 4001.0, 3900.0


def begin(running: Processes, redis: str) -> None:
    """Feed, gateway and web process, all on a Redis that only they know; waits until they trade."""
    market = running.folder / "market.csv.gz"
    write_market(market)
    commands = {
        "feed": ("run_feed", "replay", str(market), "--speed", "4", "--loop"),
        "gateway": ("run_gateway", CODE),
        "web": running.web_words("--feed", "none"),
    }
    for name, words in commands.items():
        running.start(name, *words, REDIS_URL=redis, CELERY_BROKER_URL=redis)
    running.wait_for_web()
    told = FeedState.objects.filter(status="running", market_time__isnull=False)
    ready = AccountState.objects.filter(gateway="running")
    running.wait(lambda: told.exists() and ready.exists(), "feed and gateway run")


def ask(client: Client, name: str, direction: str, offset: str, price: float) -> Order:
    """Two lots, by the API."""
    body = {"account": CODE, "instrument": RB, "direction": direction, "offset": offset, "type": "limit"}
    told = client.post("orders/", {**body, "price": price, "volume": 2, "client_order_id": name})
    assert told.status_code == httpx.codes.CREATED, told.text
    return Order.objects.get(client_order_id=name)


def decided(running: Processes, order: Order, *statuses: str) -> Order:
    """The order once the gateway has decided on it, with one of these results."""
    mine = Order.objects.filter(pk=order.pk).exclude(status__in=["pending", "submitting", "submitted"])
    running.wait(lambda: mine.filter(status__in=statuses).exists() or mine.filter(status="rejected").exists(), "word")
    order.refresh_from_db()
    assert order.status in statuses, f"{order.status} {order.reason_code} {order.reason_text}\n{running.logs()}"
    return order


def test_cancels_and_closings_do_not_need_redis(ada: User, tmp_path: Path) -> None:
    ensure_instrument(RB, DAY)
    services.add_account(None, CODE, capital=CAPITAL)
    with ExitStack() as server, processes(tmp_path) as running:
        begin(running, server.enter_context(private_redis(tmp_path / "redis")))
        client = Client(running.origin, with_real_password(ada))
        decided(running, ask(client, "open", "buy", "open", BOUGHT), "filled")
        resting = decided(running, ask(client, "rest", "buy", "open", RESTING), "accepted")

        server.close()
        told = client.post(f"orders/{resting.pk}/cancel/")
        assert told.status_code == httpx.codes.ACCEPTED, told.text
        running.wait(lambda: Order.objects.filter(pk=resting.pk, status="cancelled").exists(), "the order is gone")
        decided(running, ask(client, "close", "sell", "close_today", BOUGHT - 5), "accepted", "filled")

        running.wait(lambda: _refused(running, client), "openings are refused")
        assert all(running.alive(name) for name in ("gateway", "web")), running.logs()
        assert TradingAccount.objects.get().orders.filter(status="pending").count() == 0
        page = client.http.get(f"{running.origin}/metrics").text
        failed = re.search(r"^quantsite_wake_failures_total (\S+)", page, re.MULTILINE)
        assert failed is not None
        assert float(failed[1]) > 0
        client.close()


def _refused(running: Processes, client: Client) -> bool:
    """Whether an order that opens is refused for want of a price; it may be taken in the first seconds."""
    number = Order.objects.count()
    order = decided(running, ask(client, f"again-{number}", "buy", "open", RESTING), "rejected", "accepted")
    return order.reason_code in {"no_price", "no_market"}
