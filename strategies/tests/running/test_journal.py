"""What a step stores: the one statement of PostgreSQL and the road through the models write the same rows."""

from collections.abc import Callable, Iterator
from math import nan
from typing import Any

import pytest
from django.db import IntegrityError, models, transaction

from accounts.leases import LeaseLostError
from accounts.models import User
from marketdata.instruments import ensure_instrument
from marketdata.live_models import Subscription
from quantsite.common.times import utc_to_ns
from strategies.domain.hosting.intents import Cause, Decided, Intent, Place, Withdraw
from strategies.event_models import Signal, StrategyOrder
from strategies.instance_models import StrategyInstance
from strategies.running.feeding import Read
from strategies.running.guard import Guard
from strategies.running.hosts import Wanted
from strategies.running.instance import Instance
from strategies.running.journal import Journal
from strategies.running.making import Maker
from strategies.running.pictures import Pictures
from strategies.running.state import claim
from strategies.state_models import StrategyDay, StrategyPosition, StrategyState
from strategies.tests.instances import CODE, DAY, NOON, make_account, make_instance
from trading import services as trading
from trading.account_models import TRADE, AccountState, TradingAccount
from trading.domain.offsets import Direction
from trading.domain.order import OrderType
from trading.order_models import AccountCommand, AccountEvent, Order

pytestmark = pytest.mark.django_db(transaction=True)

EPOCH = 3
AT = utc_to_ns(NOON)
OTHER = "rb2505.SHFE"
OF_THE_MOMENT = {"id", "order_id", "created_at", "sent_at", "updated_at", "at"}
WRITTEN = (Signal, StrategyOrder, Order, AccountEvent, AccountCommand, Subscription, StrategyState, AccountState)


@pytest.fixture(autouse=True)
def desk(bob: User) -> None:
    """Two instances of bob's on an account, and one of nobody's on another."""
    one, other = make_account("one", bob), make_account("other")
    for key, owner, account in (("a", bob, one), ("b", bob, one), ("c", None, other)):
        make_instance(key, owner, account)
    ensure_instrument(OTHER, DAY)
    claim(StrategyInstance.objects.values_list("pk", flat=True), EPOCH)


def decided(target: float, **values: float) -> Decided:
    """A signal on a bar."""
    return Decided(AT, AT - 300 * 10**9, 0, target, "a reason", tuple(values.items()), 3312.1, 2)


def place(number: int, lots: int, price: float = nan, *, buys: bool = True, **columns: Any) -> Place:
    """An order, at the market where it has no price."""
    direction = Direction.BUY if buys else Direction.SELL
    kind = OrderType.MARKET if price != price else OrderType.LIMIT  # noqa: PLR0124 - NaN
    return Place(number, 0, direction, kind, lots, price, 3312.1, AT, **columns)


STEP: dict[str, list[Intent]] = {
    "a": [decided(1.0, fast=3312.5, slow=nan), place(1, 2, 3312.0), place(2, 5, buys=False), place(3, 1, 3312.3)],
    "b": [decided(-0.5), place(1, 1, cause=Cause.ORDER, own=7), place(2, 1, 3300.0, contract=OTHER)],
    "c": [decided(2.0), place(1, 3, 3310.0, buys=False)],
}
"""Of ``a``, which holds two lots, the second order closes and opens and the third is off the grid."""


@pytest.fixture
def instances() -> Iterator[Callable[[], dict[str, Instance]]]:
    """Makes them as the rows have them, wanting :data:`STEP`."""
    guard = Guard()
    maker = Maker(guard, lambda _child, _told: None)

    def make() -> dict[str, Instance]:
        found = {}
        for row in StrategyInstance.objects.select_related("account", "owner").order_by("pk"):
            made = found[row.key] = maker.instance(row, StrategyState.objects.get(pk=row.pk))
            made.at, made.day = AT, DAY.toordinal() - 719_163
            made.wanted = [Wanted(intent, AT, late=row.key == "c") for intent in STEP[row.key]]
        found["a"].book.fill(CODE, 2, 3300.0, 1.5)
        return found

    yield make
    guard.close()


def rows(model: type[models.Model]) -> list[dict[str, Any]]:
    """All of a table, but for numbers and times of the moment; orders by their names."""
    named = dict(Order.objects.values_list("pk", "client_order_id"))
    found = []
    for row in model._default_manager.order_by("pk"):
        values = {str(field.column): getattr(row, field.attname) for field in model._meta.concrete_fields}
        told = {name: value for name, value in values.items() if name not in OF_THE_MOMENT}
        if "order_id" in values:
            told["of"] = named.get(values["order_id"])
        if isinstance(row, AccountEvent) and "order" in row.body:
            assert row.body["order"]["id"] == values["order_id"]
            told["body"] = {**row.body["order"], "id": 0, "created_at": ""}
        found.append(told)
    return sorted(found, key=str) if model is Subscription else found


