"""Pages of optimisations and walk-forwards: who may see and do what, what they show, what their charts are made of."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.models import User
from backtests import tasks
from backtests.models import BacktestRun
from backtests.optimise import services
from backtests.optimise.charts import CHARTS, WALK_CHARTS
from backtests.optimise.forms import NewSearchForm, initial_of, proposals_of, search_form
from backtests.optimise.models import OptimizationRun, WalkForwardRun
from backtests.optimise.page import findings_of, page_url, verdict_of
from backtests.optimise.points import beyond, cells_of, in_view, scattered_of
from backtests.optimise.requests import OptimizationRequest, WalkForwardRequest
from backtests.optimise.walk_page import walk_url
from backtests.reports.palette import dark_twins
from backtests.reports.scale import DIVERGING, TWINS, diverging
from backtests.tests.optimisations import optimized, walked
from marketdata.models import Instrument
from quantsite.testing.cast import make_user
from strategies import registry

pytestmark = pytest.mark.django_db

ALL_GOOD = {
    "sharpe": 2.0,
    "sharpe_by_luck": 0.5,
    "deflated_sharpe": 0.99,
    "probabilistic_sharpe": 0.99,
    "pbo": 0.1,
    "minimum_track_record": 100,
    "days": 500,
}


def _client(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def _text(response: Any) -> str:
    content: bytes = response.content
    return content.decode()


# --- who may -------------------------------------------------------------------------------------------------


def test_another_researcher_finds_neither_pages_nor_charts_nor_actions(
    alice: User, searched: OptimizationRequest
) -> None:
    run = optimized(alice, searched)
    erin = _client(make_user("erin", "researcher"))
    for name in ("change", "state", "trials_csv", "trials_parquet", *(f"{chart}_chart" for chart in CHARTS)):
        answer = erin.get(page_url(name, run.pk))
        assert answer.status_code == 404, name
        assert run.best["result_hash"] not in _text(answer)
    for name in ("cancel", "resume", "share", "run_trial"):
        assert erin.post(page_url(name, run.pk), {"number": "0"}).status_code == 404, name
    assert f"#{run.pk} " not in _text(erin.get(reverse("admin:backtests_optimizationrun_changelist")))
    assert not BacktestRun.objects.exists()


def test_whom_it_is_shared_with_reads_but_does_not_cancel(alice: User, searched: OptimizationRequest) -> None:
    run = services.optimize(alice, searched)
    erin = make_user("erin", "researcher")
    shown = _client(alice).post(page_url("share", run.pk), {"receiver": f"user:{erin.pk}", "shared": "on"}, follow=True)
    assert "is shared" in _text(shown)
    client = _client(erin)
    assert client.get(page_url("change", run.pk)).status_code == 200
    assert "Only the owner" in _text(client.post(page_url("cancel", run.pk), follow=True))
    run.refresh_from_db()
    assert run.status == "queued"
    _client(alice).post(page_url("share", run.pk), {"receiver": f"user:{erin.pk}"})
    assert client.get(page_url("state", run.pk)).status_code == 404


def test_a_trader_neither_asks_nor_counts(bob: User) -> None:
    client = _client(bob)
    for model in ("optimizationrun", "walkforwardrun"):
        assert client.get(reverse(f"admin:backtests_{model}_add")).status_code == 403
        assert client.post(reverse(f"admin:backtests_{model}_preview")).status_code == 403


# --- what they show ------------------------------------------------------------------------------------------


def test_the_verdict_is_the_worse_of_the_deciding_figures() -> None:
    good = verdict_of(ALL_GOOD)
    assert good is not None
    assert good.severity == "good"
    lots = verdict_of({**ALL_GOOD, "pbo": 0.6})
    assert lots is not None
    assert lots.severity == "bad"
    unknown = verdict_of({**ALL_GOOD, "pbo": None})
    assert unknown is not None
    assert unknown.severity == "unknown"
    assert verdict_of({"trials": 3}) is None
    assert [found.word for found in findings_of(ALL_GOOD)][:2] == ["good", "good"]


def test_the_page_says_the_best_point_and_every_finding(alice: User, searched: OptimizationRequest) -> None:
    run = optimized(alice, searched)
    page = _text(_client(alice).get(page_url("change", run.pk)))
    assert f"{run.best['objectives']['sharpe']:.3f}" in page
    assert page.count('class="op-found ') == 8
    assert page.index("op-best-value") < page.index("op-findings") < page.index("data-chart-url")
    assert page.count('name="number"') == 1 + run.feasible


def test_a_point_runs_as_a_backtest_with_the_same_hash(alice: User, searched: OptimizationRequest) -> None:
    run = optimized(alice, searched)
    trial = run.trials.get(number=run.best["number"])
    answer = _client(alice).post(page_url("run_trial", run.pk), {"number": str(trial.number)})
    made = BacktestRun.objects.get()
    assert answer.headers["Location"] == reverse("admin:backtests_backtestrun_change", args=[made.pk])
    tasks.run(made.pk)
    made.refresh_from_db()
    assert made.result_hash == trial.result_hash
    refused = _client(alice).post(page_url("run_trial", run.pk), {"number": "777"}, follow=True)
    assert "has no trial 777" in _text(refused)


def test_all_trials_as_files(alice: User, searched: OptimizationRequest) -> None:
    run = optimized(alice, searched)
    client = _client(alice)
    lines = client.get(page_url("trials_csv", run.pk)).getvalue().decode().splitlines()
    assert len(lines) == 1 + run.done
    assert client.get(page_url("trials_parquet", run.pk)).content[:4] == b"PAR1"


def test_every_chart_is_drawn_or_has_nothing_to_draw(alice: User, searched: OptimizationRequest) -> None:
    random = replace(searched, method="random", trials=12, objectives=["sharpe", "max_drawdown"])
    client = _client(alice)
    for request, drawn in ((searched, {"map", "slices", "history", "histogram", "splits"}), (random, set(CHARTS))):
        run = optimized(alice, request)
        found = {name for name in CHARTS if client.get(page_url(f"{name}_chart", run.pk)).status_code == 200}
        assert found == drawn
    walk = walked(alice, WalkForwardRequest(searched, in_sample=12, out_of_sample=5))
    for name in WALK_CHARTS:
        assert client.get(walk_url(f"{name}_chart", walk.pk)).json()["caption"]


def test_a_walk_forward_shows_out_of_sample_first(alice: User, searched: OptimizationRequest) -> None:
    walk = walked(alice, WalkForwardRequest(searched, in_sample=12, out_of_sample=5))
    page = _text(_client(alice).get(walk_url("change", walk.pk)))
    assert page.index("Return out of sample") < page.index("A year in sample") < page.index("Efficiency")
    assert page.count("op-span") == walk.summary["windows"]


def test_the_list_leaves_windows_out_until_asked(alice: User, searched: OptimizationRequest) -> None:
    walk = walked(alice, WalkForwardRequest(searched, in_sample=12, out_of_sample=5))
    window = walk.optimizations.earliest("pk")
    client, address = _client(alice), reverse("admin:backtests_optimizationrun_changelist")
    assert page_url("change", window.pk) not in _text(client.get(address))
    assert page_url("change", window.pk) in _text(client.get(address, {"windows": "too"}))
    assert client.get(page_url("change", window.pk)).status_code == 200


def test_an_empty_list_says_how_to_begin(alice: User) -> None:
    client = _client(alice)
    for model in ("optimizationrun", "walkforwardrun"):
        page = _text(client.get(reverse(f"admin:backtests_{model}_changelist")))
        assert "op-empty" in page
        assert reverse(f"admin:backtests_{model}_add") in page


# --- what charts are made of ---------------------------------------------------------------------------------


def test_the_map_has_every_trial_at_its_place(alice: User, searched: OptimizationRequest) -> None:
    run = optimized(alice, replace(searched, constraints=["max_drawdown>=-0.02"]))
    cells = cells_of(run, "fast", "slow")
    assert cells is not None
    seen = {
        (int(cells.x_axis.labels[int(x)]), int(cells.y_axis.labels[int(y)])): value
        for x, y, value in zip(cells.x, cells.y, cells.value, strict=True)
    }
    stored = {
        (trial.parameters["fast"], trial.parameters["slow"]): trial.score if trial.feasible else None
        for trial in run.trials.all()
    }
    assert {point: None if np.isnan(value) else value for point, value in seen.items()} == stored
    assert cells.best is not None
    place = (cells.x_axis.labels[int(cells.best[0])], cells.y_axis.labels[int(cells.best[1])])
    assert place == (str(run.best["parameters"]["fast"]), str(run.best["parameters"]["slow"]))


def test_scattered_trials_keep_their_direction(alice: User, searched: OptimizationRequest) -> None:
    run = optimized(alice, replace(searched, method="random", trials=9, objectives=["turnover", "net_profit"]))
    found = scattered_of(run)
    assert list(found.objectives) == ["turnover", "net_profit"]
    stored = {trial.number: trial.statistics["turnover"] for trial in run.trials.all()}
    assert dict(zip(found.number.tolist(), found.objectives["turnover"].tolist(), strict=True)) == stored


def test_far_out_values_are_left_out_but_never_the_best() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0, -500.0, 900.0])
    view = in_view(values, np.array([900.0]))
    assert view == (1.0, 900.0)
    assert beyond(values, view) == 1
    same = np.ones(5)
    assert in_view(same, same[:0]) == (1.0, 1.0)


# --- the forms -----------------------------------------------------------------------------------------------


def test_every_strategy_is_proposed_a_space_that_is_sound() -> None:
    for name in registry.names():
        proposals = proposals_of(name)
        assert set(proposals) == {info.name for info in registry.parameters(name)}
        assert any(":" in text for text in proposals.values()), name


def test_a_stored_search_fills_the_form_with_itself(alice: User, searched: OptimizationRequest) -> None:
    run = services.optimize(alice, replace(searched, constraints=["trade_count>=30"]))
    form = search_form(NewSearchForm)({**_plain(initial_of(run)), "capital": "1000000", "volume": "1"})
    model_form = _form_of(OptimizationRun, form)
    assert model_form.is_valid(), model_form.errors
    assert model_form.to_search() == replace(
        searched,
        constraints=["trade_count>=30"],
        run=replace(searched.run, parameters={}),
        trials=12,
        objectives=["sharpe"],
    )


def test_the_form_counts_on_the_server_and_notes_faults_beside_the_fields(alice: User, sim: Instrument) -> None:
    client, address = _client(alice), reverse("admin:backtests_walkforwardrun_preview")
    asked = {
        "strategy": "double_ma",
        "instrument": str(sim.pk),
        "interval": "5m",
        "double_ma__fast": "3:9:2",
        "double_ma__slow": "5,10,15",
        "method": "grid",
        "objective": "sharpe",
        "capital": "1000000",
        "volume": "1",
        "in_sample": "12",
        "out_of_sample": "5",
    }
    told = client.post(address, asked).json()
    assert told["errors"] == []
    assert told["sentences"][0].endswith("windows × 4 fast × 3 slow = 24 trials.")
    wrong = client.post(address, {**asked, "double_ma__fast": "9:3:2", "constraints": "sharp>=1"}).json()
    assert {text.split(":")[0] for text in wrong["errors"]} == {"Constraints", "fast"}
    assert "instrument" in client.post(address, {}).json()["sentences"][0]
    assert not WalkForwardRun.objects.exists()


def test_asking_by_form_is_asking_by_service(alice: User, sim: Instrument) -> None:
    asked = {
        "strategy": "double_ma",
        "instrument": str(sim.pk),
        "interval": "5m",
        "double_ma__fast": "3:9:2",
        "double_ma__slow": "20",
        "method": "tpe",
        "trials": "7",
        "objective": "sharpe",
        "second_objective": "max_drawdown",
        "constraints": "trade_count >= 3",
        "capital": "1000000",
        "volume": "1",
        "cost_slippage_ticks": "1",
        "rule_seed": "5",
    }
    answer = _client(alice).post(reverse("admin:backtests_optimizationrun_add"), asked)
    run = OptimizationRun.objects.get()
    assert answer.headers["Location"] == page_url("change", run.pk)
    assert (run.owner, run.total, run.method, run.seed) == (alice, 7, "tpe", 5)
    assert (run.fixed, run.space) == ({"slow": 20}, {"fast": {"low": 3.0, "high": 9.0, "step": 2.0}})
    assert [goal["name"] for goal in run.objectives] == ["sharpe", "max_drawdown"]
    assert (run.constraints, run.costs) == (["trade_count>=3"], {"slippage_ticks": 1})


def _plain(values: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value not in (None, "", False)}


def _form_of(model: type, form: NewSearchForm) -> NewSearchForm:
    """The form as its page makes it."""
    request = RequestFactory().get("/")
    request.user = User.objects.get(username="alice")
    made: Any = admin.site._registry[model].get_form(request)(form.data)
    assert isinstance(made, NewSearchForm)
    return made


def test_a_scale_is_pale_at_zero_and_knows_the_dark_twin_of_every_colour() -> None:
    colours = diverging(-3.0, 1.0)
    assert (colours[0], colours[-1]) == (DIVERGING[0], DIVERGING[-1])
    assert (colours[28], colours[29]) == (DIVERGING[10], DIVERGING[10])  # from -0.2 to 0
    assert set(colours) <= set(TWINS)
    assert not set(TWINS) & set(dark_twins())
    assert len(set(TWINS)) == len(DIVERGING) + 2
