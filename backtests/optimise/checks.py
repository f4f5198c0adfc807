"""Is a request for an optimisation sound? Every fault is found at once, each beside the input it belongs to."""

from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from backtests.domain.objectives import Goal
from backtests.domain.search_space import SearchSpace, read_space
from backtests.optimise.models import LEARNING, Method
from backtests.optimise.requests import OptimizationRequest
from backtests.request_checks import CheckedRequest, check_request
from quantsite.common.errors import RuleError
from quantsite.common.texts import sentences
from strategies import registry

MOST_TRIALS = 1_000_000
"""Of a random search, as of a grid: rows that a database keeps without pain."""

MOST_LEARNED = 20_000
"""Of TPE and NSGA-II: each generation looks at every trial before it, so that time grows with the square."""


@dataclass(frozen=True, slots=True)
class CheckedOptimization:
    """A request that may be stored."""

    run: CheckedRequest
    space: SearchSpace
    goal: Goal
    method: Method
    total: int


def check_optimization(request: OptimizationRequest) -> CheckedOptimization:
    """The request made ready to be stored. Raises ``RuleError`` whose ``fields`` name every refused input."""
    faults: dict[str, str] = {}
    codes: list[str] = []

    def attempt(check: Any) -> Any:
        try:
            return check()
        except RuleError as error:
            faults.update(
                {name: text for name, text in (error.fields or {"": error.text}).items() if name not in faults}
            )
            codes.append(error.code)
            return None

    method = attempt(lambda: _method(request.method))
    space = attempt(lambda: _space(request, method)) if method else None
    goal = attempt(lambda: Goal.read(request.objectives, request.constraints))
    total = attempt(lambda: _total(request, method, space)) if space else None
    point = space.any_point() if space else dict(request.run.parameters)
    run = attempt(lambda: check_request(replace(request.run, parameters=point)))
    if faults or space is None or total is None:
        raise RuleError(codes[0], sentences(*dict.fromkeys(faults.values())), fields=faults)
    return CheckedOptimization(run, space, goal, method, total)


def _method(name: str) -> Method:
    if name not in Method.values:
        text = _("There is no method %(name)s; known: %(known)s.") % {
            "name": repr(name),
            "known": ", ".join(Method.values),
        }
        raise RuleError("unknown_method", text, fields={"method": text})
    return Method(name)


def _space(request: OptimizationRequest, method: Method) -> SearchSpace:
    parameters = registry.parameters_of(request.run.strategy)
    return read_space(parameters, request.space, request.run.parameters, grid=method == Method.GRID)


def _total(request: OptimizationRequest, method: Method, space: SearchSpace) -> int:
    """The numbers to be worked off."""
    if method == Method.GRID:
        return space.size or 0
    most = MOST_LEARNED if method in LEARNING else MOST_TRIALS
    if request.trials is None or not 1 <= request.trials <= most:
        text = _("trials must be from 1 to %(most)s with the method %(method)s, not %(trials)s.") % {
            "most": most,
            "method": str(method.value),
            "trials": request.trials,
        }
        raise RuleError("invalid_trials", text, fields={"trials": text})
    return request.trials
