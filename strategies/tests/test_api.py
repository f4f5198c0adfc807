"""REST of strategy instances: bodies, answers, refusals, lists and the schema."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import User
from marketdata.instruments import ensure_instrument
from quantsite.testing.cast import client_of
from strategies import registry, services
from strategies.instance_models import VIEW
from strategies.models import Signal, StrategyInstance
from strategies.tests.instances import CODE, DAY, NOON, at_stage, everything_of, make_account, make_instance, open_gates

BODY: dict[str, Any] = {
    "key": "trend",
    "strategy": "double_ma",
    "instruments": [CODE],
    "account": "paper",
    "interval": "5m",
}


@pytest.fixture
def paper(bob: User) -> None:
    """Bob's account, and the instrument."""
    make_account("paper", bob)
    ensure_instrument(CODE, DAY)


def post(person: User, path: str, body: dict[str, Any] | None = None) -> Any:
    return client_of(person).post(f"/api/v1/{path}", body or {}, format="json")


def get(person: User, path: str) -> Any:
    return client_of(person).get(f"/api/v1/{path}")


def test_a_life_by_rest(paper: None, bob: User, rita: User) -> None:
    make_account("real", bob, live_enabled=True)
    made = post(bob, "strategies/", BODY | {"parameters": {"fast": 7}, "day_loss_limit": "5000.5"})
    assert made.status_code == 201
    body = made.json()
    assert (body["status"], body["owner"], body["parameters"]["fast"]) == ("draft", "bob", 7)
    assert (body["instruments"], body["day_loss_limit"]) == ([CODE], 5_000.5)
    assert body["possible"] == ["promote", "retire", "flatten"]
    at = f"strategies/{body['id']}/"
    assert made.headers["Location"].endswith(f"/api/v1/{at}")
    refused = post(bob, f"{at}promote/")
    assert (refused.status_code, refused.json()["code"]) == (409, "gates_closed")
    open_gates()
    assert post(bob, f"{at}promote/").json()["stage"] == "backtested"
    assert post(bob, f"{at}promote/", {"version": 2}).json()["stage"] == "paper"
    assert post(bob, f"{at}start/").json()["status"] == "paper"
    changed = post(bob, f"{at}parameters/", {"parameters": {"fast": 8}})
    assert (changed.status_code, changed.json()["parameters_version"]) == (200, 2)
    assert post(bob, f"{at}stop/", {"then": "leave", "reason": "Lunch."}).json()["status"] == "stopped"
    waits = post(bob, f"{at}ask-approval/", {"account": "real", "reason": "Good days."})
    assert (waits.status_code, waits.json()["kind"]) == (202, "approve_strategy")
    assert post(bob, f"{at}approve/").status_code == 403
    assert post(rita, f"{at}approve/", {"reason": "Agreed."}).json()["approved_by"] == "rita"
    assert post(bob, f"{at}go-live/").json()["account"] == "real"
    assert post(bob, f"{at}start/").json()["status"] == "live"
    patched = client_of(bob).patch(f"/api/v1/{at}", {"unit": 2, "reason": "More."}, format="json")
    assert (patched.status_code, patched.json()["code"]) == (409, "not_now")
    patched = client_of(bob).patch(f"/api/v1/{at}", {"on_failure": "leave", "reason": "More."}, format="json")
    assert (patched.status_code, patched.json()["kind"]) == (202, "change_strategy")
    assert post(bob, f"{at}withdraw/").json()["status"] == "withdrawn"
    assert post(rita, f"{at}pause/").json()["status"] == "paused"
    assert post(bob, f"{at}resume/").json()["status"] == "live"
    flat = post(bob, f"{at}flatten/").json()
    assert (flat["status"], flat["flatten_asked"]) == ("paused", 1)
    demoted = post(rita, f"{at}demote/", {"to": "backtested", "reason": "It gaps.", "then": "flatten"}).json()
    assert (demoted["status"], demoted["stopping"], demoted["approved_by"]) == ("backtested", "flatten", None)
    assert post(bob, f"{at}retire/", {"reason": "Old."}).json()["status"] == "retired"
    kinds = [line["kind"] for line in get(bob, f"{at}log/").json()["results"]]
    assert kinds[:3] == ["retire", "demote", "flatten"]
    assert kinds[-1] == "promote"


