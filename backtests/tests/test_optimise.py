"""What an optimisation finds: the same as single runs, the best of it, and how honest that is."""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from accounts.models import AuditEntry, User
from backtests.domain.overfitting import Moments, deflated_sharpe
from backtests.domain.overfitting_pbo import pbo
from backtests.domain.statistics_returns import simple_returns
from backtests.models import BacktestRun
from backtests.optimise import services
from backtests.optimise.batches import batched
from backtests.optimise.best import best_of, front_of
from backtests.optimise.document import json_parts
from backtests.optimise.exports import csv_lines
from backtests.optimise.inputs import INPUTS
from backtests.optimise.lineage import trials_of
from backtests.optimise.models import Method, OptimizationRun, Trial, TrialChunk
from backtests.optimise.requests import OptimizationRequest
from backtests.optimise.returns import unpack
from backtests.optimise.rows import TrialRow, store_trials
from backtests.optimise.work import work_for
from backtests.requests import RunRequest
from backtests.result_rows import read_days
from backtests.states import RunStatus
from backtests.tests.conftest import FIRST, LAST
from backtests.tests.optimisations import optimized, outcome
from backtests.tests.runs import finished
from marketdata.services import store_simulated_bars
from quantsite.common.errors import RefusedError, RuleError

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]


def test_a_trial_is_the_single_run_with_its_parameters(
    alice: User, asked: RunRequest, searched: OptimizationRequest
) -> None:
    run = optimized(alice, searched)
    assert (run.total, run.done, run.skipped, run.failed) == (12, 9, 3, 0)
    for trial in run.trials.all():
        single = finished(alice, replace(asked, parameters=trial.parameters))
        assert trial.result_hash == single.result_hash
        assert (trial.net_profit, trial.fills) == (single.net_profit, single.fill_count)
        assert trial.statistics == single.statistics["standard"]


def test_the_grid_is_walked_in_order_and_refused_pairs_are_counted_not_run(
    alice: User, searched: OptimizationRequest
) -> None:
    run = optimized(alice, searched)
    pairs = [(fast, slow) for fast in (3, 5, 7, 9) for slow in (5, 10, 15)]
    numbered = {number: pair for number, pair in enumerate(pairs) if pair[0] < pair[1]}
    assert {row[0]: (row[1]["fast"], row[1]["slow"]) for row in outcome(run)} == numbered


def test_fixed_parameters_seed_and_rules_reach_every_trial(alice: User, asked: RunRequest) -> None:
    rules = replace(asked.rules, slippage_random=2, seed=11)
    run = optimized(alice, OptimizationRequest(replace(asked, parameters={"slow": "8"}, rules=rules), {"fast": "3,4"}))
    for trial in run.trials.all():
        single = finished(alice, replace(asked, parameters={**trial.parameters}, rules=rules))
        assert trial.result_hash == single.result_hash
        assert trial.parameters["slow"] == 8


def test_a_trial_on_several_instruments_is_the_single_run_on_them(
    alice: User, asked: RunRequest, searched: OptimizationRequest
) -> None:
    second = store_simulated_bars(None, "simrb2405.SIM", "5m", first=FIRST, last=LAST, seed=11).instrument
    both = replace(asked, legs=(second.code,))
    run = optimized(alice, replace(searched, run=replace(searched.run, legs=(second.code,)), space={"fast": "3,5"}))
    for trial in run.trials.all():
        assert trial.result_hash == finished(alice, replace(both, parameters=trial.parameters)).result_hash
    assert run.done == trials_of("double_ma", [second.code, asked.instrument]) - 2 == 2
    assert run.overfitting["noise"] is None


def test_the_best_is_feasible_and_a_constraint_that_nothing_meets_leaves_none(
    alice: User, searched: OptimizationRequest
) -> None:
    run = optimized(alice, searched)
    scores = {trial.number: trial.score for trial in run.trials.all()}
    top = max(scores, key=lambda number: (scores[number], -number))
    assert run.best["number"] == top
    limit = f"sharpe<{scores[top]!r}"
    second = optimized(alice, replace(searched, constraints=[limit]))
    assert second.best["number"] == sorted(scores, key=lambda number: -(scores[number] or 0))[1]
    assert second.feasible == run.feasible - 1
    none = optimized(alice, replace(searched, constraints=["trade_count>=100000"]))
    assert none.best == {}
    assert "pbo" not in none.overfitting
    assert any("no best one" in text for text in none.warnings)


def test_what_is_to_be_small_is_made_small(alice: User, searched: OptimizationRequest) -> None:
    run = optimized(alice, replace(searched, objectives=["commission"]))
    least = min(trial.statistics["commission"] for trial in run.trials.all())
    assert run.best["objectives"] == {"commission": least}


