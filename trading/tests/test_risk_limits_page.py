"""The console's pages about limits: what is inherited from where, what a change would be before it is made, history."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts import proposals
from accounts.models import AuditEntry, Proposal, User
from trading import services
from trading.limit_models import RiskLimit
from trading.tests.desk import make_desk

pytestmark = pytest.mark.django_db

LIMITS = reverse("admin:trading_risklimit_changelist")
SET = reverse("admin:trading_risklimit_set")
TOLD = reverse("admin:trading_risklimit_told")
PAST = reverse("admin:trading_risklimit_past")
COLLAR = {"rule": "price_collar", "scope": "account:A1"}


@pytest.fixture
def limits(bob: User) -> None:
    """Bob's account and another one; a collar of the desk, a volume of everybody and of one account."""
    make_desk("A1", bob)
    make_desk("A2")
    for rule, kind, key, value in (
        ("price_collar", "desk", "house", 0.02),
        ("max_order_volume", "platform", "", 500),
        ("max_order_volume", "account", "A2", 77),
    ):
        services.set_limit(None, rule, kind, key, value, reason="first")


def at(user: User) -> Client:
    """The console as this person sees it."""
    client = Client()
    client.force_login(user)
    return client


def text(client: Client, address: str, query: dict[str, str] | None = None) -> str:
    """What a page says, its lines joined."""
    answer = client.get(address, query or {})
    assert answer.status_code == 200, (address, answer.status_code)
    return " ".join(answer.content.decode().split())


def cells(user: User, scope: str) -> dict[str, dict[str, tuple[str, str]]]:
    """By the scope's name and the rule's: what holds, and where it comes from."""
    answer = at(user).get(LIMITS, {"scope": scope} if scope else {})
    assert answer.status_code == 200
    found: dict[str, dict[str, tuple[str, str]]] = {name: {} for name in answer.context["scopes"]}
    for group in answer.context["groups"]:
        for rule in group["rules"]:
            for name, cell in zip(answer.context["scopes"], rule["cells"], strict=True):
                found[name][str(rule["name"])] = (cell["text"], cell["from"])
    return found


@pytest.mark.usefixtures("limits")
def test_an_account_shows_what_it_inherits_and_from_where(rita: User) -> None:
    shown = cells(rita, "account:A1")
    assert list(shown) == ["everything", "desk house", "account A1"]
    assert shown["account A1"]["distance from the last price"] == ("2 %", "from desk house")
    assert shown["desk house"]["distance from the last price"] == ("2 %", "")
    assert shown["account A1"]["lots of one order"] == ("500", "from everything")
    assert shown["account A1"]["cancels a day in one instrument"] == ("470", "by default")
    assert shown["account A1"]["margin"] == ("–", "")
    assert "<small>from desk house</small>" in text(at(rita), LIMITS, {"scope": "account:A1"})
    assert list(cells(rita, "")) == ["everything", "desk house", "account A2"]


@pytest.mark.usefixtures("limits")
def test_limits_of_accounts_of_others_are_not_shown(bob: User, alice: User) -> None:
    assert "account A2" not in cells(bob, "")
    assert at(bob).get(LIMITS, {"scope": "account:A2"}).status_code == 404
    assert at(alice).get(LIMITS).status_code == 403
    shown = text(at(bob), LIMITS, {"scope": "account:A1"})
    assert SET not in shown
    assert PAST not in shown
    for address in (SET, TOLD, PAST):
        assert at(bob).get(address, COLLAR).status_code == 403
    assert at(bob).post(SET, {**COLLAR, "maximum": "0.5", "reason": "more room"}).status_code == 403
    assert AuditEntry.objects.filter(verb="refused", actor=bob).count() == 4


