"""Value at risk and shortfall, by hand and against numpy on recorded bars."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.domain.risk.tail_risk import (
    LEAST_DAYS,
    Floats,
    expected_shortfall,
    losses,
    tail_risk,
    value_at_risk,
)

HUNDRED = np.arange(1.0, 101.0)  # losses of 1 to 100 yuan


@pytest.mark.parametrize(
    ("confidence", "at_risk", "shortfall"),
    [
        (0.95, 95.0, (96 + 97 + 98 + 99 + 100) / 5),
        (0.99, 99.0, 100.0),
        (0.975, 98.0, (100 + 99 + 0.5 * 98) / 2.5),
        (0.9999, 100.0, 100.0),
        (0.5, 50.0, sum(range(51, 101)) / 50),
    ],
)
def test_a_hundred_losses_by_hand(confidence: float, at_risk: float, shortfall: float) -> None:
    mixed = np.random.default_rng(1).permutation(HUNDRED)
    assert value_at_risk(mixed, confidence) == at_risk
    assert expected_shortfall(mixed, confidence) == pytest.approx(shortfall)


def test_gains_alone_are_no_risk() -> None:
    assert value_at_risk(-HUNDRED, 0.99) == 0.0
    assert expected_shortfall(-HUNDRED, 0.99) == 0.0


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.95, 0.975, 0.99]))
def test_both_against_other_formulas(lost: list[float], confidence: float) -> None:
    column = np.array(lost)
    at_risk = value_at_risk(column, confidence)
    assert at_risk == pytest.approx(max(np.quantile(column, confidence, method="inverted_cdf"), 0.0), abs=1e-6)
    # the shortfall is the smallest value of Rockafellar and Uryasev's function, which is reached at some loss
    best = min(z + np.maximum(column - z, 0.0).mean() / (1 - confidence) for z in lost)
    assert expected_shortfall(column, confidence) == pytest.approx(max(best, 0.0), abs=1e-3)
    assert expected_shortfall(column, confidence) >= at_risk - 1e-6


def history(days: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(0.0, 0.01, days)


def test_a_hedged_position_has_no_risk_and_a_short_one_loses_when_prices_rise() -> None:
    same = history(250)
    hedged = tail_risk({"A": 1e6, "B": -1e6}, {"A": same, "B": same}, confidence=0.99, shortfall_confidence=0.975)
    assert hedged.value_at_risk == pytest.approx(0.0, abs=1e-6)
    rising = np.full(250, 0.02)
    assert tail_risk({"A": -1e6}, {"A": rising}, confidence=0.99, shortfall_confidence=0.99)[:3] == (2e4, 2e4, 250)


def test_what_has_no_history_or_price_is_left_out_and_named() -> None:
    short = np.full(250, np.nan)
    short[-LEAST_DAYS + 1 :] = 0.01
    exposures = {"A": 1e6, "NEW": 1e6, "NONE": 1e6, "NOPRICE": float("nan"), "FLAT": 0.0}
    returns = {"A": history(250), "NEW": short, "NOPRICE": history(250)}
    found = tail_risk(exposures, returns, confidence=0.99, shortfall_confidence=0.975)
    alone = tail_risk({"A": 1e6}, returns, confidence=0.99, shortfall_confidence=0.975)
    assert found.left_out == ("NEW", "NONE", "NOPRICE")
    assert found[:3] == alone[:3]


def test_days_without_a_return_of_all_do_not_count() -> None:
    first, second = history(250), history(250, 1)
    second[:100] = np.nan
    told, left_out = losses({"A": 1e6, "B": 2e6}, {"A": first, "B": second})
    assert left_out == ()
    assert told == pytest.approx(-(1e6 * first[100:] + 2e6 * second[100:]))


@pytest.mark.parametrize(("days", "told"), [(LEAST_DAYS, LEAST_DAYS), (LEAST_DAYS - 1, 0)])
def test_sixty_days_are_a_history_and_fewer_are_none(days: int, told: int) -> None:
    assert tail_risk({"A": 1e6}, {"A": history(days)}, confidence=0.9, shortfall_confidence=0.9).days == told


def test_nothing_held_risks_nothing_and_no_history_at_all_is_not_known() -> None:
    assert tail_risk({}, {}, confidence=0.99, shortfall_confidence=0.975) == (0.0, 0.0, 0, ())
    unknown = tail_risk({"A": 1.0}, {}, confidence=0.99, shortfall_confidence=0.975)
    assert np.isnan(unknown.value_at_risk)
    assert np.isnan(unknown.shortfall)
    assert unknown.left_out == ("A",)


def closes(path: Path) -> "pd.Series[float]":
    """The last close of each calendar day."""
    bars = pd.read_csv(path, parse_dates=["datetime"])
    return bars.groupby(bars["datetime"].dt.date)["close"].last()


@pytest.mark.real_data
def test_two_positions_on_recorded_bars_against_pandas(shared_data: Path) -> None:
    prices = pd.DataFrame(
        {
            "rb": closes(shared_data / "bars/SHFE.rb.HOT_5m_2014-2019.csv.gz"),
            "IF": closes(shared_data / "bars/CFFEX.IF.HOT_5m_2014-2017.csv.gz"),
        }
    )
    changes = prices.pct_change(fill_method=None)
    exposures = {"rb": 3_300_000.0, "IF": -2_400_000.0}
    found = tail_risk(
        exposures, {name: changes[name].to_numpy() for name in exposures}, confidence=0.99, shortfall_confidence=0.975
    )
    profit = (changes["rb"] * 3_300_000.0 - changes["IF"] * 2_400_000.0).dropna().to_numpy()
    assert found.days == len(profit) > 900
    assert found.left_out == ()
    assert found.value_at_risk == pytest.approx(np.percentile(-profit, 99, method="inverted_cdf"))
    worst = np.sort(profit)
    rank = int(np.ceil(0.99 * len(worst)))
    assert found.value_at_risk == pytest.approx(-worst[len(worst) - rank])
    tail = 0.025 * len(worst)
    by_hand = -(worst[: int(tail)].sum() + (tail - int(tail)) * worst[int(tail)]) / tail
    assert found.shortfall == pytest.approx(by_hand)
    assert found.shortfall > 0.9 * found.value_at_risk
