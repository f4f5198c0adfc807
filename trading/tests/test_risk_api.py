"""REST of risk: the same verbs, the same two persons, and nobody sees or does what is not theirs."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Proposal, User
from quantsite.testing.cast import client_of
from trading import services
from trading.limit_models import KillSwitch, RiskLimit, SwitchEffect
from trading.risk_models import AccountRisk, FlattenPlan, RiskEvent
from trading.tests.desk import NOON, Desk, make_desk
from trading.verbs.risk_events import Found, found

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

BASE = "/api/v1/"
LIMIT = {"rule": "max_order_volume", "scope_kind": "desk", "scope_key": "house", "maximum": 50, "reason": "first"}


@pytest.fixture
def desk(bob: User) -> Desk:
    """Bob's account beside one that he does not see."""
    make_desk("others", orders=2)
    return make_desk("bobs", bob, orders=4)


@pytest.fixture
def officer(rita: User) -> APIClient:
    """Rita's program."""
    return client_of(rita)


@pytest.fixture
def second(ada: User) -> APIClient:
    """Ada's program."""
    return client_of(ada)


@pytest.fixture
def trader(bob: User) -> APIClient:
    """Bob's program."""
    return client_of(bob)


def post(api: APIClient, path: str, body: Any = None, status: int = 200) -> Any:
    answer = api.post(BASE + path, {} if body is None else body, format="json")
    assert answer.status_code == status, answer.content
    return answer.json() if answer.content else None


def get(api: APIClient, path: str, status: int = 200, **query: Any) -> Any:
    answer = api.get(BASE + path, query)
    assert answer.status_code == status, answer.content
    return answer.json()


# --- limits ------------------------------------------------------------------------------------------------


def test_a_limit_that_tightens_is_200_one_that_loosens_is_202(
    officer: APIClient, second: APIClient, desk: Desk
) -> None:
    first = post(officer, "risk-limits/", LIMIT)
    assert (first["limit"]["maximum"], first["limit"]["unit"], first["proposal"]) == (50.0, "lots", None)
    path = f"risk-limits/{first['limit']['id']}/"
    lower = officer.patch(BASE + path, {"maximum": 40, "reason": "less"}, format="json")
    assert (lower.status_code, lower.json()["limit"]["maximum"]) == (200, 40.0)
    higher = officer.put(BASE + path, {"maximum": 60, "reason": "more"}, format="json")
    assert (higher.status_code, higher.json()["limit"]["maximum"]) == (202, 40.0)
    proposal = higher.json()["proposal"]
    assert proposal["diff"] == [{"name": "limit", "before": 40.0, "after": 60.0}]
    done = post(second, f"risk-proposals/{proposal['id']}/approve/")
    assert (done["status"], done["proposed_by"], done["decided_by"]) == ("approved", "rita", "ada")
    assert get(officer, path)["maximum"] == 60.0
    history = get(officer, f"{path}history/")["results"]
    assert [(row["after"]["maximum"], row["changed_by"], row["approved_by"]) for row in history] == [
        (60.0, "rita", "ada"),
        (40.0, "rita", None),
        (50.0, "rita", None),
    ]
    post(officer, f"{path}remove/", {"reason": "gone"}, 202)
    post(second, f"risk-proposals/{Proposal.objects.latest('pk').pk}/approve/")
    get(officer, path, 404)
    assert get(officer, "risk-limits/changes/", rule="max_order_volume")["results"][0]["after"] is None


