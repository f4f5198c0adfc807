"""``manage.py run_backtest``: run one backtest in this process, by the same code as a worker."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from accounts.commands import ActorCommand
from backtests.claims import worker_name
from backtests.models import BacktestRun, RunStatus
from backtests.reports.tables import write_equity_csv, write_fills_csv
from backtests.requests import DEFAULT_CAPITAL, DEFAULT_VOLUME, CostOptions, RunRequest
from backtests.result_rows import read_days, read_fills
from backtests.run_document import result_document
from backtests.run_printer import run_text
from backtests.runner import execute
from backtests.services import claim_backtest, generate_report
from quantsite.common.errors import RuleError


def trading_day(text: str) -> date:
    """A day as ``YYYY-MM-DD``. Raises ``ArgumentTypeError``."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no day such as 2019-01-31") from None


def setting(text: str) -> tuple[str, str]:
    """``name=value``. Raises ``ArgumentTypeError``."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ArgumentTypeError(f"{text!r} should read name=value, such as fast=10")
    return name.strip(), value.strip()


class Command(ActorCommand):
    """Stores a run, computes it, prints what came out."""

    help = "Run a backtest on stored bars and print the result; without --user administrators alone see it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to run, what it costs, where the output goes."""
        parser.add_argument("strategy", help="name of the strategy, such as double_ma")
        parser.add_argument("--instrument", required=True, metavar="CODE", help="such as rb88.SHFE")
        parser.add_argument("--interval", required=True, metavar="TEXT", help="of the bars: 1m, 5m, 1h, 1d ...")
        parser.add_argument("--start", type=trading_day, metavar="DAY", help="first trading day (default: all)")
        parser.add_argument("--end", type=trading_day, metavar="DAY", help="last trading day, included")
        parser.add_argument(
            "--set",
            type=setting,
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="a parameter of the strategy; repeat for more",
        )
        parser.add_argument("--capital", type=float, default=DEFAULT_CAPITAL, help="yuan (default %(default)s)")
        parser.add_argument("--volume", type=float, default=DEFAULT_VOLUME, help="lots a signal (default %(default)s)")
        parser.add_argument("--close-at-end", action="store_true", help="close the last position instead of marking it")
        self._add_cost_arguments(parser)
        self._add_output_arguments(parser)

    @staticmethod
    def _add_cost_arguments(parser: ArgumentParser) -> None:
        costs = parser.add_argument_group(
            "costs",
            "What is left out comes from the instrument's dated tables; any one fee option given sets the fees "
            "not given to 0, and the close-today rate to the commission rate.",
        )
        costs.add_argument("--multiplier", type=float, help="units of goods in one lot")
        costs.add_argument("--price-tick", type=float, help="smallest step of the price")
        costs.add_argument("--commission-rate", type=float, help="fraction of turnover, such as 0.0001")
        costs.add_argument("--commission-per-lot", type=float, help="yuan a lot, on top of the rate")
        costs.add_argument("--close-today-rate", type=float, help="fraction of turnover for lots of the same day")
        costs.add_argument("--slippage-ticks", type=int, help="ticks against the trader on every fill (default 0)")
        costs.add_argument("--margin-rate", type=float, help="fraction of the contract's value, such as 0.1")

    @staticmethod
    def _add_output_arguments(parser: ArgumentParser) -> None:
        output = parser.add_argument_group("output")
        output.add_argument("--fills", type=Path, metavar="FILE", help="write the fills as CSV")
        output.add_argument("--equity", type=Path, metavar="FILE", help="write the equity of each trading day as CSV")
        output.add_argument("--report", type=Path, metavar="FILE", help="write the report as one HTML file")
        output.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run and print. Raises ``CommandError`` with one sentence for refused input and for a run that failed."""
        _check_folders(options[name] for name in ("fills", "equity", "report"))
        try:
            claim = claim_backtest(self.actor, _request(options), worker_name())
        except RuleError as error:
            # The text names every refused input; the fields would only repeat it.
            raise CommandError(str(error.text)) from error
        execute(claim)
        run = BacktestRun.objects.select_related("instrument").get(pk=claim.run_id)
        if run.status != RunStatus.SUCCEEDED:
            raise CommandError(f"Backtest run {run.pk} {run.status}: {run.error}")
        self._write_files(run, options)
        if options["json"]:
            self.stdout.write(json.dumps(result_document(run), ensure_ascii=False, allow_nan=False))
        else:
            self.stdout.write(run_text(run, colour=self.stdout.isatty()), ending="")

    def _write_files(self, run: BacktestRun, options: dict[str, Any]) -> None:
        if options["fills"]:
            with options["fills"].open("w", newline="", encoding="utf-8") as file:
                write_fills_csv(file, read_fills(run), run.instrument.code)
        if options["equity"]:
            with options["equity"].open("w", newline="", encoding="utf-8") as file:
                write_equity_csv(file, read_days(run))
        if options["report"]:
            options["report"].write_text(generate_report(self.actor, run.pk), encoding="utf-8")


def _request(options: dict[str, Any]) -> RunRequest:
    """The options as the request that API and page make too."""
    return RunRequest(
        strategy=options["strategy"],
        instrument=options["instrument"],
        interval=options["interval"],
        start=options["start"],
        end=options["end"],
        parameters=dict(options["set"]),
        capital=options["capital"],
        volume=options["volume"],
        costs=CostOptions.from_mapping(options),
        close_at_end=options["close_at_end"],
    )


def _check_folders(files: Iterable[Path | None]) -> None:
    """A file that cannot be written is found out before the run, not after it."""
    for file in files:
        if file and not file.absolute().parent.is_dir():
            raise CommandError(f"{file}: the folder {file.absolute().parent} does not exist")
        if file and file.is_dir():
            raise CommandError(f"{file} is a folder: name a file")
