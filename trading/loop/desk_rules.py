"""What a gateway's loop decides of an order before it is handed over: session, trading day, book, and later limits."""

from math import nan
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone

from marketdata.domain.calendar import from_day_number
from marketdata.domain.market_hours import trading_day_at
from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from trading.domain.checks import Reason, session_reason
from trading.ledger.keeper import Keeper
from trading.loop.market import Market
from trading.order_models import Order

NO_PRICE = "no_price"


class Moment(NamedTuple):
    """The market clock of an instrument (ns UTC), and its trading day in days since the epoch."""

    now: int
    day: int


def market_moment(keeper: Keeper, market: Market, code: str, *, closing: bool = False) -> Moment:
    """When it is for an instrument. Raises ``RuleError`` ``no_market`` where nobody publishes it, ``no_price`` where
    the streams could not be reached yet.

    For what closes a position the source's last word is told on however long it has been silent, and the account's own
    clock serves where there is none.
    """
    now = market.now(code)
    if now is None and closing:
        now = market.told_on(code) or keeper.market_now or None
    if now is None and market.away:
        raise RuleError(NO_PRICE, no_price(code))
    if now is None:
        text = say("Nobody publishes %(code)s: no feed has told its market clock.", code=code)
        raise RuleError("no_market", text)
    return Moment(now, trading_day_at(keeper.facts.contract(code).table.calendar, now))


def no_price(code: str) -> str:
    """What is said to an opening order whose market nobody hears."""
    return say("Positions in %(code)s cannot be opened: no fresh price of this trading day is known.", code=code)


def age_reason(order: Order) -> Reason | None:
    """Why the order is refused for having waited too long, by our own clock; None where it is not.

    Whoever placed it has seen other prices than those that it would meet now.
    """
    waited = (timezone.now() - order.created_at).total_seconds()
    if waited <= settings.ORDER_MAX_WAIT:
        return None
    text = say(
        "The order waited %(waited)d s for the gateway of its account; after %(most)d s none is sent any more.",
        waited=waited,
        most=settings.ORDER_MAX_WAIT,
    )
    return Reason("waited_too_long", text)


def clock_reason(keeper: Keeper, order: Order, moment: Moment) -> Reason | None:
    """Why the order is refused by clock and calendar; None where it is not."""
    day = from_day_number(moment.day)
    settled = keeper.settled_day
    if settled is not None and day <= settled:
        text = say("The account has settled %(day)s already.", day=settled)
        return Reason("day_settled", text)
    running = keeper.trading_day
    if running is not None and day < running:
        text = say(
            "The account trades on %(running)s, the market of this order is at %(day)s.", running=running, day=day
        )
        return Reason("day_passed", text)
    expires = order.instrument.expires
    if expires is not None and day > expires:
        text = say("%(code)s expired on %(last)s.", code=order.instrument.code, last=expires)
        return Reason("instrument_expired", text)
    return session_reason(keeper.facts.contract(order.instrument.code).table, moment.now)


def price_limits(market: Market, code: str) -> tuple[float, float]:
    """The day's upper and lower price limits as the newest tick tells them; NaN where it does not."""
    tick = market.tick(code)
    return (nan, nan) if tick is None else (tick.upper_limit or nan, tick.lower_limit or nan)