def test_a_patch_leaves_the_rest_and_asks_why(officer: APIClient, desk: Desk) -> None:
    body = {**LIMIT, "rule": "max_daily_loss", "action": "flatten"}
    limit = post(officer, "risk-limits/", body)["limit"]
    path = f"{BASE}risk-limits/{limit['id']}/"
    answer = officer.patch(path, {"maximum": 20, "reason": "less"}, format="json")
    assert (answer.json()["limit"]["maximum"], answer.json()["limit"]["action"]) == (20.0, "flatten")
    silent = officer.patch(path, {"maximum": 10}, format="json")
    assert (silent.status_code, silent.json()["fields"]) == (400, {"reason": "Say why."})
    unheard = officer.patch(path, {"maximun": 10, "reason": "x"}, format="json")
    assert "Did you mean" in str(unheard.json()["fields"])


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"scope_key": "hause"}, 404, "unknown_scope"),
        ({"rule": "max_order_volum"}, 400, "unknown_rule"),
        ({"maximum": 1.5}, 400, "invalid_limit"),
        ({"maximum": -1}, 400, "invalid"),
        ({"maximum": "nan"}, 400, "invalid"),
        ({"params": {"volume": "\u0000"}}, 400, "invalid"),
        ({"params": {"volume": 5}}, 400, "invalid_limit"),
        ({"scope_kind": "galaxy"}, 400, "invalid"),
    ],
)
def test_what_no_limit_can_say_is_a_problem(
    officer: APIClient, desk: Desk, change: dict[str, Any], status: int, code: str
) -> None:
    answer = post(officer, "risk-limits/", {**LIMIT, **change}, status)
    assert (answer["code"], answer["status"]) == (code, status)
    assert not RiskLimit.objects.exists()


def test_in_force_tells_value_and_origin(officer: APIClient, trader: APIClient, desk: Desk) -> None:
    post(officer, "risk-limits/", LIMIT)
    rows = {row["rule"]: row for row in get(trader, "risk-limits/in-force/", scope_kind="account", scope_key="bobs")}
    volume, cancels = rows["max_order_volume"], rows["max_cancels_instrument"]
    assert (volume["maximum"], volume["origin"], volume["own"]) == (50.0, {"kind": "desk", "key": "house"}, False)
    assert (cancels["maximum"], cancels["origin"]) == (470.0, {"kind": "default", "key": ""})
    assert rows["max_daily_loss"]["maximum"] is None
    get(trader, "risk-limits/in-force/", 404, scope_kind="account", scope_key="others")
    get(trader, "risk-limits/in-force/", 400)


def test_lists_are_narrowed_and_hide_what_is_of_others(officer: APIClient, trader: APIClient, desk: Desk) -> None:
    for key, maximum in (("bobs", 10), ("others", 20)):
        post(officer, "risk-limits/", {**LIMIT, "scope_kind": "account", "scope_key": key, "maximum": maximum})
    post(officer, "risk-limits/", {**LIMIT, "rule": "max_margin", "maximum": 5})
    assert [row["scope_key"] for row in get(trader, "risk-limits/")["results"]] == ["house", "bobs"]
    found_rows = get(officer, "risk-limits/", rule="max_order_volume", scope_kind="account", limit=1)
    assert ([row["scope_key"] for row in found_rows["results"]], bool(found_rows["next"])) == (["others"], True)
    get(officer, "risk-limits/", 400, rule="nothing")
    hidden = RiskLimit.objects.get(scope_key="others")
    get(trader, f"risk-limits/{hidden.pk}/", 404)
    get(trader, "risk-limits/changes/", 403)
    answer = trader.patch(f"{BASE}risk-limits/{hidden.pk}/", {"maximum": 1, "reason": "x"}, format="json")
    assert answer.status_code == 403


# --- stops -------------------------------------------------------------------------------------------------


def test_a_stop_is_set_shown_with_its_seconds_and_released_by_two(
    officer: APIClient, second: APIClient, trader: APIClient, desk: Desk
) -> None:
    where = {"scope_kind": "platform", "strength": 2}
    assert post(officer, "kill-switches/preview/", where)["accounts"] == 2
    made = post(officer, "kill-switches/", {**where, "reason": "news"}, 201)
    switch = KillSwitch.objects.get(pk=made["id"])
    for account in (desk.account, services.add_account(None, "empty")):
        SwitchEffect.objects.create(
            switch=switch, account=account, seen_at=switch.set_at, working=3, cancelled=3, last_cancel_at=switch.set_at
        )
    effects = get(officer, f"kill-switches/{switch.pk}/")["effects"]
    assert [(effect["account"], effect["seconds"]) for effect in effects] == [("bobs", 0.0), ("empty", 0.0)]
    assert [effect["account"] for effect in get(trader, f"kill-switches/{switch.pk}/")["effects"]] == ["bobs"]
    waiting = post(officer, f"kill-switches/{switch.pk}/release/", {"reason": "calm"}, 202)
    post(officer, f"risk-proposals/{waiting['id']}/approve/", status=403)
    assert get(officer, "kill-switches/", active="true")["results"]
    post(second, f"risk-proposals/{waiting['id']}/approve/")
    assert get(officer, "kill-switches/", active="true")["results"] == []
    post(officer, f"kill-switches/{switch.pk}/release/", {"reason": "calm"}, 409)


