"""The windows of a walk-forward over the trading days that have bars."""

from datetime import date

import numpy as np

from backtests.domain.windows import walk_forward_windows
from backtests.optimise.checks import CheckedOptimization
from backtests.optimise.requests import WalkForwardRequest
from marketdata.domain.calendar import from_day_number, to_day_number
from marketdata.models import Bar
from quantsite.common.errors import RuleError

NAMES = {"out_sample": "out_of_sample"}
"""What the rules call otherwise than command and API."""

Days = tuple[date, date, date, date]


def windows_of(checked: CheckedOptimization, request: WalkForwardRequest) -> list[Days]:
    """First and last day in and out of sample of each window.

    Raises ``RuleError`` ``invalid_windows`` whose ``fields`` name what to change.
    """
    run = checked.run.request
    bars = Bar.objects.filter(instrument=checked.run.instrument, interval=checked.run.interval)
    if run.start:
        bars = bars.filter(trading_day__gte=run.start)
    if run.end:
        bars = bars.filter(trading_day__lte=run.end)
    days = bars.order_by("trading_day").values_list("trading_day", flat=True).distinct()
    numbers = np.array([to_day_number(day) for day in days], dtype=np.int32)
    try:
        found = walk_forward_windows(
            numbers,
            request.in_sample,
            request.out_of_sample,
            step=request.step,
            gap=request.gap,
            anchored=request.anchored,
        )
        return [tuple(from_day_number(day) for day in window) for window in found]  # type: ignore[misc]
    except RuleError as error:
        fields = {
            NAMES.get(name, name): text.replace("out_sample", "out_of_sample") for name, text in error.fields.items()
        }
        raise RuleError(error.code, " ".join(fields.values()), fields=fields) from error
