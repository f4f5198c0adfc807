"""``manage.py import_instruments``: a CTP instrument list into the database."""

from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from accounts.commands import ActorCommand
from marketdata.services import import_instruments


class Command(ActorCommand):
    """Import instruments with their margin rates; all rows or none."""

    help = "Import a CSV file of instruments with CTP's field names (InstrumentID, ExchangeID, ...)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, and from when its margin rates hold."""
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--valid-from", type=date.fromisoformat, metavar="DATE", help="first day of the margin rates (today)"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Import, then say what happened in one line."""
        counts = import_instruments(self.actor, options["file"], options["valid_from"])
        left_out = "".join(f", {number} {name} left out" for name, number in sorted(counts.left_out.items()))
        self.stdout.write(
            f"{counts.rows_read} rows read, {counts.created} created, {counts.updated} updated, "
            f"{counts.unchanged} unchanged, {counts.margin_rates} margin rates{left_out}"
        )