def test_a_trader_stops_an_own_account_only(trader: APIClient, desk: Desk, alice: User) -> None:
    own = {"scope_kind": "account", "scope_key": "bobs", "strength": 2, "reason": "mine"}
    made = post(trader, "kill-switches/", own, 201)
    post(trader, "kill-switches/", {**own, "strength": 3}, 403)
    post(trader, "kill-switches/", {**own, "scope_kind": "desk", "scope_key": "house"}, 403)
    post(trader, "kill-switches/", {**own, "scope_key": "others"}, 404)
    post(trader, f"kill-switches/{made['id']}/release/", {"reason": "mine"}, 403)
    post(client_of(alice), "kill-switches/", own, 403)
    assert KillSwitch.objects.count() == 1


def test_stops_of_others_are_not_told(officer: APIClient, trader: APIClient, desk: Desk) -> None:
    body = {"scope_kind": "account", "scope_key": "others", "strength": 1, "reason": "secret"}
    made = post(officer, "kill-switches/", body, 201)
    assert get(trader, "kill-switches/")["results"] == []
    get(trader, f"kill-switches/{made['id']}/", 404)


# --- events and plans --------------------------------------------------------------------------------------


def test_events_are_found_and_handled(officer: APIClient, trader: APIClient, desk: Desk) -> None:
    text = "There is no order %(id)s."
    event = found(Found("breach", text, {"id": 7}, desk.account, "max_daily_loss", subject="rb", level=1.0))
    found(Found("warning", "general"))
    listed = get(officer, "risk-events/", kind="breach", open="true", account="bobs", level_from="0.9")["results"]
    assert [(row["id"], row["text"]) for row in listed] == [(event.pk, "There is no order 7.")]
    assert len(get(trader, "risk-events/")["results"]) == 1
    path = f"risk-events/{event.pk}/"
    assert post(officer, f"{path}acknowledge/")["acknowledged_by"] == "rita"
    post(officer, f"{path}assign/", {"to": "rita"})
    post(officer, f"{path}comment/", {"text": "called them"})
    closed = post(officer, f"{path}close/", {"reason": "done"})
    assert [(note["verb"], note["text"]) for note in closed["notes"]] == [
        ("acknowledge", ""),
        ("assign", "rita"),
        ("comment", "called them"),
        ("close", "done"),
    ]
    post(officer, f"{path}close/", {"reason": "done"}, 409)
    post(trader, f"{path}comment/", {"text": "me too"}, 403)
    assert get(officer, "risk-events/", open="false", acknowledged="true", assigned_to="rita")["results"]
    assert get(trader, path)["closed_by"] == "rita"
    assert get(officer, "risk-events/", acknowledged="false")["results"][0]["text"] == "general"


def test_events_come_in_the_language_of_their_reader(officer: APIClient, desk: Desk) -> None:
    found(Found("breach", "There is no order %(id)s.", {"id": 7}, desk.account))
    answer = officer.get(f"{BASE}risk-events/", HTTP_ACCEPT_LANGUAGE="zh-hans").json()["results"][0]
    assert answer["text"] != "There is no order 7."
    assert "7" in answer["text"]


