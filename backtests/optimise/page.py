"""What the page of one optimisation shows, as texts and addresses: first the best point and how much of it is luck."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.db.models import F
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import User
from accounts.roles import shown_role
from backtests.domain.honesty import Severity, honesty_summary
from backtests.optimise.charts import CHARTS, axes_of, first_objective, has_splits, objective_label, shown_value
from backtests.optimise.document import objectives_of
from backtests.optimise.models import (
    LEARNING,
    AskedRun,
    Method,
    OptimizationRun,
    OptimizationRunGroupObjectPermission,
    OptimizationRunUserObjectPermission,
    Trial,
)
from backtests.optimise.permissions import may_change
from backtests.optimise.points import text_of
from backtests.permissions import may_add
from backtests.reports import format as form
from backtests.reports import report_tables as tables
from backtests.rule_options import rule_pairs
from backtests.states import FINAL_STATES, RunStatus
from quantsite.common.times import SHANGHAI

SHOWN = 20
COLUMNS = ("net_profit", "total_return", "max_drawdown", "sharpe", "trade_count")
"""Figures beside the objectives in the table of the best trials."""

BESIDE = (*COLUMNS, "annual_return", "win_rate", "payoff_ratio", "commission")
"""Figures of the best trial below its objective."""


class Look(NamedTuple):
    """How a severity is shown: a symbol and a word."""

    icon: str
    word: Promise


LOOKS: dict[Severity, Look] = {
    Severity.GOOD: Look("check_circle", pgettext_lazy("honesty", "good")),
    Severity.CAUTION: Look("warning", pgettext_lazy("honesty", "doubtful")),
    Severity.BAD: Look("error", pgettext_lazy("honesty", "bad")),
    Severity.UNKNOWN: Look("help", pgettext_lazy("honesty", "unknown")),
    Severity.NOTE: Look("info", pgettext_lazy("honesty", "note")),
}

TITLES: dict[str, Promise] = {
    "deflated_sharpe": gettext_lazy("Deflated Sharpe"),
    "pbo": gettext_lazy("Overfitting (PBO)"),
    "probabilistic_sharpe": gettext_lazy("Probabilistic Sharpe"),
    "minimum_track_record": gettext_lazy("Track record"),
    "plateau": gettext_lazy("Plateau"),
    "lineage_trials": gettext_lazy("Trials counted"),
    "trade_order": gettext_lazy("Order of trades"),
    "noise": gettext_lazy("Noise on prices"),
}

VERDICTS: dict[Severity, tuple[Promise, Promise]] = {
    Severity.GOOD: (
        gettext_lazy("Beyond luck"),
        gettext_lazy("The result is more than the number of trials explains, and choosing it carries over."),
    ),
    Severity.CAUTION: (
        gettext_lazy("Not shown"),
        gettext_lazy("There may be something here, but these trials do not show it."),
    ),
    Severity.BAD: (
        gettext_lazy("Likely luck"),
        gettext_lazy("So many trials find a result such as this by chance. Do not trade it."),
    ),
    Severity.UNKNOWN: (
        gettext_lazy("Cannot be told"),
        gettext_lazy("There are too few days or trials to tell skill from luck."),
    ),
}

DECIDING = ("deflated_sharpe", "pbo")
ORDER = (Severity.BAD, Severity.UNKNOWN, Severity.CAUTION, Severity.GOOD)
"""The worse of the deciding figures is the verdict."""

METHODS: dict[str, Promise] = {
    Method.GRID: gettext_lazy("Full grid"),
    Method.RANDOM: gettext_lazy("Random"),
    Method.TPE: gettext_lazy("Bayesian (TPE)"),
    Method.NSGA2: gettext_lazy("Genetic (NSGA-II)"),
}

VIEWS = ("state", "cancel", "resume", "share", "run_trial", "trials_csv", "trials_parquet")


class Finding(NamedTuple):
    """One honest figure as it is shown."""

    title: str
    severity: str
    icon: str
    word: str
    sentence: str


class Verdict(NamedTuple):
    """All of them in two words and a sentence."""

    severity: str
    icon: str
    title: str
    sentence: str


def page_url(name: str, run_id: int, *more: Any) -> str:
    """The address of a page of the console about one optimisation."""
    return reverse(f"admin:backtests_optimizationrun_{name}", args=[run_id, *more])


def status_labels() -> str:
    """The words for the states as JSON, for ``optimise.js``."""
    return json.dumps({str(value): str(label) for value, label in RunStatus.choices}, ensure_ascii=False)


def live_words() -> str:
    """The words that ``optimise.js`` puts its figures into, as JSON."""
    words = {
        "rate": _("%(rate)s trials a second"),
        "left": _("about %(time)s left"),
        "seconds": _("%(count)s s"),
        "minutes": _("%(count)s min"),
        "hours": _("%(count)s h"),
        "trials": _("%(done)s of %(total)s trials"),
    }
    return json.dumps(words, ensure_ascii=False)


def findings_of(figures: Mapping[str, Any]) -> list[Finding]:
    """Every honest figure with its sentence; none before an optimisation has a best trial."""
    if "sharpe" not in figures:
        return []
    return [
        Finding(
            str(TITLES[found.code]),
            str(found.severity),
            LOOKS[found.severity].icon,
            str(LOOKS[found.severity].word),
            found.sentence,
        )
        for found in honesty_summary(figures)
    ]


def verdict_of(figures: Mapping[str, Any]) -> Verdict | None:
    """The worse of deflated Sharpe and PBO in words; None before there is a best trial."""
    if "sharpe" not in figures:
        return None
    found = {finding.severity for finding in honesty_summary(figures) if finding.code in DECIDING}
    worst = next(severity for severity in ORDER if severity in found)
    title, sentence = VERDICTS[worst]
    return Verdict(str(worst), LOOKS[worst].icon, str(title), str(sentence))


def page_context(run: OptimizationRun, user: User, query: Mapping[str, str]) -> dict[str, Any]:
    """Everything that the page needs beside the theme's own context."""
    changeable = may_change(user, run)
    done = run.status == RunStatus.SUCCEEDED
    return {
        "run": run,
        "is_final": run.status in FINAL_STATES,
        "urls": {name: page_url(name, run.pk) for name in VIEWS},
        "may_cancel": changeable and run.status not in FINAL_STATES,
        "may_resume": changeable and run.status in {RunStatus.CANCELLED, RunStatus.FAILED},
        "may_share": changeable,
        "may_run": may_add(user),
        "status_labels_json": status_labels(),
        "live_words_json": live_words(),
        "error_text": _(run.error) if run.error else "",
        "warnings": [_(text) for text in run.warnings],
        "method": METHODS[run.method],
        "objective_label": objective_label(first_objective(run)),
        "best": best_of(run) if run.best else None,
        "verdict": verdict_of(run.overfitting),
        "findings": findings_of(run.overfitting),
        "asked": asked_facts(run),
        "timing": timing_facts(run),
        "fingerprints": fingerprints(run),
        "window": getattr(run, "window", None) if run.walk_forward_id else None,
        **({"table": best_table(run), **_charts(run, query)} if done and run.done else {}),
    }


