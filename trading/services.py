"""The verbs of trading, under one roof; each stands in the file of its subject."""

from trading.funding import add_account, deposit, grant_account, revoke_account, set_active, withdraw
from trading.placing import cancel_all, cancel_order, close_position, create_order
from trading.reading import get_account_info, get_positions, reconcile
from trading.settling import settle, settlement_preview, undo_settlement

__all__ = [
    "add_account",
    "cancel_all",
    "cancel_order",
    "close_position",
    "create_order",
    "deposit",
    "get_account_info",
    "get_positions",
    "grant_account",
    "reconcile",
    "revoke_account",
    "set_active",
    "settle",
    "settlement_preview",
    "undo_settlement",
    "withdraw",
]
