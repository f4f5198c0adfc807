"""Whether two orders of one control group could fill against each other.

The exchanges count five such fills of a client's accounts in a contract and day as abnormal trading (DOMAIN.md 1,
"Abnormal trading"); here none may come about. An order without a limit reaches every price: a market or best order,
and a stop order without a price, which is a market order once it triggers. A stop order with a limit counts at it from
the beginning, as nobody can say which of two orders the market will reach first. FAK and FOK count at their price.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf, isnan

from quantsite.common.texts import say, sentences
from trading.domain.checks import Reason
from trading.domain.risk.rules import Rule

NEAR = 1e-9
"""Fraction of a price by which two may differ and still be the same one."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An order of a control group, resting or about to be sent. ``price`` in yuan, NaN without a limit."""

    order_id: int
    account: str
    instrument: str
    buying: bool
    opening: bool
    price: float

    @property
    def reach(self) -> float:
        """The worst price it fills at: infinite, towards its side, without a limit."""
        if isnan(self.price):
            return inf if self.buying else -inf
        return self.price


def crosses(one: Standing, other: Standing) -> bool:
    """Whether they could fill against each other: the same instrument, two sides, and the prices meet."""
    if one.buying == other.buying or one.instrument != other.instrument or one.order_id == other.order_id:
        return False
    bid, ask = (one.reach, other.reach) if one.buying else (other.reach, one.reach)
    return bid >= ask - NEAR * abs(ask) if abs(ask) < inf else True


def crossed(incoming: Standing, resting: Iterable[Standing]) -> list[Standing]:
    """Those that the incoming order could fill against, the one it would meet first first."""
    met = [order for order in resting if crosses(incoming, order)]
    return sorted(met, key=lambda order: (order.reach if incoming.buying else -order.reach, order.order_id))


def self_trade_reason(met: Standing, *, named: bool) -> Reason:
    """Why an opening order is refused that would meet ``met``; ``named`` for those who may see its account."""
    if not named:
        text = say("This order would meet an order of another account of the control group.")
    elif isnan(met.price):
        given = {"order": met.order_id, "account": met.account}
        text = say("This order would meet order %(order)d of account %(account)s, which has no limit.", **given)
    else:
        given = {"order": met.order_id, "account": met.account, "price": met.price}
        text = say("This order would meet order %(order)d of account %(account)s at %(price)g.", **given)
    fix = say("Accounts of one control group may not trade with each other: cancel that order first.")
    return Reason(Rule.SELF_TRADE.value, sentences(text, fix), "price")
