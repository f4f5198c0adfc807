"""The alarms that backtests raise; docs/runbook.md says what to do about each."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop, pgettext_lazy

from accounts.alarms import register_kind, register_subject

GIVEN_UP = register_kind("backtest_given_up", _("A backtest killed its worker again and again"))
QUEUE_STUCK = register_kind("backtest_queue_stuck", _("Backtests wait and no worker takes them"))

DRIFT = register_kind("strategy_drift", _("A strategy's day went otherwise than its backtest, and nobody knows why"))
UNEXPLAINED = gettext_noop("Strategy %(key)s: %(count)d differences of %(day)s are not explained by any rule.")

QUEUE_SUBJECT = register_subject("backtests", _("backtests"))
OPTIMISATIONS = register_subject("optimisations", _("optimisations"))
RUN = register_subject("run", pgettext_lazy("backtest", "run"))
OPTIMISATION = register_subject("optimisation", _("optimisation"))
STRATEGY = register_subject("strategy", pgettext_lazy("backtest", "strategy"))


def drift_subject(key: str) -> str:
    """The subject of an alarm about the days of one strategy instance."""
    return f"{STRATEGY} {key}"


def subject_of(run_id: int) -> str:
    """The subject of an alarm about one run."""
    return f"{RUN} {run_id}"