def best_of(run: OptimizationRun) -> dict[str, Any]:
    """The best trial: its objectives, parameters and the figures that people ask for next."""
    name = first_objective(run)
    value = run.best["objectives"][name]
    figures = {**run.best["statistics"], "net_profit": run.best["net_profit"]}
    others = [key for key in run.best["objectives"] if key != name]
    shown = [*others, *(key for key in BESIDE if key not in run.best["objectives"])]
    luck = run.overfitting.get("sharpe_by_luck")
    return {
        "number": run.best["number"],
        "label": objective_label(name),
        "value": shown_value(name, value),
        "luck": shown_value("sharpe", luck) if name == "sharpe" and luck is not None else "",
        "parameters": [tables.Pair(key, text_of(run.best["parameters"][key])) for key in run.best["parameters"]],
        "figures": [tables.Pair(objective_label(key), shown_value(key, figures.get(key))) for key in shown],
    }


def best_table(run: OptimizationRun) -> dict[str, Any]:
    """The twenty best trials; of several objectives the front first."""
    objectives = [asked["name"] for asked in run.objectives]
    figures = [name for name in COLUMNS if name not in objectives]
    rows = run.trials.filter(feasible=True).order_by(F("score").desc(nulls_last=True), "number")[:SHOWN]
    return {
        "parameters": list(run.space),
        "figures": [objective_label(name) for name in (*objectives, *figures)],
        "rows": [_row(run, trial, figures) for trial in rows],
    }


def _row(run: OptimizationRun, trial: Trial, figures: list[str]) -> dict[str, Any]:
    statistics = {**trial.statistics, "net_profit": trial.net_profit}
    values = {**objectives_of(run, trial), **{name: statistics.get(name) for name in figures}}
    return {
        "number": trial.number,
        "parameters": [text_of(trial.parameters.get(name)) for name in run.space],
        "figures": [shown_value(name, value) for name, value in values.items()],
        "fills": form.count(trial.fills),
        "on_front": trial.number in run.front,
    }


