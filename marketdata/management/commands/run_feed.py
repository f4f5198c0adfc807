"""``manage.py run_feed``: one source of ticks."""

import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from django.utils.translation import gettext as _

from accounts.commands import sentence
from marketdata.ctp.trial import SECONDS
from marketdata.domain.ctp.exits import exit_code
from marketdata.publishing.kinds import KINDS, FeedOptions, try_feed
from marketdata.publishing.runner import FeedRunner
from quantsite.common.errors import RuleError
from quantsite.common.pauses import keep_switches_short


class Command(BaseCommand):
    """Publishes until its source ends, SIGTERM or Ctrl-C."""

    help = "Publish the ticks and bars of one source: a replay of files, or the generator of simulated instruments."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The command's options."""
        parser.add_argument("source", help=f"name of the source; a kind ({', '.join(KINDS)}) names itself")
        parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="files of ticks with CTP's field names")
        parser.add_argument("--kind", choices=KINDS, help="what it is (as the source is named)")
        parser.add_argument("--name", help="another name for the source than its kind")
        parser.add_argument("--speed", type=float, default=1.0, help="times the market's speed; 0: as fast as possible")
        parser.add_argument("--start", default="", help="HH:MM of the first trading day, or YYYY-MM-DD HH:MM")
        parser.add_argument(
            "--instrument", action="append", default=[], help="simulated instrument to publish always; repeatable"
        )
        ends = parser.add_mutually_exclusive_group()
        ends.add_argument("--once", action="store_true", help="stop after the last tick (as without --loop)")
        ends.add_argument("--loop", action="store_true", help="begin again after the last tick")
        ends.add_argument(
            "--check", nargs="?", type=float, const=SECONDS, metavar="SECONDS",
            help="of kind ctp: log in, say what came of it, and end",
        )  # fmt: skip

    def handle(self, **options: Any) -> None:
        """Run the feed. Raises ``CommandError`` for a broken rule."""
        kind = options["kind"] or options["source"]
        chosen = FeedOptions(
            files=tuple(options["files"]),
            speed=options["speed"],
            start=options["start"],
            loop=options["loop"],
            instruments=tuple(options["instrument"]),
        )
        stop = threading.Event()
        for ending in (signal.SIGTERM, signal.SIGINT):
            signal.signal(ending, lambda *_about: stop.set())
        keep_switches_short()  # the publisher's thread waits for a busy tick path
        if not settings.REDIS_URL:
            self.stderr.write(_("Without REDIS_URL nobody but this process sees the ticks."))
        try:
            source = options["name"] or options["source"]
            seconds = options["check"]
            ended = FeedRunner(source, kind, chosen).run(stop) if seconds is None else try_feed(source, stop, seconds)
        except RuleError as error:
            raise CommandError(sentence(error), returncode=exit_code(error)) from error
        except OperationalError as error:  # whoever supervises us starts us again
            raise CommandError(_("The database is away: %(reason)s") % {"reason": error}) from error
        self.stdout.write(ended)
