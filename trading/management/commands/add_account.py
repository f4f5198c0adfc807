"""``manage.py add_account CODE``: a new trading account with its first deposit."""

from argparse import ArgumentParser
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from accounts.commands import ActorCommand
from accounts.ctp_secrets import secret_of
from quantsite.common.errors import RuleError
from trading.choices import AccountKind, ConfirmChoice, MarginPrice, ProfitChoice, QueueModel
from trading.services import add_account
from trading.verbs.funding import HOUSE

if TYPE_CHECKING:
    from argparse import _ArgumentGroup


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
        _broker_arguments(parser.add_argument_group("at a broker, by CTP (--kind ctp)"))
        parser.add_argument("--latency-ms", type=float, default=0.0, help="of the simulated exchange")
        parser.add_argument("--queue", choices=QueueModel.values, default=QueueModel.DISPLAYED.value)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Make it and say so."""
        login = _login(options)
        account = add_account(
            self.actor,
            options["code"],
            kind=options["kind"],
            login=login,
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
        told = f"{options['ctp_user']} @ {options['broker']}" if login else f"balance {account.state.balance:.2f} yuan"
        self.stdout.write(f"{account.code}: {account.kind}, {told}")


def _broker_arguments(group: "_ArgumentGroup") -> None:
    """Where and as whom the account logs in; passwords come from the environment or a prompt."""
    group.add_argument("--td-front", nargs="+", default=[], metavar="URL", help="tcp://host:port, in turn")
    group.add_argument("--broker", default="", metavar="ID", help="the broker's number")
    group.add_argument("--ctp-user", default="", metavar="ID", help="the user there")
    group.add_argument("--app-id", default="", metavar="ID", help="as registered for this program")
    group.add_argument("--product-info", default="", metavar="TEXT", help="UserProductInfo")
    group.add_argument("--confirm", choices=ConfirmChoice.values, default=ConfirmChoice.AUTO.value)
    group.add_argument("--around-the-clock", action="store_true", help="a test front that plays other hours")
    group.add_argument("--market-as-limit", action="store_true", help="where an exchange takes no market orders")


def _login(options: dict[str, Any]) -> dict[str, Any] | None:
    """What ``set_broker_login`` takes; None for an account without a broker."""
    if options["kind"] != AccountKind.CTP:
        return None
    return {
        "fronts": options["td_front"],
        "broker_id": options["broker"],
        "user_id": options["ctp_user"],
        "app_id": options["app_id"],
        "product_info": options["product_info"],
        "confirm": options["confirm"],
        "market_as_limit": options["market_as_limit"],
        "around_the_clock": options["around_the_clock"],
        "password": secret_of("QUANTSITE_CTP_PASSWORD", "Password at the broker"),
        "auth_code": secret_of("QUANTSITE_CTP_AUTH_CODE", "Authentication code"),
    }


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