@pytest.mark.usefixtures("limits")
def test_the_server_says_before_what_a_change_would_be(rita: User, ada: User) -> None:
    client = at(rita)
    tighter = text(client, TOLD, {**COLLAR, "what": "set", "maximum": "0.01"})
    assert "2 %" in tighter
    assert "from desk house" in tighter
    assert "<strong>1 %</strong>" in tighter
    assert "Tightens: is in force at once." in tighter
    looser = text(client, TOLD, {**COLLAR, "what": "set", "maximum": "0.05"})
    assert "Loosens: becomes a proposal" in looser
    assert "Who may approve: ada" in looser
    assert "Loosens" in text(client, TOLD, {**COLLAR, "what": "lift", "maximum": ""})
    assert "no number" in text(client, TOLD, {**COLLAR, "what": "set", "maximum": "much"})
    assert "0 or more" in text(client, TOLD, {**COLLAR, "what": "set", "maximum": "-1"})
    assert not RiskLimit.objects.filter(scope_kind="account", scope_key="A1").exists()


@pytest.mark.usefixtures("limits")
def test_what_was_said_is_what_is_done(rita: User, ada: User) -> None:
    client = at(rita)
    client.post(SET, {**COLLAR, "what": "set", "maximum": "0.01", "reason": "thin market"})
    assert RiskLimit.objects.get(scope_key="A1").maximum == 0.01
    client.post(SET, {**COLLAR, "what": "set", "maximum": "0.05", "reason": "liquid again"})
    assert RiskLimit.objects.get(scope_key="A1").maximum == 0.01
    proposal = Proposal.objects.get()
    assert (proposal.kind, proposal.status, proposal.reason) == ("raise_limit", "open", "liquid again")
    assert "a change is waiting" in text(client, LIMITS, {"scope": "account:A1"})
    proposals.approve(ada, proposal.pk)
    assert RiskLimit.objects.get(scope_key="A1").maximum == 0.05
    past = text(client, PAST, COLLAR)
    assert '<span class="qs-soft">1 %</span> → <strong>5 %</strong>' in past
    assert "liquid again" in past
    assert past.index("5 %") < past.index("thin market")
    assert '<td class="rb-past-second">ada</td>' in past


@pytest.mark.usefixtures("limits")
def test_without_a_reason_or_with_nonsense_nothing_is_set(rita: User) -> None:
    client = at(rita)
    for posted in (
        {**COLLAR, "what": "set", "maximum": "0.01", "reason": " "},
        {**COLLAR, "what": "set", "maximum": "", "reason": "x"},
        {**COLLAR, "what": "set", "maximum": "nan", "reason": "x"},
        {**COLLAR, "rule": "no_such_rule", "maximum": "1", "reason": "x"},
        {**COLLAR, "scope": "account:A9", "maximum": "0.01", "reason": "x"},
        {**COLLAR, "scope": "user:rita", "rule": "max_stress_call", "maximum": "5", "reason": "x"},
    ):
        assert client.post(SET, posted).status_code in {302, 404}, posted
    assert RiskLimit.objects.count() == 3
    assert not Proposal.objects.exists()


@pytest.mark.usefixtures("limits")
def test_a_list_and_its_lifting_and_removal(rita: User) -> None:
    client = at(rita)
    allowed = {"rule": "allowed_instruments", "scope": "account:A1"}
    client.post(SET, {**allowed, "what": "set", "param_allowed": "rb.SHFE, cu2501.SHFE", "reason": "his books"})
    row = RiskLimit.objects.get(rule="allowed_instruments")
    assert row.params == {"allowed": ["rb.SHFE", "cu2501.SHFE"]}
    assert cells(rita, "account:A1")["account A1"]["instruments allowed"] == ("rb.SHFE, cu2501.SHFE", "")
    client.post(SET, {**allowed, "what": "lift", "param_allowed": "rb.SHFE", "reason": "any"})
    assert Proposal.objects.get().after == {"limit": {"maximum": None, "action": "warn", "params": {"allowed": []}}}
    volume = {"rule": "max_order_volume", "scope": "account:A2"}
    client.post(SET, {**volume, "what": "remove", "maximum": "9", "reason": "as all"})
    assert Proposal.objects.filter(target="max_order_volume account A2").get().after == {"limit": None}
    assert RiskLimit.objects.get(scope_key="A2").maximum == 77


@pytest.mark.usefixtures("limits")
def test_a_limits_own_address_leads_to_the_table_at_its_scope(rita: User) -> None:
    row = RiskLimit.objects.get(scope_key="A2")
    answer = at(rita).get(reverse("admin:trading_risklimit_change", args=[row.pk]))
    assert answer.headers["Location"] == f"{LIMITS}?scope=account:A2"
