"""``manage.py run_gateway ACCOUNT``: one account's orders to its exchange, and what becomes of them into rows."""

import signal
import threading
from argparse import SUPPRESS, ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.commands import sentence
from accounts.metrics_option import add_metrics_option, metrics_served
from marketdata.ctp.trial import SECONDS
from marketdata.domain.ctp.exits import exit_code
from quantsite.common.errors import RuleError
from quantsite.common.pauses import keep_pauses_short
from quantsite.web.metrics import REGISTRY
from trading.gateways.ctp.trial import try_account
from trading.permissions import find_account
from trading.runner import AccountGateway
from trading.supervised import end_with_supervisor
from trading.supervisor import Supervisor


class Command(BaseCommand):
    """Runs until SIGTERM or Ctrl-C; what has begun is stored, and the next start goes on from there."""

    help = "Run the gateway of an account: one process an account, by its lease."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which account."""
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("account", nargs="?", metavar="ACCOUNT", help="the account's code")
        which.add_argument("--all", action="store_true", help="every open account: supervises them")
        parser.add_argument(
            "--check", nargs="?", type=float, const=SECONDS, metavar="SECONDS",
            help="log in at the account's broker, say what came of it, and end",
        )  # fmt: skip
        parser.add_argument("--supervised", action="store_true", help=SUPPRESS)  # ends with the process that started it
        add_metrics_option(parser, 9101)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run. Ends with a sentence where there is no such account or another gateway has it."""
        keep_pauses_short()  # who waits holds the account's row, for which orders wait
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        try:
            if options["supervised"]:
                end_with_supervisor(stop)
            with metrics_served(options["metrics"]):
                if options["all"]:
                    supervisor = Supervisor()
                    REGISTRY.register(supervisor.figures)
                    supervisor.run(stop)
                else:
                    account = find_account(None, options["account"])
                    if options["check"] is not None:
                        self.stdout.write(try_account(account, stop, options["check"]))
                    else:
                        AccountGateway(account.code).run(stop)
        except RuleError as error:
            raise CommandError(sentence(error), returncode=exit_code(error)) from error
        if options["check"] is None:
            self.stdout.write("ended")
