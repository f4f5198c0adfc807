"""``manage.py add_account CODE``: a new trading account with its first deposit."""

from argparse import ArgumentParser
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from accounts.commands import ActorCommand
from quantsite.common.errors import RuleError
from trading.choices import AccountKind, MarginPrice, ProfitChoice, QueueModel
from trading.funding import HOUSE
from trading.services import add_account


class Command(ActorCommand):
    """Makes the account; nobody but administrators and risk officers sees it until it is granted."""

    help = "Make a trading account."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What the account is."""
        parser.add_argument("code", metavar="CODE", help="letters, digits, - and _")
        parser.add_argument("--kind", choices=AccountKind.values, default=AccountKind.SIMULATED.value)
        parser.add_argument("--capital", type=_amount, default=Decimal(0), metavar="YUAN", help="the first deposit")
        parser.add_argument("--name", default="", help="for people")
        parser.add_argument("--desk", default=HOUSE, help="the desk it belongs to, made where there is none")
        parser.add_argument("--control-group", default="", metavar="CODE", help="accounts under one actual control")
        parser.add_argument(
            "--margin-price",
            choices=[choice.name.lower() for choice in MarginPrice],
            default=MarginPrice.PRE_SETTLEMENT.name.lower(),
            help="at which price lots of today are margined",
        )
        parser.add_argument(
            "--available-profit",
            choices=[choice.name.lower() for choice in ProfitChoice],
            default=ProfitChoice.ALL.name.lower(),
            help="which floating profits count as available",
        )
        parser.add_argument("--latency-ms", type=float, default=0.0, help="of the simulated exchange")
        parser.add_argument("--queue", choices=QueueModel.values, default=QueueModel.DISPLAYED.value)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Make it and say so."""
        account = add_account(
            self.actor,
            options["code"],
            kind=options["kind"],
            capital=options["capital"],
            name=options["name"],
            desk=options["desk"],
            control_group=options["control_group"],
            margin_price=MarginPrice[options["margin_price"].upper()],
            profit_algorithm=ProfitChoice[options["available_profit"].upper()],
            latency_ms=options["latency_ms"],
            queue_model=options["queue"],
        )
        account.refresh_from_db()
        self.stdout.write(f"{account.code}: {account.kind}, balance {account.state.balance:.2f} yuan")


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise RuleError(
            "invalid_capital", _("%(text)r is no amount of yuan: write 1000000 or 250000.50.") % {"text": text}
        )
    return amount
