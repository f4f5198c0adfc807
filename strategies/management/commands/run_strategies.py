"""``manage.py run_strategies``: strategy instances, fed by the market and heard by their accounts."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.commands import sentence
from accounts.metrics_option import add_metrics_option, metrics_served
from quantsite.common.errors import RuleError
from quantsite.common.pauses import keep_pauses_short
from strategies.runner import StrategyRunner
from strategies.running.secrecy import keep_to_ourselves


class Command(BaseCommand):
    """Runs until SIGTERM or Ctrl-C; where every instance stands is stored, and the next start goes on from there."""

    help = "Run the strategy instances that people want to run; one runner at a time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where it tells its counters."""
        add_metrics_option(parser, 9102)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run. Ends with a sentence where another runner holds the lease."""
        keep_pauses_short()
        keep_to_ourselves()
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        try:
            with metrics_served(options["metrics"]):
                StrategyRunner(own_process=True).run(stop)
        except RuleError as error:
            raise CommandError(sentence(error)) from error
        self.stdout.write("ended")
