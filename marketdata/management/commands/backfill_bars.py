"""``manage.py backfill_bars``: gaps in bars, filled from recorded ticks."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.conf import settings

from accounts.commands import ActorCommand
from marketdata.backfill import backfill_bars


class Command(ActorCommand):
    """Fill what is missing, and make partial bars whole."""

    help = "Build bars that are missing or partial from recorded ticks, where these cover them from start to end."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose bars, of which days."""
        parser.add_argument(
            "--instrument", action="append", default=[], metavar="CODE", help="one or more; else all that have ticks"
        )
        parser.add_argument("--start", type=date.fromisoformat, metavar="DATE", help="the first trading day")
        parser.add_argument("--end", type=date.fromisoformat, metavar="DATE", help="the last trading day")
        parser.add_argument(
            "--interval", action="append", default=[], help="one or more, such as 1m; else all that are recorded"
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what would be filled")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Fill, then say what, a line a series."""
        intervals = options["interval"] or settings.BAR_INTERVALS
        words = (options["instrument"], options["start"], options["end"], intervals)
        found = backfill_bars(self.actor, *words, dry_run=options["dry_run"])
        would = "would be " if options["dry_run"] else ""
        for of in found:
            counts = f"{of.filled} bars {would}filled, {of.completed} partial ones {would}made whole"
            self.stdout.write(f"{of.instrument} {of.interval}: {counts} ({of.first_day} to {of.last_day})")
        if not found:
            self.stdout.write("nothing to fill")
