"""The console's pages about trading; each stands in the file of its subject."""

from accounts import audit_words
from trading.audit_words import DEEDS, THINGS
from trading.console.accounts import TradingAccountAdmin
from trading.console.books import AccountCommandAdmin, CashEntryAdmin, ControlGroupAdmin, DeskAdmin, StatementAdmin
from trading.console.flatten_plans import FlattenPlanAdmin
from trading.console.logins import BrokerLoginAdmin
from trading.console.orders import FillAdmin, OrderAdmin
from trading.console.positions import PositionAdmin
from trading.console.risk_events import RiskEventAdmin
from trading.console.risk_limits import RiskLimitAdmin
from trading.console.risk_switches import KillSwitchAdmin

audit_words.name(THINGS, DEEDS)

__all__ = [
    "AccountCommandAdmin",
    "BrokerLoginAdmin",
    "CashEntryAdmin",
    "ControlGroupAdmin",
    "DeskAdmin",
    "FillAdmin",
    "FlattenPlanAdmin",
    "KillSwitchAdmin",
    "OrderAdmin",
    "PositionAdmin",
    "RiskEventAdmin",
    "RiskLimitAdmin",
    "StatementAdmin",
    "TradingAccountAdmin",
]
