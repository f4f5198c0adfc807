"""The end of a walk-forward: the best parameters of every window run on the days after it.

A window's run begins ``warm_up`` bars before its first day out of sample (a strategy that states none: as many
days as the window has in sample), so that averages are warm; only the days out of sample count. It begins flat,
and what it holds at its end is marked, not closed.
"""

from copy import copy
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

import numpy as np
import structlog
from django.db import transaction
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_noop

from backtests.domain.result import DayTable, FillTable, RunResult, TradeTable, idle_result
from backtests.domain.statistics import standard
from backtests.optimise.inputs import Inputs
from backtests.optimise.models import OptimizationRun, WalkForwardRun, WalkForwardWindow
from backtests.states import OPEN_STATES, RunStatus
from marketdata.domain.calendar import from_day_number, to_day_number
from marketdata.models import Bar
from quantsite.common.errors import RuleError
from strategies import registry

FAILED_WINDOW = gettext_noop("The optimisation of a window did not succeed: mend what it says, then ask once more.")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Judged:
    """A window with what its parameters did out of sample; None where no trial was feasible."""

    window: WalkForwardWindow
    result: RunResult | None
    statistics: dict[str, Any]


def after(run: OptimizationRun) -> None:
    """A part of ``run`` was done: if it was the last one of a walk-forward, finish that."""
    if run.walk_forward_id is not None:
        WalkForwardRun.objects.filter(pk=run.walk_forward_id, status=RunStatus.QUEUED).update(
            status=RunStatus.RUNNING, started_at=Coalesce("started_at", Now())
        )
        finish(run.walk_forward_id)


def is_due(walk_id: int) -> bool:
    """Whether the walk-forward is open and all of its optimisations are over."""
    open_walk = WalkForwardRun.objects.filter(pk=walk_id, status__in=OPEN_STATES)
    return (
        open_walk.exists()
        and not OptimizationRun.objects.filter(walk_forward_id=walk_id, status__in=OPEN_STATES).exists()
    )


def finish(walk_id: int) -> None:
    """Judge all windows and store the outcome, once; does nothing while an optimisation of it goes on.

    Two workers that come to the end together compute the same; the first one's is stored.
    """
    if not is_due(walk_id):
        return
    walk = WalkForwardRun.objects.select_related("instrument__product").get(pk=walk_id)
    try:
        columns, judged = _outcome(walk)
    except RuleError as error:
        columns, judged = {"status": RunStatus.FAILED, "error": error.text}, []
    with transaction.atomic():
        row = WalkForwardRun.objects.filter(pk=walk_id, status__in=OPEN_STATES)
        if not row.update(finished_at=Now(), **columns):
            return
        for one in judged:
            WalkForwardWindow.objects.filter(run=walk, number=one.window.number).update(
                parameters=one.window.optimization.best.get("parameters", {}),
                in_statistics=one.window.optimization.best.get("statistics", {}),
                out_statistics=one.statistics,
            )
    log.info("walk-forward ended", run=walk_id, windows=len(judged))


def _outcome(walk: WalkForwardRun) -> tuple[dict[str, Any], list[_Judged]]:
    windows = list(walk.windows.select_related("optimization").order_by("number"))
    if any(window.optimization.status != RunStatus.SUCCEEDED for window in windows):
        raise RuleError("window_failed", FAILED_WINDOW)
    judged = [_judge(walk, window) for window in windows]
    joined = _joined([one.result for one in judged if one.result is not None], walk.capital)
    columns = {
        "status": RunStatus.SUCCEEDED,
        "error": "",
        "statistics": standard(joined, walk.capital),
        "equity": _equity(judged, walk.capital),
        "summary": _summary(walk, judged),
    }
    return columns, judged


def _judge(walk: WalkForwardRun, window: WalkForwardWindow) -> _Judged:
    parameters = window.optimization.best.get("parameters")
    if parameters is None:
        return _Judged(window, None, {})
    part = copy(walk)
    part.start, part.end = _lead_in(walk, window, parameters), window.out_last
    inputs = Inputs(part)
    result = _cut(inputs.run(parameters).result, window.out_first, walk.capital)
    return _Judged(window, result, standard(result, walk.capital, multiplier=inputs.multipliers))


