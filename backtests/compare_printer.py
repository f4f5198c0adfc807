"""A comparison as tables for a terminal: one row a number, one column a run."""

from io import StringIO

from rich.console import Console
from rich.table import Table

from backtests.reports import compare_tables as tables
from backtests.reports.compare_input import Comparison

NAME_WIDTH, COLUMN_WIDTH = 34, 26


def comparison_text(found: Comparison, *, colour: bool) -> str:
    """What differs, warnings, the figures (the best in bold), correlations; ``colour`` adds the terminal's codes."""
    width = NAME_WIDTH + COLUMN_WIDTH * len(found.runs)
    console = Console(file=StringIO(), width=width, highlight=False, force_terminal=colour)
    with console.capture() as written:
        for notice in tables.notices(found):
            console.print(f"! {notice.text}", style="yellow", markup=False)
        console.print(_facts(found))
        for block in tables.figures(found):
            console.print(_figures(found, block))
        console.print(_pairings(found))
    return written.get()


def _table(found: Comparison, title: str) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), title=title, title_justify="left", title_style="bold")
    table.add_column("")
    for run in found.runs:
        table.add_column(f"#{run.run}", justify="right")
    return table


def _facts(found: Comparison) -> Table:
    table = _table(found, "What differs")
    for row in tables.facts(found):
        table.add_row(row.name, *(f"≠ {cell.text}" if cell.differs else cell.text for cell in row.cells))
    return table


def _figures(found: Comparison, block: tables.FigureBlock) -> Table:
    table = _table(found, block.title)
    for row in block.rows:
        table.add_row(row.name, *map(_cell, row.cells))
    return table


def _cell(cell: tables.FigureCell) -> str:
    """``1.234 (+0.100)``; a star tells the best where nothing is bold."""
    text = f"{cell.text} ({cell.difference})" if cell.difference else cell.text
    return f"[bold]* {text}[/bold]" if cell.is_best else text


def _pairings(found: Comparison) -> Table:
    table = _table(found, "Correlation of daily returns")
    for run, row in zip(found.runs, tables.pairings(found), strict=True):
        table.add_row(f"#{run.run} {run.strategy}", *(pair.text for pair in row))
    return table
