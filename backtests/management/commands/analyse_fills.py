"""``manage.py analyse_fills``: a list of fills from anywhere, through the ledger of a backtest."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from accounts.commands import ActorCommand
from backtests.exports import form_of
from backtests.fills.analysis import analyse_fills
from backtests.fills.output import MAKERS, analysis_document
from backtests.fills.printer import analysis_text
from backtests.fills.request import ANY, FillsRequest
from backtests.requests import DEFAULT_CAPITAL, CostOptions
from marketdata.column_files import write_whole


def marks_file(text: str) -> tuple[str, Path]:
    """``CODE=FILE``, or ``FILE`` alone for the one instrument that there is."""
    code, equals, file = text.partition("=")
    return (code.strip(), Path(file)) if equals and not Path(text).exists() else (ANY, Path(text))


class Command(ActorCommand):
    """Books the fills of a file as facts and prints what came of them; nothing is stored."""

    help = (
        "Analyse fills (datetime,instrument,direction,offset,price,volume; Shanghai time) as facts of one account: "
        "funds by trading day, statistics and report as of a backtest."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, what it cost, what it is marked by, where the output goes."""
        parser.add_argument("file", type=Path, metavar="FILE", help="of fills: .csv, .csv.gz or .parquet")
        parser.add_argument("--capital", type=float, default=DEFAULT_CAPITAL, help="yuan (default %(default)s)")
        self._add_costs(parser)
        self._add_marks(parser)
        output = parser.add_argument_group("output")
        output.add_argument("--equity", type=Path, metavar="FILE", help="write the funds of each day (.csv, .parquet)")
        output.add_argument("--report", type=Path, metavar="FILE", help="write the report as .html, .pdf or .json")
        output.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    @staticmethod
    def _add_costs(parser: ArgumentParser) -> None:
        costs = parser.add_argument_group(
            "costs",
            "For every instrument of the file. What is left out comes from the instrument's dated tables; any one fee "
            "option given sets the fees not given to 0, and the close-today rate to the commission rate.",
        )
        costs.add_argument("--multiplier", type=float, help="units of goods in one lot")
        costs.add_argument("--commission-rate", type=float, help="fraction of turnover, such as 0.000023")
        costs.add_argument("--commission-per-lot", type=float, help="yuan a lot, on top of the rate")
        costs.add_argument("--close-today-rate", type=float, help="fraction of turnover for lots of the same day")

    @staticmethod
    def _add_marks(parser: ArgumentParser) -> None:
        marks = parser.add_argument_group("marks", "The bars that open positions are marked by, day by day.")
        marks.add_argument(
            "--marks",
            type=marks_file,
            action="append",
            default=[],
            metavar="[CODE=]FILE",
            help="a file of bars; repeat with CODE= for several instruments (default: the stored bars)",
        )
        marks.add_argument("--interval", default="", help="of the bars: 1m, 5m, 1d ... (stored: the furthest reach)")
        marks.add_argument(
            "--bar-time", choices=["start", "end"], default="", help="what the times of a file stand for"
        )
        marks.add_argument(
            "--mark-at",
            choices=["settlement", "last"],
            help="stored settlement prices first, or the day's last bar alone (default: settlement for stored bars, "
            "last for a file of marks)",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Analyse, write the files, print. Raises ``RuleError`` for refused input, before anything is written."""
        forms = {name: form_of(file, makers) for name, makers in MAKERS.items() if (file := options[name])}
        request = FillsRequest(
            capital=options["capital"],
            costs=CostOptions.from_mapping(options),
            marks=dict(options["marks"]),
            interval=options["interval"],
            bar_time=options["bar_time"],
            settlement=None if options["mark_at"] is None else options["mark_at"] == "settlement",
        )
        analysis = analyse_fills(self.actor, options["file"], request)
        bodies = {name: MAKERS[name][form](analysis) for name, form in forms.items()}
        for name, body in bodies.items():
            write_whole(body, options[name])
        if options["json"]:
            self.stdout.write(json.dumps(analysis_document(analysis), ensure_ascii=False, allow_nan=False))
        else:
            self.stdout.write(analysis_text(analysis, colour=self.stdout.isatty()), ending="")
