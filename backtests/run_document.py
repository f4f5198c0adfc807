"""A run as one JSON object: what ``run_backtest --json`` prints and the API's detail page builds on."""

from typing import Any

from backtests.models import BacktestRun
from backtests.requests import CostOptions
from quantsite.common.times import iso_utc

MONEY_DIGITS = 6


TIMING = tuple(f"{part}_seconds" for part in ("load", "prepare", "run", "statistics", "hash", "store", "total"))
"""The parts of a run's time in their order, which a column of PostgreSQL's JSON does not keep."""


def timing_of(run: BacktestRun) -> dict[str, float]:
    """How long the parts of a run took, in seconds, those that were measured, in their order."""
    return {name: run.timing[name] for name in TIMING if name in run.timing}


def money(amount: float | None) -> float | None:
    """Yuan rounded for output; nothing that is stored is ever rounded."""
    return None if amount is None else round(amount, MONEY_DIGITS)


def costs_of(run: BacktestRun) -> dict[str, Any]:
    """The options as given (null: not given) and, once the run has finished, the table that was charged by."""
    options = CostOptions.from_mapping(run.costs)
    given = {name: getattr(options, name) for name in CostOptions.names()}
    return {**given, **run.cost_table}


def result_document(run: BacktestRun) -> dict[str, Any]:
    """A finished run in the keys that docs/backtests.md promises."""
    return {
        "run": run.pk,
        "strategy": run.strategy,
        "instrument": run.instrument.code,
        "legs": run.legs,
        "interval": run.interval,
        "bars": run.bar_count,
        "first_bar": iso_utc(run.first_bar) if run.first_bar else None,
        "last_bar": iso_utc(run.last_bar) if run.last_bar else None,
        "parameters": run.parameters,
        "costs": costs_of(run),
        "capital": run.capital,
        "volume": run.volume,
        "rules": run.rules,
        "statistics": run.statistics,
        "fills": run.fill_count,
        "end_equity": money(run.end_equity),
        "net_profit": money(run.net_profit),
        "commission": money(run.commission),
        "slippage": money(run.slippage),
        "result_hash": run.result_hash,
        "warnings": run.warnings,
        "data_quality": run.data_quality or None,
        "timing": timing_of(run),
    }
