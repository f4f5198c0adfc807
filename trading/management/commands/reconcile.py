"""``manage.py reconcile ACCOUNT``: do the rows that are shown agree with the entries they stand for?"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from accounts.commands import ActorCommand
from trading.services import reconcile


class Command(ActorCommand):
    """Rebuilds the account from its last settlement, fills and cash entries, and compares."""

    help = "Rebuild an account from its entries and compare it with what is shown; exit code 1 where they differ."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which account."""
        parser.add_argument("account", metavar="ACCOUNT", help="the account's code")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Compare and say what differs."""
        found = reconcile(self.actor, options["account"])
        for row in found:
            self.stdout.write(f"{row.what}: shown {row.stored}, by its entries {row.computed}")
        if found:
            raise CommandError(f"{len(found)} figures of {options['account']} differ from its entries")
        self.stdout.write(f"{options['account']}: everything agrees with its entries")
