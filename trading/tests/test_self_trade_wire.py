"""Two gateway processes of one control group, orders for both raced over the wire: none meets at the exchange."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from math import nan
from pathlib import Path

import httpx
import pytest

from accounts.models import User
from trading import services
from trading.account_models import VIEW
from trading.choices import FINAL_STATUSES, CommandStatus
from trading.domain.risk.self_trade import Standing, crosses
from trading.order_models import AccountCommand, AccountEvent, Order
from trading.tests.desk_processes import Client, with_real_password
from trading.tests.loop_bench import RB
from trading.tests.street_desk import StreetDesk, street_desk

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]

CODES = ("A1", "B1")
STEPS, LOTS = 20, 8
PRICES = (3993, 3995, 3997, 4003, 4005, 4007)
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass
class Raced:
    """The desk with its web process, and whoever orders for both accounts."""

    desk: StreetDesk
    officer: User

    def client(self, user: User) -> Client:
        """A person's programs."""
        return Client(self.desk.running.origin, user)


@pytest.fixture
def raced(ada: User, tmp_path: Path) -> Iterator[Raced]:
    """Two accounts of one group, with their gateways and a web process."""
    with street_desk(tmp_path, *CODES, group="one") as desk:
        desk.running.fork("web", *desk.running.web_words("--feed", "none"))
        desk.running.wait_for_web()
        yield Raced(desk, with_real_password(ada))


def trade(client: Client, code: str) -> None:
    """Orders of both sides that open and close, and a cancel now and then."""
    drawn = random.Random(code)  # noqa: S311 - repeatable, not secret
    mine: list[int] = []
    for number in range(STEPS):
        body = {"account": code, "instrument": RB, "type": "limit", "client_order_id": f"{code}-{number}"}
        side, offset = drawn.choice(["buy", "sell"]), drawn.choice(["open", "close_today"])
        told = client.post(
            "orders/", {**body, "direction": side, "offset": offset, "price": drawn.choice(PRICES), "volume": 1}
        )
        assert told.status_code == httpx.codes.CREATED, told.text
        mine.append(told.json()["id"])
        if drawn.random() < 0.3:
            assert client.post(f"orders/{drawn.choice(mine)}/cancel/").status_code in {202, 409}


def at_work(order: Order) -> tuple[datetime, datetime]:
    """From when to when an order was at the exchange, by the commits that say so."""
    events = AccountEvent.objects.filter(order=order).order_by("seq")
    began = events.filter(kind="submitting").values_list("created_at", flat=True).get()
    ended = events.values_list("created_at", flat=True).last() if order.status in FINAL_STATUSES else None
    return began, ended or NEVER


def standing(order: Order) -> Standing:
    """The order as others meet it."""
    price = nan if order.price is None else float(order.price)
    opening = order.offset == "open"
    return Standing(order.pk, order.account.code, order.instrument.code, order.direction == "buy", opening, price)


def met() -> list[str]:
    """The pairs of orders that were at the exchange together and could have filled against each other."""
    sent = Order.objects.filter(submitted_at__isnull=False).select_related("account", "instrument")
    orders = [(standing(order), *at_work(order)) for order in sent]
    return [
        f"{one} {other}"
        for one, begins, ends in orders
        for other, starts, stops in orders
        if one.order_id < other.order_id and begins < stops and starts < ends and crosses(one, other)
    ]


def test_orders_raced_over_the_wire_never_meet(raced: Raced) -> None:
    desk = raced.desk
    for code in CODES:
        assert desk.placed("buy", "open", 4001.0, LOTS, account=code).status == "filled"
        assert desk.placed("sell", "open", 3999.0, LOTS, account=code).status == "filled"
    clients = [raced.client(raced.officer) for _code in CODES]
    desk.street.clock()
    with ThreadPoolExecutor() as both:
        assert list(both.map(trade, clients, CODES)) == [None, None]
    waiting = AccountCommand.objects.filter(status=CommandStatus.QUEUED)
    desk.running.wait(lambda: not waiting.exists(), "everything is decided")

    assert met() == []
    by_code = {code: Order.objects.filter(account__code=code, submitted_at__isnull=False).count() for code in CODES}
    assert all(count > STEPS / 4 for count in by_code.values()), by_code
    refused = Order.objects.filter(reason_code="self_trade")
    assert refused.exists()
    assert all("control group" in order.reason_text for order in refused)
    for client in clients:
        client.close()


def test_the_refused_one_knows_the_other_order_where_its_account_may_be_seen(raced: Raced, bob: User) -> None:
    desk = raced.desk
    services.grant_account(None, "B1", with_real_password(bob), VIEW)
    resting = desk.placed("sell", "open", 4010.0, account="A1")
    refused = desk.placed("buy", "open", 4010.0, account="B1")
    assert (refused.status, refused.reason_code) == ("rejected", "self_trade")
    reasons = {}
    for user in (raced.officer, bob):
        client = raced.client(user)
        reasons[user.username] = client.get(f"orders/{refused.pk}/")["reason_text"]
        client.close()
    for word in (f"order {resting.pk}", "A1", "4010"):
        assert word in reasons["ada"]
        assert word not in reasons["bob"]
    assert all("control group" in text for text in reasons.values())
