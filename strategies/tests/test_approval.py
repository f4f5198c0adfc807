"""Four eyes: whichever door the second person comes through, it is another one than the owner and than who asked."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts import proposals
from accounts.models import AuditEntry, Proposal, User
from quantsite.common.errors import ConflictError, MissingError, RefusedError, RuleError
from quantsite.testing.cast import client_of, make_user
from strategies import services
from strategies.instance_models import APPROVE
from strategies.models import Evidence, StrategyInstance
from strategies.tests.instances import at_stage, make_account, open_gates, show
from trading.models import TradingAccount


@pytest.fixture
def asked(alice: User) -> Proposal:
    """Alice has asked for the approval of her instance on paper."""
    make_account("real", alice, live_enabled=True)
    instance = at_stage("paper", "running", owner=alice)
    show(instance)
    return services.ask_approval(alice, instance.pk, "real", "Five good days.")


def _instance() -> StrategyInstance:
    return StrategyInstance.objects.get()


def _by_service(person: User, proposal: Proposal) -> None:
    services.approve(person, int(proposal.target))


def _by_proposals(person: User, proposal: Proposal) -> None:
    proposals.approve(person, proposal.pk)


def test_the_second_person_approves_what_was_asked_for(asked: Proposal, alice: User, rita: User) -> None:
    services.approve(rita, int(asked.target), "Agreed.")
    instance = _instance()
    assert (instance.stage, instance.activity, instance.approved_by, instance.account.code) == (
        "approved",
        "running",
        rita,
        "paper",
    )
    assert instance.live_account == TradingAccount.objects.get(code="real")
    entry = AuditEntry.objects.get(verb="strategy.approve")
    assert entry.actor_name == "rita"
    assert (entry.before or {})["stage"] == "paper"
    assert (entry.after or {})["asked_by"] == "alice"


@pytest.mark.parametrize("door", [_by_service, _by_proposals])
@pytest.mark.parametrize("who", ["alice", "bob", "erin"])
def test_neither_the_owner_nor_who_lacks_the_right_approves(
    door: Any, who: str, asked: Proposal, alice: User, bob: User
) -> None:
    people = {"alice": alice, "bob": bob, "erin": make_user("erin", "researcher")}
    with pytest.raises((RefusedError, MissingError)):
        door(people[who], asked)
    assert _instance().stage == "paper"


@pytest.mark.parametrize("door", [_by_service, _by_proposals])
def test_an_owner_who_administers_cannot_approve_what_another_asked_for(door: Any, ada: User, rita: User) -> None:
    make_account("real", ada, live_enabled=True)
    instance = at_stage("paper", owner=ada)
    open_gates()
    other = make_user("otto", "administrator")
    proposal = services.ask_approval(other, instance.pk, "real", "Ada is away.")
    with pytest.raises(RefusedError) as error:
        door(ada, proposal)
    assert error.value.code == "not_a_second_person"
    with pytest.raises(RefusedError) as error:
        door(other, proposal)
    assert error.value.code == "own_proposal"
    assert AuditEntry.objects.filter(verb="refused", actor_name="ada").exists()
    door(rita, proposal)
    assert _instance().approved_by == rita


@pytest.mark.parametrize("path", ["strategies/{instance}/approve/", "risk-proposals/{proposal}/approve/"])
def test_by_rest_too(path: str, asked: Proposal, alice: User, ada: User) -> None:
    address = "/api/v1/" + path.format(instance=asked.target, proposal=asked.pk)
    StrategyInstance.objects.update(owner=ada)  # and so the version does not change, but who owns it
    assert client_of(alice).post(address, {}, format="json").status_code == 403
    answer = client_of(ada).post(address, {}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_a_second_person")
    otto: APIClient = client_of(make_user("otto", "risk officer"))
    assert otto.post(address, {}, format="json").status_code == 200
    assert _instance().stage == "approved"


def test_by_the_console_too(asked: Proposal, ada: User, rita: User) -> None:
    StrategyInstance.objects.update(owner=ada)
    address = reverse("admin:accounts_proposal_approve", args=[asked.pk])
    page = reverse("admin:accounts_proposal_changelist")
    console = Client()
    console.force_login(ada)
    assert address not in console.get(page).content.decode()
    assert console.post(address).status_code == 403
    assert (list(proposals.waiting_for(ada)), list(proposals.waiting_for(rita))) == ([], [asked])
    console.force_login(rita)
    assert address in console.get(page).content.decode()
    console.post(address)
    assert _instance().approved_by == rita


def test_who_may_approve_without_seeing_every_instance_needs_a_grant(asked: Proposal, alice: User) -> None:
    newcomer = make_user("vera")
    from_role = ("strategies.view_strategyinstance", "strategies.approve_strategyinstance", "accounts.approve_proposal")
    _allow(newcomer, *from_role)
    vera = User.objects.get(pk=newcomer.pk)
    with pytest.raises(RefusedError):
        proposals.approve(vera, asked.pk)
    services.grant_instance(None, int(asked.target), vera, APPROVE)
    services.approve(vera, int(asked.target))
    assert _instance().approved_by == vera


def _allow(user: User, *names: str) -> None:
    for name in names:
        label, codename = name.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=label, codename=codename))


def test_an_owner_makes_nobody_his_second_person(asked: Proposal, alice: User, bob: User) -> None:
    with pytest.raises(RefusedError):
        services.grant_instance(alice, int(asked.target), bob, APPROVE)


@pytest.mark.parametrize(
    "change",
    [
        lambda instance, alice: services.set_parameters(alice, instance.pk, {"fast": 7}),
        lambda instance, alice: services.change_instance(alice, instance.pk, {"day_loss_limit": 5_000}),
    ],
)
def test_an_instance_changed_meanwhile_is_not_approved(change: Any, asked: Proposal, alice: User, rita: User) -> None:
    change(_instance(), alice)
    with pytest.raises(ConflictError) as error:
        proposals.approve(rita, asked.pk)
    assert error.value.code == "proposal_stale"
    assert _instance().stage == "paper"


def test_a_note_and_a_stop_do_not_make_the_request_void(asked: Proposal, alice: User, rita: User) -> None:
    services.change_instance(alice, int(asked.target), {"note": "Looks good."})
    services.stop(None, int(asked.target))
    assert services.approve(rita, int(asked.target)).stage == "approved"


def test_demoted_meanwhile_it_is_not_approved(asked: Proposal, rita: User) -> None:
    services.demote(rita, int(asked.target), "backtested", "It gaps.")
    with pytest.raises(ConflictError) as error:
        proposals.approve(rita, asked.pk)
    assert error.value.code == "proposal_stale"


def test_the_gates_are_asked_once_more(asked: Proposal, rita: User) -> None:
    instance = _instance()
    failed = {"kind": "look_ahead", "strategy": instance.strategy, "source_hash": instance.source_hash}
    Evidence.objects.create(passed=False, **failed)
    with pytest.raises(ConflictError) as error:
        services.approve(rita, instance.pk)
    assert error.value.code == "gates_closed"
    asked.refresh_from_db()
    assert (asked.status, _instance().stage) == ("open", "paper")


def test_an_account_that_trades_live_no_more_is_not_approved(asked: Proposal, rita: User) -> None:
    TradingAccount.objects.filter(code="real").update(live_enabled=False)
    with pytest.raises(ConflictError) as error:
        services.approve(rita, int(asked.target))
    assert error.value.code == "account_not_live"


def test_what_cannot_be_asked_for(alice: User) -> None:
    make_account("real", alice)
    instance = at_stage("paper", owner=alice)
    with pytest.raises(ConflictError, match="Trading days on paper"):
        services.ask_approval(alice, instance.pk, "real", "Now.")
    open_gates()
    with pytest.raises(ConflictError) as error:
        services.ask_approval(alice, instance.pk, "real", "Now.")
    assert error.value.code == "account_not_live"
    TradingAccount.objects.filter(code="real").update(live_enabled=True)
    with pytest.raises(RuleError) as fault:
        services.ask_approval(alice, instance.pk, "real", " ")
    assert fault.value.code == "reason_missing"
    with pytest.raises(MissingError):
        services.ask_approval(alice, instance.pk, "nowhere", "Now.")
    assert services.ask_approval(alice, instance.pk, "real", "Now.").status == "open"
    with pytest.raises(ConflictError) as error:
        services.ask_approval(alice, instance.pk, "real", "Again.")
    assert error.value.code == "proposal_open"


def test_nothing_waits_until_somebody_asks(alice: User, rita: User) -> None:
    instance = at_stage("paper", owner=alice)
    with pytest.raises(ConflictError) as error:
        services.approve(rita, instance.pk)
    assert error.value.code == "nothing_asked"


def test_who_asked_takes_it_back(asked: Proposal, alice: User) -> None:
    services.withdraw_request(alice, int(asked.target))
    asked.refresh_from_db()
    assert asked.status == "withdrawn"


def test_the_second_person_reads_what_would_change(asked: Proposal) -> None:
    told = {row.name: (row.before, row.after) for row in proposals.diff_of(asked)}
    assert told == {"stage": ("paper", "approved"), "account for going live": (None, "real")}
    assert proposals.about(asked) == "trend"
