"""The main contract so far, as the rule is told of it."""

from collections.abc import Iterable
from datetime import date, timedelta

from marketdata.daily_facts import ContractRoll, MainContractDay
from marketdata.domain.calendar import TradingCalendar
from marketdata.domain.main_contract import ContractDay
from marketdata.main_contracts.contract_days import contract_day, last_figures
from marketdata.models import Instrument, Product

LOOKBACK_DAYS = 20
"""Trading days in which a main contract that did not trade on the day is looked for."""

QUIET_VOLUME = 100.0
"""Lots. A main contract without a bar of the day that last traded fewer than this was quiet and counts with volume 0
and its last open interest; one that traded more is a hole in the data, and nothing is decided."""


def present_contract(product: Product, series: Instrument, day: date, calendar: TradingCalendar) -> Instrument | None:
    """The main contract so far: the last decision's, else that of the last imported roll, so that the chain meets.

    One that ended before ``day`` and has no figures near it is none: after such a gap the series begins anew.
    """
    last = MainContractDay.objects.filter(product=product).order_by("-trading_day").select_related("instrument").first()
    if last is not None:
        found: Instrument | None = last.instrument
    else:
        roll = ContractRoll.objects.of(series).last()
        found = Instrument.objects.filter(code=roll.to_contract).first() if roll else None
    if found is not None and found.expires is not None and found.expires < day:
        return found if last_figures(found, _days_before(day, calendar)) else None
    return found


def standing(main: Instrument, rows: Iterable[ContractDay], day: date, calendar: TradingCalendar) -> ContractDay | str:
    """The present main contract where it has no figures of the day: as it stood last, with volume 0 where it was quiet.

    Its code where it has figures, or has none in :data:`LOOKBACK_DAYS` either.
    """
    if any(row.code == main.code for row in rows):
        return main.code
    before = last_figures(main, _days_before(day, calendar))
    if before is None:
        return main.code
    return contract_day(main, before, quiet=before.volume < QUIET_VOLUME)


def _days_before(day: date, calendar: TradingCalendar) -> list[date]:
    begin = max(day - timedelta(days=3 * LOOKBACK_DAYS), calendar.first)
    return calendar.between(begin, day - timedelta(days=1))[-LOOKBACK_DAYS:]