def _charts(run: OptimizationRun, query: Mapping[str, str]) -> dict[str, Any]:
    """Which charts there are, and the choice of the map's two parameters."""
    axes = axes_of(run, query)
    has_values = run.trials.exclude(score=None).exists()
    wanted = {
        "map": axes is not None,
        "slices": run.feasible and (run.method != Method.GRID or len(run.space) != 2),
        "history": run.feasible and run.method in LEARNING,
        "histogram": has_values,
        "splits": has_splits(run),
        "front": len(run.objectives) > 1 and run.feasible,
    }
    tail = f"?x={axes[0]}&y={axes[1]}" if axes else ""
    return {
        "charts": {
            name: page_url(f"{name}_chart", run.pk) + (tail if name == "map" else "") for name in CHARTS if wanted[name]
        },
        "axes": axes,
        "axis_choices": list(run.space) if len(run.space) > 2 else [],
    }


def space_texts(run: AskedRun) -> list[tables.Pair]:
    """What each parameter may be, as it was asked for."""
    return [tables.Pair(name, _range_text(asked)) for name, asked in run.space.items()]


def _range_text(asked: Any) -> str:
    if isinstance(asked, list):
        return ", ".join(text_of(value) for value in asked)
    ends = f"{asked['low']:g} – {asked['high']:g}"
    return (
        ends if asked.get("step") is None else _("%(ends)s by %(step)s") % {"ends": ends, "step": f"{asked['step']:g}"}
    )


def asked_facts(run: AskedRun) -> list[tables.Pair]:
    """The facts of the request."""
    directions = {"maximise": "↑", "minimise": "↓"}
    goals = ", ".join(f"{objective_label(one['name'])} {directions[one['direction']]}" for one in run.objectives)
    owner = getattr(run, "owner", None)
    facts = [
        (_("Strategy"), run.strategy),
        *space_texts(run),
        *((name, text_of(value)) for name, value in run.fixed.items()),
        (_("Objective"), goals),
        (_("Constraints"), ", ".join(run.constraints)),
        (_("Method"), str(METHODS[run.method])),
        (_("Instrument"), f"{' + '.join(run.codes())} {run.interval}"),
        (_("Trading days"), _period(run)),
        (_("Start capital"), form.money(run.capital)),
        (_("Volume, lots"), f"{run.volume:g}"),
        *((name.replace("_", " "), f"{value:g}") for name, value in run.costs.items()),
        *rule_pairs(run.rules),
        (_("Owner"), owner.get_username() if owner else _("system")),
        (_("Asked for"), f"{run.created_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"),
    ]
    return [tables.Pair(str(name), str(value)) for name, value in facts if value]


def _period(run: AskedRun) -> str:
    if run.start is None and run.end is None:
        return _("all that are stored")
    return f"{run.start or '…'} – {run.end or '…'}"


def timing_facts(run: OptimizationRun) -> list[tables.Pair]:
    """Trials by what became of them, and where the time went."""
    timing = run.timing
    facts = [
        (_("Trials"), form.count(run.done)),
        (_("Keep to the constraints"), form.count(run.feasible)),
        (_("Refused by the strategy"), form.count(run.skipped)),
        (_("Failed"), form.count(run.failed) if run.failed else ""),
    ]
    if timing:
        facts += [
            (_("From start to end, s"), f"{timing['total_seconds']:,.2f}"),
            (_("Work of all workers, s"), f"{timing['work_seconds']:,.2f}"),
            (_("Honest figures, s"), f"{timing['finish_seconds']:,.2f}"),
            (_("Trials a second"), f"{timing['trials_per_second']:,.1f}"),
            (_("Workers"), form.count(timing["workers"])),
            (_("Chunks"), form.count(timing["chunks"])),
        ]
    return [tables.Pair(str(name), value) for name, value in facts if value]


def fingerprints(run: OptimizationRun) -> list[tables.Pair]:
    """What tells whether two optimisations searched the same."""
    found = [
        (_("Result hash of the best trial"), run.best.get("result_hash", "") if run.best else ""),
        (_("Data hash"), run.data_hash),
        (_("Source hash"), run.source_hash),
        (_("Engine version"), run.engine_version),
        (_("Request id"), run.request_id),
    ]
    return [tables.Pair(name, value) for name, value in found if value]


def shares_of(run: OptimizationRun) -> list[tuple[str, str]]:
    """Whom it is shared with: the form's key, and the name."""
    people = OptimizationRunUserObjectPermission.objects.filter(content_object=run).select_related("user")
    groups = OptimizationRunGroupObjectPermission.objects.filter(content_object=run).select_related("group")
    return [
        *((f"user:{row.user_id}", row.user.get_username()) for row in people),
        *((f"group:{row.group_id}", shown_role(row.group.name)) for row in groups),
    ]
