"""Orders, positions and funds as rows; the classes stand in the files beside, by subject.

Only the holder of an account's lease ``gateway:<code>`` writes its state, orders, fills, positions and ledger; pages
and programs ask for it by rows of :class:`AccountCommand`.
"""

from trading.account_models import (
    AccountState,
    ControlGroup,
    Desk,
    TradingAccount,
    TradingAccountGroupObjectPermission,
    TradingAccountUserObjectPermission,
)
from trading.ledger_models import BalanceSnapshot, CashEntry, Position
from trading.order_models import AccountCommand, AccountEvent, Fill, Order

__all__ = [
    "AccountCommand",
    "AccountEvent",
    "AccountState",
    "BalanceSnapshot",
    "CashEntry",
    "ControlGroup",
    "Desk",
    "Fill",
    "Order",
    "Position",
    "TradingAccount",
    "TradingAccountGroupObjectPermission",
    "TradingAccountUserObjectPermission",
]
