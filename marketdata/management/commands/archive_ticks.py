"""``manage.py archive_ticks``: old ticks from the table to Parquet files."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import CommandError

from accounts.commands import ActorCommand
from marketdata.ticks.archive_services import archivable, archive_ticks


class Command(ActorCommand):
    """Do now what happens every night."""

    help = "Move ticks of old trading days to Parquet files, each proved before its rows go."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How old, and whether at all."""
        parser.add_argument(
            "--before", type=date.fromisoformat, metavar="DATE", help="trading days before this (QUANTSITE_TICK_DAYS)"
        )
        parser.add_argument("--dry-run", action="store_true", help="only say which days would go")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Move, then say how much; days that failed end the command with an error."""
        if options["dry_run"]:
            days = archivable(self.actor, options["before"])
            for code, day in days:
                self.stdout.write(f"{code} {day}")
            self.stdout.write(f"{len(days)} days would be moved")
            return
        run = archive_ticks(self.actor, options["before"])
        self.stdout.write(f"{run.days} days with {run.ticks} ticks moved to files of {run.bytes} bytes")
        if run.failed:
            raise CommandError("\n".join([f"{len(run.failed)} days stay in the database:", *run.failed]))
