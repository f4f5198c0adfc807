"""``manage.py run_recorder``: what is published, into the database."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.commands import sentence
from marketdata.recording.again import store_again
from marketdata.recording.recorder import Recorder
from quantsite.common.errors import RuleError


class Command(BaseCommand):
    """Records until SIGTERM or Ctrl-C, then drains the streams and ends."""

    help = "Write ticks, final bars and settlement prices of all sources into the database; one recorder at a time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which sources."""
        parser.add_argument("--source", action="append", metavar="NAME", help="only this one (may be repeated)")
        parser.add_argument(
            "--again", action="store_true", help="store what earlier runs kept aside in files, then end"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Record. Ends with a sentence where another recorder holds the lease."""
        if options["again"]:
            done = store_again(options["source"])
            self.stdout.write(f"{done.stored} files stored and removed, {done.left} left")
            return
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        try:
            Recorder(options["source"]).run(stop)
        except RuleError as error:
            raise CommandError(sentence(error)) from error
        self.stdout.write("drained and ended")
