"""REST: orders that are placed once, accounts with their funds, and who sees what."""

from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User
from marketdata.live_models import FeedState, InstrumentFeed
from quantsite.testing.cast import client_of
from trading import account_serializers, serializers, services, shapes
from trading.account_models import TRADE
from trading.order_models import Order
from trading.tests.desk import CODE, NOON, Desk, make_desk

BODY = {
    "account": "bobs",
    "instrument": CODE,
    "direction": "buy",
    "offset": "open",
    "type": "limit",
    "price": 3312,
    "volume": 2,
    "client_order_id": "mine-1",
}


@pytest.fixture
def desk(bob: User) -> Desk:
    """Bob's account, at a noon of 2024 by the market clock."""
    made = make_desk("bobs", bob, orders=4)
    FeedState.objects.create(source="one", kind="replay", status="running", epoch=1, market_time=NOON)
    InstrumentFeed.objects.create(instrument=made.order.instrument, source="one", epoch=1)
    return made


@pytest.fixture
def api(bob: User) -> APIClient:
    """Bob's program."""
    return client_of(bob)


def test_every_shape_is_what_the_schema_says(desk: Desk) -> None:
    desk.account.refresh_from_db()
    told = {
        serializers.OrderSerializer: shapes.order_shape(desk.order),
        serializers.FillSerializer: shapes.fill_shape(desk.fill),
        serializers.PositionSerializer: shapes.position_shape(desk.position),
        account_serializers.AccountSerializer: shapes.account_shape(desk.account),
        account_serializers.FundsSerializer: shapes.funds_shape(desk.account.state),
    }
    for serializer, shape in told.items():
        assert set(serializer().fields) == set(shape), serializer


def test_the_same_order_again_is_the_same_order(desk: Desk, api: APIClient) -> None:
    first = api.post("/api/v1/orders/", BODY)
    assert (first.status_code, first.json()["status"]) == (201, "pending")
    assert api.get(first.headers["Location"]).json() == first.json()
    again = api.post("/api/v1/orders/", {**BODY, "price": 3312.0})
    assert (again.status_code, again.json()) == (200, first.json())
    other = api.post("/api/v1/orders/", {**BODY, "volume": 3})
    assert (other.status_code, other.json()["code"]) == (409, "client_order_id_used")
    assert list(other.json()["fields"]) == ["volume"]
    assert Order.objects.filter(client_order_id="mine-1").count() == 1


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"price": 3312.3}, 400, "price"),
        ({"price": "nan"}, 400, "price"),
        ({"price": 1e300}, 400, "price"),
        ({"price": None}, 400, "price"),
        ({"volume": 0}, 400, "volume"),
        ({"volume": 2.5}, 400, "volume"),
        ({"type": "best"}, 400, "type"),
        ({"type": "later"}, 400, "type"),
        ({"offset": None}, 400, "offset"),
        ({"client_order_id": "a b"}, 400, "client_order_id"),
        ({"leverage": 10}, 400, "leverage"),
        ({"instrument": "xx9999.SHFE"}, 404, None),
        ({"account": "nobodys"}, 404, None),
    ],
)
def test_what_no_waiting_can_change_is_refused_at_once(
    desk: Desk, api: APIClient, change: dict[str, Any], status: int, field: str | None
) -> None:
    before = Order.objects.count()
    answer = api.post("/api/v1/orders/", {**BODY, **change})
    body = answer.json()
    assert answer.status_code == status, body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert body["code"]
    assert field is None or field in body["fields"], body
    assert Order.objects.count() == before


def test_orders_are_found_by_what_they_say(desk: Desk, api: APIClient) -> None:
    make_desk("others", orders=2)
    stored = list(Order.objects.filter(account=desk.account).order_by("-pk"))

    def found(words: str) -> list[int]:
        answer = api.get(f"/api/v1/orders/?{words}")
        assert answer.status_code == 200, answer.json()
        return [row["id"] for row in answer.json()["results"]]

    working = {"partially_filled", "accepted"}
    assert found("") == [order.pk for order in stored]
    assert found("status=working") == [order.pk for order in stored if order.status in working]
    assert found("status=filled&status=cancelled") == [order.pk for order in stored if order.status not in working]
    assert found("direction=buy") == [order.pk for order in stored if order.direction == "buy"]
    assert found("strategy_key=double_ma") == [order.pk for order in stored if order.strategy_key]
    assert found("trading_day=2024-12-02") == [order.pk for order in stored if order.trading_day]
    assert found("created_from=2999-01-01T00:00:00Z") == found("created_to=2000-01-01T00:00:00Z") == []
    assert found("account=others") == []
    first = api.get("/api/v1/orders/?limit=3").json()
    rest = api.get(first["next"]).json()
    assert [row["id"] for row in first["results"] + rest["results"]] == [order.pk for order in stored]
    assert rest["next"] is None


def test_cancels_are_asked_for_and_the_end_of_an_order_is_the_end(desk: Desk, api: APIClient) -> None:
    assert desk.order.status == "accepted"
    assert api.post(f"/api/v1/orders/{desk.order.pk}/cancel/").status_code == 202
    filled = Order.objects.get(account=desk.account, status="filled")
    answer = api.post(f"/api/v1/orders/{filled.pk}/cancel/")
    assert (answer.status_code, answer.json()["code"]) == (409, "order_final")
    every = api.post("/api/v1/orders/cancel-all/", {"account": "bobs"})
    assert every.status_code == 202
    assert set(every.json()["orders"]) == set(
        Order.objects.working().filter(account=desk.account).values_list("pk", flat=True)
    )


