"""The verb of comparing: finished runs that the actor may see, beside each other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from accounts.permissions import require
from backtests.domain.comparison import rebased
from backtests.exports import MEDIA_TYPES, File, known_form
from backtests.models import VIEW, BacktestRun
from backtests.permissions import find_run
from backtests.reports.compare_html import render_comparison
from backtests.reports.compare_input import ComparedRun, Comparison
from backtests.result_rows import read_days
from backtests.services import demand_result, known_language
from quantsite.common.errors import RuleError
from quantsite.common.times import iso_utc
from quantsite.web.renderers import dumps

if TYPE_CHECKING:
    from accounts.models import User

FEWEST, MOST = 2, 10


def compare_runs(actor: "User | None", run_ids: Sequence[int]) -> Comparison:
    """The runs with their days.

    Raises ``RefusedError`` for those whose role has no backtests, ``RuleError`` unless two to ten different runs
    are named, ``MissingError`` that names a run that the actor may not see, ``ConflictError`` for one without a
    result.
    """
    require(actor, f"backtests.{VIEW}")
    _check_number(run_ids)
    runs = tuple(find_run(actor, run_id) for run_id in run_ids)
    for run in runs:
        demand_result(run)
    return Comparison(tuple(map(_compared, runs)))


def export_comparison(actor: "User | None", run_ids: Sequence[int], form: str, language: str | None = None) -> File:
    """The comparison as a file in one of ``FORMS``; raises as ``compare_runs``, and for what the site has not got."""
    known_form(form, FORMS)
    known_language(language)
    found = compare_runs(actor, run_ids)
    with override(language or get_language() or settings.LANGUAGE_CODE):
        return File(f"comparison-{'-'.join(map(str, run_ids))}.{form}", MEDIA_TYPES[form], FORMS[form](found))


def numbers_of(text: str) -> list[int]:
    """Run numbers with commas between them. Raises ``RuleError`` for what is none."""
    found = []
    for part in text.split(","):
        if not (part.strip().isascii() and part.strip().isdigit() and len(part.strip()) <= 18):
            why = _("%(part)s is no number of a run: give numbers with commas between them, such as 12,15.")
            why %= {"part": repr(part.strip())}
            raise RuleError("invalid_runs", why, fields={"runs": why})
        found.append(int(part))
    return found


def _check_number(run_ids: Sequence[int]) -> None:
    text = ""
    if not FEWEST <= len(run_ids) <= MOST:
        text = _("From %(fewest)s to %(most)s runs can be compared, not %(number)s.")
        text %= {"fewest": FEWEST, "most": MOST, "number": len(run_ids)}
    elif twice := [run_id for run_id in run_ids if run_ids.count(run_id) > 1]:
        text = _("Backtest run %(id)s is named more than once.") % {"id": twice[0]}
    if text:
        raise RuleError("invalid_runs", text, fields={"runs": text})


def _compared(run: BacktestRun) -> ComparedRun:
    return ComparedRun(
        run=run.pk,
        strategy=run.strategy,
        instrument=run.instrument.code,
        interval=run.interval,
        parameters=run.parameters,
        capital=run.capital,
        days=read_days(run),
        statistics=run.statistics,
        facts=_facts(run),
        result_hash=run.result_hash,
        warnings=tuple(run.warnings),
        simulated=run.instrument.simulated,
        owner=run.owner.get_username() if run.owner else "",
    )


def _facts(run: BacktestRun) -> dict[str, Any]:
    """What was given to a run, what it was computed from and by; results are not among it."""
    return {
        "strategy": run.strategy,
        "parameters": run.parameters,
        "instrument": run.instrument.code,
        "legs": ", ".join(run.legs) or None,
        "interval": run.interval,
        "first_bar": iso_utc(run.first_bar) if run.first_bar else None,
        "last_bar": iso_utc(run.last_bar) if run.last_bar else None,
        "bars": run.bar_count,
        "capital": run.capital,
        "volume": run.volume,
        "close_at_end": run.close_at_end,
        "rules": run.rules,
        "costs": run.cost_table,
        "form": run.form or None,
        "seed": run.seed,
        "data_hash": run.data_hash,
        "source_hash": run.source_hash,
        "engine_version": run.engine_version,
    }


def comparison_document(found: Comparison) -> dict[str, Any]:
    """A comparison as JSON values; ``differences`` are against the first run, ``best`` counts the runs from 0."""
    return {
        "runs": [_head(run) for run in found.runs],
        "same_period": found.is_same_period(),
        "facts": [row._asdict() for row in found.facts()],
        "figures": [row._asdict() for row in found.figures()],
        "correlations": [[pair._asdict() for pair in row] for row in found.correlations()],
        "equity": [_curve(run) for run in found.runs],
    }


def _head(run: ComparedRun) -> dict[str, Any]:
    return {
        "run": run.run,
        "strategy": run.strategy,
        "instrument": run.instrument,
        "interval": run.interval,
        "parameters": run.parameters,
        "owner": run.owner or None,
        "result_hash": run.result_hash,
        "warnings": run.warnings,
    }


def _curve(run: ComparedRun) -> dict[str, Any]:
    """Equity with the start capital as 100, and the drawdown as a fraction, by trading day."""
    return {
        "run": run.run,
        "trading_day": run.days.trading_day.astype("datetime64[D]").astype(str).tolist(),
        "rebased": rebased(run.days.equity, run.capital).tolist(),
        "drawdown": run.days.drawdown.tolist(),
    }


FORMS = {
    "html": lambda found: render_comparison(found).encode(),
    "json": lambda found: dumps(comparison_document(found)),
}
"""The formats of a comparison: a file without a network, or everything for a program."""
