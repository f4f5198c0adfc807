"""The alarms of trading; docs/runbook.md says what to do about each."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts.alarms import raise_alarm, register_kind
from accounts.models import Severity
from trading.account_models import TradingAccount

STREAM_GAP = register_kind("account_stream_gap", _("Ticks that an account's orders needed are gone"))
GAP = gettext_noop(
    "The streams %(sources)s no longer hold the ticks since the gateway of account %(account)s stopped: its working "
    "orders may have missed fills of the simulated exchange."
)


def tell_gap(account: TradingAccount, sources: Sequence[str]) -> None:
    """The simulated exchange cannot match what it has missed."""
    values = {"account": account.code, "sources": ", ".join(sources)}
    raise_alarm(STREAM_GAP, account.code, GAP, Severity.WARNING, values)
