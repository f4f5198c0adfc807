"""``manage.py export_bars``: bars into a file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from accounts.commands import ActorCommand
from marketdata.exports import export_bars
from marketdata.management.ranges import add_range


class Command(ActorCommand):
    """Write stored bars, or bars made of finer ones."""

    help = "Write bars to FILE.csv, FILE.parquet or FILE.csv.gz; datetime is the start on the Shanghai clock."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which bars, and where to."""
        parser.add_argument("--instrument", required=True, metavar="CODE", help="such as ru1901.SHFE")
        parser.add_argument("--interval", required=True, help="1m 3m 5m 15m 30m 1h 2h, any Nm, or 1d")
        parser.add_argument("--output", required=True, type=Path, metavar="FILE")
        add_range(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Write, then say how much."""
        words = ("instrument", "interval", "output", "start", "end")
        done = export_bars(self.actor, *(options[word] for word in words))
        self.stdout.write(f"{options['output']}: {done.rows} bars, {done.bytes} bytes")
