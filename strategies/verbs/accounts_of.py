"""On which account an instance may trade, and who may let it: paper on a simulated one, live on one enabled for it."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from quantsite.common.errors import ConflictError, RuleError
from strategies.domain.lifecycle import Stage
from strategies.instance_models import StrategyInstance
from trading.account_models import TradingAccount
from trading.choices import AccountKind
from trading.permissions import demand_trade, find_account

if TYPE_CHECKING:
    from accounts.models import User


def paper_account(actor: "User | None", code: str) -> TradingAccount:
    """The simulated account of this code. Raises ``MissingError``, ``RuleError`` ``account_not_simulated``."""
    account = find_account(actor, code)
    if account.kind != AccountKind.SIMULATED:
        text = _(
            "Account %(account)s is at a broker: choose a simulated one; the account for going live is approved later."
        )
        told = text % {"account": account.code}
        raise RuleError("account_not_simulated", told, fields={"account": told})
    return account


def demand_live_account(account: TradingAccount) -> None:
    """Raises ``ConflictError`` ``account_not_live`` unless two persons have allowed live trading on the account."""
    if not account.live_enabled:
        text = _("Account %(account)s does not trade live: have two persons allow it first (proposal enable_live).")
        raise ConflictError("account_not_live", text % {"account": account.code})


def demand_tradable(actor: "User | None", instance: StrategyInstance) -> None:
    """Raises unless the actor may trade on the instance's account and it fits the stage.

    ``RefusedError`` (audited), ``ConflictError`` ``account_closed``, ``account_not_simulated``, ``account_not_live``.
    """
    account = instance.account
    demand_trade(actor, account)
    if not account.is_active:
        text = _("Account %(account)s is closed: open it, or choose another one.")
        raise ConflictError("account_closed", text % {"account": account.code})
    if instance.stage == Stage.LIVE:
        demand_live_account(account)
    elif account.kind != AccountKind.SIMULATED:
        text = _("On paper a strategy trades on a simulated account, and %(account)s is at a broker: choose another.")
        raise ConflictError("account_not_simulated", text % {"account": account.code})
