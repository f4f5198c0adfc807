"""``manage.py import_rolls``: the rolls of main-contract series into the database."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from accounts.commands import ActorCommand
from marketdata.daily_services import import_rolls
from marketdata.management.daily_report import report


class Command(ActorCommand):
    """Import contract rolls; all rows or none."""

    help = "Import a file of contract rolls: CSV or Parquet, or WonderTrader's JSON of main contracts (plain or .gz)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, and what to do with rows that are stored otherwise."""
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--replace", action="store_true", help="overwrite stored rolls that differ")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Import, then say what happened in one line on stdout; warnings go to stderr."""
        report(self, import_rolls(self.actor, options["file"], replace=options["replace"]))