def test_several_objectives_give_a_front_that_nothing_beats(alice: User, searched: OptimizationRequest) -> None:
    run = optimized(alice, replace(searched, objectives=["net_profit", "commission", "win_rate"]))
    points = {trial.number: trial.objectives for trial in run.trials.all()}

    def beaten(one: list[float]) -> bool:
        return any(all(x >= y for x, y in zip(p, one, strict=True)) and p != one for p in points.values())

    assert run.front == [number for number, point in sorted(points.items()) if not beaten(point)]
    assert run.best["number"] in run.front


def test_the_honest_figures_are_those_of_the_trials_own_days(
    alice: User, asked: RunRequest, searched: OptimizationRequest
) -> None:
    run = optimized(alice, searched)
    returns = []
    for trial in run.trials.order_by("number"):
        single = finished(None, replace(asked, parameters=trial.parameters))
        found = simple_returns(read_days(single).equity, single.capital)
        assert found is not None
        returns.append(found)
    matrix = np.stack(returns)
    best = [trial.number for trial in run.trials.order_by("number")].index(run.best["number"])
    daily = matrix.mean(axis=1) / matrix.std(axis=1, ddof=1)
    moments = Moments.of(matrix[best])
    assert moments is not None
    expected = deflated_sharpe(moments, float(daily.var(ddof=1)), run.overfitting["lineage_trials"])
    assert run.overfitting["deflated_sharpe"] == pytest.approx(expected, rel=1e-9)
    assert run.overfitting["pbo"] == pbo(matrix.astype(np.float32), run.overfitting["pbo_blocks"]).pbo
    assert run.overfitting["reproduced"] is True
    assert run.overfitting["plateau"]["score"] is not None


def test_a_lineage_counts_every_trial_and_run_of_anybody(
    alice: User, ada: User, asked: RunRequest, searched: OptimizationRequest
) -> None:
    finished(alice, asked)
    first = optimized(alice, searched)
    assert first.overfitting["lineage_trials"] == 10
    BacktestRun.objects.all().delete()
    again = optimized(ada, replace(searched, objectives=["net_profit"]))
    assert again.overfitting["lineage_trials"] == 19
    assert trials_of("double_ma", [asked.instrument]) == 19
    assert trials_of("double_ma", ["another"]) == 0


def test_random_trials_depend_on_the_seed_alone(alice: User, searched: OptimizationRequest) -> None:
    random = replace(searched, method=Method.RANDOM, trials=10)
    one, two = optimized(alice, random), optimized(alice, random)
    other = optimized(alice, replace(random, run=replace(random.run, rules=replace(random.run.rules, seed=1))))
    assert outcome(one) == outcome(two)
    assert [row[1] for row in outcome(one)] != [row[1] for row in outcome(other)]
    assert (one.done, one.total) == (10, 10)