def test_refusals_are_problems_with_fields(paper: None, bob: User) -> None:
    answer = post(bob, "strategies/", BODY | {"unit": 0, "interval": "7x"})
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(answer.json()["fields"]) == {"unit", "interval"}
    mistyped = post(bob, "strategies/", BODY | {"instrment": CODE})
    assert "instrment" in mistyped.json()["fields"]
    post(bob, "strategies/", BODY)
    taken = post(bob, "strategies/", BODY)
    assert (taken.status_code, taken.json()["code"]) == (409, "key_taken")


def test_who_has_seen_another_version_gets_409(paper: None, bob: User) -> None:
    number = post(bob, "strategies/", BODY).json()["id"]
    at = f"/api/v1/strategies/{number}/"
    assert client_of(bob).patch(at, {"unit": 2, "version": 1}, format="json").status_code == 200
    late = client_of(bob).patch(at, {"unit": 3, "version": 1}, format="json")
    assert (late.status_code, late.json()["code"]) == (409, "instance_changed")
    assert StrategyInstance.objects.get().unit == 2


def test_lists_show_what_is_visible_and_can_be_narrowed(alice: User, bob: User, rita: User) -> None:
    at_stage("paper", "running", key="a", owner=alice)
    at_stage("backtested", key="b", owner=bob)

    def keys(person: User, query: str = "") -> list[str]:
        return [row["key"] for row in get(person, f"strategies/{query}").json()["results"]]

    assert (keys(alice), keys(bob), keys(rita)) == (["a"], ["b"], ["a", "b"])
    assert keys(rita, "?on_duty=true") == ["a"]
    assert keys(rita, "?on_duty=false") == ["b"]
    assert keys(rita, "?stage=backtested&stage=paper&account=paper") == ["a", "b"]
    assert keys(rita, f"?instrument={CODE}&owner=bob") == ["b"]
    assert keys(rita, "?activity=paused") == []


def test_a_list_costs_the_same_for_many(alice: User, rita: User) -> None:
    client: APIClient = client_of(rita)

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert client.get("/api/v1/strategies/").status_code == 200
        return len(seen)

    make_instance("a", owner=alice)
    few = queries()
    for number in range(5):
        make_instance(f"more-{number}", owner=alice)
    assert queries() == few


def test_rows_of_an_instance(alice: User, bob: User) -> None:
    instance = at_stage("paper", owner=alice)
    everything_of(instance, operator=bob)
    at = f"strategies/{instance.pk}/"
    [signal] = get(bob, f"{at}signals/").json()["results"]
    assert (signal["target"], signal["values"], signal["instrument"]) == (1.0, {"fast": 3_300.5}, CODE)
    [order] = get(bob, f"{at}orders/").json()["results"]
    assert (order["status"], order["order"], order["client_order_id"]) == ("refused", None, f"s{instance.pk}-1")
    for rows in ("log", "days", "positions", "rolls", "evidence"):
        assert len(get(bob, f"{at}{rows}/").json()["results"]) == 1, rows
    assert get(bob, f"{at}orders/?refused=false").json()["results"] == []
    state = get(bob, f"{at}state/").json()
    assert (state["instance"]["key"], state["held"], state["source_changed"]) == ("trend", {}, False)
    assert [row["number"] for row in state["signals"]] == [1]
    gates = get(bob, f"{at}gates/?stage=backtested").json()
    assert [(gate["kind"], gate["have"]) for gate in gates] == [("backtest", 0), ("look_ahead", 0)]
    assert all(gate["missing"] for gate in gates)
    assert get(bob, f"{at}gates/?stage=nowhere").status_code == 400


def test_figures_of_others_backtests_are_for_second_persons(alice: User, bob: User, rita: User) -> None:
    instance = at_stage("paper", owner=bob)
    shown = services.Finding(kind="backtest", strategy="double_ma", passed=True, facts={"net_profit": 12_345.5})
    services.write_evidence(alice, shown)
    services.grant_instance(None, instance.pk, alice, VIEW)
    told = {
        person.username: get(person, f"strategies/{instance.pk}/evidence/").json()["results"][0]
        for person in (alice, bob, rita)
    }
    assert {name: row["facts"] for name, row in told.items()} == {
        "alice": {"net_profit": 12_345.5},
        "bob": {},
        "rita": {"net_profit": 12_345.5},
    }
    assert all(row["passed"] for row in told.values())


