"""``run_gateway ACCOUNT --check``: whether an account's login at its broker works."""

import threading

from marketdata.ctp.flow import FlowFolder, flow_folder
from marketdata.ctp.preflight import preflight
from marketdata.ctp.trial import try_login
from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from trading.account_models import TradingAccount
from trading.choices import AccountKind
from trading.gateways.ctp.opening import login_of


def try_account(account: TradingAccount, stop: threading.Event, seconds: float) -> str:
    """One sentence about a login that works; nothing is confirmed and no order is touched.

    Raises ``StartError`` with what keeps it from working, ``MissingError`` without a login, ``RuleError`` ``not_ctp``.
    """
    if account.kind != AccountKind.CTP:
        raise RuleError("not_ctp", say("Account %(account)s is not at a broker.", account=account.code))
    row = login_of(account)
    preflight()
    folder = FlowFolder(flow_folder("td", account.code), f"account {account.code}")
    try:
        return try_login("td", row.login(), folder.path, stop, seconds)
    finally:
        folder.release()