def stored(journal: Journal, made: dict[str, Instance]) -> dict[str, Any]:
    """What a step answers and leaves in the tables, which forget it again."""
    with transaction.atomic():
        try:
            with transaction.atomic():
                refusals = journal.write(list(made.values()), lambda _one: Read({"src": "1-7"}, 4))
            answer: list[Any] = [(each.row.key, news, error.code, error.text) for each, news, error in refusals]
        except (LeaseLostError, IntegrityError) as error:
            answer = [type(error)]
        found = {model.__name__: rows(model) for model in WRITTEN}
        transaction.set_rollback(True)
    return {"answer": answer, **found}


Change = Callable[[User], object]
CHANGES: dict[str, Change] = {
    "all goes well": lambda _bob: None,
    "the right is gone": lambda bob: trading.revoke_account(None, "one", bob, TRADE),
    "the owner left": lambda bob: User.objects.filter(pk=bob.pk).update(is_active=False),
    "an account is closed": lambda _bob: TradingAccount.objects.filter(code="other").update(is_active=False),
    "another runner has one": lambda _bob: StrategyState.objects.filter(instance__key="b").update(epoch=EPOCH + 1),
    "a number is taken": lambda bob: Order.objects.create(
        account=TradingAccount.objects.get(code="one"),
        instrument=ensure_instrument(CODE, DAY),
        client_order_id=f"s{StrategyInstance.objects.get(key='b').pk}-1",
        direction="buy", offset="open", type="limit", volume=1, created_by=bob,
    ),
}  # fmt: skip
KEPT = dict(zip(CHANGES, [(3, 6), (3, 1), (3, 1), (3, 5), (0, 0), (0, 1)], strict=True))
"""Signals and orders that are there afterwards."""


@pytest.mark.parametrize("change", CHANGES)
def test_both_roads_store_and_answer_the_same(
    bob: User, instances: Callable[[], dict[str, Instance]], change: str
) -> None:
    CHANGES[change](bob)
    by_models = stored(Journal(EPOCH, at_once=False), instances())
    at_once = stored(Journal(EPOCH), instances())
    assert at_once == by_models
    assert (len(at_once["Signal"]), len(at_once["Order"])) == KEPT[change]


def test_a_step_by_one_statement_is_there_whole(instances: Callable[[], dict[str, Instance]]) -> None:
    made, journal = instances(), Journal(EPOCH)
    [(refused, news, error)] = journal.write(list(made.values()), lambda one: Read({"src": "1-7"}, one.seq))
    assert (refused.row.key, news.number, error.code) == ("a", 3, "off_tick")
    sent = StrategyOrder.objects.exclude(order=None).order_by("order_id")
    assert [(row.instance.key, row.order.client_order_id) for row in sent if row.order] == [
        (key, f"s{made[key].pk}-{number}")
        for key, number in (("a", 1), ("a", 2), ("a", 1_000_000_002), ("b", 1), ("b", 2), ("c", 1))
    ]
    for account in TradingAccount.objects.all():
        events = AccountEvent.objects.filter(account=account, kind="placed").order_by("seq")
        orders = list(Order.objects.filter(account=account).order_by("pk").values_list("pk", flat=True))
        assert [event.order_id for event in events] == orders
        assert list(account.commands.filter(kind="place").order_by("pk").values_list("order_id", flat=True)) == orders
        assert AccountState.objects.get(account=account).last_seq == max(event.seq for event in events)
    made["a"].wanted = [Wanted(Withdraw(1), AT), Wanted(decided(0.0), AT)]
    journal.write([made["a"]], lambda one: Read({"src": "1-8"}, one.seq))
    assert AccountCommand.objects.filter(kind="cancel").values_list("order__client_order_id", flat=True).get() == (
        f"s{made['a'].pk}-1"
    )
    assert StrategyState.objects.get(instance=made["a"].pk).frames == {"src": "1-8"}


def test_pictures_are_the_same_by_either_road(instances: Callable[[], dict[str, Instance]]) -> None:
    def painted() -> list[Any]:
        made, pictures = instances(), Pictures(lambda write, _about: write())
        pictures.look(list(made.values()), every=True)
        made["a"].book.fill(CODE, -3, 3311.5, 2.25)
        made["a"].count.filled(99_345.0, 0.5, 2.25)
        pictures.look(list(made.values()), every=True)
        return [rows(StrategyPosition), rows(StrategyDay)]

    by_statement = painted()
    StrategyPosition.objects.all().delete()
    StrategyDay.objects.all().delete()
    with transaction.atomic():
        by_models = painted()
    assert by_statement == by_models
    assert [row["lots"] for row in by_statement[0]] == [-1]
    assert [row["fills"] for row in by_statement[1]] == [1, 0, 0]
