"""Do the honest figures tell luck from an edge? Optimisations of double_ma where the answer is known.

On a random walk there is nothing to find: whatever an optimisation picks is luck. In the planted market the mean
step is plus or minus 1.5 ticks of 4 for about 60 bars at a time: short averages follow it, long ones do not.
"""

import sys
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest

from backtests.domain.engine import RunConfig, prepare
from backtests.domain.overfitting import Moments, deflated_sharpe, probabilistic_sharpe
from backtests.domain.overfitting_pbo import blocks_for, pbo
from backtests.domain.overfitting_trials import by_clusters, daily_sharpes, sharpe_variance
from backtests.domain.statistics_returns import simple_returns
from backtests.tests.domain.series import CODE, flat_costs
from backtests.tests.domain.walks import random_walk
from marketdata.domain.bars import BarSeries
from strategies import registry

CAPITAL = 1_000_000.0
CONFIG = RunConfig(CODE, "1m", CAPITAL, 1.0, flat_costs())
EDGE = {"drift": 1.5, "stretch": 60}
MANY = list(product(range(2, 22, 2), range(25, 75, 5)))
FEW = list(product(range(2, 22, 4), range(25, 75, 10)))


@dataclass(frozen=True)
class Verdict:
    """What the figures say of the best pair of averages."""

    pbo: float
    loss: float
    deflated: float
    clustered: float
    alone: float


def optimise(bars: BarSeries, pairs: list[tuple[int, int]]) -> Verdict:
    """Every pair over the bars, the best by Sharpe ratio, and the figures about it."""
    prepared = prepare(bars, CONFIG)
    rows = []
    for fast, slow in pairs:
        result = prepared.run(registry.create("double_ma", {"fast": fast, "slow": slow}))
        row = simple_returns(result.days.equity, CAPITAL)
        assert row is not None
        rows.append(row)
    returns = np.stack(rows)
    sharpes = daily_sharpes(returns)
    moments = Moments.of(returns[sharpes.argmax()])
    blocks = blocks_for(returns.shape[1])
    assert moments is not None
    assert blocks is not None
    split, variance = pbo(returns, blocks), sharpe_variance(sharpes)
    deflated = deflated_sharpe(moments, variance, len(pairs))
    clustered = deflated_sharpe(moments, variance, by_clusters(returns))
    alone = probabilistic_sharpe(moments)
    assert deflated is not None
    assert clustered is not None
    assert alone is not None
    return Verdict(split.pbo, split.loss, deflated, clustered, alone)


def told(name: str, verdicts: list[Verdict]) -> str:
    """The figures in one line."""
    under = {
        field: sum(getattr(each, field) < 0.95 for each in verdicts) for field in ("deflated", "clustered", "alone")
    }
    return (
        f"\n{name}: {len(verdicts)} markets, mean PBO {np.mean([each.pbo for each in verdicts]):.3f}, "
        f"below 0.95: deflated Sharpe {under['deflated']}, with clusters as trials {under['clustered']}, "
        f"probabilistic Sharpe {under['alone']}; mean share of losses {np.mean([each.loss for each in verdicts]):.3f}\n"
    )


def test_luck_and_edge_are_told_apart_in_a_small_case() -> None:
    luck = [optimise(random_walk(4_000, seed=seed), FEW) for seed in range(8)]
    assert np.mean([each.pbo for each in luck]) >= 0.4
    assert sum(each.deflated < 0.95 for each in luck) >= 7
    assert any(each.alone >= 0.95 for each in luck), "who does not count trials is taken in"

    edge = [optimise(random_walk(4_000, seed=seed, **EDGE), FEW) for seed in range(2)]  # type: ignore[arg-type]
    assert all(each.pbo < 0.2 for each in edge)
    assert all(each.deflated > 0.95 for each in edge)


@pytest.mark.soak
def test_luck_and_edge_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """50 seeded random walks of 10,000 bars, 100 pairs each; the same with a planted edge."""
    luck = [optimise(random_walk(10_000, seed=seed), MANY) for seed in range(50)]
    edge = [optimise(random_walk(10_000, seed=seed, **EDGE), MANY) for seed in range(50)]  # type: ignore[arg-type]
    with capsys.disabled():
        sys.stdout.write(told("random walks", luck) + told("planted edge", edge))
    assert np.mean([each.pbo for each in luck]) >= 0.4
    assert sum(each.deflated < 0.95 for each in luck) >= 45
    assert np.mean([each.pbo for each in edge]) <= 0.05
    assert sum(each.deflated > 0.95 for each in edge) >= 48
