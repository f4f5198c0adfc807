"""``manage.py compare``: finished runs beside each other."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from accounts.commands import ActorCommand
from backtests.compare import FORMS, compare_runs, comparison_document, export_comparison
from backtests.compare_printer import comparison_text
from backtests.exports import form_of
from quantsite.web.renderers import dumps


class Command(ActorCommand):
    """Prints what differs and every figure, one column a run."""

    help = "Compare two to ten finished backtests: what differs, the figures, how they move together."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which runs, and where the output goes."""
        parser.add_argument("runs", type=int, nargs="+", metavar="RUN", help="number of a run; the first is the base")
        parser.add_argument("--report", type=Path, metavar="FILE", help="write the comparison as .html or .json")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Compare and print. Raises ``RuleError`` for runs that cannot be compared or are not there."""
        file: Path | None = options["report"]
        form = form_of(file, FORMS) if file else ""
        found = compare_runs(self.actor, options["runs"])
        if file:
            file.write_bytes(export_comparison(self.actor, options["runs"], form).body)
        if options["json"]:
            self.stdout.write(dumps(comparison_document(found)).decode())
        else:
            self.stdout.write(comparison_text(found, colour=self.stdout.isatty()), ending="")
