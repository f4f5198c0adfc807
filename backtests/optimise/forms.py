"""The forms for a new optimisation and a new walk-forward; whatever is refused is noted beside its field."""

import math
import re
from dataclasses import replace
from typing import Any

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from backtests.admin_forms import NewRunForm, ShareForm, new_run_form, parameter_field
from backtests.domain.objectives import statistic_names
from backtests.optimise.charts import objective_label
from backtests.optimise.checks import CheckedOptimization, check_optimization
from backtests.optimise.lineage import trials_of
from backtests.optimise.models import (
    VIEW,
    VIEW_EVERY,
    AskedRun,
    Method,
    OptimizationRun,
    OptimizationRunGroupObjectPermission,
    OptimizationRunUserObjectPermission,
)
from backtests.optimise.points import text_of
from backtests.optimise.requests import OptimizationRequest, WalkForwardRequest
from backtests.optimise.windows import Days, windows_of
from quantsite.common.errors import RuleError
from strategies import registry
from strategies.domain.parameters import ParameterInfo

VALUES = 8
"""About so many values are proposed for a parameter."""

PROPOSED = 2
"""So many parameters of a strategy get a range proposed, the others stay at their defaults."""

METHOD_CHOICES = [
    (Method.GRID, _("Full grid: every combination")),
    (Method.RANDOM, _("Random: as many points as you like")),
    (Method.TPE, _("Bayesian (TPE): learns where good ones lie")),
    (Method.NSGA2, _("Genetic (NSGA-II): for several objectives")),
]
SEARCH_FIELDS = ("method", "trials", "objective", "second_objective", "constraints")
WINDOW_FIELDS = ("in_sample", "out_of_sample", "step", "gap", "anchored")
NAMES = {"objectives": "objective"}
"""What the rules call otherwise than the form."""


