"""The console's page about stops: what it counts and offers, who may set and release, and what it tells of effects."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, Proposal, User
from trading import services
from trading.domain.risk.switches import Strength
from trading.limit_models import KillSwitch, SwitchEffect
from trading.risk_models import FlattenPlan
from trading.tests.desk import Desk, make_desk

pytestmark = pytest.mark.django_db

STOPS = reverse("admin:trading_killswitch_changelist")
SET = reverse("admin:trading_killswitch_set")


def at(user: User) -> Client:
    """The console as this person sees it."""
    client = Client()
    client.force_login(user)
    return client


def text(client: Client, address: str, **query: str | int) -> str:
    """What a page says."""
    answer = client.get(address, query)
    assert answer.status_code == 200, (address, answer.status_code)
    return answer.content.decode()


@pytest.fixture
def desk(bob: User) -> Desk:
    """An account that Bob trades on: of its four orders two work, and it holds four lots."""
    return make_desk("bobs", bob, orders=4)


def test_buttons_name_where_and_how_far_and_the_server_counts(desk: Desk, rita: User) -> None:
    make_desk("others", orders=2)
    shown = text(at(rita), STOPS, scope="desk:house")
    assert "Stop opening on 2 accounts: desk house" in shown
    assert "Cancel 3 orders on 2 accounts: desk house" in shown
    assert "Close 6 lots on 2 accounts: desk house" in shown
    one = text(at(rita), STOPS, scope="account:bobs")
    assert "Cancel 2 orders on 1 account: account bobs" in one
    assert "Close 4 lots on 1 account: account bobs" in one
    assert "Close all that is open of strategy double_ma" in text(at(rita), STOPS, scope="strategy:double_ma")
    assert "Cancel 3 orders on 2 accounts: product rb.SHFE" in text(at(rita), STOPS, scope="product:rb.SHFE")


def test_the_question_wants_a_reason_first_and_a_phrase_only_to_close_all(desk: Desk, rita: User) -> None:
    for strength in Strength:
        asked = text(at(rita), SET, scope="account:bobs", strength=strength.value)
        assert '<textarea name="reason" required maxlength="1000" autofocus>' in asked
        assert asked.count("autofocus") == 1
        assert ("CLOSE bobs" in asked) == (strength is Strength.FLATTEN)


def test_an_officer_stops_and_the_page_shows_it_first(desk: Desk, rita: User) -> None:
    client = at(rita)
    posted = {"scope": "account:bobs", "strength": "2", "reason": "prices run away"}
    assert client.post(SET, posted).headers["Location"] == f"{STOPS}?{urlencode({'scope': 'account:bobs'}, safe=':')}"
    stop = KillSwitch.objects.get()
    assert (stop.set_by, stop.strength, stop.reason) == (rita, 2, "prices run away")
    shown = text(client, STOPS)
    assert shown.index("prices run away") < shown.index("rb-buttons")
    assert "cancel all orders · account bobs" in shown


def test_without_a_reason_or_the_phrase_nothing_happens(desk: Desk, rita: User) -> None:
    client = at(rita)
    for posted in (
        {"scope": "account:bobs", "strength": "1", "reason": " "},
        {"scope": "account:bobs", "strength": "3", "reason": "out"},
        {"scope": "account:bobs", "strength": "3", "reason": "out", "phrase": "CLOSE others"},
        {"scope": "account:none", "strength": "1", "reason": "out"},
        {"scope": "nonsense", "strength": "1", "reason": "out"},
        {"scope": "account:bobs", "strength": "9", "reason": "out"},
    ):
        assert client.post(SET, posted).status_code in {302, 404}, posted
    assert not KillSwitch.objects.exists()
    posted = {"scope": "account:bobs", "strength": "3", "reason": "out", "phrase": "CLOSE bobs"}
    assert client.post(SET, posted).status_code == 302
    assert FlattenPlan.objects.get().switch == KillSwitch.objects.get()


def test_a_trader_stops_the_account_that_they_trade_on_and_no_more(desk: Desk, bob: User) -> None:
    make_desk("others")
    client = at(bob)
    shown = text(client, STOPS)
    assert "others" not in shown
    assert "desk house" not in shown
    assert "Cancel 2 orders on 1 account: account bobs" in shown
    assert "Close 4 lots" not in shown
    for scope, strength in (("desk:house", "1"), ("account:bobs", "3"), ("account:others", "1")):
        assert client.get(SET, {"scope": scope, "strength": strength}).status_code in {403, 404}
        assert client.post(SET, {"scope": scope, "strength": strength, "reason": "x"}).status_code in {403, 404}
    assert AuditEntry.objects.filter(verb="refused").count() >= 6
    assert not KillSwitch.objects.exists()
    assert client.post(SET, {"scope": "account:bobs", "strength": "2", "reason": "mine"}).status_code == 302
    assert KillSwitch.objects.get().set_by == bob


def test_the_effect_is_told_as_the_gateway_measured_it(desk: Desk, rita: User) -> None:
    stop = services.set_switch(rita, "desk", "house", Strength.CANCEL_ALL, "out")
    at_click = stop.set_at
    effect = SwitchEffect.objects.create(
        switch=stop, account=desk.account, seen_at=at_click + timedelta(milliseconds=41), working=14, cancelled=9
    )
    client = at(rita)
    part = text(client, STOPS, part=1)
    assert '<td class="qs-number">41 ms</td>' in part
    assert "◐ 9 / 14" in part
    assert 'data-fresh="500"' in part
    SwitchEffect.objects.filter(pk=effect.pk).update(cancelled=14, last_cancel_at=at_click + timedelta(seconds=1.25))
    part = text(client, STOPS, part=1)
    assert "✓ 14 / 14" in part
    assert f'data-stop-last="{stop.pk}">1.250 s<' in part
    assert 'data-fresh="2000"' in part
    effect.refresh_from_db()
    assert effect.seconds == 1.25


def test_a_release_is_proposed_with_a_reason_and_names_who_may_approve(
    desk: Desk, rita: User, ada: User, bob: User
) -> None:
    stop = services.set_switch(rita, "account", "bobs", Strength.NO_OPENING, "out")
    address = reverse("admin:trading_killswitch_release", args=[stop.pk])
    assert "Propose its release" not in text(at(bob), STOPS)
    assert at(bob).get(address).status_code == 403
    assert at(bob).post(address, {"reason": "calm"}).status_code == 403
    client = at(rita)
    asked = text(client, address)
    assert "Who may approve: ada" in asked
    assert client.post(address, {"reason": ""}).status_code == 302
    assert not Proposal.objects.exists()
    assert client.post(address, {"reason": "calm"}).status_code == 302
    proposal = Proposal.objects.get()
    assert (proposal.kind, proposal.target, proposal.reason) == ("release_switch", str(stop.pk), "calm")
    shown = text(client, STOPS)
    assert "rita proposed its release" in shown
    assert "Propose its release" not in shown
    assert KillSwitch.objects.active().exists()


def test_stops_of_what_one_cannot_see_are_not_there(desk: Desk, bob: User, alice: User, rita: User) -> None:
    make_desk("others")
    stop = services.set_switch(rita, "account", "others", Strength.NO_OPENING, "canary-why")
    wide = services.set_switch(rita, "desk", "house", Strength.NO_OPENING, "for all")
    shown = text(at(bob), STOPS)
    assert "canary-why" not in shown
    assert "for all" in shown
    detail = reverse("admin:trading_killswitch_change", args=[stop.pk])
    assert at(bob).get(detail).status_code == 302
    assert "for all" in text(at(bob), reverse("admin:trading_killswitch_change", args=[wide.pk]))
    assert "canary-why" in text(at(rita), detail)
    assert at(alice).get(STOPS).status_code == 403
