"""The recorded days of real ticks as hosted runs take them, with the bars that these ticks close."""

from datetime import date
from functools import cache

from backtests.domain.costs import CostTable
from backtests.domain.hosted_exchange import HostedLeg
from backtests.domain.hosted_feed import HostedDay
from backtests.domain.legs import Leg
from marketdata.built_bars import built_series
from marketdata.domain.bar_builder import build_bars
from marketdata.domain.contract import Contract
from marketdata.domain.instrument import Dated, FeeRates, MarginRates
from marketdata.tests.domain.recorded import table
from trading.tests.recorded_ticks import FILES, Recorded, ticks_of

RU_HOLIDAY, RU, AP, IF = FILES
FEES = (Dated(date.min, FeeRates(0.0, 1.0, 0.0, 1.0, 0.0, 1.0)),)
MARGINS = (Dated(date.min, MarginRates(long_by_money=0.1, short_by_money=0.1)),)


@cache
def contract_of(recorded: Recorded) -> Contract:
    """The contract with its hours."""
    hours = table(recorded.exchange, recorded.product)
    symbol = recorded.code.partition(".")[0]
    return Contract(recorded.code, symbol, recorded.exchange, recorded.multiplier, recorded.price_tick, hours)


@cache
def hosted_leg(recorded: Recorded, interval: str) -> HostedLeg:
    """The instrument with the bars of that day; one yuan a lot, a tenth of margin."""
    costs = CostTable(recorded.multiplier, recorded.price_tick, 0.0, FEES, MARGINS)
    closed = build_bars(ticks_of(recorded), contract_of(recorded), (interval,))
    return HostedLeg(
        Leg(recorded.code, built_series(recorded.code, interval, closed).series, costs), contract_of(recorded)
    )


def hosted_day(*recorded: Recorded) -> HostedDay:
    """The day of one or several files, whichever calendar day each is of: only one alone is a day of a market."""
    ticks = tuple(ticks_of(each) for each in recorded)
    return HostedDay(ticks[0][0].trading_day, ticks)
