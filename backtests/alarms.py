"""The alarms that backtests raise; docs/runbook.md says what to do about each."""

from django.utils.translation import gettext_lazy as _

from accounts.alarms import register_kind

GIVEN_UP = register_kind("backtest_given_up", _("A backtest killed its worker again and again"))
QUEUE_STUCK = register_kind("backtest_queue_stuck", _("Backtests wait and no worker takes them"))

QUEUE_SUBJECT = "backtests"


def subject_of(run_id: int) -> str:
    """The subject of an alarm about one run."""
    return f"run {run_id}"
