"""What can be said against an order without looking at the market or the account.

``static_reason`` looks at the order alone; ``session_reason`` asks the market clock whether the exchange takes
anything now. The reasons go to the trader as they are.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from marketdata.domain.codes import parse_code
from marketdata.domain.day_plan import DayPlan
from marketdata.domain.instrument import InstrumentKind
from marketdata.domain.market_hours import next_opening, trading_day_at
from marketdata.domain.sessions import SessionTable
from quantsite.common.errors import RuleError
from quantsite.common.numbers import on_grid, round_to_tick
from quantsite.common.texts import did_you_mean, say, sentences
from quantsite.common.times import NS_PER_MINUTE, SHANGHAI, ns_to_utc
from trading.domain.order import OrderType

_LIMITED = frozenset({OrderType.LIMIT, OrderType.FAK, OrderType.FOK})
_ALL = frozenset(OrderType)

ORDER_TYPES: Mapping[str, frozenset[OrderType]] = {
    "SHFE": _LIMITED,
    "INE": _LIMITED,
    "DCE": _LIMITED | {OrderType.MARKET},
    "CZCE": frozenset({OrderType.LIMIT, OrderType.FAK, OrderType.MARKET}),  # FOK for options only
    "CFFEX": _LIMITED | {OrderType.BEST},
    "GFEX": _LIMITED,  # not in the source's table: confirm before adding to it
    "SIM": _ALL,
}
"""What each exchange takes for futures (tqsdk doc/advanced/order.rst). A stop order is no exchange's: the gateway
keeps it everywhere."""

MATCH_TIME = NS_PER_MINUTE
"""So long before the opening the auction is matched (20:59, 08:59 and 09:29)."""

OFFSETS = ("open", "close", "close_today", "close_yesterday", "auto")
DIRECTIONS = ("buy", "sell")


class Reason(NamedTuple):
    """Why an order is refused: ``code`` for programs, ``text`` for people, ``field`` the input at fault."""

    code: str
    text: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """An order as it is asked for, in the words of the API; a price that is not given is NaN."""

    direction: str
    offset: str
    type: str
    price: float
    stop_price: float
    volume: int


@dataclass(frozen=True, slots=True)
class ContractFacts:
    """What the rules must know of an instrument; ``None`` is no bound. ``kind`` is an ``InstrumentKind``'s value."""

    code: str
    exchange: str
    kind: str
    price_tick: float
    min_limit_volume: int = 1
    max_limit_volume: int | None = None
    min_market_volume: int = 1
    max_market_volume: int | None = None
    listed: date | None = None
    expires: date | None = None


def types_taken(exchange: str) -> frozenset[OrderType]:
    """The order types that may be placed at an exchange, the gateway's own stop orders among them."""
    return ORDER_TYPES.get(exchange, _LIMITED) | {OrderType.STOP}


def static_reason(order: Draft, facts: ContractFacts, day: date | None) -> Reason | None:
    """The first reason against the order, ``None`` where there is none.

    ``day`` is the trading day, ``None`` where no market tells it: whether the contract lives is not asked then.
    """
    for rule in _RULES:
        reason = rule(order, facts, day)
        if reason is not None:
            return reason
    return None


def _not_supported(_order: Draft, facts: ContractFacts, _day: date | None) -> Reason | None:
    """Options, combinations and spliced series are not traded here."""
    if facts.kind != InstrumentKind.FUTURE:
        text = say("%(code)s is a continuous series: trade one of its contracts.", code=facts.code)
        return Reason("not_supported", text, "instrument")
    try:
        parse_code(facts.code)
    except RuleError as error:
        code = "not_supported" if error.code == "unsupported_instrument" else error.code
        return Reason(code, error.text, "instrument")
    return None


def _out_of_life(_order: Draft, facts: ContractFacts, day: date | None) -> Reason | None:
    if day is None:
        return None
    if facts.expires is not None and day > facts.expires:
        text = say("%(code)s expired on %(last)s.", code=facts.code, last=facts.expires)
        return Reason("instrument_expired", text, "instrument")
    if facts.listed is not None and day < facts.listed:
        text = say("%(code)s is listed on %(first)s only.", code=facts.code, first=facts.listed)
        return Reason("instrument_not_listed", text, "instrument")
    return None


def _unknown_word(order: Draft, _facts: ContractFacts, _day: date | None) -> Reason | None:
    words = {
        "direction": (order.direction, DIRECTIONS),
        "offset": (order.offset, OFFSETS),
        "type": (order.type, tuple(OrderType)),
    }
    for field, (word, known) in words.items():
        if word not in known:
            told = say("%(word)r is none of %(known)s.", word=word, known=", ".join(known))
            return Reason(f"unknown_{field}", told, field)
    return None


def _type_not_taken(order: Draft, facts: ContractFacts, _day: date | None) -> Reason | None:
    taken = types_taken(facts.exchange)
    if order.type in taken:
        return None
    known = ", ".join(kind for kind in OrderType if kind in taken)
    text = say(
        "%(exchange)s takes no %(type)s order, only: %(known)s.", exchange=facts.exchange, type=order.type, known=known
    )
    near = OrderType.BEST if order.type == OrderType.MARKET else OrderType.MARKET
    likely = near.value if near in taken and order.type in {OrderType.MARKET, OrderType.BEST} else None
    return Reason("type_not_taken", sentences(text, did_you_mean(likely)), "type")


