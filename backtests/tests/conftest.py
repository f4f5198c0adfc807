"""Bars to backtest on, and the request that most tests make."""

from dataclasses import replace
from datetime import date

import pytest

from backtests.optimise.requests import OptimizationRequest
from backtests.requests import CostOptions, RunRequest
from marketdata.models import Instrument
from marketdata.services import store_simulated_bars

FIRST, LAST = date(2024, 1, 2), date(2024, 2, 6)


@pytest.fixture
def sim(db: None) -> Instrument:
    """``simrb88.SIM`` with five weeks of simulated 5-minute bars."""
    return store_simulated_bars(None, interval="5m", first=FIRST, last=LAST, seed=7).instrument


@pytest.fixture
def asked(sim: Instrument) -> RunRequest:
    """double_ma 3/8 on all of the bars, with every cost given."""
    costs = CostOptions(multiplier=10.0, price_tick=1.0, commission_rate=0.0001, slippage_ticks=1, margin_rate=0.1)
    return RunRequest("double_ma", sim.code, "5m", parameters={"fast": 3, "slow": 8}, costs=costs)


@pytest.fixture
def searched(asked: RunRequest) -> OptimizationRequest:
    """double_ma on a small grid, a quarter of it refused by the strategy."""
    return OptimizationRequest(replace(asked, parameters={}), {"fast": "3:9:2", "slow": "5:15:5"})
