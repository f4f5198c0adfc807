"""A finished run as tables for a terminal."""

from collections.abc import Mapping
from io import StringIO
from typing import Any

from rich.console import Console
from rich.table import Table

from backtests.domain.statistics import HEADLINE
from backtests.models import BacktestRun
from backtests.reports.data_words import data_fact, poor_days
from backtests.reports.format import day
from backtests.run_document import timing_of
from quantsite.common.times import SHANGHAI

WIDTH = 100

FRACTIONS = {
    *("total_return", "annual_return", "annual_volatility", "max_drawdown", "win_rate", "var_95", "cvar_95"),
    *("exposure", "benchmark_return", "alpha"),
}
MONEY = {
    *("net_profit", "commission", "slippage", "expectancy", "turnover", "max_drawdown_money"),
    *("mae_mean", "mae_worst", "mfe_mean", "mfe_best"),
}
DAYS = {"max_drawdown_peak_day", "max_drawdown_trough_day", "max_drawdown_recovery_day"}


def run_text(run: BacktestRun, *, colour: bool) -> str:
    """What ran, warnings, and the standard figures, two a line; with the terminal's codes for bold and ``colour``."""
    console = Console(file=StringIO(), width=WIDTH, highlight=False, force_terminal=colour)
    with console.capture() as written:
        _print(console, run)
    return written.get()


def _print(console: Console, run: BacktestRun) -> None:
    instruments = " + ".join([run.instrument.code, *run.legs])
    console.print(f"[bold]Backtest run {run.pk}[/bold]  {run.strategy}  {instruments}  {run.interval}")
    if run.first_bar and run.last_bar:
        first, last = (f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" for moment in (run.first_bar, run.last_bar))
        console.print(f"{run.bar_count:,} bars from {first} to {last}, Shanghai time")
    console.print("parameters  " + "  ".join(f"{name}={value}" for name, value in run.parameters.items()))
    if run.rules:
        console.print("rules       " + "  ".join(f"{name}={value}" for name, value in run.rules.items()))
    for warning in run.warnings:
        console.print(f"[yellow]! {warning}[/yellow]")
    for told in filter(None, (poor_days(run.data_quality), data_fact(run.data_quality))):
        console.print(f"data        {told}")
    console.print(figures(run.statistics["standard"]))
    console.print(f"end equity {run.end_equity:,.2f}   fills {run.fill_count:,}")
    seconds = "   ".join(f"{name.removesuffix('_seconds')} {spent:.3f} s" for name, spent in timing_of(run).items())
    console.print(f"{seconds}\nresult hash {run.result_hash}")


def figures(standard: Mapping[str, Any]) -> Table:
    """The standard figures, two a line, the six that people name first before the others."""
    table = Table(box=None, padding=(0, 3, 0, 0), show_header=False)
    for _ in range(2):
        table.add_column()
        table.add_column(justify="right")
    ordered = {name: standard[name] for name in (*HEADLINE, *standard)}  # each once
    items = [(name.replace("_", " "), _text(name, value)) for name, value in ordered.items()]
    half = (len(items) + 1) // 2
    for left, right in zip(items[:half], [*items[half:], ("", "")], strict=False):
        table.add_row(*left, *right)
    return table


def _text(name: str, value: float | int | None) -> str:
    """A figure with its unit; a dash for what is undefined."""
    if value is None:
        return "–"
    if name in FRACTIONS:
        return f"{value:.2%}"
    if name in DAYS:
        return day(value)
    if name in MONEY:
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
