"""Closing a position and ending a day from the console, over the real loop of an account."""

from collections.abc import Iterator

import pytest
from django.test import Client

from accounts.models import AuditEntry, User
from trading.choices import CommandKind
from trading.models import AccountCommand, BalanceSnapshot, Order, Position
from trading.tests.loop_bench import RB, Bench, bench
from trading.tests.test_console import at, page, told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def table() -> Iterator[Bench]:
    """An account with five lots bought at 4001, at a market of 4000."""
    with bench() as made:
        made.placed("buy", "open", 4001.0, 5)
        yield made


def test_a_position_is_closed_by_an_order(table: Bench, rita: User) -> None:
    client = at(rita)
    held = Position.objects.get(account=table.account)
    address = page("position_close", held.pk)
    answer = client.post(address, {"volume": 2, "how": "limit", "price": "3999", "reason": "too large"})
    order = Order.objects.latest("pk")
    assert answer.headers["Location"] == page("order_change", order.pk)
    assert (order.direction, order.offset, order.type, order.volume, order.created_by) == (
        "sell",
        "auto",
        "limit",
        2,
        rita,
    )
    entry = AuditEntry.objects.get(verb="position.close")
    assert entry.actor == rita
    assert entry.after
    assert (entry.after["reason"], entry.after["price"]) == ("too large", 3999.0)
    table.turn()
    held.refresh_from_db()
    assert held.volume == 3
    shown = client.get(page("order_change", order.pk)).content.decode()
    assert "handed over to the exchange" in shown
    assert "2 at 3,999" in shown
    assert told(client, client.post(address, {"volume": 2, "how": "limit", "price": ""})) == [
        "Price: Give the worst price that you accept, or choose any price."
    ]
    [refused] = told(client, client.post(address, {"volume": 9, "how": "any"}))
    assert refused.startswith("3 lots")
    client.post(address, {"volume": 3, "how": "any"})
    table.turn()
    assert not Position.objects.filter(account=table.account).exists()
    assert Order.objects.latest("pk").status == "filled"


def test_a_day_is_previewed_settled_shown_and_undone(table: Bench, rita: User, bob: User) -> None:
    waiting = table.placed("buy", "open", 3990.0, 1)
    table.abandon()  # no gateway runs: the verbs take the lease
    client = at(rita)
    address = page("tradingaccount_settlement", table.account.pk)
    first = client.get(address)
    assert first.context["preview"].missing == [RB]
    assert [order.pk for order in first.context["preview"].working] == [waiting.pk]
    form = {"day": "2024-01-02", "price_0": "", "seen": first.context["seen"]}
    assert client.post(address, {**form, "last": "1"}).context["form"].given() == {RB: 4000.0}
    assert not BalanceSnapshot.objects.exists()
    # another price than the one of the preview is not settled at
    other = client.post(address, {**form, "price_0": "4005", "settle": "1"})
    assert not BalanceSnapshot.objects.exists()
    assert "look at it again" in other.content.decode()
    done = client.post(address, {**form, "price_0": "4005", "seen": other.context["seen"], "settle": "1"})
    statement = BalanceSnapshot.objects.get()
    assert done.headers["Location"] == page("balancesnapshot_change", statement.pk)
    assert (statement.settled_by, statement.prices[RB]) == (rita, {"price": 4005.0, "source": "given"})
    sheet = client.get(done.headers["Location"])
    assert sheet.context["total"]["agrees"]
    assert [line["agrees"] for line in sheet.context["lines"]] == [True] * 6
    assert sum(line["checked"] for line in sheet.context["lines"]) == 5
    waiting.refresh_from_db()
    assert waiting.status == "expired"
    assert client.get(address).context["settled"]
    denied = Client()
    denied.force_login(bob)
    assert denied.post(page("tradingaccount_undo", table.account.pk)).status_code == 404  # not granted to him
    assert told(client, client.post(page("tradingaccount_undo", table.account.pk))) == [
        "The settlement is undone: the day runs on."
    ]
    statement.refresh_from_db()
    assert statement.undone_by == rita
    assert "counts no more" in client.get(done.headers["Location"]).content.decode()
    verbs = AuditEntry.objects.filter(verb__in=["account.settle", "account.undo_settlement"])
    assert list(verbs.order_by("seq").values_list("verb", flat=True)) == ["account.settle", "account.undo_settlement"]
    assert AccountCommand.objects.filter(kind=CommandKind.SETTLE).count() == 1
