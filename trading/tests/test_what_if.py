"""What an order would do: the same rules as the gateway's, on the account as its rows tell it; nothing is written."""

from typing import Any

import pytest
from msgspec.structs import replace

from accounts.models import AuditEntry, User
from marketdata.domain.ticks import Tick
from quantsite.common.errors import MissingError, RuleError
from quantsite.testing.cast import client_of
from trading import services
from trading.order_models import AccountCommand, AccountEvent, Order
from trading.tests.desk import CODE, DAY, NOON, make_desk
from trading.verbs import what_if
from trading.verbs.new_order import NewOrder

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

EPOCH_DAY = DAY.toordinal() - 719_163


@pytest.fixture(autouse=True)
def market(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest tick of the instrument; streams of ticks have tests of their own."""
    moment = int(NOON.timestamp() * 1e9)
    told = Tick(CODE, EPOCH_DAY, 1, moment, moment, 3312.0, 1, 1.0, 1.0)
    tick = replace(told, pre_settlement=3300.0, upper_limit=3500.0, lower_limit=3100.0)
    monkeypatch.setattr(what_if, "get_realtime_data", lambda _actor, _rows: [tick])


def order(**values: Any) -> NewOrder:
    usual = {"instrument": CODE, "direction": "buy", "offset": "open", "type": "limit", "volume": 2, "price": 3312.0}
    return NewOrder(**{**usual, "client_order_id": "what-if", **values})


def test_margin_and_limits_with_the_order_and_nothing_is_written(rita: User, bob: User) -> None:
    make_desk("A1", bob)
    services.set_limit(rita, "max_order_volume", "desk", "house", 8, reason="x")
    services.set_limit(rita, "max_margin", "account", "A1", 100_000, reason="x")
    kept = [model.objects.count() for model in (Order, AccountCommand, AccountEvent, AuditEntry)]
    found = services.what_if_order(bob, "A1", order(volume=4)).outcome
    assert found.reason is None
    assert found.after.margin > found.before.margin
    assert found.after.available < found.before.available
    limits = {row.after.limit.rule.value: row for row in found.limits}
    volume, margin = limits["max_order_volume"], limits["max_margin"]
    assert (volume.before, volume.after.value, volume.after.share) == (None, 4, 0.5)
    assert margin.before is not None
    assert margin.after.value - margin.before.value == pytest.approx(found.after.margin - found.before.margin)
    assert [model.objects.count() for model in (Order, AccountCommand, AccountEvent, AuditEntry)] == kept


def test_who_would_refuse_it_and_why(rita: User, bob: User) -> None:
    make_desk("A1", bob)
    services.set_limit(rita, "max_order_volume", "user", "bob", 3, reason="x")
    services.set_switch(rita, "product", "rb.SHFE", 1, "news")
    told = services.what_if_order(bob, "A1", order(volume=4))
    assert told.outcome.reason is not None
    assert told.outcome.reason.code == "max_order_volume"
    assert told.stop is not None
    assert told.stop.code == "stopped"
    assert services.what_if_order(rita, "A1", order(volume=4)).outcome.reason is None
    closing = services.what_if_order(bob, "A1", order(volume=4, direction="sell", offset="close"))
    assert (closing.stop, closing.outcome.reason) == (None, None)


def test_what_is_wrong_whatever_the_market_does(bob: User) -> None:
    make_desk("A1", bob)
    make_desk("A2")
    with pytest.raises(MissingError):
        services.what_if_order(bob, "A2", order())
    with pytest.raises(RuleError):
        services.what_if_order(bob, "A1", order(price=3312.3))


def test_the_address_tells_it_as_json(rita: User, bob: User) -> None:
    make_desk("A1", bob)
    services.set_limit(rita, "max_order_volume", "desk", "house", 1, reason="x")
    body = {"instrument": CODE, "direction": "buy", "offset": "open", "price": 3312, "volume": 2}
    path = "/api/v1/trading-accounts/{}/what-if/"
    told = client_of(bob).post(path.format("A1"), body, format="json").json()
    assert (told["refused"]["code"], told["stopped"]) == ("max_order_volume", None)
    assert told["limits"][0]["origin"] == {"kind": "desk", "key": "house"}
    assert (told["limits"][0]["before"], told["limits"][0]["after"]) == (None, {"value": 2.0, "share": 2.0})
    assert told["order_margin"] == pytest.approx(told["after"]["margin"] - told["before"]["margin"])
    assert client_of(bob).post(path.format("A2"), body, format="json").status_code == 404
    assert client_of(bob).post(path.format("A1"), {**body, "volume": 0}, format="json").status_code == 400
