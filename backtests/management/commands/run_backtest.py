"""``manage.py run_backtest``: run one backtest in this process, by the same code as a worker."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from accounts.commands import ActorCommand
from backtests.claims import worker_name
from backtests.exports import KINDS, form_of
from backtests.management.run_arguments import add_run_arguments, run_request, setting
from backtests.models import BacktestRun, RunStatus
from backtests.run_document import result_document
from backtests.run_printer import run_text
from backtests.runner import execute
from backtests.services import claim_backtest, export_run
from quantsite.common.errors import RuleError


class Command(ActorCommand):
    """Stores a run, computes it, prints what came out."""

    help = "Run a backtest on stored bars and print the result; without --user administrators alone see it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to run, what it costs, where the output goes."""
        add_run_arguments(parser)
        parser.add_argument(
            "--set",
            type=setting,
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="a parameter of the strategy; repeat for more",
        )
        self._add_output_arguments(parser)

    @staticmethod
    def _add_output_arguments(parser: ArgumentParser) -> None:
        output = parser.add_argument_group("output")
        output.add_argument("--fills", type=Path, metavar="FILE", help="write the fills as .csv or .parquet")
        output.add_argument("--equity", type=Path, metavar="FILE", help="write the equity of each day, likewise")
        output.add_argument("--report", type=Path, metavar="FILE", help="write the report as .html, .pdf or .json")
        output.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run and print. Raises ``CommandError`` with one sentence for refused input and for a run that failed."""
        forms = {name: form_of(file, KINDS[name].makers) for name in KINDS if (file := options[name])}
        try:
            claim = claim_backtest(self.actor, run_request(options, dict(options["set"])), worker_name())
        except RuleError as error:
            # The text names every refused input; the fields would only repeat it.
            raise CommandError(str(error.text)) from error
        execute(claim)
        run = BacktestRun.objects.select_related("instrument").get(pk=claim.run_id)
        if run.status != RunStatus.SUCCEEDED:
            raise CommandError(f"Backtest run {run.pk} {run.status}: {run.error}")
        for name, form in forms.items():
            options[name].write_bytes(export_run(self.actor, run.pk, name, form).body)
        if options["json"]:
            self.stdout.write(json.dumps(result_document(run), ensure_ascii=False, allow_nan=False))
        else:
            self.stdout.write(run_text(run, colour=self.stdout.isatty()), ending="")