@pytest.mark.parametrize(("method", "objectives"), [("tpe", ["sharpe"]), ("nsga2", ["sharpe", "max_drawdown"])])
def test_learned_trials_depend_on_neither_worker_nor_order(
    alice: User, searched: OptimizationRequest, method: str, objectives: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    learned = replace(searched, method=method, trials=70, objectives=objectives, constraints=["trade_count>=10"])
    one = optimized(alice, learned)
    monkeypatch.setattr("backtests.optimise.steps.chunk_size", lambda _seconds, _left: 3)
    two = services.optimize(alice, learned)
    turn = 0
    while not OptimizationRun.objects.filter(pk=two.pk, status=RunStatus.SUCCEEDED).exists():
        work_for(two.pk, f"worker {turn % 3}", 0.05)
        turn += 1
    assert outcome(one) == outcome(two)
    assert (one.done, one.failed) == (70, 0)
    assert one.best == OptimizationRun.objects.get(pk=two.pk).best


def test_a_learner_looks_where_it_is_good(alice: User, asked: RunRequest) -> None:
    """The last trials of TPE are better than its first, random ones."""
    wide = OptimizationRequest(
        replace(asked, parameters={}), {"fast": "2:60:1", "slow": "5:300:1"}, ["net_profit"], method="tpe", trials=100
    )
    scores = [row[5] for row in outcome(optimized(alice, wide))]
    assert np.mean(scores[-40:]) > np.mean(scores[:20])


def test_daily_returns_are_kept_of_a_bounded_sample(
    alice: User, searched: OptimizationRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many trials: memory at the end is bounded by the sample, the rows stream."""
    monkeypatch.setattr("backtests.optimise.returns.KEPT", 4)
    run = optimized(alice, replace(searched, method=Method.RANDOM, trials=40))
    kept = [unpack(bytes(block)) for block in run.chunks.values_list("returns", flat=True) if block is not None]
    numbers = np.concatenate([numbers for numbers, _ in kept])
    assert len(numbers) == 4
    assert run.overfitting["kept_trials"] == 4 + (run.best["number"] not in numbers)
    assert run.done == 40


def test_of_large_optimisations_only_named_statistics_are_stored(
    alice: User, searched: OptimizationRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backtests.optimise.evaluate.WHOLE_BLOCK", 5)
    run = optimized(alice, replace(searched, objectives=["stability"], constraints=["exposure>=0"]))
    trial = run.trials.earliest("number")
    assert {"stability", "exposure", "sharpe", "net_profit"} <= set(trial.statistics)
    assert "omega" not in trial.statistics


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"space": {"fast": "3:9:0"}}, "fast", "step"),
    ({"space": {"fast": "9:3:1"}}, "fast", "swap"),
    ({"space": {"fats": "3:9:1"}}, "fats", "Did you mean 'fast'?"),
    ({"space": {}}, "space", "at least one"),
    ({"space": {"fast": "50:60:1", "slow": "5:9:1"}}, "space", "refuses every combination"),
    ({"space": {"fast": "1:9999:1", "slow": "2:9999:1"}}, "space", "at most"),
    ({"objectives": ["sharp"]}, "objectives", "Did you mean 'sharpe'?"),
    ({"objectives": []}, "objectives", "from 1 to"),
    ({"constraints": ["max_drawdown"]}, "constraints", "name>=number"),
    ({"method": "annealing"}, "method", "known: grid"),
    ({"method": "random"}, "trials", "from 1 to"),
    ({"method": "tpe", "trials": 10**6}, "trials", "from 1 to"),
]


@pytest.mark.parametrize(("changes", "field", "text"), REFUSED, ids=[f"{case[1]}-{case[2]}" for case in REFUSED])
def test_each_refused_input_is_named_and_nothing_is_stored(
    alice: User, searched: OptimizationRequest, changes: dict[str, Any], field: str, text: str
) -> None:
    entries = AuditEntry.objects.count()
    with pytest.raises(RuleError) as refusal:
        services.optimize(alice, replace(searched, **changes))
    assert text in refusal.value.fields[field]
    assert not OptimizationRun.objects.exists()
    assert AuditEntry.objects.count() == entries


def test_faults_of_the_run_are_named_beside_those_of_the_search(alice: User, searched: OptimizationRequest) -> None:
    wrong = replace(searched, run=replace(searched.run, capital=-1.0), constraints=["x>1"])
    with pytest.raises(RuleError) as refusal:
        services.optimize(alice, wrong)
    assert set(refusal.value.fields) == {"capital", "constraints"}


def test_a_strategy_that_fails_on_a_point_costs_that_trial_only(
    alice: User, searched: OptimizationRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = "backtests.optimise.inputs.registry.create"
    from strategies import registry  # noqa: PLC0415 - the function before it is replaced

    create = registry.create

    def moody(name: str, values: Any) -> Any:
        if values["fast"] == 5:
            raise ZeroDivisionError("no five")
        return create(name, values)

    monkeypatch.setattr(real, moody)
    run = optimized(alice, searched)
    assert (run.done, run.failed, run.skipped) == (7, 2, 3)
    bad = Trial.objects.filter(run=run).exclude(error="")
    assert {trial.parameters["fast"] for trial in bad} == {5}
    assert all(trial.net_profit is None and not trial.feasible for trial in bad)


@pytest.mark.parametrize("role", ["bob", "rita", "charlie"])
def test_other_roles_optimise_nothing(request: pytest.FixtureRequest, role: str, searched: OptimizationRequest) -> None:
    with pytest.raises(RefusedError):
        services.optimize(request.getfixturevalue(role), searched)
    assert not OptimizationRun.objects.exists()
    assert not TrialChunk.objects.exists()


def test_trials_are_read_and_written_in_pieces(alice: User, searched: OptimizationRequest) -> None:
    """10,000 trials: what is in memory at the end, and for the files, does not grow with their number."""
    run = optimized(alice, searched)
    first = run.trials.earliest("number")
    rows = (
        TrialRow(number, first.parameters, 1.0, 1, "f" * 64, float(number % 97), [float(number % 97)], True, {"x": 1.5})
        for number in range(100, 10_100)
    )
    for part in batched(rows):
        store_trials(run.pk, 0, part)
    inputs = INPUTS.get(run)
    peaks = {}
    works: dict[str, Callable[[], object]] = {
        "best": lambda: best_of(run, inputs),
        "front": lambda: front_of(run),
        "csv": lambda: sum(len(piece) for piece in csv_lines(run)),
        "json": lambda: sum(len(piece) for piece in json_parts(run)),
    }
    for name, work in works.items():
        tracemalloc.start()
        work()
        peaks[name] = tracemalloc.get_traced_memory()[1] / 10_009
        tracemalloc.stop()
    # A trial as an object with its documents takes about 3 kB: all of them would be 30 MB.
    assert {name: peak for name, peak in peaks.items() if peak > 1_500} == {}
    assert best_of(run, inputs)["number"] == 193