def test_signals_of_all_that_one_sees(alice: User, bob: User) -> None:
    mine, other = at_stage("paper", key="mine", owner=bob), at_stage("paper", key="other", owner=alice)
    for number in range(1, 4):
        for instance in (mine, other):
            leg = instance.legs.get()
            Signal.objects.create(
                instance=instance, number=number, instrument=leg.instrument, decided_at=NOON, target=number
            )
    rows = get(bob, "signals/?limit=2").json()
    assert [(row["key"], row["number"]) for row in rows["results"]] == [("mine", 3), ("mine", 2)]
    rest = client_of(bob).get(rows["next"]).json()
    assert [row["number"] for row in rest["results"]] == [1]
    assert get(bob, f"signals/?instance={other.pk}").json()["results"] == []
    hidden = Signal.objects.filter(instance=other).latest("pk")
    assert get(bob, f"signals/{hidden.pk}/").status_code == 404


def test_a_log_is_told_in_the_readers_language(alice: User) -> None:
    instance = at_stage("paper", "running", owner=alice)
    services.pause(None, instance.pk)
    client = client_of(alice)
    told = client.get(f"/api/v1/strategies/{instance.pk}/log/", headers={"accept-language": "zh-hans"}).json()
    assert told["results"][0]["text"] == "system 已暂停：继续决策但不再开仓。"
    told = client.get(f"/api/v1/strategies/{instance.pk}/log/", headers={"accept-language": "en"}).json()
    assert told["results"][0]["text"] == "system has paused it: it goes on to decide and opens nothing."


def test_the_library_with_what_is_broken(bob: User) -> None:
    told = get(bob, "strategy-library/").json()
    assert [row["name"] for row in told["results"]] == registry.names()
    assert told["broken"] == []
    one = get(bob, "strategy-library/double_ma/").json()
    assert (one["name"], one["origin"], one["trusted"]) == ("double_ma", "library", True)
    assert one["source_hash"] == registry.source_hash("double_ma")
    missing = get(bob, "strategy-library/doublema/")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_strategy")


def test_gates_are_read_by_all_and_set_by_risk(bob: User, rita: User) -> None:
    shown = get(bob, "strategy-gates/").json()
    assert {(row["stage"], row["kind"], row["minimum"]) for row in shown if row["is_active"]} == {
        ("backtested", "backtest", 1),
        ("backtested", "look_ahead", 1),
        ("approved", "paper_day", 5),
    }
    body = {"stage": "approved", "kind": "paper_day", "same_parameters": True}
    assert post(rita, "strategy-gates/", body | {"minimum": 9}).json()["minimum"] == 9
    less = post(rita, "strategy-gates/", body | {"minimum": 2, "reason": "Slow."})
    assert (less.status_code, less.json()["kind"]) == (202, "strategy_gate")
    assert post(bob, "strategy-gates/", body | {"minimum": 20}).status_code == 403


def test_a_grant_by_rest(alice: User, bob: User) -> None:
    instance = at_stage("paper", owner=alice)
    at = f"strategies/{instance.pk}/"
    assert get(bob, at).status_code == 404
    assert post(alice, f"{at}grant/", {"user": "bob", "level": "operate"}).status_code == 204
    assert get(bob, at).status_code == 200
    assert post(alice, f"{at}grant/", {"user": "bob", "level": "approve"}).status_code == 403
    assert post(alice, f"{at}revoke/", {"user": "bob", "level": "operate"}).status_code == 204
    assert get(bob, at).status_code == 404


def test_the_schema_names_every_verb(alice: User) -> None:
    schema = client_of(alice).get("/api/v1/schema/?format=json").json()
    base = "/api/v1/strategies/{id}/"
    for verb in ("promote", "ask-approval", "approve", "go-live", "start", "stop", "pause", "resume", "flatten"):
        assert "post" in schema["paths"][f"{base}{verb}/"], verb
    assert "post" in schema["paths"][f"{base}roll/"]
    answers = schema["paths"][base]["patch"]["responses"]
    assert {"200", "202"} <= set(answers)
    assert schema["components"]["schemas"]["Instance"]["properties"]["possible"]["type"] == "array"
