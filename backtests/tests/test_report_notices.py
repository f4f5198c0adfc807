"""The warnings above a result: found, translated, none twice."""

from datetime import date

import pytest
from django.utils import translation

from backtests.domain.costs import CostTable
from backtests.domain.engine import RunConfig, run
from backtests.reports.notices import Notice, notices, translated
from backtests.run_warnings import NO_FEES, TOO_FEW
from backtests.tests.report_cases import bars, empty_input, report_input
from marketdata.domain.bars import Bar
from marketdata.domain.instrument import Dated, FeeRates, MarginRates
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy, Signal

FEES_LATER = (Dated(date(2024, 6, 1), FeeRates(open_by_money=0.0001)),)
MARGINS = (Dated(date.min, MarginRates(0.1, 0.0, 0.1, 0.0)),)


class Long(BaseStrategy):
    """Wants to be long from the first bar on."""

    name = "long"

    def on_market_data(self, bar: Bar) -> None:
        """Nothing to remember."""

    def generate_signals(self) -> list[Signal]:
        return [Signal(1.0, "always")]


def test_a_short_run_says_that_its_averages_mean_little() -> None:
    assert notices(report_input()) == [Notice("warning", TOO_FEW)]


def test_stored_sentences_are_not_repeated() -> None:
    assert [notice.text for notice in notices(report_input(warnings=(TOO_FEW, "Only once.")))] == [
        TOO_FEW,
        "Only once.",
    ]


def test_simulated_data_comes_first_and_is_graver() -> None:
    found = notices(report_input(simulated=True, missing_bars=1_200))
    assert [notice.level for notice in found] == ["critical", "warning", "warning"]
    assert found[0].text.startswith("Simulated prices")
    assert "1,200 bars" in found[2].text


def test_fills_without_any_commission_are_named() -> None:
    whole = report_input()
    whole.fills.commission[:] = 0.0
    assert Notice("warning", NO_FEES) in notices(whole)


def test_costs_from_before_the_first_dated_row_are_named() -> None:
    costs = CostTable(10.0, 0.2, 1.0, FEES_LATER, MARGINS)
    found = [notice.text for notice in notices(report_input(costs=costs.document()))]
    assert "No fees are known before 2024-06-01: the earliest row is used from 2024-03-04 on." in found


@pytest.mark.parametrize("capital", [1_000.0, 1_000_000.0])
def test_the_engine_s_own_sentences_are_recognised(capital: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed wording in the engine must not silently fall out of the Chinese report."""
    costs = CostTable(10.0, 0.2, 1.0, FEES_LATER, (Dated(date(2024, 6, 1), MarginRates(0.1, 0.0, 0.1, 0.0)),))
    outcome = run(bars(), Long(StrategyParameters()), RunConfig("rb88.SHFE", "5m", capital, 1.0, costs))
    assert len(outcome.warnings) == (2 if capital > 100_000 else 4)
    monkeypatch.setattr("backtests.reports.notices._", lambda text: pytest.fail(f"not recognised: {text}"))
    for sentence in outcome.warnings:
        assert translated(sentence) == sentence.replace("No margins are known", "No margin rates are known")


def test_a_run_without_a_day_has_its_warnings_too() -> None:
    with translation.override("en"):
        assert [notice.text for notice in notices(empty_input())] == [TOO_FEW]
