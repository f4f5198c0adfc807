"""Presets that decide over whole columns, through the engine in both forms: fills at the opens after decisions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.tests.domain.preset_runs import deals, targets_to_deals
from marketdata.domain.bars import BarSeries
from strategies import registry
from strategies.domain.forms import Form
from strategies.tests.domain.bars import shown, tick_bars

CASES: list[tuple[str, dict[str, object]]] = [
    ("double_ma", {"fast": 2, "slow": 5}),
    ("macd", {"fast": 2, "slow": 4, "signal": 3}),
    ("rsi", {"length": 3}),
    ("bollinger", {"length": 5, "width": 1.2}),
    ("bollinger", {"length": 5, "width": 1.2, "mode": "reversion"}),
]


@pytest.mark.parametrize("form", [Form.TARGET, Form.PLAIN])
@settings(deadline=None, max_examples=60)
@given(case=st.sampled_from(CASES), bars=tick_bars(least=1, most=150))
def test_each_decision_fills_at_the_next_open(form: Form, case: tuple[str, dict[str, object]], bars: BarSeries) -> None:
    assert deals(*case, bars, form) == targets_to_deals(bars, shown(registry.create(*case), bars))
