"""A finished optimisation or walk-forward as tables for a terminal."""

from collections.abc import Iterable
from io import StringIO
from typing import Any

from django.db.models import F
from rich.console import Console
from rich.table import Table

from backtests.optimise.document import objectives_of
from backtests.optimise.models import OptimizationRun, Trial, WalkForwardRun
from backtests.optimise.sentences import sentences_of

WIDTH = 110
SHOWN = 10


def optimization_text(run: OptimizationRun, *, colour: bool) -> str:
    """What was searched, how honest the best is, and the ten best trials."""
    console = Console(file=StringIO(), width=WIDTH, highlight=False, force_terminal=colour)
    with console.capture() as written:
        console.print(f"[bold]Optimisation {run.pk}[/bold]  {run.strategy}  {' + '.join(run.codes())}  {run.interval}")
        console.print(f"{run.done:,} trials, {run.skipped:,} combinations refused, {run.failed:,} failed; {run.method}")
        for line in sentences_of(run.overfitting):
            console.print(f"- {line['sentence']}")
        for warning in run.warnings:
            console.print(f"[yellow]! {warning}[/yellow]")
        console.print(_trials(run))
        timing = run.timing
        console.print(
            f"total {timing['total_seconds']:.3f} s   work {timing['work_seconds']:.3f} s   "
            f"{timing['trials_per_second']:,.1f} trials/s   {timing['workers']} workers   {timing['chunks']} chunks"
        )
    return written.get()


def _trials(run: OptimizationRun) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    names = [objective["name"] for objective in run.objectives]
    for name in ("trial", *run.space, *names, "net profit", "fills", "result hash"):
        table.add_column(name.replace("_", " "), justify="left" if name == "result hash" else "right")
    best = run.trials.filter(feasible=True).order_by(F("score").desc(nulls_last=True), "number")
    for trial in best[:SHOWN]:
        table.add_row(*_cells(run, trial))
    return table


def _cells(run: OptimizationRun, trial: Trial) -> Iterable[str]:
    yield str(trial.number)
    yield from (_text(trial.parameters[name]) for name in run.space)
    yield from (_text(value) for value in objectives_of(run, trial).values())
    yield f"{trial.net_profit:,.2f}"
    yield f"{trial.fills:,}"
    yield trial.result_hash[:16]


def walk_text(walk: WalkForwardRun, *, colour: bool) -> str:
    """In sample against out of sample, a line a window, then all of it joined."""
    console = Console(file=StringIO(), width=WIDTH, highlight=False, force_terminal=colour)
    summary, name = walk.summary, walk.objectives[0]["name"]
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("window", "in sample", "out of sample", "parameters", f"{name} in", f"{name} out", "net profit out"):
        table.add_column(title, justify="right" if title.endswith((" in", " out")) else "left")
    for window in walk.windows.order_by("number"):
        values = " ".join(f"{key}={window.parameters[key]}" for key in walk.space if key in window.parameters)
        table.add_row(
            str(window.number),
            f"{window.in_first} - {window.in_last}",
            f"{window.out_first} - {window.out_last}",
            values or "–",
            _text(window.in_statistics.get(name)),
            _text(window.out_statistics.get(name)),
            _text(window.out_statistics.get("net_profit")),
        )
    with console.capture() as written:
        console.print(
            f"[bold]Walk-forward {walk.pk}[/bold]  {walk.strategy}  {' + '.join(walk.codes())}  {walk.interval}"
        )
        console.print(table)
        console.print(
            f"{name}: mean {_text(summary['in_sample'])} in sample, {_text(summary['out_of_sample'])} out of sample; "
            f"{summary['profitable']} of {summary['windows']} windows made money"
        )
        joined = walk.statistics
        figures = ("net_profit", "total_return", "annual_return", "max_drawdown", "sharpe", "trade_count")
        console.print("joined out of sample: " + "   ".join(f"{key} {_text(joined.get(key))}" for key in figures))
    return written.get()


def _text(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:,.4f}" if isinstance(value, float) else str(value)
