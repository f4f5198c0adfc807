"""How an order type is written for CTP at each exchange, by tables with dates.

Limit, FAK and FOK: CTP's manual on its orders. Market at DCE and CZCE goes as any price, the rest of it withdrawn at
once; best price at CFFEX likewise (vendor's table of price types by exchange, cnblogs.com/dongc/p/10873577). SHFE and
INE take no market order at CTP's fronts, GFEX is in no source: there a market order can go as a limit order at the
day's price limit that is withdrawn at once, where the account wants that. CTP's own stop orders live at the broker
under another number and are lost to identity, so a stop order is refused here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from quantsite.common.texts import say
from trading.domain.checks import Reason
from trading.domain.ctp.flags import ANY_PRICE, ANY_VOLUME, BEST_PRICE, GFD, IOC, LIMIT_PRICE, WHOLE_VOLUME
from trading.domain.order_status import OrderType


class Combo(NamedTuple):
    """OrderPriceType, TimeCondition and VolumeCondition. ``at_limit``: with the day's price limit as its price."""

    price_type: str
    time: str
    volume: str
    at_limit: bool = False


GOOD_FOR_DAY = Combo(LIMIT_PRICE, GFD, ANY_VOLUME)
FILL_AND_KILL = Combo(LIMIT_PRICE, IOC, ANY_VOLUME)
FILL_OR_KILL = Combo(LIMIT_PRICE, IOC, WHOLE_VOLUME)
AT_MARKET = Combo(ANY_PRICE, IOC, ANY_VOLUME)
AT_BEST = Combo(BEST_PRICE, IOC, ANY_VOLUME)
AS_LIMIT = Combo(LIMIT_PRICE, IOC, ANY_VOLUME, at_limit=True)

_PLAIN = {OrderType.LIMIT: GOOD_FOR_DAY, OrderType.FAK: FILL_AND_KILL}
_KILLED = {**_PLAIN, OrderType.FOK: FILL_OR_KILL}


@dataclass(frozen=True, slots=True)
class ComboRow:
    """What an exchange takes of CTP from a trading day on."""

    exchange: str
    valid_from: date
    combos: Mapping[OrderType, Combo]


COMBOS: tuple[ComboRow, ...] = (
    ComboRow("SHFE", date.min, _KILLED),
    ComboRow("INE", date.min, _KILLED),
    ComboRow("DCE", date.min, {**_KILLED, OrderType.MARKET: AT_MARKET}),
    ComboRow("CZCE", date.min, {**_PLAIN, OrderType.MARKET: AT_MARKET}),  # FOK for options only
    ComboRow("CFFEX", date.min, {**_KILLED, OrderType.BEST: AT_BEST}),
    ComboRow("GFEX", date.min, _KILLED),
)


def combos_on(exchange: str, day: date, rows: Sequence[ComboRow] = COMBOS) -> Mapping[OrderType, Combo]:
    """What the exchange takes on a trading day; nothing where no row is valid."""
    valid = [row for row in rows if row.exchange == exchange and row.valid_from <= day]
    return max(valid, key=lambda row: row.valid_from).combos if valid else {}


def combo_for(exchange: str, kind: OrderType, day: date, *, market_as_limit: bool) -> Combo | Reason:
    """How to write an order of this type, or why it is not sent."""
    taken = combos_on(exchange, day)
    found = taken.get(kind)
    if found is not None:
        return found
    if kind is OrderType.MARKET and taken and market_as_limit:
        return AS_LIMIT
    known = ", ".join(each for each in OrderType if each in taken) or "-"
    told = {"exchange": exchange, "type": kind.value, "known": known}
    if kind is OrderType.STOP:
        text = say("A stop order cannot be kept by CTP's gateway: send it when the price is reached.")
    elif kind is OrderType.MARKET and taken:
        text = say(
            "%(exchange)s takes no market order through CTP, only: %(known)s. The account's login at its broker may "
            "allow limit orders at the price limit instead.", **told,
        )  # fmt: skip
    else:
        text = say("%(exchange)s takes no %(type)s order through CTP, only: %(known)s.", **told)
    return Reason("type_not_taken", text, "type")


def type_of(price_type: str, time: str, volume: str) -> OrderType:
    """The type of an order that another terminal sent; a limit order where it is no combination known here."""
    if price_type == BEST_PRICE:
        return OrderType.BEST
    if price_type == ANY_PRICE:
        return OrderType.MARKET
    if time == IOC:
        return OrderType.FOK if volume == WHOLE_VOLUME else OrderType.FAK
    return OrderType.LIMIT
