"""``manage.py export_ticks``: recorded ticks into a file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from accounts.commands import ActorCommand
from marketdata.exports import export_ticks
from marketdata.management.ranges import add_range


class Command(ActorCommand):
    """Write recorded ticks, those that were archived too."""

    help = "Write ticks with CTP's field names to FILE.csv, FILE.parquet or FILE.csv.gz; import_ticks reads them back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which ticks, and where to."""
        parser.add_argument("--instrument", required=True, metavar="CODE", help="such as ru1901.SHFE")
        parser.add_argument("--output", required=True, type=Path, metavar="FILE")
        add_range(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Write, then say how much."""
        words = ("instrument", "output", "start", "end")
        done = export_ticks(self.actor, *(options[word] for word in words))
        self.stdout.write(f"{options['output']}: {done.rows} ticks, {done.bytes} bytes")
