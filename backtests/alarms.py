"""The alarms that backtests raise; docs/runbook.md says what to do about each."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.alarms import register_kind, register_subject

GIVEN_UP = register_kind("backtest_given_up", _("A backtest killed its worker again and again"))
QUEUE_STUCK = register_kind("backtest_queue_stuck", _("Backtests wait and no worker takes them"))

QUEUE_SUBJECT = register_subject("backtests", _("backtests"))
OPTIMISATIONS = register_subject("optimisations", _("optimisations"))
RUN = register_subject("run", pgettext_lazy("backtest", "run"))
OPTIMISATION = register_subject("optimisation", _("optimisation"))


def subject_of(run_id: int) -> str:
    """The subject of an alarm about one run."""
    return f"{RUN} {run_id}"
