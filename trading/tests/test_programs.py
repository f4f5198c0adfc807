"""Orders of programs: the same rows as ``create_order`` writes, the same refusals, and the same right at the moment."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.roles import TRADER
from marketdata.live_models import FeedState, InstrumentFeed, Subscription
from marketdata.models import Instrument
from quantsite.common.errors import RuleError
from quantsite.common.times import utc_to_ns
from quantsite.testing.cast import make_user
from trading import services
from trading.account_models import TRADE, TRADE_EVERY, VIEW, VIEW_EVERY, TradingAccount
from trading.order_models import AccountCommand, AccountEvent, Order
from trading.permissions import find_account, may_trade, may_trade_now
from trading.tests.desk import CODE, NOON, make_desk
from trading.verbs.new_order import NewOrder
from trading.verbs.programs import OrderDesk

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]

LIMIT = NewOrder(CODE, "buy", "auto", "limit", 2, "s1-1", 3312.0)
ASKED: list[dict[str, Any]] = [
    {},
    {"direction": "sell", "type": "fak"},
    {"type": "stop", "price": None, "stop_price": 3400.0},
    {"price": 3312.3},
    {"price": None},
    {"volume": 501},
    {"volume": 10**10},
    {"client_order_id": "a b"},
    {"type": "best"},
    {"instrument": "xx9999.SHFE"},
    {"instrument": "rb88.SHFE"},
    {"instrument": "rb2401.SHFE"},
]
SAME_OF_ORDER = (
    "direction",
    "offset",
    "type",
    "price",
    "stop_price",
    "volume",
    "strategy_key",
    "status",
    "created_by_id",
)


@pytest.fixture
def twins(bob: User) -> tuple[TradingAccount, TradingAccount]:
    """Two accounts that bob trades on, and a market that tells its clock."""
    accounts = make_desk("one", bob).account, make_desk("other", bob).account
    row = Instrument.objects.get(code=CODE)
    InstrumentFeed.objects.create(instrument=row, source="test", epoch=1)
    FeedState.objects.create(source="test", kind="test", status="running", epoch=1, market_time=NOON)
    return accounts


def _placed(desk: OrderDesk, actor: User, account: TradingAccount, order: NewOrder) -> Order | RuleError:
    with transaction.atomic():
        [answer] = desk.place(actor, account, [(order, "twin")], utc_to_ns(NOON))
    return answer


@pytest.mark.parametrize("changes", ASKED, ids=str)
def test_what_is_stored_and_refused_is_the_same(
    bob: User, twins: tuple[TradingAccount, TradingAccount], changes: dict[str, Any]
) -> None:
    asked = replace(LIMIT, **changes)
    answer = _placed(OrderDesk(), bob, twins[0], asked)
    try:
        other: Order | RuleError = services.create_order(bob, twins[1].code, asked, strategy_key="twin")[0]
    except RuleError as error:
        other = error
    if isinstance(other, RuleError):
        assert isinstance(answer, RuleError)
        assert (type(answer), answer.code, answer.text) == (type(other), other.code, other.text)
        assert not Order.objects.filter(strategy_key="twin").exists()
        return
    assert isinstance(answer, Order)
    stored = Order.objects.get(pk=answer.pk)
    assert [getattr(stored, name) for name in SAME_OF_ORDER] == [getattr(other, name) for name in SAME_OF_ORDER]
    told = [AccountEvent.objects.get(order=order) for order in (stored, other)]
    bodies = [{**event.body["order"], "id": 0, "account": "", "created_at": ""} for event in told]
    assert bodies[0] == bodies[1]
    assert (told[0].kind, told[0].seq) == (told[1].kind, told[1].seq)
    commands = [AccountCommand.objects.get(order=order) for order in (stored, other)]
    assert (commands[0].kind, commands[0].actor_id) == (commands[1].kind, commands[1].actor_id)
    owners = {f"account:{account.pk}" for account in twins}
    assert set(Subscription.objects.values_list("owner", flat=True)) == owners


def test_a_market_order_is_left_to_the_gateway(bob: User, twins: tuple[TradingAccount, TradingAccount]) -> None:
    market = replace(LIMIT, type="market", price=None)
    with pytest.raises(RuleError, match="takes no market order"):
        services.create_order(bob, "other", market)
    answer = _placed(OrderDesk(), bob, twins[0], market)
    assert isinstance(answer, Order)
    assert answer.type == "market"


def test_several_are_one_transaction_and_one_that_is_refused_stops_none(
    bob: User, twins: tuple[TradingAccount, TradingAccount]
) -> None:
    orders = [
        (replace(LIMIT, client_order_id="s1-1"), "one"),
        (replace(LIMIT, client_order_id="s2-1", price=0.5), "two"),
        (replace(LIMIT, client_order_id="s2-2"), "two"),
    ]
    with transaction.atomic():
        answers = OrderDesk().place(bob, twins[0], orders, None)
    assert [getattr(answer, "code", "") for answer in answers] == ["", "off_tick", ""]
    rows = Order.objects.filter(strategy_key__in=["one", "two"]).order_by("pk")
    assert [(row.client_order_id, row.strategy_key) for row in rows] == [("s1-1", "one"), ("s2-2", "two")]
    with pytest.raises(IntegrityError), transaction.atomic():
        OrderDesk().place(bob, twins[0], [(replace(LIMIT, client_order_id="s9-1"), "x"), orders[0]], None)
    assert not Order.objects.filter(client_order_id="s9-1").exists()


def test_a_right_taken_away_and_an_account_closed_refuse_at_once(
    bob: User, twins: tuple[TradingAccount, TradingAccount]
) -> None:
    desk = OrderDesk()
    assert isinstance(_placed(desk, bob, twins[0], LIMIT), Order)
    services.revoke_account(None, "one", bob, TRADE)
    refused = _placed(desk, bob, twins[0], replace(LIMIT, client_order_id="s1-2"))
    assert isinstance(refused, RuleError)
    assert refused.code == "permission_denied"
    TradingAccount.objects.filter(pk=twins[1].pk).update(is_active=False)
    refused = _placed(desk, bob, twins[1], LIMIT)
    assert isinstance(refused, RuleError)
    assert refused.code == "account_closed"


def test_an_expired_contract_is_refused_by_the_clock_that_is_given(
    bob: User, twins: tuple[TradingAccount, TradingAccount]
) -> None:
    late = utc_to_ns(datetime(2025, 2, 3, 2, tzinfo=UTC))
    with transaction.atomic():
        [answer] = OrderDesk().place(bob, twins[0], [(LIMIT, "twin")], late)
    assert isinstance(answer, RuleError)
    assert answer.code == "instrument_expired"


def test_the_one_query_says_what_the_permissions_say(twins: tuple[TradingAccount, TradingAccount], bob: User) -> None:
    people = [bob, *(make_user(name, role) for name, role in _people())]
    people[1].is_superuser = True
    people[2].is_active = False
    team = Group.objects.create(name="team")
    for person in people[3:]:
        person.groups.add(team)
    names = (VIEW, VIEW_EVERY, TRADE, TRADE_EVERY)
    own = Permission.objects.filter(codename__in=names, content_type__app_label="trading")
    for number, person in enumerate(people[5:]):
        person.user_permissions.set([each for bit, each in enumerate(own.order_by("codename")) if number >> bit & 1])
    for person in people:
        person.save()
    for granted in (None, VIEW, TRADE):
        if granted:
            services.grant_account(None, "other", team, granted)
        for person in User.objects.order_by("pk"):
            for account in twins:
                assert may_trade_now(person.pk, account.pk) == _may_trade(person, account), (person.username, granted)


def _people() -> list[tuple[str, str | None]]:
    return [(f"person-{number}", TRADER if number < 4 else None) for number in range(20)]


def _may_trade(person: User, account: TradingAccount) -> bool:
    try:
        return may_trade(person, find_account(person, account.code))
    except RuleError:
        return False
