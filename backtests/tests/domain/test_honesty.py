"""The findings that a page shows first: each figure, how grave it is, and the sentence about it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtests.domain.honesty import Finding, Severity, honesty_summary
from backtests.domain.monte_carlo import trade_order
from quantsite.common.texts import use_translator

SOUND: dict[str, Any] = {
    "trials": 200,
    "lineage_trials": 1_400,
    "sharpe": 3.214,
    "sharpe_by_luck": 1.1,
    "deflated_sharpe": 0.987,
    "probabilistic_sharpe": 0.9999,
    "minimum_track_record": 210.4,
    "days": 500,
    "pbo": 0.03,
    "plateau": {"score": 0.83},
    "trade_order": {"drawdown": -0.08, "drawdowns": {"p5": -0.1}, "ruin": 0.0},
    "noise": {"kept": 0.91, "ticks": 1.25},
}
ORDER = [
    "deflated_sharpe",
    "pbo",
    "probabilistic_sharpe",
    "minimum_track_record",
    "plateau",
    "lineage_trials",
    "trade_order",
    "noise",
]


def found(code: str, figures: Mapping[str, Any]) -> Finding:
    (finding,) = [each for each in honesty_summary(figures) if each.code == code]
    return finding


def test_a_sound_result_reads_well_from_the_first_to_the_last() -> None:
    findings = honesty_summary(SOUND)
    assert [each.code for each in findings] == ORDER
    assert {each.severity for each in findings} == {Severity.GOOD, Severity.NOTE}
    texts = " ".join(each.sentence for each in findings)
    for word in ("1,400 trials", "3.21", "99%", "3%", "> 99%", "210 trading days", "83%", "-10.0%", "-8.0%", "91%"):
        assert word in texts, word


@pytest.mark.parametrize(
    ("code", "change", "severity", "word"),
    [
        ("deflated_sharpe", {"deflated_sharpe": 0.949}, Severity.CAUTION, "not shown"),
        ("deflated_sharpe", {"deflated_sharpe": 0.0001}, Severity.BAD, "< 1%"),
        ("pbo", {"pbo": 0.35}, Severity.CAUTION, "in part"),
        ("pbo", {"pbo": 0.5}, Severity.BAD, "drawing lots"),
        ("probabilistic_sharpe", {"probabilistic_sharpe": 0.8}, Severity.CAUTION, "80% only"),
        ("probabilistic_sharpe", {"probabilistic_sharpe": 0.2}, Severity.BAD, "lost"),
        ("minimum_track_record", {"minimum_track_record": 501.0}, Severity.BAD, "only 500"),
        ("minimum_track_record", {"minimum_track_record": None}, Severity.UNKNOWN, "no number of days"),
        ("plateau", {"plateau": {"score": 0.5}}, Severity.CAUTION, "steep"),
        ("plateau", {"plateau": {"score": 0.1}}, Severity.BAD, "needle"),
        ("plateau", {"plateau": None}, Severity.UNKNOWN, "cannot be told"),
        ("noise", {"noise": {"kept": 0.5, "ticks": 2.0}}, Severity.CAUTION, "only 50%"),
        ("noise", {"noise": {"kept": -0.4, "ticks": 2.0}}, Severity.BAD, "-40%"),
        ("noise", {"noise": {"kept": None, "ticks": 2.0}}, Severity.UNKNOWN, "not tried"),
    ],
)
def test_each_figure_by_its_bounds(code: str, change: dict[str, Any], severity: Severity, word: str) -> None:
    finding = found(code, {**SOUND, **change})
    assert finding.severity == severity
    assert word in finding.sentence


def shuffled(profits: list[float], capital: float) -> dict[str, Any]:
    order = trade_order(np.array(profits), capital, seed=1)
    assert order is not None
    return asdict(order)


def test_the_order_of_trades_is_judged_against_what_was_seen() -> None:
    """Wins and losses in turn kept the drawdown at one loss; shuffled, losses meet."""
    figures = shuffled([300.0, -200.0] * 30, 10_000.0)
    finding = found("trade_order", {"trade_order": figures})
    assert finding.severity == Severity.BAD
    assert finding.value == figures["drawdowns"]["p5"]
    assert f"{figures['drawdown']:.1%}" in finding.sentence

    assert found("trade_order", {"trade_order": shuffled([10.0, 20.0], 100.0)}).severity == Severity.GOOD
    ruin = {"drawdown": -1.0, "drawdowns": {"p5": -1.0}, "ruin": 0.2}
    assert found("trade_order", {"trade_order": ruin}).severity == Severity.BAD


def test_without_figures_nothing_is_claimed() -> None:
    findings = honesty_summary({})
    assert [each.code for each in findings] == ORDER
    assert {each.severity for each in findings} == {Severity.UNKNOWN, Severity.NOTE}
    assert all(each.sentence for each in findings)


number = st.none() | st.floats(-1, 2)


@given(
    st.fixed_dictionaries(
        {
            **dict.fromkeys(("deflated_sharpe", "pbo", "probabilistic_sharpe", "sharpe", "sharpe_by_luck"), number),
            "minimum_track_record": st.none() | st.floats(1, 1e12),
            "days": st.integers(0, 5000),
            "trials": st.integers(0, 10**6),
            "lineage_trials": st.integers(0, 10**9),
            "plateau": st.none() | st.fixed_dictionaries({"score": number}),
            "trade_order": st.none()
            | st.fixed_dictionaries(
                {
                    "drawdown": st.floats(-2, 0),
                    "drawdowns": st.fixed_dictionaries({"p5": st.floats(-2, 0)}),
                    "ruin": st.floats(0, 1),
                }
            ),
            "noise": st.none() | st.fixed_dictionaries({"kept": number, "ticks": st.floats(0, 50)}),
        }
    )
)
def test_every_set_of_figures_gives_one_whole_sentence_each(figures: dict[str, Any]) -> None:
    for finding in honesty_summary(figures):
        assert finding.sentence.endswith(".")
        assert "%(" not in finding.sentence
        assert "None" not in finding.sentence
        assert "  " not in finding.sentence


def test_sentences_are_spoken_in_the_readers_language() -> None:
    before = use_translator(lambda template: f"[zh] {template}")
    try:
        assert all(each.sentence.startswith("[zh] ") for each in honesty_summary(SOUND))
    finally:
        use_translator(before)
