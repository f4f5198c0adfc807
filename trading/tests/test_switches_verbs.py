"""Stops by their verbs: one person sets, two release, and whoever may not does not."""

import pytest

from accounts import proposals
from accounts.models import AuditEntry, User
from quantsite.common.errors import ConflictError, MissingError, RefusedError, RuleError
from trading import services
from trading.domain.risk.switches import Strength
from trading.limit_models import KillSwitch, RiskRevision
from trading.order_models import Order
from trading.risk_models import FlattenPlan, RiskEvent
from trading.tests.desk import make_desk

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]


def revision() -> int:
    row = RiskRevision.objects.filter(pk=1).first()
    return row.number if row else 0


def test_one_person_stops_at_once_and_it_is_told(rita: User) -> None:
    make_desk("A1")
    before = revision()
    switch = services.set_switch(rita, "desk", "house", Strength.CANCEL_ALL, "prices run away")
    assert switch == KillSwitch.objects.active().get()
    assert (switch.set_by, switch.strength, switch.released_at) == (rita, 2, None)
    assert revision() > before
    event = RiskEvent.objects.get()
    assert (event.kind, event.switch, event.account, event.count) == ("switch", switch, None, 1)
    entry = AuditEntry.objects.latest("seq")
    assert (entry.verb, (entry.after or {})["reason"]) == ("switch.set", "prices run away")


def test_the_preview_counts_what_a_stop_reaches_and_writes_nothing(rita: User) -> None:
    make_desk("A1", orders=4)
    make_desk("A2", orders=2)
    working = Order.objects.working().count()
    told = services.preview_stop(rita, "platform", "", Strength.FLATTEN)
    assert (told.accounts, told.working, told.positions, told.lots) == (2, working, 2, 6)
    own = services.preview_stop(rita, "account", "A1", Strength.FLATTEN)
    assert (own.accounts, own.positions, own.lots) == (1, 1, 4)
    assert services.preview_stop(rita, "product", "rb.SHFE", 1).working == working
    assert services.preview_stop(rita, "product", "cu.SHFE", 1).working == 0
    assert services.preview_stop(rita, "strategy", "double_ma", 1).working == 2
    assert not KillSwitch.objects.exists()


def test_closing_positions_makes_a_plan_for_each_account_that_holds_any(rita: User) -> None:
    make_desk("A1", orders=3)
    services.add_account(None, "empty")
    switch = services.set_switch(rita, "desk", "house", Strength.FLATTEN, "out")
    plan = FlattenPlan.objects.get()
    assert (plan.account.code, plan.switch, plan.status, plan.created_by) == ("A1", switch, "waiting", rita)
    assert [(step["instrument"], step["side"], step["volume"]) for step in plan.steps] == [("rb2501.SHFE", "long", 3)]
    assert (plan.starts_at - plan.created_at).total_seconds() == pytest.approx(30, abs=1)


def test_two_persons_release_a_stop_with_its_plans(rita: User, ada: User) -> None:
    make_desk("A1", orders=3)
    switch = services.set_switch(rita, "account", "A1", Strength.FLATTEN, "out")
    proposal = services.ask_release(rita, switch.pk, "calm again")
    assert KillSwitch.objects.active().exists()
    with pytest.raises(RefusedError):
        proposals.approve(rita, proposal.pk)
    assert KillSwitch.objects.active().exists()
    before = revision()
    proposals.approve(ada, proposal.pk)
    switch.refresh_from_db()
    assert (switch.released_by, switch.approved_by, switch.release_reason) == (rita, ada, "calm again")
    assert switch.released_at is not None
    assert revision() > before
    assert FlattenPlan.objects.get().status == "stopped"
    with pytest.raises(ConflictError, match="released already"):
        services.ask_release(rita, switch.pk, "again")


def test_who_stopped_may_approve_the_release_that_another_one_proposes(rita: User, ada: User) -> None:
    """The second person is another than who asks for the release, whoever stopped."""
    make_desk("A1")
    switch = services.set_switch(rita, "desk", "house", 1, "out")
    proposal = services.ask_release(ada, switch.pk, "calm again")
    proposals.approve(rita, proposal.pk)
    assert not KillSwitch.objects.active().exists()


def test_a_trader_stops_where_they_trade_short_of_closing(bob: User) -> None:
    make_desk("A1", bob)
    make_desk("A2")
    assert services.set_switch(bob, "account", "A1", Strength.CANCEL_ALL, "mine").set_by == bob
    for kind, key, strength in (
        ("account", "A1", Strength.FLATTEN),
        ("desk", "house", Strength.NO_OPENING),
        ("platform", "", Strength.NO_OPENING),
        ("product", "rb.SHFE", Strength.NO_OPENING),
    ):
        with pytest.raises(RefusedError):
            services.set_switch(bob, kind, key, strength, "not mine")
        with pytest.raises(RefusedError):
            services.preview_stop(bob, kind, key, strength)
    with pytest.raises(MissingError) as error:
        services.set_switch(bob, "account", "A2", 1, "not mine")
    assert "Did you mean 'A1'" in error.value.text  # an account that nobody showed to him is not named
    assert KillSwitch.objects.count() == 1
    with pytest.raises(RefusedError):
        services.ask_release(bob, KillSwitch.objects.get().pk, "mine")


def test_who_may_only_look_stops_nothing(alice: User, charlie: User, bob: User) -> None:
    account = make_desk("A1").account
    services.grant_account(None, account.code, alice, "view_tradingaccount")
    services.grant_account(None, account.code, bob, "view_tradingaccount")
    for person in (alice, bob):
        with pytest.raises(RefusedError):
            services.set_switch(person, "account", "A1", 1, "mine")
    with pytest.raises(MissingError):
        services.set_switch(charlie, "account", "A1", 1, "mine")
    assert not KillSwitch.objects.exists()


@pytest.mark.parametrize(
    ("kind", "key", "strength", "reason", "told"),
    [
        ("strategy", "doubel_ma", 1, "x", "Did you mean 'double_ma'"),
        ("desk", "hose", 1, "x", "Did you mean 'house'"),
        ("desk", "house", 4, "x", "no strength"),
        ("desk", "house", 1, "  ", "Say why"),
    ],
)
def test_a_stop_that_would_stop_nothing_is_refused(
    rita: User, kind: str, key: str, strength: int, reason: str, told: str
) -> None:
    make_desk("A1")
    with pytest.raises(RuleError, match=told):
        services.set_switch(rita, kind, key, strength, reason)
    assert not KillSwitch.objects.exists()


def test_the_system_sets_its_stop_once_and_a_stronger_one_beside_it() -> None:
    make_desk("A1")
    first = services.set_switch(None, "account", "A1", 1, "loss of the day")
    assert services.set_switch(None, "account", "A1", 1, "loss of the day") == first
    stronger = services.set_switch(None, "account", "A1", 2, "loss of the day")
    assert stronger != first
    assert services.set_switch(None, "account", "A1", 1, "loss of the day") in {first, stronger}
    assert KillSwitch.objects.count() == 2
