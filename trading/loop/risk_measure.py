"""What an account's loop measures of it once a second: holdings, orders at work, and the figures of both."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress

from marketdata.domain.calendar import TradingCalendar, to_day_number
from quantsite.common.errors import RuleError
from trading.choices import OffsetName
from trading.domain.account_positions import PositionFigures
from trading.domain.checks import next_order_time
from trading.domain.offsets import Side
from trading.domain.risk.holdings import Holding
from trading.domain.risk.resting import Resting, resting_closed
from trading.ledger.keeper import Keeper
from trading.loop.market import Market

UNKNOWN = (math.nan, math.nan)


def holdings_of(keeper: Keeper, market: Market) -> list[Holding]:
    """What is held, with the price limits of the running day as far as ticks tell them."""
    sides: defaultdict[str, dict[Side, PositionFigures]] = defaultdict(dict)
    for row in keeper.book.positions():
        sides[row.instrument][row.side] = row
    return [_holding(keeper, market, code, rows) for code, rows in sorted(sides.items())]


def calendar_of(keeper: Keeper, codes: Iterable[str]) -> TradingCalendar | None:
    """The trading calendar, as the first of these instruments has it; None without any."""
    code = next(iter(codes), None)
    return None if code is None else keeper.facts.contract(code).table.calendar


def resting_of(keeper: Keeper, market: Market) -> list[tuple[Resting, int]]:
    """The orders that rest while their exchange is closed; of a market whose clock nobody tells none are known."""
    by_code: defaultdict[str, list[Resting]] = defaultdict(list)
    for tracked in keeper.orders.values():
        row = tracked.row
        if row.is_working:
            opening = row.offset == OffsetName.OPEN
            by_code[row.instrument.code].append(Resting(row.pk, row.instrument.code, opening, row.left))
    found = [wait for code, orders in by_code.items() for wait in _waits(keeper, market, code, orders)]
    return sorted(found, key=lambda row: (-row[1], row[0].order_id))


def ages_of(market: Market, codes: Iterable[str]) -> dict[str, float]:
    """Seconds since the source of each instrument was heard of last; infinite where it never was."""
    return {code: market.age(code) for code in sorted(codes)}


def _waits(keeper: Keeper, market: Market, code: str, orders: list[Resting]) -> Iterator[tuple[Resting, int]]:
    now = market.now(code)
    if now is None:
        return
    table = keeper.facts.contract(code).table
    with suppress(RuleError):  # beyond the calendar nobody knows
        opens = next_order_time(table, now)
        yield from resting_closed(orders, lambda _code: opens, now)


def _holding(keeper: Keeper, market: Market, code: str, rows: dict[Side, PositionFigures]) -> Holding:
    facts, terms = keeper.facts.row(code), keeper.book.terms(code)
    long, short = rows.get(Side.LONG), rows.get(Side.SHORT)
    upper, lower = _limits_today(keeper, market, code)
    return Holding(
        instrument=code,
        product=str(facts.product),
        long=long.volume if long else 0,
        short=short.volume if short else 0,
        multiplier=terms.multiplier,
        last=next(iter(rows.values())).last_price,
        upper=upper,
        lower=lower,
        long_margin=long.margin if long else 0.0,
        short_margin=short.margin if short else 0.0,
        margins=terms.margins,
        larger_side=terms.larger_side,
        margin_group=terms.margin_group,
        expires=facts.expires,
    )


def _limits_today(keeper: Keeper, market: Market, code: str) -> tuple[float, float]:
    """Upper and lower price limit of the running day; NaN where no tick of it tells them."""
    tick, day = market.tick(code), keeper.trading_day
    if tick is None or day is None or tick.trading_day != to_day_number(day):
        return UNKNOWN
    return tick.upper_limit or math.nan, tick.lower_limit or math.nan
