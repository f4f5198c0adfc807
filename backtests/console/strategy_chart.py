"""The chart on a strategy instance's page: the newest bars of a leg with its signals and its fills."""

from datetime import datetime
from typing import Any

import numpy as np
from django.http import HttpRequest

from backtests.domain.result import FillTable
from backtests.reports.embed import ChartDocument, signals_json
from backtests.reports.price_data import SignalMarks
from marketdata.domain.bars import BarSeries
from marketdata.models import Bar, Instrument
from quantsite.common.times import ns_to_utc, utc_to_ns
from strategies.console import parts
from strategies.labels import REASONS, word
from strategies.models import Signal, StrategyInstance
from trading.choices import DirectionName
from trading.domain.offsets import Direction, Offset
from trading.order_models import Fill

BARS = 300
"""So many can be told apart on a page."""
MINUTE = "1m"
OFFSETS = {"open": Offset.OPEN}


def instance_chart(request: HttpRequest, instance: StrategyInstance) -> dict[str, Any] | None:
    """What ``charts.js`` draws of the leg that is asked for; None where it has no stored bars."""
    instrument = _leg(instance, parts.leg_asked(request))
    bars = bars_of(instance, instrument) if instrument else None
    if instrument is None or bars is None or not len(bars):
        return None
    made: ChartDocument = signals_json(
        bars, _fills(instance, instrument, bars), _signals(instance, instrument, bars), float(instrument.price_tick)
    )
    return dict(made)


def has_bars(instance: StrategyInstance) -> bool:
    """Whether there is something to draw."""
    legs = instance.legs.order_by().values("instrument")
    return Bar.objects.filter(instrument__in=legs, interval=_interval(instance)).exists()


def bars_of(instance: StrategyInstance, instrument: Instrument) -> BarSeries:
    """The newest stored bars of its interval; of one on ticks those of a minute."""
    return Bar.objects.all().newest(instrument, _interval(instance), BARS)


def _interval(instance: StrategyInstance) -> str:
    return MINUTE if instance.interval == "tick" else instance.interval


def _leg(instance: StrategyInstance, number: int) -> Instrument | None:
    leg = instance.legs.select_related("instrument").filter(number=number).first()
    return leg.instrument if leg else None


def _since(bars: BarSeries) -> datetime:
    return ns_to_utc(int(bars.start[0]))


def _signals(instance: StrategyInstance, instrument: Instrument, bars: BarSeries) -> SignalMarks:
    rows = Signal.objects.filter(instance=instance, instrument=instrument, decided_at__gte=_since(bars)).order_by("id")
    known = [row for row in rows if row.price is not None]
    starts = [utc_to_ns(row.bar_start or row.decided_at) for row in known]
    texts = [f"{row.target:+g} {word(REASONS, row.reason)}".strip() for row in known]
    return SignalMarks.of(bars, starts, [float(row.price or 0) for row in known], texts)


def _fills(instance: StrategyInstance, instrument: Instrument, bars: BarSeries) -> FillTable:
    rows = Fill.objects.filter(order__strategy_order__instance=instance, instrument=instrument)
    found = list(rows.filter(traded_at__gte=_since(bars)).order_by("pk"))
    size = len(found)
    side = [Direction.BUY if row.direction == DirectionName.BUY else Direction.SELL for row in found]
    return FillTable(
        bar_index=np.zeros(size, dtype=np.int64),
        start=np.array([utc_to_ns(row.traded_at) for row in found], dtype=np.int64),
        trading_day=np.zeros(size, dtype=np.int32),
        direction=np.array(side, dtype=np.int8),
        offset=np.array([OFFSETS.get(row.offset, Offset.CLOSE) for row in found], dtype=np.int8),
        price=np.array([float(row.price) for row in found]),
        volume=np.array([float(row.volume) for row in found]),
        commission=np.array([float(row.commission) for row in found]),
        slippage=np.zeros(size),
        profit=np.zeros(size),
        leg=np.zeros(size, dtype=np.int8),
    )


parts.chart("price", instance_chart, has_bars)