def _lead_in(walk: WalkForwardRun, window: WalkForwardWindow, parameters: dict[str, Any]) -> date:
    """The trading day on which a window's run begins."""
    try:
        bars = registry.create(walk.strategy, parameters).warm_up()
    except NotImplementedError:
        return window.in_first
    before = Bar.objects.filter(
        instrument=walk.instrument, interval=walk.interval, trading_day__lt=window.out_first
    ).order_by("-trading_day", "-start")
    if walk.start:
        before = before.filter(trading_day__gte=walk.start)
    days = list(before.values_list("trading_day", flat=True)[:bars])
    return days[-1] if days else window.out_first


def _cut(result: RunResult, first: date, capital: float) -> RunResult:
    """What happened from trading day ``first`` on, as if the capital had been there on its morning."""
    day = to_day_number(first)
    days = _rows(result.days, result.days.trading_day >= day)
    fills = _rows(result.fills, result.fills.trading_day >= day)
    trades = _rows(result.trades, result.trades.exit_day >= day)
    return _rebased(fills, days, trades, capital, result.rejected)


def _joined(results: list[RunResult], capital: float) -> RunResult:
    """One result after the other on one account."""
    if not results:
        return idle_result(capital)
    parts = [[getattr(result, name) for result in results] for name in ("fills", "days", "trades")]
    fills, days, trades = (_stacked(tables) for tables in parts)
    return _rebased(fills, days, trades, capital, sum(result.rejected for result in results))


def _rebased(fills: FillTable, days: DayTable, trades: TradeTable, capital: float, rejected: int) -> RunResult:
    equity = capital + np.cumsum(days.net_profit)
    peak = np.maximum.accumulate(np.concatenate(([capital], equity)))[1:]
    days = replace(days, equity=equity, drawdown=np.minimum(equity / peak - 1.0, 0.0))
    end = float(equity[-1]) if len(equity) else capital
    return RunResult(
        fills,
        days,
        trades,
        end_equity=end,
        net_profit=end - capital,
        commission=float(days.commission.sum()),
        slippage=float(days.slippage.sum()),
        rejected=rejected,
        warnings=(),
    )


def _rows(table: Any, chosen: Any) -> Any:
    return type(table)(*(getattr(table, column.name)[chosen] for column in fields(table)))


def _stacked(tables: list[Any]) -> Any:
    names = [column.name for column in fields(tables[0])]
    return type(tables[0])(*(np.concatenate([getattr(table, name) for table in tables]) for name in names))


def _equity(judged: list[_Judged], capital: float) -> list[tuple[str, float, int]]:
    """Day, equity and window of every day out of sample, joined."""
    rows: list[tuple[str, float, int]] = []
    for one in judged:
        if one.result is not None:
            for day, profit in zip(one.result.days.trading_day, one.result.days.net_profit, strict=True):
                capital += float(profit)
                rows.append((from_day_number(int(day)).isoformat(), capital, one.window.number))
    return rows


def _summary(walk: WalkForwardRun, judged: list[_Judged]) -> dict[str, Any]:
    """The first objective in sample against out of sample: the means, their ratio, the windows that made money."""
    name = walk.objectives[0]["name"]
    inside = [
        value for one in judged if (value := one.window.optimization.best.get("statistics", {}).get(name)) is not None
    ]
    outside = [value for one in judged if (value := one.statistics.get(name)) is not None]
    mean_in = float(np.mean(inside)) if inside else None
    mean_out = float(np.mean(outside)) if outside else None
    return {
        "objective": name,
        "windows": len(judged),
        "in_sample": mean_in,
        "out_of_sample": mean_out,
        "efficiency": mean_out / mean_in if mean_in and mean_out is not None and mean_in > 0 else None,
        "profitable": sum((one.statistics.get("net_profit") or 0.0) > 0 for one in judged),
        "without_best": sum(one.result is None for one in judged),
    }
