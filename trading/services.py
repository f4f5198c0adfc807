"""The verbs of trading, under one roof; each stands in the file of its subject."""

from trading.verbs.account_terms import change_account
from trading.verbs.broker_login import set_broker_login
from trading.verbs.flatten import make_plan, preview_plan, stop_plan
from trading.verbs.funding import add_account, deposit, grant_account, revoke_account, set_active, withdraw
from trading.verbs.limits import remove_limit, set_limit
from trading.verbs.limits_table import limits_at, limits_table
from trading.verbs.live_trading import ask_live, end_live
from trading.verbs.peak import ask_reset
from trading.verbs.placing import cancel_all, cancel_order, close_position, create_order
from trading.verbs.reading import get_account_info, get_account_risk, get_positions, reconcile
from trading.verbs.reconciling import ask_adoption, confirm_statement, get_broker
from trading.verbs.risk_events import acknowledge, assign, comment
from trading.verbs.risk_events import close as close_risk_event
from trading.verbs.settling import settle, settlement_preview, undo_settlement
from trading.verbs.switches import ask_release, preview_stop, set_switch
from trading.verbs.what_if import what_if_order

__all__ = [
    "acknowledge",
    "add_account",
    "ask_adoption",
    "ask_live",
    "ask_release",
    "ask_reset",
    "assign",
    "cancel_all",
    "cancel_order",
    "change_account",
    "close_position",
    "close_risk_event",
    "comment",
    "confirm_statement",
    "create_order",
    "deposit",
    "end_live",
    "get_account_info",
    "get_account_risk",
    "get_broker",
    "get_positions",
    "grant_account",
    "limits_at",
    "limits_table",
    "make_plan",
    "preview_plan",
    "preview_stop",
    "reconcile",
    "remove_limit",
    "revoke_account",
    "set_active",
    "set_broker_login",
    "set_limit",
    "set_switch",
    "settle",
    "settlement_preview",
    "stop_plan",
    "undo_settlement",
    "what_if_order",
    "withdraw",
]