class NewSearchForm(NewRunForm):
    """Everything that ``optimize`` takes: each parameter is a range, a list, or one value that stays."""

    method = forms.ChoiceField(
        label=_("Method"), choices=METHOD_CHOICES, initial=Method.GRID, widget=UnfoldAdminSelectWidget
    )
    trials = forms.IntegerField(
        label=_("Trials"),
        help_text=_("How many; a full grid tries them all."),
        required=False,
        initial=200,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    objective = forms.ChoiceField(label=_("Objective"), initial="sharpe", widget=UnfoldAdminSelectWidget)
    second_objective = forms.ChoiceField(
        label=_("Second objective"),
        help_text=_("Gives a Pareto front; the first one still chooses the best."),
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    constraints = forms.CharField(
        label=_("Constraints"),
        help_text=_("Such as max_drawdown>=-0.2 trade_count>=30, with a space between."),
        required=False,
        widget=UnfoldAdminTextInputWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = [(name, f"{objective_label(name)} ({name})") for name in statistic_names()]
        self._choice("objective").choices = known
        self._choice("second_objective").choices = [("", _("none")), *known]
        self.checked: CheckedOptimization | None = None

    def clean(self) -> dict[str, Any]:
        """The values; whatever the rules refuse is noted beside its field."""
        cleaned = forms.ModelForm.clean(self) or {}
        if not self.errors:
            try:
                self.check()
            except RuleError as error:
                for name, text in (error.fields or {"": error.text}).items():
                    self.add_error(self._field_of(NAMES.get(name, name)), text)
        return cleaned

    def check(self) -> None:
        """Keep the checked request. Raises ``RuleError``."""
        self.checked = check_optimization(self.to_search())

    def to_search(self) -> OptimizationRequest:
        """The request, once the fields are typed."""
        values = self.cleaned_data
        run = self.to_request()
        asked = {name: str(text).strip() for name, text in run.parameters.items()}
        space = {name: text for name, text in asked.items() if ":" in text or "," in text}
        fixed = {name: text for name, text in asked.items() if text and name not in space}
        return OptimizationRequest(
            replace(run, parameters=fixed),
            space=space,
            objectives=[name for name in (values["objective"], values["second_objective"]) if name],
            constraints=re.sub(r"\s*([<>=]+)\s*", r"\1", values["constraints"]).replace(",", " ").split(),
            method=values["method"],
            trials=values["trials"],
        )

    def preview(self) -> list[str]:
        """What the valid form would do, in sentences."""
        checked = self.checked
        if checked is None:
            return []
        return [_count_text(checked, 1), _lineage_text(checked, checked.total), *_time_text(checked, checked.total)]


class NewWalkForm(NewSearchForm):
    """Everything that ``walk_forward`` takes."""

    in_sample = forms.IntegerField(
        label=_("In sample"), help_text=_("Trading days."), initial=480, widget=UnfoldAdminIntegerFieldWidget
    )
    out_of_sample = forms.IntegerField(
        label=_("Out of sample"), help_text=_("Trading days."), initial=120, widget=UnfoldAdminIntegerFieldWidget
    )
    step = forms.IntegerField(
        label=_("Step"),
        help_text=_("Trading days from window to window; left empty: as many as out of sample."),
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    gap = forms.IntegerField(
        label=_("Gap"),
        help_text=_("Trading days left out between the two, so that nothing leaks."),
        required=False,
        initial=0,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    anchored = forms.BooleanField(
        label=_("Anchored"),
        help_text=_("Every window begins on the first day."),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.found: list[Days] = []

    def check(self) -> None:
        """The search first, then the windows."""
        super().check()
        if self.checked is not None:
            self.found = windows_of(self.checked, self.to_walk())

    def to_walk(self) -> WalkForwardRequest:
        """The request, once the fields are typed."""
        values = self.cleaned_data
        given = {name: values[name] for name in ("in_sample", "out_of_sample", "step", "anchored")}
        return WalkForwardRequest(self.to_search(), gap=values["gap"] or 0, **given)

    def preview(self) -> list[str]:
        """What the valid form would do, in sentences."""
        if self.checked is None or not self.found:
            return []
        total = self.checked.total * len(self.found)
        last = _t("Out of sample from %(first)s to %(last)s.") % {"first": self.found[0][2], "last": self.found[-1][3]}
        count = _count_text(self.checked, len(self.found))
        return [count, last, _lineage_text(self.checked, total), *_time_text(self.checked, total)]


def _count_text(checked: CheckedOptimization, windows: int) -> str:
    """How the number of trials comes about."""
    parts = [f"{dimension.size:,} {dimension.name}" for dimension in checked.space.dimensions if dimension.size]
    factors = [f"{windows:,} {_t('windows')}"] if windows > 1 else []
    if checked.method == Method.GRID:
        factors += parts
    elif windows > 1:
        factors += [f"{checked.total:,}"]
    total = f"{checked.total * windows:,}"
    if len(factors) < 2:
        return _t("%(total)s trials.") % {"total": total}
    return _t("%(factors)s = %(total)s trials.") % {"factors": " × ".join(factors), "total": total}


def _lineage_text(checked: CheckedOptimization, more: int) -> str:
    """How often the strategy will have been tried on these instruments."""
    run = checked.run.request
    known = trials_of(run.strategy, [checked.run.instrument.code, *run.legs])
    text = _t("This strategy on these instruments: %(known)s trials counted so far, %(then)s after it.")
    return text % {"known": f"{known:,}", "then": f"{known + more:,}"}


def _time_text(checked: CheckedOptimization, total: int) -> list[str]:
    """About how long one worker computes, by the last optimisation of the same kind; nothing without one."""
    alike = OptimizationRun.objects.filter(
        strategy=checked.run.request.strategy, instrument=checked.run.instrument, interval=checked.run.interval
    )
    seconds = alike.exclude(trial_seconds=None).order_by("-pk").values_list("trial_seconds", flat=True).first()
    if not seconds:
        return []
    spent = max(1, round(seconds * total))
    shown = f"{spent:,} s" if spent < 120 else f"{math.ceil(spent / 60):,} min"
    return [_t("About %(time)s of work for one worker, by the last one like it.") % {"time": shown}]


def search_form(base: type[NewSearchForm]) -> type[NewSearchForm]:
    """``base`` with the cost options, the rules and a text field for each parameter of every strategy."""
    fields: dict[str, Any] = {}
    for strategy in registry.names():
        proposals = proposals_of(strategy)
        for info in registry.parameters(strategy):
            fields[parameter_field(strategy, info.name)] = forms.CharField(
                label=info.name,
                initial=proposals[info.name],
                help_text=_help_text(info),
                required=False,
                widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
            )
    return type(base.__name__, (base, new_run_form()), fields)


def proposals_of(strategy: str) -> dict[str, str]:
    """Parameter -> a range around its default for the first two numbers, the default for the others."""
    left, found = PROPOSED, {}
    for info in registry.parameters(strategy):
        text = _range_around(info) if left and info.kind in {"int", "float"} else ""
        left -= bool(text)
        found[info.name] = text or text_of(info.default).lower()
    return found


def _range_around(info: ParameterInfo) -> str:
    """From half of the default to twice of it in about eight round steps; '' around nothing."""
    default = float(info.default)
    low = max(default / 2, info.limits.minimum if info.limits.minimum is not None else -math.inf)
    high = min(default * 2, info.limits.maximum if info.limits.maximum is not None else math.inf)
    if not 0 < low < high:
        return ""
    raw = (high - low) / VALUES
    power = 10.0 ** math.floor(math.log10(raw))
    step = min((power, 2 * power, 5 * power, 10 * power), key=lambda nice: abs(nice - raw))
    if info.kind == "int":
        low, step = math.ceil(low), max(1.0, round(step))
    high = low + step * math.floor((high - low) / step + 1e-9)
    return f"{low:.6g}:{high:.6g}:{step:.6g}"


def _help_text(info: ParameterInfo) -> str:
    described = _t(info.limits.description) if info.limits.description else ""
    if info.limits.choices:
        return " · ".join(part for part in (described, ",".join(info.limits.choices)) if part)
    low, high = info.limits.minimum, info.limits.maximum
    known = [f"≥ {low:g}" if low is not None else "", f"≤ {high:g}" if high is not None else ""]
    return " · ".join(part for part in (described, *known) if part)


def initial_of(run: AskedRun) -> dict[str, Any]:
    """The form filled with what led to ``run``."""
    names = ("strategy", "interval", "start", "end", "capital", "volume", "form", "method", "close_at_end")
    filled = {name: getattr(run, name) for name in names}
    filled |= {"instrument": run.instrument_id, "legs": " ".join(run.legs), "trials": run.trials_wanted}
    filled |= {f"cost_{name}": value for name, value in run.costs.items()}
    filled |= {f"rule_{name}": value for name, value in run.rules.items()}
    goals = [f"{one['name']}" for one in run.objectives]
    filled |= {"objective": goals[0], "second_objective": goals[1] if len(goals) > 1 else ""}
    filled["constraints"] = " ".join(run.constraints)
    known = {parameter_field(run.strategy, name): text_of(value) for name, value in run.fixed.items()}
    known |= {parameter_field(run.strategy, name): _asked_text(asked) for name, asked in run.space.items()}
    filled |= {name: getattr(run, name) for name in WINDOW_FIELDS if hasattr(run, name)}
    return {name: _short(value) for name, value in {**filled, **known}.items()}


def _short(value: Any) -> Any:
    """A whole number without the ".0" of a float."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _asked_text(asked: Any) -> str:
    if isinstance(asked, list):
        return ",".join(text_of(value) for value in asked)
    parts = [asked["low"], asked["high"], *([asked["step"]] if asked.get("step") is not None else [])]
    return ":".join(f"{part:.12g}" for part in parts)


class ShareSearchForm(ShareForm):
    """Whom to show an optimisation."""

    people_rights = OptimizationRunUserObjectPermission
    group_rights = OptimizationRunGroupObjectPermission
    view = VIEW
    view_every = VIEW_EVERY
