"""What the honest figures mean, one sentence each, in the reader's language; and what a reader must know first."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from backtests.optimise.models import OptimizationRun

SURE = 0.95
LIKELY = 0.5

NO_BEST = gettext_noop("No trial met every constraint with every objective defined: there is no best one.")
FAILED_TRIALS = gettext_noop("The strategy failed on some of the trials; they are listed with their error.")
EDGE = gettext_noop("The best trial lies on the edge of the search space: a better one may lie beyond it.")
FEW_TRADES = gettext_noop("The best trial has fewer than 30 closed trades: its figures say little.")


def warnings_of(run: OptimizationRun, best: Mapping[str, Any]) -> list[str]:
    """Sentences in English, translated where they are shown."""
    if not best:
        return [NO_BEST]
    found = [FAILED_TRIALS] if run.failed else []
    if _on_edge(run, best["parameters"]):
        found.append(EDGE)
    if (best["statistics"].get("trade_count") or 0) < 30:
        found.append(FEW_TRADES)
    return found


def _on_edge(run: OptimizationRun, parameters: Mapping[str, Any]) -> bool:
    """Whether a range ends at the best trial's value."""
    ranges = {name: asked for name, asked in run.space.items() if isinstance(asked, dict)}
    return any(parameters[name] in (asked["low"], asked["high"]) for name, asked in ranges.items())


def sentences_of(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``name``, ``value`` (a number or None) and ``text`` of each honest figure that there is."""
    if "sharpe" not in figures:
        return []
    told = (_deflated, _pbo, _probabilistic, _track_record, _plateau, _order, _noise, _lineage)
    return [line for tell in told if (line := tell(figures)) is not None]


def _line(name: str, value: float | None, text: str) -> dict[str, Any]:
    return {"name": name, "value": value, "text": text}


def _deflated(figures: Mapping[str, Any]) -> dict[str, Any]:
    value, lineage = figures["deflated_sharpe"], figures["lineage_trials"]
    if value is None:
        return _line("deflated_sharpe", None, _("The best trial hardly moves: its Sharpe ratio says nothing."))
    text = (
        _("The Sharpe ratio is beyond what luck gives the best of %(trials)s trials, with probability %(value)s.")
        if value >= SURE
        else _(
            "The Sharpe ratio may be luck: the best of %(trials)s trials beats chance with probability %(value)s only."
        )
    )
    return _line("deflated_sharpe", value, text % {"trials": lineage, "value": f"{value:.0%}"})


def _pbo(figures: Mapping[str, Any]) -> dict[str, Any]:
    value = figures["pbo"]
    if value is None:
        text = _("Too few trials or days to cross-validate the choice.")
        return _line("pbo", None, text)
    text = (
        _("Chosen on half of the days, the best is below the median on the others in %(value)s of the splits: luck.")
        if value >= LIKELY
        else _("Chosen on half of the days, the best is below the median on the others in %(value)s of the splits.")
    )
    return _line("pbo", value, text % {"value": f"{value:.0%}"})


def _probabilistic(figures: Mapping[str, Any]) -> dict[str, Any] | None:
    value = figures["probabilistic_sharpe"]
    if value is None:
        return None
    text = _("Taken by itself, without counting trials, the Sharpe ratio is above 0 with probability %(value)s.")
    return _line("probabilistic_sharpe", value, text % {"value": f"{value:.0%}"})


def _track_record(figures: Mapping[str, Any]) -> dict[str, Any]:
    value, days = figures["minimum_track_record"], figures["days"]
    if value is None:
        return _line(
            "minimum_track_record", None, _("The best trial made nothing: no length of record would show skill.")
        )
    text = _("A Sharpe ratio such as this needs %(needed)s trading days to be told from 0; there are %(days)s.")
    return _line("minimum_track_record", value, text % {"needed": f"{value:,.0f}", "days": days})


def _plateau(figures: Mapping[str, Any]) -> dict[str, Any] | None:
    found = figures["plateau"]
    if found is None:
        return None
    text = (
        _("Neighbouring parameters keep %(value)s of the advantage over the median trial: a plateau.")
        if found["score"] >= LIKELY
        else _("Neighbouring parameters keep only %(value)s of the advantage over the median trial: a needle.")
    )
    return _line("plateau", found["score"], text % {"value": f"{found['score']:.0%}"})


def _order(figures: Mapping[str, Any]) -> dict[str, Any] | None:
    found = figures["trade_order"]
    if found is None:
        return None
    text = _("With the same trades in other orders the drawdown was deeper than %(depth)s in one of twenty cases.")
    return _line("trade_order", found["drawdowns"]["p5"], text % {"depth": f"{found['drawdowns']['p5']:.1%}"})


def _noise(figures: Mapping[str, Any]) -> dict[str, Any] | None:
    found = figures["noise"]
    if found is None or found["kept"] is None:
        return None
    text = _("With noise of %(ticks)s ticks on every price %(value)s of the objective is left.")
    return _line("noise", found["kept"], text % {"ticks": f"{found['ticks']:.1f}", "value": f"{found['kept']:.0%}"})


def _lineage(figures: Mapping[str, Any]) -> dict[str, Any]:
    text = _("%(trials)s trials of this strategy on these instruments so far, %(own)s of them here.")
    own, lineage = figures["trials"], figures["lineage_trials"]
    return _line("lineage_trials", lineage, text % {"trials": lineage, "own": own})
