"""How much markets trade, as far as stored bars tell: what a plan to close positions is paced by."""

from collections.abc import Collection
from datetime import date
from math import isfinite

from django.db.models import Avg, Q

from marketdata.models import Bar, BarCoverage, Instrument
from trading.domain.risk.flatten import Liquidity

MINUTE = "1m"


def liquidity_of(instruments: Collection[Instrument]) -> dict[str, Liquidity]:
    """By instrument the lots traded in a minute, on average of the newest trading day with bars of a minute."""
    rows = BarCoverage.objects.filter(instrument__in=instruments, interval=MINUTE).exclude(last_day=None)
    averages = _averages(dict(rows.values_list("instrument", "last_day")))
    return {row.code: Liquidity(averages.get(row.pk, 0.0), row.max_limit_volume or None) for row in set(instruments)}


def _averages(days: dict[int, date | None]) -> dict[int, float]:
    """Average volume of a bar, by instrument, on these trading days."""
    if not days:
        return {}
    wanted = Q()
    for instrument, day in days.items():
        wanted |= Q(instrument=instrument, trading_day=day)
    told = Bar.objects.filter(wanted, interval=MINUTE).order_by().values_list("instrument").annotate(lots=Avg("volume"))
    return {instrument: float(lots) for instrument, lots in told if lots is not None and isfinite(lots)}