def test_a_plan_is_looked_at_made_and_stopped(officer: APIClient, trader: APIClient, desk: Desk) -> None:
    steps = post(officer, "flatten-plans/preview/", {"account": "bobs"})["steps"]
    assert [(step["instrument"], step["volume"], step["done"]) for step in steps] == [("rb2501.SHFE", 4, 0)]
    made = post(officer, "flatten-plans/", {"account": "bobs", "reason": "limits"}, 201)
    assert get(trader, "flatten-plans/", account="bobs", open="true")["results"][0]["id"] == made["id"]
    post(trader, f"flatten-plans/{made['id']}/stop/", {"reason": "no"}, 403)
    stopped = post(officer, f"flatten-plans/{made['id']}/stop/", {"reason": "mended"})
    assert (stopped["status"], stopped["stopped_by"]) == ("stopped", "rita")
    post(trader, "flatten-plans/preview/", {"account": "others"}, 404)
    post(trader, "flatten-plans/", {"account": "others", "reason": "x"}, 404)
    assert FlattenPlan.objects.count() == 1


# --- proposals ---------------------------------------------------------------------------------------------


def test_live_trading_takes_two_and_only_officers_see_proposals(
    officer: APIClient, second: APIClient, trader: APIClient, desk: Desk, rita: User
) -> None:
    body = {"kind": "enable_live", "target": "bobs", "reason": "ready"}
    post(officer, "risk-proposals/", body, 403)  # who may change accounts proposes this
    waiting = post(second, "risk-proposals/", body, 202)
    assert (waiting["title"], waiting["about"], waiting["status"]) == ("Allow live trading", "bobs", "open")
    post(second, f"risk-proposals/{waiting['id']}/approve/", status=403)
    post(trader, f"risk-proposals/{waiting['id']}/approve/", status=403)
    get(trader, "risk-proposals/", 403)
    assert get(officer, "risk-proposals/?status=open", kind="enable_live", proposed_by="ada")["results"]
    post(officer, f"risk-proposals/{waiting['id']}/approve/", {"reason": "checked"})
    desk.account.refresh_from_db()
    assert desk.account.live_enabled
    services.end_live(rita, "bobs", "not today")
    desk.account.refresh_from_db()
    assert not desk.account.live_enabled


def test_a_proposal_is_refused_or_taken_back(officer: APIClient, second: APIClient, desk: Desk) -> None:
    post(officer, "risk-limits/", LIMIT)
    waiting = post(officer, "risk-limits/", {**LIMIT, "maximum": 60}, 202)["proposal"]
    post(second, f"risk-proposals/{waiting['id']}/withdraw/", status=403)
    post(second, f"risk-proposals/{waiting['id']}/refuse/", status=400)
    assert post(second, f"risk-proposals/{waiting['id']}/refuse/", {"reason": "no"})["status"] == "refused"
    again = post(officer, "risk-limits/", {**LIMIT, "maximum": 60}, 202)["proposal"]
    assert post(officer, f"risk-proposals/{again['id']}/withdraw/")["status"] == "withdrawn"
    post(officer, "risk-proposals/", {"kind": "release_switch", "target": "x", "reason": "y"}, 404)


def test_the_picture_of_an_account(officer: APIClient, trader: APIClient, desk: Desk) -> None:
    empty = {"account": "bobs", "figures": None, "trading_day": None, "market_time": None, "updated_at": None}
    assert get(trader, "trading-accounts/bobs/risk/") == empty
    AccountRisk.objects.create(account=desk.account, figures={"risk_degree": 0.25}, updated_at=NOON, market_time=NOON)
    told = get(officer, "trading-accounts/bobs/risk/")
    assert (told["figures"], told["updated_at"]) == ({"risk_degree": 0.25}, "2024-12-02T04:00:00.250000Z")
    get(trader, "trading-accounts/others/risk/", 404)


def test_every_list_costs_the_same_for_many(
    officer: APIClient, trader: APIClient, desk: Desk, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        account = services.add_account(None, f"a{number}")
        found(Found("breach", "x", account=account))
        switch = services.set_switch(None, "account", account.code, 1, "x")
        SwitchEffect.objects.create(switch=switch, account=account, seen_at=switch.set_at)
        post(officer, "risk-limits/", {**LIMIT, "scope_kind": "account", "scope_key": account.code})
    assert RiskEvent.objects.count() == 10
    for path in ("risk-events/", "kill-switches/", "risk-limits/", "flatten-plans/"):
        for api in (officer, trader):
            with django_assert_max_num_queries(14):
                get(api, path)