def _price_missing(order: Draft, _facts: ContractFacts, _day: date | None) -> Reason | None:
    needs_price = order.type in _LIMITED
    if needs_price and math.isnan(order.price):
        return Reason("price_missing", say("A %(type)s order needs a price.", type=order.type), "price")
    if order.type == OrderType.STOP and math.isnan(order.stop_price):
        return Reason("stop_price_missing", say("A stop order needs a stop price."), "stop_price")
    return None


def _price_superfluous(order: Draft, _facts: ContractFacts, _day: date | None) -> Reason | None:
    if order.type in {OrderType.MARKET, OrderType.BEST} and not math.isnan(order.price):
        text = say("A %(type)s order takes no price: leave it out, or place a limit order.", type=order.type)
        return Reason("price_superfluous", text, "price")
    if order.type != OrderType.STOP and not math.isnan(order.stop_price):
        text = say("Only a stop order takes a stop price, not a %(type)s order.", type=order.type)
        return Reason("stop_price_superfluous", text, "stop_price")
    return None


def _price_unsound(order: Draft, facts: ContractFacts, _day: date | None) -> Reason | None:
    for field, price in (("price", order.price), ("stop_price", order.stop_price)):
        if math.isnan(price):
            continue
        if not (math.isfinite(price) and price > 0):
            return Reason("invalid_price", say("A price must be above 0, not %(price)r.", price=price), field)
        if not on_grid(price, facts.price_tick):
            near = round_to_tick(price, facts.price_tick)
            given = {"price": price, "code": facts.code, "tick": facts.price_tick, "near": near}
            text = say("%(price)r is no multiple of the price tick %(tick)g of %(code)s: try %(near)r.", **given)
            return Reason("off_tick", text, field)
    return None


def _volume_out_of_bounds(order: Draft, facts: ContractFacts, _day: date | None) -> Reason | None:
    least, most = _volume_bounds(order, facts)
    if least <= order.volume and (most is None or order.volume <= most):
        return None
    if most is None:
        text = say(
            "%(code)s takes %(least)d lots or more, not %(volume)d.", code=facts.code, least=least, volume=order.volume
        )
    else:
        given = {"code": facts.code, "least": least, "most": most, "volume": order.volume}
        text = say("%(code)s takes %(least)d to %(most)d lots in one order of this type, not %(volume)d.", **given)
    return Reason("volume_out_of_bounds", text, "volume")


def _volume_bounds(order: Draft, facts: ContractFacts) -> tuple[int, int | None]:
    """Least and most lots; a stop order is bound as what it becomes."""
    at_market = order.type in {OrderType.MARKET, OrderType.BEST}
    if order.type == OrderType.STOP:
        at_market = math.isnan(order.price) and OrderType.MARKET in types_taken(facts.exchange)
    least = facts.min_market_volume if at_market else facts.min_limit_volume
    return max(least, 1), facts.max_market_volume if at_market else facts.max_limit_volume


_RULES: tuple[Callable[[Draft, ContractFacts, date | None], Reason | None], ...] = (
    _not_supported,
    _out_of_life,
    _unknown_word,
    _type_not_taken,
    _price_missing,
    _price_superfluous,
    _price_unsound,
    _volume_out_of_bounds,
)


def session_reason(table: SessionTable, now: int) -> Reason | None:
    """Why the exchange takes neither orders nor cancels now; ``None`` where it does.

    Orders are taken while the product trades and in the order window of the trading day's opening auction; in the
    auction's match minute nothing is sent. An order is refused for the reason, a cancel is kept until
    :func:`next_order_time`. Raises ``RuleError`` ``outside_calendar``.
    """
    plan = table.plan(trading_day_at(table.calendar, now))
    if _matching(plan, now):
        text = say(
            "The opening auction is being matched: orders are taken again from %(time)s.", time=_clock(plan.opens)
        )
        return Reason("auction_match", text)
    opens = next_opening(table, now)
    if opens > now:
        return Reason(
            "outside_session", say("The exchange is closed: orders are taken from %(time)s.", time=_clock(opens))
        )
    return None


def next_order_time(table: SessionTable, now: int) -> int:
    """When the exchange takes orders next: ``now`` itself if it does. Raises ``RuleError`` ``outside_calendar``."""
    plan = table.plan(trading_day_at(table.calendar, now))
    return plan.opens if _matching(plan, now) else next_opening(table, now)


def day_is_over(table: SessionTable, trading_day: int, now: int) -> bool:
    """Whether the last session of a trading day (days since the epoch) has ended, so that its orders expire."""
    return now >= table.plan(trading_day).closes


def _matching(plan: DayPlan, now: int) -> bool:
    return plan.opens - MATCH_TIME <= now < plan.opens


def _clock(instant: int) -> str:
    """Shanghai wall time, as the trader reads it."""
    return ns_to_utc(instant).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
