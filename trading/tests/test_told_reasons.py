"""Who is told which order of another account an order would have met: whoever may see that account, nobody else."""

from collections.abc import Iterator

import pytest
from django.test import Client

from accounts.models import User
from quantsite.testing.cast import client_of
from trading import services
from trading.account_models import VIEW
from trading.order_models import Order
from trading.tests.risk_table import group

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]


@pytest.fixture
def met(bob: User) -> Iterator[tuple[Order, Order]]:
    """A resting order of A1, and one of B1 that was refused for it; Bob sees B1 only."""
    with group("A1", "B1") as (one, other):
        services.grant_account(None, "B1", bob, VIEW)
        resting = one.placed("sell", "open", 4010.0, 1)
        refused = other.placed("buy", "open", 4010.0, 1)
        assert refused.reason_code == "self_trade"
        yield resting, refused


def words(resting: Order) -> list[str]:
    """What names the other order."""
    return [f"order {resting.pk} of account A1", "at 4010"]


def test_rest_names_it_to_whoever_sees_its_account(met: tuple[Order, Order], ada: User, bob: User) -> None:
    resting, refused = met
    path = f"/api/v1/orders/{refused.pk}/"
    assert all(word in client_of(ada).get(path).json()["reason_text"] for word in words(resting))
    told = client_of(bob).get(path).json()["reason_text"]
    assert "another account of the control group" in told
    assert not any(word in told for word in words(resting))
    assert not any(word in refused.reason_text for word in words(resting))  # what is stored is for all


def test_so_do_the_pages_of_order_and_command(met: tuple[Order, Order], ada: User, bob: User, client: Client) -> None:
    resting, refused = met
    command = refused.commands.get()
    paths = [f"/admin/trading/order/{refused.pk}/change/", f"/admin/trading/accountcommand/{command.pk}/change/"]
    for user in (ada, bob):
        client.force_login(user)
        answers = [client.get(path) for path in paths]
        assert [answer.status_code for answer in answers] == [200, 200]
        pages = [answer.content.decode() for answer in answers]
        assert all((word in pages[0]) is (user == ada) for word in words(resting))
        assert not any("met&quot;" in page or '"met"' in page for page in pages)


def test_a_price_that_is_none_is_said_so(met: tuple[Order, Order], ada: User) -> None:
    resting, refused = met
    Order.objects.filter(pk=resting.pk).update(price=None, type="stop", stop_price=4010)
    told = client_of(ada).get(f"/api/v1/orders/{refused.pk}/").json()["reason_text"]
    assert f"order {resting.pk} of account A1, which has no limit" in told
