"""The console's pages about backtests."""

from typing import Any, cast

import pytest
from django.contrib.auth.models import Group
from django.forms import ChoiceField
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, User
from backtests import services
from backtests.admin_forms import ShareForm
from backtests.models import BacktestRun, RunStatus
from backtests.requests import RunRequest
from backtests.runner import execute
from backtests.tests.runs import finished, taken

pytestmark = pytest.mark.django_db

LIST = reverse("admin:backtests_backtestrun_changelist")
ADD = reverse("admin:backtests_backtestrun_add")


def page(name: str, run: BacktestRun) -> str:
    """The address of a page about one run."""
    return reverse(f"admin:backtests_backtestrun_{name}", args=[run.pk])


def logged_in(user: User) -> Client:
    """A browser of that person."""
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def form_of(asked: RunRequest, instrument_id: int, **changes: Any) -> dict[str, Any]:
    """The filled form of a new run."""
    costs = {f"cost_{name}": value for name, value in asked.costs.given().items()}
    chosen = {f"double_ma__{name}": value for name, value in asked.parameters.items()}
    return {
        "strategy": asked.strategy,
        "instrument": instrument_id,
        "interval": asked.interval,
        "capital": asked.capital,
        "volume": asked.volume,
        **costs,
        **chosen,
        **changes,
    }


def test_the_form_makes_the_run_that_command_and_api_make(alice: User, asked: RunRequest, sim: Any) -> None:
    expected = finished(alice, asked)
    answer = logged_in(alice).post(ADD, form_of(asked, sim.pk))
    run = BacktestRun.objects.exclude(pk=expected.pk).get()
    assert (answer.status_code, answer.headers["Location"]) == (302, page("change", run))
    assert (run.owner, run.status, run.costs, run.parameters) == (
        alice,
        RunStatus.QUEUED,
        expected.costs,
        expected.parameters,
    )
    execute(taken(run))
    run.refresh_from_db()
    assert run.result_hash == expected.result_hash
    assert AuditEntry.objects.filter(verb="backtest.run", object_id=str(run.pk), actor=alice).count() == 1
    assert not AuditEntry.objects.filter(verb="admin.add").exists()


@pytest.mark.parametrize(
    ("changes", "field", "text"),
    [
        ({"double_ma__fast": 9}, "double_ma__fast", "must be below slow"),
        ({"double_ma__fast": "many"}, "double_ma__fast", "whole number"),
        ({"capital": -5}, "capital", "above 0"),
        ({"cost_commission_rate": -0.1}, "cost_commission_rate", "0 or more"),
        ({"start": "2025-01-01"}, "start", "reach from 2024-01-02"),
        ({"instrument": 0}, "instrument", "valid choice"),
        ({"interval": "1m"}, "interval", "valid choice"),
    ],
)
def test_a_refused_input_is_told_beside_its_field(
    alice: User, asked: RunRequest, sim: Any, changes: dict[str, Any], field: str, text: str
) -> None:
    answer = logged_in(alice).post(ADD, form_of(asked, sim.pk, **changes))
    assert answer.status_code == 200
    assert text in " ".join(answer.context["adminform"].form.errors[field])
    assert not BacktestRun.objects.exists()


def test_a_rule_speaks_the_language_of_the_form(alice: User, asked: RunRequest, sim: Any) -> None:
    form = form_of(asked, sim.pk, double_ma__fast=9, double_ma__slow=5)
    answer = logged_in(alice).post(ADD, form, headers={"accept-language": "zh-hans"})
    assert answer.context["adminform"].form.errors["double_ma__fast"] == [
        "fast（9）必须小于 slow（5）：请调低 fast 或调高 slow。"
    ]


def test_a_new_run_from_an_old_one_starts_with_its_request(alice: User, asked: RunRequest, sim: Any) -> None:
    run = finished(alice, asked)
    client = logged_in(alice)
    form = client.get(ADD, {"from": run.pk}).context["adminform"].form
    assert form.initial["double_ma__fast"] == 3
    assert form.initial["cost_slippage_ticks"] == 1
    assert client.get(ADD, {"from": run.pk + 1}).status_code == 404
    assert client.get(ADD).status_code == 200


def test_the_list_shows_own_runs_only(alice: User, ada: User, asked: RunRequest) -> None:
    mine, other = finished(alice, asked), finished(ada, asked)
    seen = logged_in(alice).get(LIST).content.decode()
    assert page("change", mine) in seen
    assert page("change", other) not in seen
    everything = logged_in(ada).get(LIST).content.decode()
    assert page("change", mine) in everything
    assert page("change", other) in everything


def test_the_page_of_a_run_in_every_state(alice: User, asked: RunRequest) -> None:
    client = logged_in(alice)
    run = services.run_backtest(alice, asked)
    queued = client.get(page("change", run)).content.decode()
    assert 'data-status="queued"' in queued
    assert page("cancel", run) in queued
    assert "data-chart-url" not in queued
    execute(taken(run))
    run.refresh_from_db()
    done = client.get(page("change", run)).content.decode()
    for text in (run.result_hash, page("equity_chart", run), page("price_chart", run), page("again", run), "Sharpe"):
        assert text in done
    assert page("cancel", run) not in done
    BacktestRun.objects.filter(pk=run.pk).update(status=RunStatus.FAILED, error="It broke.")
    assert "It broke." in client.get(page("change", run)).content.decode()


