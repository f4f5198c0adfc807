"""``manage.py import_settlements``: settlement prices and daily limits into the database."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from accounts.commands import ActorCommand
from marketdata.daily_services import import_settlements
from marketdata.management.daily_report import report


class Command(ActorCommand):
    """Import settlement prices; all rows or none."""

    help = "Import a CSV (plain or .gz) or Parquet file of settlement prices."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, and what to do with rows that are stored otherwise."""
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--replace", action="store_true", help="overwrite stored settlements that differ")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Import, then say what happened in one line on stdout; warnings go to stderr."""
        report(self, import_settlements(self.actor, options["file"], replace=options["replace"]))
