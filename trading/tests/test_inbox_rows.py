"""The inbox read in plain SQL, against the query set that says the same."""

import pytest
from django.db.models import Model

from accounts.models import User
from trading import services
from trading.choices import CommandStatus
from trading.ledger.inbox_rows import waiting_commands
from trading.order_models import AccountCommand, Order
from trading.tests.desk import make_desk

pytestmark = pytest.mark.django_db


def test_commands_and_orders_are_those_of_the_query_set(bob: User) -> None:
    desk = make_desk("bobs", bob, orders=5)
    make_desk("others")
    Order.objects.filter(pk=desk.order.pk).update(matching={"ahead": 3.5}, parts=[[0, 3]])
    services.cancel_all(None, "bobs")
    AccountCommand.objects.create(account=desk.account, kind="deposit", payload={"amount": "1.5"}, actor=bob)
    waiting = AccountCommand.objects.filter(account=desk.account, status=CommandStatus.QUEUED).order_by("pk")
    expected = list(waiting.select_related("order", "account"))
    assert {command.kind for command in expected} >= {"cancel", "deposit"}
    found = waiting_commands(desk.account, 100)
    assert found == expected
    for one, other in zip(found, expected, strict=True):
        assert _columns(one) == _columns(other)
        assert _columns(one.account) == _columns(other.account)
        assert (one.order is None) == (other.order is None)
        if one.order is not None and other.order is not None:
            assert _columns(one.order) == _columns(other.order)
    assert waiting_commands(desk.account, 2) == expected[:2]
    kept = [desk.order.pk, expected[0].order_id or 0]
    assert waiting_commands(desk.account, 100, kept) == list(waiting.exclude(order__in=kept))


def _columns(row: Model) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
