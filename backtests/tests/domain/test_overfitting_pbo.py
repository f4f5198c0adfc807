"""PBO: a slow cross-validation written from the definition, and markets in which the answer is known."""

import math
import tracemalloc
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from backtests.domain.overfitting_pbo import BlockSums, Overfit, blocks_for, cscv, pbo
from quantsite.common.errors import RuleError


def slow_pbo(returns: np.ndarray, blocks: int) -> tuple[list[float], list[float], list[float]]:
    """Logits, in-sample and out-of-sample ratios of the chosen trials: days are really joined, ranks are scipy's."""
    parts = np.array_split(np.arange(returns.shape[1]), blocks)

    def ratios(chosen: tuple[int, ...]) -> np.ndarray:
        days = returns[:, np.concatenate([parts[block] for block in chosen])]
        return np.array([row.mean() / row.std(ddof=1) if row.std() > 0 else 0.0 for row in days])

    logits, inside, outside = [], [], []
    for chosen in combinations(range(blocks), blocks // 2):
        there = ratios(tuple(block for block in range(blocks) if block not in chosen))
        here = ratios(chosen)
        best = int(here.argmax())
        omega = stats.rankdata(there)[best] / (len(returns) + 1)
        logits.append(math.log(omega / (1 - omega)))
        inside.append(here[best])
        outside.append(there[best])
    return logits, inside, outside


def agree(found: Overfit, returns: np.ndarray, blocks: int) -> None:
    logits, inside, outside = slow_pbo(returns, blocks)
    assert sorted(found.logits) == pytest.approx(sorted(logits), abs=1e-9)
    assert sorted(found.chosen_in) == pytest.approx(sorted(inside), abs=1e-9)
    assert sorted(found.chosen_out) == pytest.approx(sorted(outside), abs=1e-9)
    assert found.pbo == pytest.approx(np.mean(np.array(logits) <= 0), abs=1e-12)
    assert found.loss == pytest.approx(np.mean(np.array(outside) < 0), abs=1e-12)
    line = stats.linregress(inside, outside)
    assert found.slope == pytest.approx(line.slope, abs=1e-9)
    assert found.fit == pytest.approx(line.rvalue**2, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 25), st.sampled_from([4, 6, 8]), st.integers(16, 70), st.integers(0, 10_000))
def test_all_splits_agree_with_the_slow_way(trials: int, blocks: int, days: int, seed: int) -> None:
    returns = np.random.default_rng(seed).normal(0.0002, 0.01, (trials, days))
    agree(pbo(returns, blocks), returns, blocks)


def test_it_agrees_where_some_never_trade_and_some_are_copies() -> None:
    returns = np.random.default_rng(1).normal(-0.001, 0.01, (12, 64))
    returns[3] = returns[7]
    returns[[0, 5]] = 0.0
    returns[9, :32] = 0.0
    agree(pbo(returns, 8), returns, 8)


def test_many_trials_in_pieces_are_the_same_as_at_once() -> None:
    returns = np.random.default_rng(2).normal(0, 0.01, (5000, 101))
    parts = [BlockSums.of(returns[first : first + 700], 8) for first in range(0, 5000, 700)]
    joined, whole = cscv(BlockSums.joined(parts)), pbo(returns, 8)
    assert joined.logits.tolist() == whole.logits.tolist()
    assert (whole.trials, whole.blocks, whole.splits) == (5000, 8, 70)
    assert sum(parts[0].days) == 101


def test_one_trial_that_is_always_better_is_no_overfitting() -> None:
    returns = np.random.default_rng(3).normal(0, 0.01, (50, 320))
    returns[17] += 0.01
    found = pbo(returns)
    assert (found.pbo, found.loss, found.splits) == (0.0, 0.0, 12_870)


def test_the_best_half_that_is_the_worst_in_the_other_is_all_overfitting() -> None:
    """Each trial earns in its own block what it loses in all the others: whoever shone will fail."""
    returns = np.random.default_rng(4).normal(0, 1e-4, (8, 80))
    for trial in range(8):
        returns[trial, trial * 10 : trial * 10 + 10] += 0.02
        returns[trial] -= 0.0025
    found = pbo(returns, 8)
    assert found.pbo == 1.0
    assert found.loss == 1.0


def test_pure_chance_gives_about_a_half() -> None:
    """The mean of 40 markets without skill; its standard error is about 0.03."""
    random = np.random.default_rng(6)
    found = [pbo(random.normal(0, 0.01, (60, 240)), 8).pbo for _ in range(40)]
    assert 0.4 < np.mean(found) < 0.6


def test_two_equal_trials_give_half_a_rank_and_count_as_overfit() -> None:
    row = np.random.default_rng(7).normal(0, 0.01, 40)
    found = pbo(np.stack((row, row)), 4)
    assert set(found.logits) == {0.0}, "rank 1.5 of 2: omega is a half"
    assert found.pbo == 1.0


def test_trials_that_never_trade_have_no_line() -> None:
    found = pbo(np.zeros((3, 40)), 4)
    assert (found.pbo, found.slope, found.fit) == (1.0, None, None)


def test_ten_thousand_trials_take_little_memory_beyond_their_own() -> None:
    """A matrix of all Sharpe ratios of all splits would take 10,000 x 252 x 8 = 20 MB a time, six times over."""
    returns = np.random.default_rng(8).normal(0, 0.01, (10_000, 1_500)).astype(np.float32)
    tracemalloc.start()
    try:
        found = pbo(returns, 10)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (found.trials, found.splits) == (10_000, 252)
    assert peak < returns.nbytes + 10_000_000


@pytest.mark.parametrize("blocks", [0, 1, 7, 22, -2])
def test_blocks_must_be_even_and_few(blocks: int) -> None:
    with pytest.raises(RuleError, match="even number from 2 to 20") as refusal:
        pbo(np.zeros((5, 500)), blocks)
    assert refusal.value.code == "invalid_blocks"


def test_refusals_name_what_to_do() -> None:
    with pytest.raises(RuleError, match="16 blocks need at least 32 days, there are 31"):
        pbo(np.zeros((5, 31)))
    with pytest.raises(RuleError, match="at least 2 are needed, not 1") as few:
        pbo(np.zeros((1, 40)))
    assert few.value.code == "too_few_trials"
    bad = np.zeros((3, 40))
    bad[2, 11] = np.nan
    with pytest.raises(RuleError, match="Trial 2 has a daily return that is no number") as refusal:
        pbo(bad, 4)
    assert refusal.value.code == "invalid_returns"


@pytest.mark.parametrize(("days", "blocks"), [(1000, 16), (80, 16), (79, 14), (25, 4), (20, 4), (19, None), (0, None)])
def test_blocks_for_the_days_there_are(days: int, blocks: int | None) -> None:
    assert blocks_for(days) == blocks