def test_charts_and_files_of_a_run(alice: User, asked: RunRequest) -> None:
    run = finished(alice, asked)
    client = logged_in(alice)
    for name in ("equity_chart", "price_chart"):
        assert {"figure", "dark", "caption"} <= set(client.get(page(name, run)).json())
    assert client.get(page("state", run)).json()["status"] == "succeeded"
    assert client.get(page("fills_csv", run)).content.startswith(b"datetime,trading_day,")
    assert client.get(page("equity_csv", run)).content.startswith(b"trading_day,equity,")
    report = client.get(page("report", run), {"download": ""})
    assert report.headers["Content-Disposition"] == f'attachment; filename="backtest-{run.pk}.html"'
    assert report.headers["Content-Security-Policy"].startswith("sandbox")


def test_buttons_need_a_post_and_go_through_the_services(alice: User, asked: RunRequest) -> None:
    run = services.run_backtest(alice, asked)
    client = logged_in(alice)
    for name in ("cancel", "again", "share"):
        assert client.get(page(name, run)).status_code == 405
    client.post(page("cancel", run))
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED
    answer = client.post(page("cancel", run), follow=True)
    assert "is over already" in answer.content.decode()
    client.post(page("again", run))
    assert BacktestRun.objects.get(again_of=run).owner == alice
    forging = Client(enforce_csrf_checks=True)
    forging.force_login(alice, "django.contrib.auth.backends.ModelBackend")
    assert forging.post(page("again", run)).status_code == 403


def test_sharing_on_the_page(alice: User, bob: User, asked: RunRequest) -> None:
    rob = User.objects.create_user(username="rob", password="correct horse battery staple", is_staff=True)
    rob.groups.add(Group.objects.get(name="researcher"))
    run = services.run_backtest(alice, asked)
    mine, his = logged_in(alice), logged_in(rob)
    assert his.get(page("change", run)).status_code == 404
    for name in ("state", "equity_chart", "price_chart", "report", "fills_csv", "equity_csv"):
        assert his.get(page(name, run)).status_code == 404, name
    mine.post(page("share", run), {"receiver": f"user:{rob.pk}", "shared": "on"})
    seen = his.get(page("change", run)).content.decode()
    assert page("share", run) not in seen
    assert page("cancel", run) not in seen
    his.post(page("cancel", run))
    run.refresh_from_db()
    assert run.status == RunStatus.QUEUED
    refused = mine.post(page("share", run), {"receiver": f"user:{bob.pk}", "shared": "on"}, follow=True)
    assert "Choose a person or a group." in refused.content.decode()
    mine.post(page("share", run), {"receiver": f"user:{rob.pk}"})
    assert his.get(page("change", run)).status_code == 404


def receivers(run: BacktestRun) -> set[str]:
    """Whom the form offers."""
    field = ShareForm(run).fields["receiver"]
    assert isinstance(field, ChoiceField)
    return {key for _title, part in cast(Any, field.choices) for key, _name in part}


def test_sharing_is_offered_where_it_makes_a_difference(alice: User, ada: User, bob: User, asked: RunRequest) -> None:
    rob = User.objects.create_user(username="rob", password="correct horse battery staple", is_staff=True)
    rob.groups.add(Group.objects.get(name="researcher"))
    run = services.run_backtest(alice, asked)
    offered = receivers(run)
    assert {key for key in offered if key.startswith("user:")} == {f"user:{rob.pk}"}
    assert f"group:{Group.objects.get(name='administrator').pk}" not in offered
    services.share_run(alice, run.pk, ada)
    assert receivers(run) == offered | {f"user:{ada.pk}"}  # to be taken back


@pytest.mark.parametrize("person", ["bob", "rita"])
def test_other_roles_have_no_such_pages(
    request: pytest.FixtureRequest, alice: User, asked: RunRequest, person: str
) -> None:
    run = finished(alice, asked)
    client = logged_in(request.getfixturevalue(person))
    assert client.get(LIST).status_code == 403
    assert client.get(ADD).status_code == 403
    assert client.get(page("change", run)).status_code in (302, 403, 404)
    for name in ("state", "report", "fills_csv"):
        assert client.get(page(name, run)).status_code == 404, name


def test_a_list_of_many_runs_asks_few_questions(
    alice: User, asked: RunRequest, django_assert_max_num_queries: Any
) -> None:
    client = logged_in(alice)
    for _ in range(12):
        services.run_backtest(alice, asked)
    client.get(LIST)
    with django_assert_max_num_queries(25):
        client.get(LIST)


def test_words_for_the_list_are_json_in_an_attribute(alice: User) -> None:
    seen = logged_in(alice).get(LIST).content.decode()
    assert "data-runs-live" in seen
    assert "&quot;queued&quot;: &quot;queued&quot;" in seen
