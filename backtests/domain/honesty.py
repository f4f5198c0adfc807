"""What the honest figures of an optimisation mean: one finding each, with how grave it is and one sentence.

A page shows these first. The figures come as one mapping (the JSON of the optimisation's ``overfitting``); what
each one is stands in ``docs/honesty.md``. Sentences are spoken in the language of whoever reads them, so findings
are made anew for every reader and never stored.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from backtests.domain.overfitting import CONFIDENCE
from quantsite.common.texts import say, unsaid

Figures = Mapping[str, Any]


class Severity(StrEnum):
    """How grave a finding is."""

    GOOD = "good"
    CAUTION = "caution"
    BAD = "bad"
    UNKNOWN = "unknown"
    """The figure is undefined, which is no good sign either."""
    NOTE = "note"
    """Neither good nor bad by itself."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One honest figure: ``code`` names it for programs, ``value`` is the number it turns on (None: undefined)."""

    code: str
    severity: Severity
    value: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """From where a figure is good and from where it is at least no bad one; turned round, up to where."""

    good: float
    fair: float
    less_is_better: bool = False

    def severity(self, value: float) -> Severity:
        """Of a value."""
        sign = -1.0 if self.less_is_better else 1.0
        if sign * value >= sign * self.good:
            return Severity.GOOD
        return Severity.CAUTION if sign * value >= sign * self.fair else Severity.BAD


PROBABILITY = Bounds(CONFIDENCE, 0.5)
OVERFIT = Bounds(0.2, 0.4999, less_is_better=True)
PLATEAU = Bounds(0.7, 0.4)
NOISE = Bounds(0.7, 0.3)
DEEPER = Bounds(1.5, 2.5, less_is_better=True)
"""Drawdown that one order in twenty reaches, over the one that was seen."""

_DEFLATED = {
    Severity.GOOD: unsaid(
        "The Sharpe ratio of %(sharpe)s is beyond what luck gives the best of %(trials)s trials (%(luck)s), with "
        "probability %(value)s."
    ),
    Severity.CAUTION: unsaid(
        "The Sharpe ratio of %(sharpe)s is above what luck gives the best of %(trials)s trials (%(luck)s) with "
        "probability %(value)s only: not shown."
    ),
    Severity.BAD: unsaid(
        "The Sharpe ratio of %(sharpe)s is no more than luck gives the best of %(trials)s trials (%(luck)s): the "
        "probability that it is beyond is %(value)s."
    ),
    Severity.UNKNOWN: unsaid("The best trial has too few days or hardly moves: its Sharpe ratio says nothing."),
}

_OVERFIT = {
    Severity.GOOD: unsaid(
        "Chosen on half of the days, the best trial falls below the median on the other half in only %(value)s of the "
        "splits: the choice carries over."
    ),
    Severity.CAUTION: unsaid(
        "Chosen on half of the days, the best trial falls below the median on the other half in %(value)s of the "
        "splits: the choice carries over in part."
    ),
    Severity.BAD: unsaid(
        "Chosen on half of the days, the best trial falls below the median on the other half in %(value)s of the "
        "splits: choosing by the past is no better than drawing lots."
    ),
    Severity.UNKNOWN: unsaid("There are too few trials or days to cross-validate the choice."),
}

_PROBABILISTIC = {
    Severity.GOOD: unsaid(
        "Taken by itself, as if nothing else had been tried, its Sharpe ratio is above 0 with probability %(value)s."
    ),
    Severity.CAUTION: unsaid(
        "Even taken by itself, as if nothing else had been tried, its Sharpe ratio is above 0 with probability "
        "%(value)s only."
    ),
    Severity.BAD: unsaid("Even the best trial lost: its Sharpe ratio is above 0 with probability %(value)s."),
    Severity.UNKNOWN: unsaid("Whether its Sharpe ratio is above 0 cannot be told."),
}

_RECORD = {
    Severity.GOOD: unsaid(
        "A Sharpe ratio such as this takes %(needed)s trading days to be told from 0, and there are %(days)s."
    ),
    Severity.BAD: unsaid(
        "A Sharpe ratio such as this takes %(needed)s trading days to be told from 0, and there are only %(days)s."
    ),
    Severity.UNKNOWN: unsaid("The best trial earned nothing: no number of days would show skill."),
}

_PLATEAU = {
    Severity.GOOD: unsaid(
        "Neighbouring parameters keep %(value)s of the best trial's advantage over the median: a plateau."
    ),
    Severity.CAUTION: unsaid(
        "Neighbouring parameters keep %(value)s of the best trial's advantage over the median: a steep hill."
    ),
    Severity.BAD: unsaid(
        "Neighbouring parameters keep only %(value)s of the best trial's advantage over the median: a needle."
    ),
    Severity.UNKNOWN: unsaid("No trial lies next to the best one: whether it stands on a plateau cannot be told."),
}

_LINEAGE = unsaid(
    "%(trials)s trials of this strategy on these instruments have been counted so far, whoever made them; "
    "%(own)s of them here."
)

_ORDER = {
    Severity.GOOD: unsaid(
        "With the same trades in another order the drawdown reaches %(depth)s in one case of twenty; it was %(seen)s."
    ),
    Severity.CAUTION: unsaid(
        "The order of the trades was kind: in one other order of twenty the drawdown reaches %(depth)s; it was "
        "%(seen)s."
    ),
    Severity.BAD: unsaid(
        "The order of the trades was very kind: in one other order of twenty the drawdown reaches %(depth)s; it was "
        "%(seen)s, and %(ruin)s of the orders lose all."
    ),
    Severity.UNKNOWN: unsaid("There are too few closed trades to try them in other orders."),
}

