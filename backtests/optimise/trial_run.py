"""One point of an optimisation as a backtest of its own: same request, same result hash."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from backtests import services
from backtests.models import BacktestRun
from backtests.optimise.models import AskedRun, OptimizationRun
from backtests.requests import CostOptions, RunRequest
from backtests.rule_options import rules_from
from quantsite.common.errors import RuleError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from accounts.models import User


def request_at(asked: AskedRun, parameters: "Mapping[str, Any]") -> RunRequest:
    """The backtest that every trial of ``asked`` makes, at one point."""
    return RunRequest(
        strategy=asked.strategy,
        instrument=asked.instrument.code,
        interval=asked.interval,
        start=asked.start,
        end=asked.end,
        parameters=parameters,
        capital=asked.capital,
        volume=asked.volume,
        costs=CostOptions.from_mapping(asked.costs),
        close_at_end=asked.close_at_end,
        legs=tuple(asked.legs),
        rules=rules_from(asked.rules),
        form=asked.form,
    )


def run_trial(actor: "User | None", run: OptimizationRun, number: str) -> BacktestRun:
    """Queue trial ``number`` as the actor's own backtest. Raises ``RuleError`` for a number that has no trial."""
    known = number.isascii() and number.isdigit() and len(number) <= 18
    trial = run.trials.filter(number=int(number)).first() if known else None
    if trial is None:
        text = _("Optimisation %(id)s has no trial %(number)s.") % {"id": run.pk, "number": number or "–"}
        raise RuleError("unknown_trial", text, fields={"number": text})
    return services.run_backtest(actor, request_at(run, trial.parameters))
