"""An analysis of fills as tables for a terminal."""

from io import StringIO

from rich.console import Console
from rich.markup import escape

from backtests.fills.analysis import Analysis
from backtests.fills.output import intervals
from backtests.reports.data_words import data_fact, poor_days
from backtests.run_printer import WIDTH, figures


def analysis_text(analysis: Analysis, *, colour: bool) -> str:
    """What was analysed, warnings, the standard figures and what is held; ``colour`` adds the terminal's codes."""
    console = Console(file=StringIO(), width=WIDTH, highlight=False, force_terminal=colour)
    with console.capture() as written:
        _print(console, analysis)
    return written.get()


def _print(console: Console, analysis: Analysis) -> None:
    codes = " + ".join(leg.code for leg in analysis.legs)
    console.print(f"[bold]Fills of {escape(analysis.file.name)}[/bold]  {codes}  {intervals(analysis)}")
    for leg, marks, settled in zip(analysis.legs, analysis.marks, analysis.account.settled, strict=True):
        told = f", {settled:,} held days at settlement prices" if settled else ""
        console.print(f"marks       {leg.code}: {len(leg.bars):,} bars, {escape(marks.source) or 'stored'}{told}")
    if analysis.made:
        console.print(f"made        {', '.join(analysis.made)}")
    for warning in analysis.warnings:
        console.print(f"! {warning}", style="yellow", markup=False)
    for told in filter(None, (poor_days(analysis.data_quality), data_fact(analysis.data_quality))):
        console.print(f"data        {told}")
    console.print(figures(analysis.statistics["standard"]))
    funds = analysis.account.funds
    made = f"{funds.close_profit.sum():,.2f} by date, {funds.close_profit_by_trade.sum():,.2f} by trade"
    console.print(f"close profit {made}")
    for held in analysis.account.held:
        console.print(
            f"held        {analysis.legs[held.leg].code} {held.side.name.lower()} {held.volume:g} at "
            f"{held.open_price:,.6g}, marked {held.mark:,.6g}: {held.open_profit:,.2f}"
        )
    result = analysis.result
    console.print(f"end equity {result.end_equity:,.2f}   fills {len(analysis.file.lines):,}")
    console.print(f"total {analysis.seconds:.3f} s\nresult hash {analysis.result_hash}")
