"""Who may do what: every verb tried by everybody, on an instance of Alice's that Bob may operate."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.db import transaction
from guardian.shortcuts import assign_perm

from accounts.models import AuditEntry, User
from quantsite.common.errors import MissingError, RefusedError, RuleError
from quantsite.testing.cast import make_user
from strategies import services
from strategies.instance_models import OPERATE, VIEW
from strategies.models import StrategyInstance
from strategies.tests.instances import at_stage, make_account, open_gates
from trading import services as trading
from trading.account_models import TRADE
from trading.account_models import VIEW as SEE

Call = Callable[[User, int], object]

VERBS: Mapping[str, Call] = {
    "promote": services.promote,
    "change": lambda who, number: services.change_instance(who, number, {"title": "Another"}),
    "parameters": lambda who, number: services.set_parameters(who, number, {"fast": 7}),
    "ask_approval": lambda who, number: services.ask_approval(who, number, "real", "Now."),
    "share": lambda who, number: services.grant_instance(who, number, User.objects.get(username="erin"), VIEW),
    "retire": lambda who, number: services.retire(who, number, "Old."),
    "start": services.start,
    "roll_now": lambda who, number: services.roll_now(who, number, 0, "rb2610.SHFE", "It ends."),
    "pause": services.pause,
    "stop": services.stop,
    "flatten": services.flatten,
    "demote": lambda who, number: services.demote(who, number, "draft", "Why not."),
}
OWNERS = ["promote", "change", "parameters", "ask_approval", "share", "retire"]
HALTS = ["pause", "stop", "demote"]
MAY: Mapping[str, list[str]] = {
    "alice": [*OWNERS, *HALTS],  # owns it, and may not trade on the account
    "bob": [*HALTS, "start", "flatten", "roll_now"],  # was granted it, and trades on the account
    "rita": [*HALTS, "flatten"],
    "ada": list(VERBS),
    "erin": [],
    "charlie": [],
}


@pytest.fixture
def instance(alice: User, bob: User, rita: User, ada: User, charlie: User) -> StrategyInstance:
    """Alice's instance on paper, on Bob's account."""
    open_gates()
    make_user("erin", "researcher")
    make_account("real", bob, live_enabled=True)
    made = at_stage("paper", owner=alice, account=make_account("paper", bob))
    services.grant_instance(alice, made.pk, bob, OPERATE)
    trading.grant_account(None, "real", alice, SEE)
    return made


def _turned_away(verb: Call, who: User, instance: StrategyInstance) -> bool:
    """Whether the verb is refused for who asks; a state that does not fit is another test's business."""
    refused = False
    with transaction.atomic():
        try:
            verb(who, instance.pk)
        except (RefusedError, MissingError):
            refused = True
        except RuleError:
            refused = False
        transaction.set_rollback(True)
    return refused


@pytest.mark.parametrize("who", MAY)
def test_who_may_do_what(who: str, instance: StrategyInstance) -> None:
    person = User.objects.get(username=who)
    assert [name for name, verb in VERBS.items() if not _turned_away(verb, person, instance)] == [
        name for name in VERBS if name in MAY[who]
    ]


def test_whoever_cannot_see_it_learns_nothing(instance: StrategyInstance) -> None:
    erin = User.objects.get(username="erin")
    for verb in VERBS.values():
        with pytest.raises(MissingError) as error:
            verb(erin, instance.pk)
        assert error.value.code in {"unknown_instance", "unknown_account"}


def test_a_refusal_is_written_down(instance: StrategyInstance, bob: User) -> None:
    with pytest.raises(RefusedError):
        services.promote(bob, instance.pk)
    entry = AuditEntry.objects.get(verb="refused")
    assert (entry.actor_name, (entry.after or {})["verb"]) == ("bob", "strategies.change_strategyinstance")


def test_the_right_to_trade_is_asked_of_whoever_starts(instance: StrategyInstance, alice: User, bob: User) -> None:
    with pytest.raises(RefusedError, match="account paper"):
        services.start(alice, instance.pk)
    trading.revoke_account(None, "paper", bob, TRADE)
    with pytest.raises(RefusedError):
        services.start(User.objects.get(pk=bob.pk), instance.pk)


def test_an_owner_without_a_role_does_nothing(instance: StrategyInstance, alice: User) -> None:
    alice.groups.clear()
    person = User.objects.get(pk=alice.pk)
    assert all(_turned_away(verb, person, instance) for verb in VERBS.values())


def test_a_grant_that_was_taken_back_counts_no_more(instance: StrategyInstance, alice: User, bob: User) -> None:
    services.revoke_instance(alice, instance.pk, bob, OPERATE)
    assert all(_turned_away(verb, bob, instance) for verb in VERBS.values())


def test_who_may_only_operate_has_nothing_closed_by_taking_it_back(bob: User) -> None:
    instance = at_stage("paper", "running", owner=bob)
    ted = make_user("ted", "trader")
    assign_perm(OPERATE, ted, instance)
    for verb in (services.stop, services.demote):
        given: dict[str, Any] = {} if verb is services.stop else {"to": "draft", "reason": "It gaps."}
        with pytest.raises(RefusedError):
            verb(ted, instance.pk, then="flatten", **given)
    assert services.demote(ted, instance.pk, "draft", "It gaps.", then="cancel").stopping == "cancel"
