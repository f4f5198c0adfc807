"""``manage.py settle ACCOUNT``: end an account's trading day at settlement prices."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from accounts.commands import ActorCommand
from quantsite.common.errors import RuleError
from quantsite.web.renderers import dumps
from trading.choices import CommandStatus
from trading.order_models import AccountCommand
from trading.services import settle, settlement_preview, undo_settlement


class Command(ActorCommand):
    """Settles by the running gateway, or itself where none runs."""

    help = "Settle an account's running trading day; --preview shows what it would be, --undo takes the last one back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which account, and at which prices."""
        parser.add_argument("account", metavar="ACCOUNT", help="the account's code")
        parser.add_argument(
            "--price", action="append", default=[], metavar="CODE=PRICE", help="instead of the published one"
        )
        parser.add_argument("--day", type=date.fromisoformat, metavar="YYYY-MM-DD", help="refuse if another day runs")
        parser.add_argument("--preview", action="store_true", help="show the statement and change nothing")
        parser.add_argument("--undo", action="store_true", help="take the last settlement back")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do it and print what became of it as JSON."""
        prices = dict(_price(text) for text in options["price"])
        if options["preview"]:
            preview = settlement_preview(self.actor, options["account"], prices)
            shown = {"missing": preview.missing, "statement": preview.statement}
            self.stdout.write(dumps(shown).decode())
            return
        if options["undo"]:
            done = undo_settlement(self.actor, options["account"])
        else:
            done = settle(self.actor, options["account"], prices, options["day"])
        self.stdout.write(_told(done))


def _told(command: AccountCommand) -> str:
    if command.status == CommandStatus.FAILED:
        raise CommandError(command.reason_text)
    if command.status == CommandStatus.QUEUED:
        return _("The account's gateway has not answered yet: it will do this as command %(id)s.") % {"id": command.pk}
    return dumps(command.result).decode()


def _price(text: str) -> tuple[str, float]:
    code, _equals, price = text.partition("=")
    try:
        return code, float(price)
    except ValueError as error:
        told = _("%(text)r is no price: write rb2501.SHFE=3500.") % {"text": text}
        raise RuleError("invalid_price", told) from error
