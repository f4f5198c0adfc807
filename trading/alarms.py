"""The alarms of trading; docs/runbook.md says what to do about each."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts.alarms import Value, clear_alarm, raise_alarm, register_kind
from accounts.models import Severity
from trading.account_models import TradingAccount

STREAM_GAP = register_kind("account_stream_gap", _("Ticks that an account's orders needed are gone"))
GAP = gettext_noop(
    "The streams %(sources)s no longer hold the ticks since the gateway of account %(account)s stopped: its working "
    "orders may have missed fills of the simulated exchange."
)

RISK_BREACH = register_kind("risk_breach", _("An account is beyond a limit"))
RISK_UNWATCHED = register_kind("risk_unwatched", _("Nobody watches an account's risk"))
GATEWAY_ENDS = register_kind("gateway_ends", _("The gateway of an account at a broker ends again and again"))
FLATTEN_FAILED = register_kind("flatten_failed", _("Positions could not be closed"))


BOOKS_DIFFER = register_kind("broker_books_differ", _("The broker's books differ from ours"))
BROKER_DAY = register_kind("broker_day_not_begun", _("An account cannot follow its broker's trading day"))
ORDER_IN_DOUBT = register_kind("order_in_doubt", _("Nobody can tell whether an order has arrived"))
IN_DOUBT = gettext_noop(
    "Of %(count)d orders of account %(account)s nobody can tell whether the broker has them, the first is %(order)d: "
    "they are never sent again. Ask the broker, and look at the gateway's connection."
)
FOREIGN_LOST = register_kind("foreign_order_lost", _("An order of another terminal cannot be followed"))
LOST = gettext_noop(
    "Another terminal trades %(code)s on account %(account)s, which cannot be booked here: %(reason)s The position "
    "differs from the broker's until the instrument is known and the broker's figures are adopted."
)


def tell_gap(account: TradingAccount, sources: Sequence[str]) -> None:
    """The simulated exchange cannot match what it has missed."""
    values = {"account": account.code, "sources": ", ".join(sources)}
    raise_alarm(STREAM_GAP, account.code, GAP, Severity.WARNING, values)


def tell_doubt(account: TradingAccount, orders: Sequence[int]) -> None:
    """Orders have been in doubt for long: the account's money is held back for something that may not be there."""
    values: dict[str, Value] = {"account": account.code, "count": len(orders), "order": orders[0]}
    raise_alarm(ORDER_IN_DOUBT, account.code, IN_DOUBT, Severity.CRITICAL, values)


def end_doubt(account: TradingAccount) -> None:
    """No order of the account is in doubt any more."""
    clear_alarm(ORDER_IN_DOUBT, account.code)


def tell_stranger(account: TradingAccount, code: str, reason: str) -> None:
    """Another terminal trades what nobody here knows."""
    values = {"account": account.code, "code": code, "reason": reason}
    raise_alarm(FOREIGN_LOST, f"{account.code} {code}", LOST, Severity.WARNING, values)
