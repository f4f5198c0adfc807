"""What each rule measures of an opening order: a value in the rule's unit as it would be with the order.

NaN where a figure is missing. The figures are those of the account that orders (of its control group where the day's
orders and cancels are counted), at whatever scope the limit is set: the scope says whose limit it is.
"""

import math
from collections.abc import Callable, Mapping

from trading.domain.balance import risk_degree as degree
from trading.domain.order_status import OrderType
from trading.domain.risk.figures import Asked, Quote, RiskOrder
from trading.domain.risk.limits import Limit
from trading.domain.risk.rules import LARGE, Rule

Measure = Callable[[Asked, Limit], float]

_NEVER_RESTS = frozenset({OrderType.FAK, OrderType.FOK, OrderType.MARKET, OrderType.BEST})


def order_volume(asked: Asked, _limit: Limit) -> float:
    """Lots of the order."""
    return asked.order.volume


def order_notional(asked: Asked, _limit: Limit) -> float:
    """Value of the order in yuan."""
    order = asked.order
    return value_price(order, asked.quote) * order.multiplier * order.volume


def price_collar(asked: Asked, _limit: Limit) -> float:
    """Distance from the last price (before the first trade: the previous settlement) as a fraction of it."""
    return _distance(worst_price(asked.order, asked.quote), asked.quote.reference)


def settlement_collar(asked: Asked, _limit: Limit) -> float:
    """Distance from the previous settlement as a fraction of it."""
    return _distance(worst_price(asked.order, asked.quote), asked.quote.pre_settlement)


def position_instrument(asked: Asked, _limit: Limit) -> float:
    """Lots on the order's side of its instrument, working openings and the order itself included."""
    order, view = asked.order, asked.view
    return (view.long if order.buying else view.short).get(order.instrument, 0) + order.volume


def position_product(asked: Asked, _limit: Limit) -> float:
    """Lots on the order's side of its product, working openings and the order itself included."""
    order, view = asked.order, asked.view
    return (view.long_product if order.buying else view.short_product).get(order.product, 0) + order.volume


def notional(asked: Asked, limit: Limit) -> float:
    """Value of all positions, working openings and the order, in yuan."""
    return asked.view.notional + order_notional(asked, limit)


def margin(asked: Asked, _limit: Limit) -> float:
    """Margin in yuan: held, frozen by working orders, and the order's own."""
    view = asked.view
    return view.margin + view.frozen_margin + view.order_margin


def available(asked: Asked, _limit: Limit) -> float:
    """Funds in yuan that the order would leave available."""
    view = asked.view
    return view.available - view.order_margin - view.order_commission


def order_rate(asked: Asked, _limit: Limit) -> float:
    """Orders of the account within the second that ends now, this one included."""
    return asked.sent.within(1.0, asked.now) + 1


def orders_instrument(asked: Asked, _limit: Limit) -> float:
    """Orders of the day in the instrument, this one included."""
    return asked.counts.orders + 1


def cancels_instrument(asked: Asked, _limit: Limit) -> float:
    """Cancels of the day in the instrument if this order is cancelled too; 0 for one that never rests.

    The exchanges exempt what FAK, FOK and market orders withdraw by themselves.
    """
    return 0.0 if asked.order.type in _NEVER_RESTS else asked.counts.cancels + 1


def large_cancels(asked: Asked, limit: Limit) -> float:
    """Large cancels of the day in the instrument if this order is cancelled; 0 for a smaller order."""
    small = asked.order.volume < limit.params.get("volume", LARGE)
    return 0.0 if small or asked.order.type in _NEVER_RESTS else asked.counts.large_cancels + 1


def duplicates(asked: Asked, limit: Limit) -> float:
    """How many times this very order was sent within the limit's ``seconds``, this time included."""
    return asked.sent.same_within(asked.order.fingerprint, limit.params.get("seconds", 1.0), asked.now) + 1


def instruments(asked: Asked, limit: Limit) -> float:
    """0 where the list ``allowed`` names the instrument or its product, else 1: an empty list allows none."""
    allowed = limit.params.get("allowed", ())
    return 0.0 if asked.order.instrument in allowed or asked.order.product in allowed else 1.0


def directions(asked: Asked, limit: Limit) -> float:
    """0 where the list ``allowed`` names the order's direction, else 1."""
    return 0.0 if asked.order.direction in limit.params.get("allowed", ()) else 1.0


def risk_degree(asked: Asked, limit: Limit) -> float:
    """Margin over balance; infinite where no balance is left to carry it."""
    return degree(margin(asked, limit), asked.view.balance - asked.view.order_commission)


def daily_loss(asked: Asked, _limit: Limit) -> float:
    """What the account has lost on the trading day in yuan, the order's commission included; 0 for a gain."""
    return max(asked.view.order_commission - asked.view.day_profit, 0.0)


def drawdown(asked: Asked, _limit: Limit) -> float:
    """Loss since the peak of the balance, as a fraction of the peak."""
    return asked.view.drawdown


def value_price(order: RiskOrder, quote: Quote) -> float:
    """The price to value an order at: its own, a stop's trigger, else the market's; NaN where none is known."""
    if order.price > 0:
        return order.price
    return order.stop_price if order.stop_price > 0 else quote.reference


def worst_price(order: RiskOrder, quote: Quote) -> float:
    """The price farthest from the market that an order may fill at; NaN where none is known.

    A ``best`` order fills at the other side's first price, which is the market itself. Any other order without a limit
    may run to the day's price limit.
    """
    if order.price > 0:
        return order.price
    if order.type == OrderType.BEST:
        return quote.reference
    return quote.upper if order.buying else quote.lower


def _distance(price: float, reference: float) -> float:
    return abs(price - reference) / reference if reference > 0 else math.nan


MEASURES: Mapping[Rule, Measure] = {
    Rule.INSTRUMENTS: instruments,
    Rule.DIRECTIONS: directions,
    Rule.ORDER_VOLUME: order_volume,
    Rule.ORDER_NOTIONAL: order_notional,
    Rule.PRICE_COLLAR: price_collar,
    Rule.SETTLEMENT_COLLAR: settlement_collar,
    Rule.DUPLICATES: duplicates,
    Rule.ORDER_RATE: order_rate,
    Rule.ORDERS_INSTRUMENT: orders_instrument,
    Rule.CANCELS_INSTRUMENT: cancels_instrument,
    Rule.LARGE_CANCELS: large_cancels,
    Rule.POSITION_INSTRUMENT: position_instrument,
    Rule.POSITION_PRODUCT: position_product,
    Rule.NOTIONAL: notional,
    Rule.MARGIN: margin,
    Rule.AVAILABLE: available,
    Rule.RISK_DEGREE: risk_degree,
    Rule.DAILY_LOSS: daily_loss,
    Rule.DRAWDOWN: drawdown,
}
"""Every rule that is asked before an order, in the order in which they are asked; self-trade is decided elsewhere
(``self_trade.py``), under the lock of the control group."""
