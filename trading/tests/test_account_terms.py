"""Terms of an account that change: told to its gateway, and no way out of a limit, a stop or a control group."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from accounts import proposals
from accounts.models import AuditEntry, User
from quantsite.common.errors import ConflictError, MissingError, RefusedError, RuleError
from quantsite.web.metrics import ROWS
from trading import services
from trading.account_models import TradingAccount
from trading.limit_models import RiskRevision
from trading.order_models import Order
from trading.tests.desk import make_desk
from trading.verbs.risk_events import Found, found

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]


def revision() -> int:
    return RiskRevision.objects.get_or_create(pk=1)[0].number


def test_changed_terms_are_told_and_traced(ada: User, rita: User) -> None:
    make_desk("A1")
    before = revision()
    changed = services.change_account(ada, "A1", name="first", cancel_when_blind=True)
    assert (changed.name, changed.cancel_when_blind) == ("first", True)
    assert TradingAccount.objects.get().cancel_when_blind
    assert revision() == before + 1
    assert AuditEntry.objects.latest("seq").verb == "account.change"
    services.change_account(ada, "A1", name="first")
    assert revision() == before + 1
    with pytest.raises(RefusedError):
        services.change_account(rita, "A1", name="mine")
    with pytest.raises(RuleError, match="cannot be changed"):
        services.change_account(ada, "A1", live_enabled=True)
    with pytest.raises(ValidationError):
        services.change_account(ada, "A1", margin_price=99)
    services.set_active(ada, "A1", active=False)
    assert revision() == before + 2


def test_a_control_group_stays_while_orders_work(ada: User) -> None:
    account = make_desk("A1").account
    with pytest.raises(ConflictError, match="1 working orders"):
        services.change_account(ada, "A1", control_group="other")
    assert TradingAccount.objects.get().control_group == account.control_group
    Order.objects.update(status="cancelled")
    assert services.change_account(ada, "A1", control_group="other").control_group.code == "other"


def test_another_desk_is_no_way_out_of_a_limit_or_a_stop(ada: User, rita: User) -> None:
    make_desk("A1")
    services.set_limit(rita, "max_order_volume", "desk", "house", 10, reason="x")
    with pytest.raises(ConflictError, match="looser limits"):
        services.change_account(ada, "A1", desk="night")
    services.set_limit(rita, "max_order_volume", "account", "A1", 10, reason="x")
    services.set_switch(rita, "desk", "house", 1, "x")
    with pytest.raises(ConflictError, match="is stopped"):
        services.change_account(ada, "A1", desk="night")
    assert TradingAccount.objects.get().desk.code == "house"


def test_who_ends_live_trading_needs_nobody_else(ada: User, rita: User, bob: User, alice: User) -> None:
    make_desk("A1", bob)
    services.grant_account(None, "A1", alice, "view_tradingaccount")
    before = revision()

    def enable() -> None:
        proposals.approve(rita, services.ask_live(ada, "A1", "ready").pk)

    enable()
    assert TradingAccount.objects.get().live_enabled
    assert revision() == before + 1
    with pytest.raises(RefusedError):
        services.end_live(alice, "A1", "no")
    for person in (bob, rita, ada):
        services.end_live(person, "A1", "stop")
        assert not TradingAccount.objects.get().live_enabled
        with pytest.raises(ConflictError, match="does not trade live"):
            services.end_live(person, "A1", "stop")
        enable()
    with pytest.raises(RuleError, match="nothing to propose"):
        services.ask_live(ada, "A1", "again")
    with pytest.raises(MissingError):
        services.ask_live(ada, "A2", "there is none")


def test_live_trading_is_agreed_to_with_the_terms_of_then(ada: User, rita: User) -> None:
    make_desk("A1")
    proposal = services.ask_live(ada, "A1", "ready")
    Order.objects.update(status="cancelled")
    services.change_account(ada, "A1", control_group="other")
    with pytest.raises(ConflictError, match="stands no more"):
        proposals.approve(rita, proposal.pk)
    assert not TradingAccount.objects.get().live_enabled


def test_what_waits_and_holds_is_counted(ada: User, rita: User) -> None:
    account: Any = make_desk("A1").account
    services.set_switch(rita, "account", "A1", 3, "x")
    services.ask_live(ada, "A1", "ready")
    found(Found("breach", "x", account=account))
    told = ROWS.get_sample_value
    assert told("quantsite_kill_switches_active", {"scope": "account", "strength": "3"}) == 1
    assert told("quantsite_proposals_open", {"kind": "enable_live"}) == 1
    assert told("quantsite_proposals_open", {"kind": "raise_limit"}) == 0
    assert told("quantsite_risk_events_open", {"kind": "breach"}) == 1
    assert told("quantsite_flatten_plans_open") == 1
    assert told("quantsite_risk_revision") == revision()
