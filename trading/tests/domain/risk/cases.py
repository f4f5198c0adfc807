"""An order, its market and its account to vary in the tests of risk."""

from typing import Any

from trading.domain.risk.figures import AccountView, Asked, DayCounts, Quote, RiskOrder
from trading.domain.risk.limits import Limit
from trading.domain.risk.rules import Rule
from trading.domain.risk.scopes import Scope, ScopeKind
from trading.domain.risk.sent import SentOrders

NAN = float("nan")
RB, PRODUCT = "rb2501.SHFE", "rb.SHFE"
DESK = Scope(ScopeKind.DESK, "main")
NOW = 1_733_100_000_000_000_000

ORDER = RiskOrder(RB, PRODUCT, "SHFE", True, True, "limit", 3_300.0, NAN, 10, 10.0, 1.0)
QUOTE = Quote(last=3_300.0, pre_settlement=3_280.0, upper=3_510.0, lower=3_050.0)


def view(**given: Any) -> AccountView:
    """An account of a million with a fifth of it in margin."""
    usual: dict[str, Any] = {
        "balance": 1_000_000.0,
        "available": 750_000.0,
        "margin": 200_000.0,
        "frozen_margin": 50_000.0,
        "day_profit": 5_000.0,
        "drawdown": 0.01,
        "notional": 2_000_000.0,
        "order_margin": 50_000.0,
        "order_commission": 100.0,
        "long": {RB: 40},
        "short": {RB: 5},
        "long_product": {PRODUCT: 60},
        "short_product": {PRODUCT: 7},
    }
    return AccountView(**{**usual, **given})


def asked(**given: Any) -> Asked:
    """Ten lots bought to open at 3300; a name of ``RiskOrder``, ``Quote``, ``AccountView`` or ``DayCounts`` changes it.

    ``sent`` are the seconds before now at which the same order was sent.
    """
    order = ORDER._replace(**{name: value for name, value in given.items() if name in RiskOrder._fields})
    quote = QUOTE._replace(**{name: value for name, value in given.items() if name in Quote._fields})
    counts = DayCounts(**{name: value for name, value in given.items() if name in DayCounts.__slots__})
    sent = SentOrders()
    for seconds in given.get("sent", ()):
        sent.note(NOW - round(seconds * 1e9), order.fingerprint)
    account = view(**{name: value for name, value in given.items() if name in AccountView.__slots__})
    return Asked(order, quote, account, counts, sent, NOW)


def limit(rule: Rule, maximum: float | None = 0.0, **params: Any) -> Limit:
    """One of the desk."""
    return Limit(rule, DESK, maximum, params=params)
