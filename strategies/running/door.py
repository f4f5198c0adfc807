"""What a host wants, looked at before anything is done about it: a strategy's code may have had a hand in it.

Nobody else's rows, orders or contracts may come to harm by what one strategy says; so it is believed no further than an
order or a signal can go.
"""

from math import isnan
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from strategies.domain.hosting.intents import Decided, Intent, Place
from strategies.event_models import SECOND_PART

if TYPE_CHECKING:
    from strategies.running.instance import Instance

MOST_LOTS = 1_000_000
MOST_PRICE = 1e9
MOST_TARGET = 1e12
LAST = 4 * 10**18
"""No instant (ns UTC) of the next seventy years is later."""


def wrong_with(intent: Intent, instance: "Instance") -> str:
    """Why that cannot be done for this instance; empty where it can."""
    try:
        if isinstance(intent, Place):
            return _order(intent, instance)
        if isinstance(intent, Decided):
            return _signal(intent, len(instance.legs))
        return "" if _whole(intent.number, SECOND_PART) else f"an order with the number {_shown(intent.number)}"
    except (TypeError, ValueError) as error:
        return f"something that nobody can read ({_shown(str(error))})"


def _order(place: Place, instance: "Instance") -> str:
    if not _whole(place.leg, len(instance.legs) - 1):
        return f"an order for leg {_shown(place.leg)}"
    known = {instance.legs[place.leg].instrument.code}
    known |= {code for code, leg in instance.others.items() if leg.number == place.leg}
    if place.contract and place.contract not in known:
        return f"an order for {_shown(place.contract)}, which leg {place.leg} does not trade"
    if not _whole(place.lots, MOST_LOTS) or not place.lots:
        return f"an order of {_shown(place.lots)} lots"
    if not (_price(place.price) and _price(place.decision_price)):
        return f"an order at the price {_shown(place.price)}"
    sound = _whole(place.number, SECOND_PART - 1) and _whole(place.own, 2**62) and _whole(place.decided_at, LAST)
    return "" if sound else f"an order with the number {_shown(place.number)}"


def _signal(decided: Decided, legs: int) -> str:
    if not _whole(decided.leg, legs - 1):
        return f"a signal for leg {_shown(decided.leg)}"
    if not _number(decided.target) or not abs(decided.target) <= MOST_TARGET:
        return f"a signal with the target {_shown(decided.target)}"
    if not _price(decided.price) or not _whole(abs(decided.position), 2**31 - 1):
        return f"a signal at the price {_shown(decided.price)}"
    if not (_whole(decided.at, LAST) and _whole(decided.bar_start, LAST)):
        return f"a signal at the time {_shown(decided.at)}"
    if not _text(decided.reason):
        return f"a signal with the reason {_shown(decided.reason)}"
    odd = [name for name, value in decided.values if not _text(name) or not _number(value)]
    return f"a signal with the value {_shown(odd[0])}" if odd else ""


def _number(value: Any) -> bool:
    return isinstance(value, (float, Integral, np.floating))


def _whole(value: Any, most: int) -> bool:
    return isinstance(value, Integral) and 0 <= int(value) <= most


def _price(value: Any) -> bool:
    return _number(value) and (isnan(value) or abs(value) < MOST_PRICE)


def _text(value: Any) -> bool:
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # half a pair
        return False
    return True


def _shown(value: Any) -> str:
    return ascii(value)[:64]
