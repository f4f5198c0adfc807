"""One account asked for is decided as the query set decides of all."""

import itertools

import pytest
from django.contrib.auth.models import Group
from guardian.shortcuts import assign_perm

from accounts.models import User
from quantsite.common.errors import MissingError
from trading import permissions
from trading.account_models import TRADE, VIEW, TradingAccount
from trading.tests.desk import make_desk

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]


def found(actor: User, code: str) -> bool:
    try:
        permissions.find_account(actor, code)
    except MissingError:
        return False
    return True


def test_one_account_is_found_where_the_query_set_has_it(ada: User, rita: User, bob: User, alice: User) -> None:
    accounts = {code: make_desk(code).account for code in ("a", "b", "c", "d")}
    traders = Group.objects.create(name="night desk")
    bob.groups.add(traders)
    alice.groups.add(traders)
    assign_perm(VIEW, bob, accounts["a"])
    assign_perm(TRADE, alice, accounts["b"])
    assign_perm(TRADE, traders, accounts["c"])
    gone = User.objects.create_user("gone", is_active=False)
    gone.groups.add(traders)
    people = [User.objects.get(pk=one.pk) for one in (ada, rita, bob, alice, gone)]
    seen, may = {}, {}
    for person, (code, account) in itertools.product(people, accounts.items()):
        every = TradingAccount.objects.visible_to(person)
        seen[person.username, code] = found(person, code)
        assert seen[person.username, code] == every.filter(code=code).exists(), (person, code)
        may[person.username, code] = permissions.may_trade(person, account)
    assert {key for key, value in seen.items() if value and key[0] in {"bob", "alice", "gone"}} == {
        ("bob", "a"),
        ("bob", "c"),
        ("alice", "b"),
        ("alice", "c"),
    }
    assert {key for key, value in may.items() if value and key[0] != "ada"} == {("bob", "c")}
