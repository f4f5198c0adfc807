"""The fields of what is sent to CTP's trader interface. ASCII only, and plain int and float: the binding wants that."""

from dataclasses import dataclass
from typing import Any

from trading.domain.ctp.combos import Combo
from trading.domain.ctp.flags import (
    DELETE,
    DIRECTIONS,
    IMMEDIATELY,
    NOT_FORCED,
    OFFSETS,
    SPECULATION,
)
from trading.domain.ctp.folding import CtpOrder
from trading.domain.ctp.orders import Leg

MOST_REQUEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Investor:
    """Whose orders they are."""

    broker: str
    user: str

    @property
    def fields(self) -> dict[str, Any]:
        """As every request names them."""
        return {"BrokerID": self.broker, "InvestorID": self.user}


def insert_fields(who: Investor, order: CtpOrder, leg: Leg, combo: Combo, price: float) -> dict[str, Any]:
    """Of ``InputOrderField``; ``price`` 0 where the combination takes none."""
    if leg.key is None:
        raise ValueError(f"order {order.order_id} has no OrderRef yet")
    return {
        **who.fields,
        "UserID": who.user,
        "ExchangeID": order.exchange,
        "InstrumentID": order.symbol,
        "OrderRef": leg.key.ref,
        "Direction": DIRECTIONS[order.direction],
        "CombOffsetFlag": OFFSETS[leg.offset],
        "CombHedgeFlag": SPECULATION,
        "OrderPriceType": combo.price_type,
        "LimitPrice": float(price),
        "VolumeTotalOriginal": leg.volume,
        "TimeCondition": combo.time,
        "VolumeCondition": combo.volume,
        "MinVolume": 1,
        "ContingentCondition": IMMEDIATELY,
        "ForceCloseReason": NOT_FORCED,
        "IsAutoSuspend": 0,
        "RequestID": request_of(order),
    }


def action_fields(who: Investor, order: CtpOrder, leg: Leg, action_ref: int) -> dict[str, Any]:
    """Of ``InputOrderActionField``: the withdrawal of a leg, by every key of it that is known."""
    fields: dict[str, Any] = {
        **who.fields,
        "UserID": who.user,
        "ExchangeID": order.exchange,
        "InstrumentID": order.symbol,
        "OrderActionRef": action_ref,
        "ActionFlag": DELETE,
    }
    if leg.key is not None:
        front, session, ref = leg.key
        fields |= {"FrontID": front, "SessionID": session, "OrderRef": ref}
    if leg.number.strip():
        fields["OrderSysID"] = leg.number
    return fields


def request_of(order: CtpOrder) -> int:
    """The RequestID of an order, which CTP echoes: with it a refusal of another terminal's order is told apart."""
    return order.order_id % MOST_REQUEST
