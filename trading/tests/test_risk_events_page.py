"""The console's pages about risk events: the worst of nobody first, and what people do about them through verbs."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, User
from quantsite.testing.cast import make_user
from trading import services
from trading.domain.risk.scopes import Scope, ScopeKind
from trading.risk_models import RiskEvent
from trading.tests.desk import Desk, make_desk
from trading.verbs.risk_events import Found, found

pytestmark = pytest.mark.django_db

EVENTS = reverse("admin:trading_riskevent_changelist")
NEAR = "The risk degree is %(value)s."


def at(user: User) -> Client:
    """The console as this person sees it."""
    client = Client()
    client.force_login(user)
    return client


def page(name: str, event: RiskEvent) -> str:
    """The address of one of the pages about it."""
    return reverse(f"admin:trading_riskevent_{name}", args=[event.pk])


def made(desk: Desk, level: float, subject: str = "") -> RiskEvent:
    """A limit that is near, or broken."""
    return found(
        Found(
            "breach" if level >= 1 else "warning",
            NEAR,
            {"value": f"{level:.2f}"},
            account=desk.account,
            rule="max_risk_degree",
            scope=Scope(ScopeKind.ACCOUNT, desk.account.code),
            subject=subject,
            level=level,
            value=level,
            limit=1.0,
            order=desk.order,
        )
    )


@pytest.fixture
def desk(bob: User) -> Desk:
    """An account that Bob trades on."""
    return make_desk("bobs", bob)


def listed(user: User, **query: str) -> list[str]:
    """The subjects of the list, in its order."""
    answer = at(user).get(EVENTS, query)
    assert answer.status_code == 200
    return [event.subject for event in answer.context["cl"].result_list]


def test_open_before_closed_nobodys_first_the_worst_on_top(desk: Desk, rita: User) -> None:
    events = {name: made(desk, level, name) for name, level in (("low", 0.6), ("high", 0.95), ("broken", 1.1))}
    taken = made(desk, 1.5, "taken")
    services.assign(rita, taken.pk, "rita")
    over = made(desk, 1.4, "over")
    services.close_risk_event(rita, over.pk, "was a wrong price")
    assert listed(rita) == ["broken", "high", "low", "taken"]
    assert listed(rita, state="nobody") == ["broken", "high", "low"]
    assert listed(rita, state="mine") == ["taken"]
    assert listed(rita, state="closed") == ["over"]
    assert listed(rita, state="all")[-1] == "over"
    assert len(listed(rita, account="bobs", kind__exact="breach")) == 2
    shown = at(rita).get(EVENTS).content.decode()
    assert "The risk degree is 1.10." in shown
    assert events["broken"].level == 1.1


def test_an_event_is_taken_discussed_given_and_closed_with_a_reason(desk: Desk, rita: User) -> None:
    rolf = make_user("rolf", "risk officer")
    event, client = made(desk, 0.96), at(rita)
    client.post(page("acknowledge", event))
    event.refresh_from_db()
    assert (event.acknowledged_by, event.assigned_to) == (rita, rita)
    client.post(page("comment", event), {"text": "called the trader"})
    client.post(page("assign", event), {"to": "rolf"})
    client.post(page("close", event), {"reason": "  "})
    event.refresh_from_db()
    assert (event.assigned_to, event.closed_at) == (rolf, None)
    client.post(page("close", event), {"reason": "position halved"})
    shown = client.get(page("change", event)).content.decode()
    for words in ("called the trader", "position halved", "The risk degree is 0.96.", f"Order #{desk.order.pk}"):
        assert words in shown, words
    assert page("close", event) not in shown
    verbs = AuditEntry.objects.filter(verb__startswith="risk_event.").order_by("seq").values_list("verb", flat=True)
    assert list(verbs) == [f"risk_event.{verb}" for verb in ("acknowledge", "assign", "comment", "assign", "close")]


def test_a_trader_sees_those_of_his_account_and_handles_none(desk: Desk, bob: User, alice: User) -> None:
    other = made(make_desk("others"), 1.2, "canary")
    event, client = made(desk, 0.96, "mine"), at(bob)
    assert listed(bob) == ["mine"]
    assert client.get(page("change", other)).status_code == 302
    shown = client.get(page("change", event)).content.decode()
    assert "The risk degree is 0.96." in shown
    for verb in ("acknowledge", "assign", "comment", "close"):
        assert page(verb, event) not in shown
        assert client.post(page(verb, event), {"to": "bob", "text": "x", "reason": "x"}).status_code == 403
    event.refresh_from_db()
    assert (event.acknowledged_by, event.assigned_to, event.closed_at) == (None, None, None)
    assert at(alice).get(EVENTS).status_code == 403


def test_plans_are_listed_to_who_sees_their_account_and_lead_to_their_page(desk: Desk, bob: User, rita: User) -> None:
    make_desk("others")
    plan, hidden = (services.make_plan(rita, code, reason="out of everything") for code in ("bobs", "others"))
    listed_plans = at(bob).get(reverse("admin:trading_flattenplan_changelist")).context["cl"].result_list
    assert [row.pk for row in listed_plans] == [plan.pk]
    own = reverse("admin:trading_flattenplan_change", args=[plan.pk])
    assert at(bob).get(own).headers["Location"] == reverse("risk-plan", args=[plan.pk])
    assert at(bob).post(own).status_code == 403
    other = at(bob).get(reverse("admin:trading_flattenplan_change", args=[hidden.pk]))
    assert other.headers["Location"] == reverse("admin:index")
