"""``manage.py check_quality``: judge stored trading days and print what is wrong with them."""

from argparse import ArgumentParser
from datetime import date
from io import StringIO
from typing import Any

from django.utils.translation import gettext as _
from rich.console import Console
from rich.table import Table

from accounts.commands import ActorCommand
from marketdata.domain.quality_score import Fault, grade
from marketdata.live_models import DayQuality
from marketdata.quality.rows import fault_counts
from marketdata.quality.services import Outcome, check_quality

WIDTH = 120
SHOWN = 20


class Command(ActorCommand):
    """Judge days; what is stored is what the console and backtests show."""

    help = "Judge the stored trading days of one instrument: missing bars, prices off the grid, jumps and more."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The instrument and the days."""
        parser.add_argument("--instrument", required=True, metavar="CODE", help="such as rb2501.SHFE")
        parser.add_argument("--interval", metavar="NAME", help="of the bars; the shortest that is stored")
        parser.add_argument("--start", type=date.fromisoformat, metavar="DAY", help="first trading day")
        parser.add_argument("--end", type=date.fromisoformat, metavar="DAY", help="last trading day")
        parser.add_argument("--worst", type=int, default=SHOWN, metavar="N", help=f"days to print ({SHOWN})")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Judge, then print the worst days and one line about all of them."""
        given = (options["instrument"], options["start"], options["end"], options["interval"])
        outcome = check_quality(self.actor, *given)
        self.stdout.write(printed(outcome, options["worst"], colour=self.stdout.isatty()), ending="")


def printed(outcome: Outcome, worst: int, *, colour: bool) -> str:
    """The worst days as a table, and how many were judged and are poor."""
    console = Console(file=StringIO(), width=WIDTH, highlight=False, force_terminal=colour)
    rows = sorted((row for row in outcome.rows if row.score < 1), key=lambda row: (row.score, row.trading_day))
    with console.capture() as written:
        if rows[:worst]:
            console.print(_table(rows[:worst]))
        console.print(_summary(outcome, len(outcome.rows) - len(rows)))
    return written.get()


def _summary(outcome: Outcome, sound: int) -> str:
    text = _("%(code)s %(interval)s: %(days)s days judged, %(poor)s poor, %(sound)s without a fault")
    days, poor = f"{len(outcome.rows):,}", f"{outcome.poor:,}"
    code, interval = outcome.instrument.code, outcome.interval
    return text % {"code": code, "interval": interval, "days": days, "poor": poor, "sound": f"{sound:,}"}


def _table(rows: list[DayQuality]) -> Table:
    """One line a day; a column for each kind of fault that any of them has."""
    counts = [fault_counts(row) for row in rows]
    kinds = [fault.value for fault in Fault if any(fault.value in found for found in counts)]
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("day", "", "score", "bars", *kinds, "mostly"):
        table.add_column(name.replace("_", " "), justify="left" if name in ("day", "", "mostly") else "right")
    for row, found in zip(rows, counts, strict=True):
        told = [f"{found[kind]:,.0f}" if kind in found else "·" for kind in kinds]
        mostly = row.details["fault"].replace("_", " ")
        bars = f"{row.bars:,}/{row.expected_bars:,}"
        table.add_row(str(row.trading_day), grade(row.score), f"{row.score:.3f}", bars, *told, mostly)
    return table
