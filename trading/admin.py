"""The console's pages about trading; each stands in the file of its subject."""

from trading.admin_accounts import TradingAccountAdmin
from trading.admin_books import AccountCommandAdmin, CashEntryAdmin, ControlGroupAdmin, DeskAdmin, StatementAdmin
from trading.admin_orders import FillAdmin, OrderAdmin
from trading.admin_positions import PositionAdmin

__all__ = [
    "AccountCommandAdmin",
    "CashEntryAdmin",
    "ControlGroupAdmin",
    "DeskAdmin",
    "FillAdmin",
    "OrderAdmin",
    "PositionAdmin",
    "StatementAdmin",
    "TradingAccountAdmin",
]
