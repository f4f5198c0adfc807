"""The console's pages of strategies: what they show first, count and ask, and what is done by whom."""

from collections.abc import Iterator
from copy import deepcopy
from decimal import Decimal
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from accounts.models import AuditEntry, Proposal, User
from accounts.roles import RISK_OFFICER, TRADER
from quantsite.testing.cast import make_user
from quantsite.testing.shared_rows import shared_rows
from strategies.choices import ActivityName, Health, StageName
from strategies.console.instance_rows import slippage
from strategies.models import Evidence, StrategyGate, StrategyInstance, StrategyOrder
from strategies.tests.filled import RB, FilledDesk, approval_asked, filled_desk, told
from strategies.tests.user_files import using, write
from trading import services as trading
from trading.account_models import TRADE

pytestmark = pytest.mark.django_db

ONE = "admin:strategies_strategyinstance_"
LIST = reverse(f"{ONE}changelist")
ADD = reverse(f"{ONE}add")


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


def do(verb: str) -> str:
    """The address of a question."""
    return reverse(f"{ONE}do", args=[verb])


def page(name: str, instance: StrategyInstance) -> str:
    """The address of a page of an instance."""
    return reverse(f"{ONE}{name}", args=[instance.pk])


@pytest.fixture(scope="module")
def morning(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[FilledDesk]:
    """Bob's strategies in the middle of a morning, for the whole file."""
    with shared_rows(django_db_blocker):
        yield filled_desk(make_user("bob", TRADER), make_user("rita", RISK_OFFICER))


@pytest.fixture
def desk(morning: FilledDesk, db: None) -> FilledDesk:
    """The same as one test may change it."""
    return deepcopy(morning)


@pytest.fixture
def bob(desk: FilledDesk) -> User:
    """The trader whose strategies they are."""
    return desk.owner


@pytest.fixture
def rita(desk: FilledDesk) -> User:
    """The risk officer."""
    return desk.officer


def test_the_list_begins_with_what_runs_and_earns_and_has_those_in_trouble_on_top(desk: FilledDesk, bob: User) -> None:
    answer = at(bob).get(LIST)
    lines, found = answer.context["lines"], answer.context["summary"]
    assert [line["key"] for line in lines][:2] == ["ore-turtle", "ore-bands"]
    assert [line["trouble"] for line in lines] == ["failed", "gap", *[""] * 6]
    assert (found["running"], found["wanted"], found["troubled"], found["errors"]) == (3, 4, 2, 1)
    sums = sum(line["day_profit"] for line in lines if line["day_profit"] is not None)
    assert found["day"] == f"{sums:+,.0f}"
    assert {offer["verb"] for offer in lines[0]["offers"]} == {"start", "flatten"}
    assert b"ZeroDivisionError" in answer.content


def test_who_is_silent_for_too_long_is_in_trouble(desk: FilledDesk, bob: User) -> None:
    StrategyInstance.objects.filter(key="rb-trend").update(told_at="2024-12-02T01:00:00Z")
    line = next(line for line in at(bob).get(LIST).context["lines"] if line["key"] == "rb-trend")
    assert (line["trouble"], line["rank"]) == ("silent", 2)


def test_filters_leave_what_they_name(desk: FilledDesk, bob: User) -> None:
    client = at(bob)
    for query, keys in (
        ({"status": "troubled"}, {"ore-turtle", "ore-bands"}),
        ({"status": "paused"}, {"rb-rsi"}),
        ({"account": "paper-2", "strategy": "macd"}, {"hc-macd"}),
        ({"q": "rebar"}, {"rb-trend", "rb-hc", "rb-rsi", "rb-grid"}),
        ({"status": "retired"}, set()),
    ):
        assert {line["key"] for line in client.get(LIST, query).context["lines"]} == keys, query


def test_others_see_neither_rows_nor_pages(desk: FilledDesk, alice: User, charlie: User) -> None:
    instance = desk.instances["rb-trend"]
    shown = text(at(alice), LIST)
    assert "Rebar trend" not in shown
    for name in ("change", "live", "terms", "parameters", "execution", "decide", "share"):
        assert at(alice).get(page(name, instance)).status_code in {302, 404}, name
        assert "Rebar trend" not in at(alice).get(page(name, instance), follow=True).content.decode(), name
    posted = {"id": instance.pk, "reason": "mine", "then": "cancel"}
    at(alice).post(do("stop"), posted)
    instance.refresh_from_db()
    assert instance.activity == ActivityName.RUNNING
    assert at(charlie).get(LIST).status_code in {302, 403}


def test_a_question_counts_what_it_reaches_and_begins_at_the_reason(desk: FilledDesk, bob: User) -> None:
    trend, pair = desk.instances["rb-trend"], desk.instances["rb-hc"]
    asked = text(at(bob), do("stop"), id=trend.pk)
    assert "withdraw 0 orders, close 1 lot at the market" in asked
    assert '<textarea name="reason" required maxlength="1000" autofocus>' in asked
    assert asked.count("autofocus") == 1
    both = at(bob).get(f"{do('flatten')}?id={trend.pk}&id={pair.pk}").content.decode()
    assert "Flatten 3 lots on 1 account: 2 strategies" in both
    assert "CLOSE 2" in both
    closing = text(at(bob), do("flatten"), id=trend.pk)
    assert "CLOSE rb-trend" in closing
    assert 'name="to"' not in closing
    assert 'name="to"' in text(at(bob), do("demote"), id=trend.pk)


def test_a_deed_needs_its_reason_and_leaves_its_trace(desk: FilledDesk, bob: User) -> None:
    instance, client = desk.instances["rb-trend"], at(bob)
    client.post(do("stop"), {"id": instance.pk, "reason": " ", "then": "leave"})
    instance.refresh_from_db()
    assert instance.activity == ActivityName.RUNNING
    client.post(do("stop"), {"id": instance.pk, "reason": "limit board", "then": "leave"})
    instance.refresh_from_db()
    assert (instance.activity, instance.stopping) == (ActivityName.STOPPED, "leave")
    entry = AuditEntry.objects.filter(verb="strategy.stop").latest("seq")
    assert (entry.actor_name, (entry.after or {})["reason"]) == ("bob", "limit board")
    assert "limit board" in text(client, page("change", instance))


def test_closing_takes_the_very_words(desk: FilledDesk, bob: User) -> None:
    instance, client = desk.instances["rb-trend"], at(bob)
    for phrase in ("", "CLOSE rb-hc"):
        client.post(do("flatten"), {"id": instance.pk, "reason": "out", "phrase": phrase})
        instance.refresh_from_db()
        assert instance.flatten_asked == 0
    client.post(do("flatten"), {"id": instance.pk, "reason": "out", "phrase": "CLOSE rb-trend"})
    instance.refresh_from_db()
    assert (instance.flatten_asked, instance.activity) == (1, ActivityName.PAUSED)


def test_several_at_once_one_after_the_other(desk: FilledDesk, bob: User) -> None:
    rows = [desk.instances[key] for key in ("rb-trend", "rb-hc", "rb-grid")]
    posted = {"id": [row.pk for row in rows], "reason": "lunch", "then": "cancel"}
    answer = at(bob).post(do("stop"), posted, follow=True)
    said = [str(message) for message in answer.context["messages"]]
    assert said[0].startswith("Rebar grid: ")
    assert said[1] == "Stopped: 2 strategies."
    states = {row.key: row.activity for row in StrategyInstance.objects.filter(pk__in=[row.pk for row in rows])}
    assert set(states.values()) == {ActivityName.STOPPED}


def test_officers_hold_up_what_they_may_not_start(desk: FilledDesk, rita: User) -> None:
    instance, client = desk.instances["rb-trend"], at(rita)
    assert client.post(do("pause"), {"id": instance.pk, "reason": "volatility"}).status_code == 302
    instance.refresh_from_db()
    assert instance.activity == ActivityName.PAUSED
    assert client.get(do("resume"), {"id": instance.pk}).status_code == 403
    assert client.post(do("resume"), {"id": instance.pk, "reason": "go"}).status_code == 403
    assert AuditEntry.objects.filter(verb="refused", actor_name="rita").exists()


def test_a_draft_is_made_strategy_first(desk: FilledDesk, bob: User) -> None:
    client = at(bob)
    assert "?strategy=turtle" in text(client, ADD)
    form = text(client, ADD, strategy="double_ma")
    assert 'name="param_fast"' in form
    assert "≥ 1" in form
    posted = {
        "key": "new-one",
        "leg_0": RB,
        "account": "paper-1",
        "interval": "15m",
        "unit": 2,
        "on_failure": "flatten",
        "budget_ms": 100,
        "memory_mb": 256,
        "seed": 0,
        "isolated": "",
        "param_fast": 30,
        "param_slow": 20,
        "day_loss_limit": "5000",
    }
    refused = client.post(f"{ADD}?strategy=double_ma", posted)
    assert refused.status_code == 200
    assert refused.context["form"].errors["param_fast"]
    assert not StrategyInstance.objects.filter(key="new-one").exists()
    client.post(f"{ADD}?strategy=double_ma", {**posted, "param_fast": 5})
    made = StrategyInstance.objects.get(key="new-one")
    assert (made.owner, made.stage, made.unit, made.on_failure) == (bob, StageName.DRAFT, 2, "flatten")
    assert made.parameters["fast"] == 5
    assert made.day_loss_limit == Decimal(5_000)


def test_parameters_count_from_the_next_bar(desk: FilledDesk, bob: User) -> None:
    instance, client = desk.instances["rb-trend"], at(bob)
    address = page("parameters", instance)
    assert "from the next bar on" in text(client, address)
    posted = {"param_fast": 7, "param_slow": 21, "reason": "faster", "version": instance.version}
    client.post(address, posted)
    instance.refresh_from_db()
    assert (instance.parameters["fast"], instance.parameters_version) == (7, 2)
    assert "New parameters count from the next bar on." in text(client, page("change", instance))
    again = client.post(address, {**posted, "param_fast": 8})  # the version that was looked at is gone
    assert again.status_code == 200
    assert "changed meanwhile" in again.content.decode()


def test_terms_say_beside_their_input_what_cannot_be_changed(desk: FilledDesk, bob: User) -> None:
    instance, client = desk.instances["rb-grid"], at(bob)
    form = client.get(page("terms", instance)).context["form"]
    posted = {name: value for name, value in form.initial.items() if value is not None and value is not False} | {
        "leg_0": "nothing"
    }
    refused = client.post(page("terms", instance), {**posted, "version": instance.version})
    assert set(refused.context["form"].errors) == {"leg_0"}
    client.post(page("terms", instance), {**posted, "leg_0": RB, "unit": 3, "version": instance.version})
    instance.refresh_from_db()
    assert instance.unit == 3


def test_an_execution_is_set_by_fields(desk: FilledDesk, bob: User) -> None:
    instance, client = desk.instances["rb-grid"], at(bob)
    address = page("execution", instance)
    assert 'name="slices"' in text(client, address, kind="twap")
    sound = {"kind": "twap", "seconds": 120, "slices": 6, "version": instance.version, "reason": "less impact"}
    refused = client.post(f"{address}?kind=twap", {**sound, "slices": 0})
    assert refused.context["form"].errors["slices"]
    client.post(f"{address}?kind=twap", sound)
    instance.refresh_from_db()
    assert (instance.execution["kind"], instance.execution["slices"], instance.execution["seconds"]) == ("twap", 6, 120)


def test_gates_say_what_is_missing_before_anybody_asks_in_vain(desk: FilledDesk, bob: User) -> None:
    draft, client = desk.instances["rb-grid"], at(bob)
    shown = text(client, page("change", draft))
    assert "Run manage.py check_strategy grid with these parameters and bars." in shown
    asked = text(client, do("promote"), id=draft.pk)
    assert "A gate is closed" in asked
    assert "disabled" in asked
    client.post(do("promote"), {"id": draft.pk, "reason": "please"})
    draft.refresh_from_db()
    assert draft.stage == StageName.DRAFT


def test_a_second_person_approves_and_the_owner_cannot(desk: FilledDesk, bob: User, rita: User) -> None:
    instance = desk.instances["rb-trend"]
    live = trading.add_account(None, "live-1", capital=Decimal(1_000_000))
    type(live).objects.filter(pk=live.pk).update(live_enabled=True)
    trading.grant_account(None, "live-1", bob, TRADE)
    approval_asked(desk, live)
    decide = page("decide", instance)
    assert "Approve…" not in text(at(bob), page("change", instance))
    at(bob).post(decide, {"reason": "mine"})
    instance.refresh_from_db()
    assert instance.stage == StageName.PAPER
    assert "Approve…" in text(at(rita), page("change", instance))
    assert "five days on paper" in text(at(rita), decide)
    at(rita).post(decide, {"reason": "seen"})
    instance.refresh_from_db()
    assert (instance.stage, instance.approved_by, instance.live_account) == (StageName.APPROVED, rita, live)
    assert Proposal.objects.latest("pk").decided_by == rita


def test_the_page_shows_the_cost_of_each_order_against_its_decision(desk: FilledDesk, bob: User) -> None:
    instance = desk.instances["rb-trend"]
    row = StrategyOrder.objects.filter(instance=instance).select_related("order", "instrument").latest("pk")
    assert row.order is not None
    ticks = (float(row.order.average_price or 0) - float(row.decision_price or 0)) / float(row.instrument.price_tick)
    assert slippage(row) == pytest.approx((ticks, ticks * row.lots * float(row.instrument.multiplier)))
    context = at(bob).get(page("change", instance)).context
    assert context["slippage"]["orders"] == 3
    assert context["last"]["based_on"][0][0] == "fast"
    assert [(roll["open"], *(leg["done"] for leg in roll["legs"]), roll["size"]) for roll in context["rolls"]] == [
        (True, 0, 0, 1),
        (False, 1, 1, 1),
    ]
    assert context["line"]["today"]["fills"] == 3
    assert sum(leg["lots"] for leg in context["line"]["legs"]) == 1


def test_the_chart_has_bars_signals_and_fills(desk: FilledDesk, bob: User) -> None:
    address = reverse(f"{ONE}chart", args=[desk.instances["rb-trend"].pk, "price"])
    drawn = at(bob).get(address).json()
    assert drawn["caption"].startswith("140 bars, 3 signals, 3 fills.")
    assert drawn["figure"]["doc"]
    nothing = reverse(f"{ONE}chart", args=[desk.instances["hc-macd"].pk, "price"])
    assert at(bob).get(nothing).status_code == 409


def test_a_gate_asks_for_more_at_once_and_for_less_with_two(desk: FilledDesk, rita: User, bob: User) -> None:
    address = reverse("admin:strategies_strategygate_set")
    gate = {"stage": "approved", "kind": "paper_day", "is_active": "on", "same_parameters": "on", "reason": "caution"}
    at(rita).post(address, {**gate, "minimum": "10"})
    assert StrategyGate.objects.get(stage="approved", kind="paper_day").minimum == 10
    at(rita).post(address, {**gate, "minimum": "2"})
    assert StrategyGate.objects.get(stage="approved", kind="paper_day").minimum == 10
    assert Proposal.objects.filter(kind="strategy_gate").count() == 1
    assert at(bob).get(address, {"stage": "approved", "kind": "paper_day"}).status_code == 403


def test_figures_of_anothers_backtest_are_on_no_page_of_evidence(desk: FilledDesk, alice: User) -> None:
    row = Evidence.objects.filter(kind="backtest", instance=None).latest("pk")
    shown = text(at(alice), reverse("admin:strategies_evidence_change", args=[row.pk]))
    assert "backtest 17" in shown
    assert "0.1234" not in shown


def test_it_is_granted_and_taken_back(desk: FilledDesk, bob: User, alice: User) -> None:
    instance = desk.instances["rb-trend"]
    share = {"receiver": f"user:{alice.pk}", "level": "view_strategyinstance"}
    at(bob).post(page("share", instance), share)
    assert "Rebar trend" in text(at(alice), LIST)
    assert at(alice).get(page("terms", instance)).status_code == 403
    at(bob).post(page("share", instance), {**share, "take": "1"})
    assert "Rebar trend" not in text(at(alice), LIST)


def test_the_first_page_and_the_page_of_risk_lead_there(desk: FilledDesk, bob: User) -> None:
    shown = text(at(bob), reverse("admin:index"))
    assert "3 / 4" in shown
    assert "Iron ore turtle" in shown
    risk = text(at(bob), reverse("risk-strategy"), key="rb-trend")
    assert page("change", desk.instances["rb-trend"]) in risk


def test_the_list_asks_few_questions_however_many_rows(
    desk: FilledDesk, bob: User, django_assert_max_num_queries: object
) -> None:
    told(desk.instances["rb-trend"], Health.RUNNING)
    client = at(bob)
    client.get(LIST, {"part": 1})
    with django_assert_max_num_queries(40):  # type: ignore[operator]
        client.get(LIST, {"part": 1})


def test_a_broken_file_of_ones_own_is_told_with_its_line(bob: User, tmp_path: Path) -> None:
    write(tmp_path, crooked="import numpy\n\nnothing = undefined_name\n")
    with using(str(tmp_path)):
        for address in (LIST, ADD):
            shown = text(at(bob), address)
            assert "crooked.py:3" in shown, address
            assert "undefined_name" in shown
