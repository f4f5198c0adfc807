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
from trading.books_models import BookAdoption, BrokerComparison, BrokerRate, BrokerSession, BrokerStatement
from trading.broker_models import BrokerLogin
from trading.ledger_models import BalanceSnapshot, CashEntry, Position
from trading.limit_models import KillSwitch, RiskLimit, RiskLimitChange, RiskRevision, SwitchEffect
from trading.order_models import AccountCommand, AccountEvent, Fill, Order
from trading.risk_models import AccountRisk, FlattenPlan, RiskEvent, RiskNote

__all__ = [
    "AccountCommand",
    "AccountEvent",
    "AccountRisk",
    "AccountState",
    "BalanceSnapshot",
    "BookAdoption",
    "BrokerComparison",
    "BrokerLogin",
    "BrokerRate",
    "BrokerSession",
    "BrokerStatement",
    "CashEntry",
    "ControlGroup",
    "Desk",
    "Fill",
    "FlattenPlan",
    "KillSwitch",
    "Order",
    "Position",
    "RiskEvent",
    "RiskLimit",
    "RiskLimitChange",
    "RiskNote",
    "RiskRevision",
    "SwitchEffect",
    "TradingAccount",
    "TradingAccountGroupObjectPermission",
    "TradingAccountUserObjectPermission",
]