def test_a_position_is_closed_by_an_order(desk: Desk, api: APIClient) -> None:
    asked = {"account": "bobs", "instrument": CODE, "side": "long", "price": 3300, "client_order_id": "close-1"}
    answer = api.post("/api/v1/positions/close/", asked)
    assert answer.status_code == 201, answer.json()
    order = answer.json()
    assert (order["direction"], order["offset"], order["volume"], order["type"]) == ("sell", "auto", 4, "limit")
    short = api.post("/api/v1/positions/close/", {**asked, "side": "short", "client_order_id": "close-2"})
    assert (short.status_code, short.json()["code"]) == (409, "nothing_to_close")


def test_money_comes_and_goes_as_commands(ada: User, bob: User, api: APIClient) -> None:
    services.add_account(None, "bobs", capital=Decimal(1_000_000))
    services.grant_account(None, "bobs", bob, TRADE)
    base, administrator = "/api/v1/trading-accounts/bobs/", client_of(ada)
    done = administrator.post(f"{base}deposit/", {"amount": "250000.50", "note": "for corn"})
    assert (done.status_code, done.json()["status"]) == (200, "done"), done.json()
    assert administrator.get(done.headers["Location"]).json() == done.json()
    refused = administrator.post(f"{base}withdraw/", {"amount": 99_000_000})
    assert (refused.status_code, refused.json()["status"]) == (200, "failed")
    assert refused.json()["reason_code"] == "insufficient_funds"
    for amount in (0, -1, "nan", "1e30"):
        assert administrator.post(f"{base}deposit/", {"amount": amount}).status_code == 400
    assert api.get(base).json()["funds"]["deposit"] == 1_250_000.5
    [entry, opening] = api.get(f"{base}cash/").json()["results"]
    assert (entry["amount"], entry["note"], entry["actor"]) == (250_000.5, "for corn", "ada")
    assert (opening["amount"], opening["actor"]) == (1_000_000, None)
    assert len(api.get(f"{base}commands/").json()["results"]) == 3


def test_money_asked_for_again_under_its_id_moves_once(desk: Desk, ada: User, api: APIClient) -> None:
    base, administrator = "/api/v1/trading-accounts/bobs/", client_of(ada)
    before = api.get(base).json()["funds"]["deposit"]
    asked = {"amount": "500.50", "note": "rent", "client_cash_id": "rent-2026-11"}
    first, again = (administrator.post(f"{base}deposit/", asked) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert api.get(base).json()["funds"]["deposit"] == before + 500.5
    assert [row["client_cash_id"] for row in api.get(f"{base}cash/").json()["results"]] == ["rent-2026-11", ""]
    same = administrator.post(f"{base}deposit/", {**asked, "amount": 500.5})
    assert same.json() == first.json()
    for verb, other in (("deposit", {"amount": 1}), ("deposit", {"note": "x"}), ("withdraw", {})):
        answer = administrator.post(f"{base}{verb}/", {**asked, **other})
        assert (answer.status_code, answer.json()["code"]) == (409, "client_cash_id_used")
    strange = administrator.post(f"{base}deposit/", {**asked, "client_cash_id": "a b"})
    assert (strange.status_code, strange.json()["code"]) == (400, "invalid_client_cash_id")
    refused = {"amount": 10**9, "client_cash_id": "all"}
    failed, still = (administrator.post(f"{base}withdraw/", refused).json() for _ in range(2))
    assert failed == still
    assert failed["reason_code"] == "insufficient_funds"
    assert api.get(base).json()["funds"]["deposit"] == before + 500.5


def test_a_grant_opens_an_account_and_closes_it_again(desk: Desk, ada: User, alice: User) -> None:
    base, administrator, researcher = "/api/v1/trading-accounts/bobs/", client_of(ada), client_of(alice)
    assert researcher.get(base).status_code == 404
    assert administrator.post(f"{base}grant/", {"user": "alice", "level": "view"}).status_code == 204
    assert researcher.get(base).json()["code"] == "bobs"
    assert len(researcher.get("/api/v1/orders/").json()["results"]) == 4
    assert administrator.post(f"{base}revoke/", {"user": "alice", "level": "view"}).status_code == 204
    assert researcher.get(base).status_code == 404
    assert researcher.get(f"/api/v1/orders/{desk.order.pk}/").status_code == 404
    assert administrator.post(f"{base}grant/", {"level": "view"}).json()["code"] == "invalid_receiver"
    assert administrator.post(f"{base}grant/", {"user": "nemo"}).json()["code"] == "unknown_receiver"


def test_a_refusal_is_written_down(desk: Desk, alice: User) -> None:
    before = AuditEntry.objects.filter(verb="refused").count()
    for path in ("orders/", "orders/cancel-all/", "positions/close/", f"orders/{desk.order.pk}/cancel/"):
        assert client_of(alice).post(f"/api/v1/{path}", BODY).status_code == 403, path
    assert AuditEntry.objects.filter(verb="refused").count() == before + 4
