"""A peak set anew by two persons: at once in a running gateway, through the death of one, and in the sweep."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import proposals
from accounts.models import AuditEntry, Proposal, User
from quantsite.common.errors import ConflictError, RefusedError, RuleError
from trading import services
from trading.account_models import TRADE, AccountState
from trading.choices import CommandKind
from trading.domain.risk.rules import Rule
from trading.loop.monitor import Monitor
from trading.risk_models import AccountRisk
from trading.risk_sweep import sweep
from trading.tests.loop_bench import Bench, bench
from trading.tests.risk_table import limit
from trading.verbs.inbox import enqueue
from trading.verbs.peak import standing_peak

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]

LOT = 10


@pytest.fixture
def table() -> Iterator[Bench]:
    """Ten lots bought at 4001; then the market rose to 4101 and fell to 4051: five thousand below the peak."""
    with bench() as made:
        made.placed("buy", "open", 4001.0, 10)
        made.ticked(4101.0)
        made.now_everything()
        made.ticked(4051.0)
        made.now_everything()
        yield made


def picture() -> AccountRisk:
    return AccountRisk.objects.get()


def agreed(ada: User, rita: User) -> float:
    """The balance from which the drawdown counts, once both have agreed."""
    proposal = proposals.approve(ada, services.ask_reset(rita, "T1", "a new start").pk)
    return float((proposal.after or {})["peak"])


def test_two_persons_set_it_and_the_running_gateway_counts_from_there(table: Bench, ada: User, rita: User) -> None:
    limit(Rule.DRAWDOWN, 0.004)
    order = table.placed("buy", "open", 4045.0, 1)
    assert order.reason_code == "max_drawdown"
    before, top = picture().figures["balance"], picture().peak
    wanted = agreed(ada, rita)
    assert wanted == pytest.approx(before, abs=0.01)
    table.loop.commands.heed()  # the revision rings the gateway's bell; the next look is up to a second away
    assert table.loop.commands.desk.peak == wanted
    assert table.placed("buy", "open", 3990.0, 1).status == "accepted"
    table.now_everything()
    told = picture().figures
    assert (told["peak"], told["peak_resets"]) == (wanted, 1)
    assert told["drawdown"] == pytest.approx(0.0, abs=1e-5)
    table.ticked(4041.0)
    table.now_everything()
    assert picture().figures["drawdown"] == pytest.approx(LOT * 10 * 10 / wanted, rel=1e-3)
    trace = AuditEntry.objects.get(verb="account.peak_reset")
    after = trace.after or {}
    assert (trace.actor, trace.before, after["peak"]) == (ada, {"peak": round(top or 0.0, 2)}, wanted)
    assert (after["proposed_by"], after["reason"]) == ("rita", "a new start")


def test_a_look_that_had_not_heard_of_it_and_a_death_do_not_undo_it(
    table: Bench, ada: User, rita: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    top, wanted = picture().peak, agreed(ada, rita)
    table.loop.monitor.look()
    assert (picture().peak, picture().figures.get("peak_resets")) == (top, 0), "the desk has not looked yet"
    assert standing_peak(table.account) == wanted

    def away(_monitor: Monitor, _meanwhile: object) -> None:
        raise OperationalError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(Monitor, "look", away)
        with pytest.raises(OperationalError):
            table.loop.tend()
    table.restart(clean=False)
    assert table.loop.commands.desk.peak == wanted
    table.now_everything()
    assert (picture().peak, picture().figures["peak_resets"]) == (wanted, 1)
    table.ticked(4061.0)
    table.now_everything()
    assert picture().peak == pytest.approx(wanted + LOT * 10 * 10), "from there it rises as ever"
    table.restart(clean=False)
    table.now_everything()
    assert picture().peak == pytest.approx(wanted + LOT * 10 * 10), "a reset counts once"


def test_money_between_proposal_and_approval_makes_it_stale(table: Bench, ada: User, rita: User) -> None:
    waiting = services.ask_reset(rita, "T1", "x")
    enqueue(None, table.account, CommandKind.WITHDRAW, payload={"amount": "100000"}, client_id="w")
    table.turn()
    with pytest.raises(ConflictError, match="stands no more"):
        proposals.approve(ada, waiting.pk)
    assert picture().reset is None
    again = services.ask_reset(rita, "T1", "x")
    with pytest.raises(RefusedError):
        proposals.approve(rita, again.pk)


def test_without_a_gateway_the_sweep_counts_from_there(table: Bench, ada: User, rita: User) -> None:
    wanted = agreed(ada, rita)
    table.loop.__exit__()
    AccountRisk.objects.update(updated_at=timezone.now() - timedelta(minutes=5))
    sweep()
    assert (picture().figures["gateway"], picture().peak) == ("unwatched", wanted)
    table.restart(clean=False)


def test_there_must_be_a_drawdown_a_reason_and_the_right_person(table: Bench, rita: User, bob: User) -> None:
    with pytest.raises(RuleError, match="Say why"):
        services.ask_reset(rita, "T1", " ")
    services.grant_account(None, "T1", bob, TRADE)
    with pytest.raises(RefusedError):
        services.ask_reset(bob, "T1", "mine")
    table.ticked(4201.0)
    table.now_everything()
    with pytest.raises(RuleError, match="stands at its peak"):
        services.ask_reset(rita, "T1", "x")
    AccountRisk.objects.all().delete()
    with pytest.raises(RuleError, match="has no peak"):
        services.ask_reset(rita, "T1", "x")


def test_by_rest_and_on_the_accounts_page(table: Bench, ada: User, rita: User) -> None:
    api = APIClient()
    api.force_authenticate(rita)
    body = {"kind": "reset_peak", "target": "T1", "reason": "agreed"}
    made = api.post("/api/v1/risk-proposals/", body, format="json")
    assert made.status_code == 202, made.content
    balance = round(float(AccountState.objects.get().balance), 2)
    stands = round(picture().peak or 0.0, 2)
    assert made.json()["diff"] == [{"name": "peak of the balance, yuan", "before": stands, "after": balance}]
    proposals.withdraw(rita, made.json()["id"])
    client, address = Client(), reverse("admin:trading_tradingaccount_peak", args=[table.account.pk])
    client.force_login(rita)
    shown = client.get(reverse("admin:trading_tradingaccount_change", args=[table.account.pk])).content.decode()
    assert f'action="{address}"' in shown
    assert f"{stands:,.2f}" in shown
    client.post(address, {"reason": "from here"})
    proposal = Proposal.objects.get(status="open")
    assert (proposal.kind, proposal.proposed_by, proposal.reason) == ("reset_peak", rita, "from here")
    proposals.approve(ada, proposal.pk)
    table.now_everything()
    shown = client.get(reverse("admin:trading_tradingaccount_change", args=[table.account.pk])).content.decode()
    assert f'action="{address}"' not in shown, "there is nothing to reset any more"
