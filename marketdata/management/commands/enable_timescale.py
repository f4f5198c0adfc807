"""``manage.py enable_timescale``: bars and ticks as TimescaleDB hypertables, where the operator has the extension."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.commands import sentence
from marketdata.recording.timescale import (
    TimescaleOptions,
    check_options,
    check_server,
    check_vendor,
    enable,
    statements,
)
from quantsite.common.errors import RuleError


class Command(BaseCommand):
    """Turns the tables of bars and ticks into hypertables with compression; running it again sets new policies."""

    help = "Turn bars and ticks into TimescaleDB hypertables with compression and retention; stop the writers first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The policies."""
        parser.add_argument("--compress-after", type=int, default=7, metavar="DAYS", help="compress older chunks (7)")
        parser.add_argument("--keep-ticks", type=int, metavar="DAYS", help="drop older ticks; without it none")
        parser.add_argument("--dry-run", action="store_true", help="print the statements, change nothing")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do it, or say why not."""
        wanted = TimescaleOptions(options["compress_after"], options["keep_ticks"])
        try:
            if options["dry_run"]:
                self._show(wanted)
                return
            done = enable(wanted)
        except RuleError as error:
            raise CommandError(sentence(error)) from error
        self.stdout.write(f"bars and ticks are hypertables ({len(done)} statements)")

    def _show(self, wanted: TimescaleOptions) -> None:
        check_vendor()
        check_options(wanted)
        for statement in ("CREATE EXTENSION IF NOT EXISTS timescaledb", *statements(wanted)):
            self.stdout.write(f"{statement};")
        try:
            check_server()
        except RuleError as error:
            self.stderr.write(f"not possible here: {error.text}")