_NOISE = {
    Severity.GOOD: unsaid("With noise of about %(ticks)s ticks on every price %(value)s of the result is left."),
    Severity.CAUTION: unsaid(
        "With noise of about %(ticks)s ticks on every price only %(value)s of the result is left: much hangs on "
        "single ticks."
    ),
    Severity.BAD: unsaid(
        "With noise of about %(ticks)s ticks on every price %(value)s of the result is left: it hangs on single ticks."
    ),
    Severity.UNKNOWN: unsaid("What noise on the prices would leave of the result was not tried or is undefined."),
}


def honesty_summary(figures: Figures) -> list[Finding]:
    """The findings in the order in which to read them; a figure that is missing is undefined.

    ``figures`` has ``sharpe``, ``sharpe_by_luck`` (annual), ``deflated_sharpe``, ``probabilistic_sharpe``, ``pbo``,
    ``minimum_track_record`` and ``days`` (trading days), ``trials`` and ``lineage_trials``, and as mappings of their
    own ``plateau`` (``score``), ``trade_order`` (the fields of ``monte_carlo.TradeOrder``) and ``noise`` (those of
    ``noise.NoiseTest``).
    """
    return [tell(figures) for tell in _TELLERS]


def _deflated(figures: Figures) -> Finding:
    value = figures.get("deflated_sharpe")
    return _finding(
        "deflated_sharpe",
        value,
        PROBABILITY,
        _DEFLATED,
        trials=f"{figures.get('lineage_trials') or 0:,}",
        sharpe=_ratio(figures.get("sharpe")),
        luck=_ratio(figures.get("sharpe_by_luck")),
        value=_percent(value),
    )


def _overfit(figures: Figures) -> Finding:
    value = figures.get("pbo")
    return _finding("pbo", value, OVERFIT, _OVERFIT, value=_percent(value))


def _probabilistic(figures: Figures) -> Finding:
    value = figures.get("probabilistic_sharpe")
    return _finding("probabilistic_sharpe", value, PROBABILITY, _PROBABILISTIC, value=_percent(value))


def _record(figures: Figures) -> Finding:
    needed, days = figures.get("minimum_track_record"), figures.get("days") or 0
    # More days than there are is not fair, it is not enough.
    bounds = Bounds(days, days, less_is_better=True)
    words = {"needed": "" if needed is None else f"{needed:,.0f}", "days": f"{days:,}"}
    return _finding("minimum_track_record", needed, bounds, _RECORD, **words)


def _plateau(figures: Figures) -> Finding:
    value = _inner(figures, "plateau").get("score")
    return _finding("plateau", value, PLATEAU, _PLATEAU, value=_percent(value))


def _lineage(figures: Figures) -> Finding:
    lineage, own = figures.get("lineage_trials") or 0, figures.get("trials") or 0
    return Finding("lineage_trials", Severity.NOTE, lineage, say(_LINEAGE, trials=f"{lineage:,}", own=f"{own:,}"))


def _order(figures: Figures) -> Finding:
    """The bounds are of the depth over the one seen; an order that loses all is bad in any case."""
    found = _inner(figures, "trade_order")
    depth, seen, ruin = _inner(found, "drawdowns").get("p5"), found.get("drawdown"), found.get("ruin") or 0.0
    times = None if depth is None or seen is None else depth / seen if seen else 1.0
    bounds = Bounds(-1.0, -1.0, less_is_better=True) if ruin > 0.01 else DEEPER
    words = {"depth": _percent(depth, 1), "seen": _percent(seen, 1), "ruin": _percent(ruin, 1)}
    finding = _finding("trade_order", times, bounds, _ORDER, **words)
    return Finding(finding.code, finding.severity, depth, finding.sentence)


def _noise(figures: Figures) -> Finding:
    found = _inner(figures, "noise")
    kept, ticks = found.get("kept"), found.get("ticks")
    words = {"ticks": "" if ticks is None else f"{ticks:.1f}", "value": _percent(kept)}
    return _finding("noise", kept, NOISE, _NOISE, **words)


_TELLERS: tuple[Callable[[Figures], Finding], ...] = (
    _deflated,
    _overfit,
    _probabilistic,
    _record,
    _plateau,
    _lineage,
    _order,
    _noise,
)


def _finding(code: str, value: float | None, bounds: Bounds, texts: Mapping[Severity, str], /, **words: str) -> Finding:
    severity = Severity.UNKNOWN if value is None else bounds.severity(value)
    return Finding(code, severity, value, say(texts[severity], **words))


def _inner(figures: Figures, name: str) -> Figures:
    return figures.get(name) or {}


def _percent(value: float | None, digits: int = 0) -> str:
    """A share in percent; one that is nearly 0 or 1 does not read as if it were."""
    if value is None:
        return "?"
    if digits == 0 and 0.0 < value < 1.0 and not 0.005 <= value < 0.995:
        return f"{'<' if value < 0.5 else '>'} {1 if value < 0.5 else 99}%"
    return f"{value:.{digits}%}"


def _ratio(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}"
