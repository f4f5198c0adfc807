"""``manage.py run_gateway ACCOUNT``: one account's orders to its exchange, and what becomes of them into rows."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.commands import sentence
from quantsite.common.errors import RuleError
from trading.account_gateway import AccountGateway
from trading.house import GatewayHouse
from trading.permissions import find_account


class Command(BaseCommand):
    """Runs until SIGTERM or Ctrl-C; what has begun is stored, and the next start goes on from there."""

    help = "Run the gateway of an account: one process an account, by its lease."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which account."""
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("account", nargs="?", metavar="ACCOUNT", help="the account's code")
        which.add_argument("--all", action="store_true", help="every open account, a thread each")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run. Ends with a sentence where there is no such account or another gateway has it."""
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        try:
            if options["all"]:
                GatewayHouse().run(stop)
            else:
                AccountGateway(find_account(None, options["account"]).code).run(stop)
        except RuleError as error:
            raise CommandError(sentence(error)) from error
        self.stdout.write("ended")
