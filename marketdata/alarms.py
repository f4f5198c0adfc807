"""The alarm that market data raises; docs/runbook.md says what to do about it."""

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts.alarms import clear_alarm, raise_alarm, register_kind, register_subject
from accounts.models import Severity
from marketdata.models import TradingDay
from quantsite.common.errors import MissingError

CALENDAR_ENDS = register_kind("calendar_ends", _("The trading calendar ends soon"))
SUBJECT = register_subject("calendar", _("trading calendar"))
ENDS = gettext_noop("The trading calendar ends on %(day)s: add the next year under Trading days.")
WARN_DAYS = 60
"""The State Council publishes next year's holidays in November, the exchanges in December."""


def check_calendar() -> bool:
    """Raise the alarm from 60 days before the calendar's last day on, critical once it is past; clear it otherwise.

    Gives whether the alarm is raised.
    """
    today = timezone.localdate()
    try:
        last = TradingDay.objects.calendar().last
    except MissingError:
        last = today - timedelta(days=1)
    if last - today > timedelta(days=WARN_DAYS):
        clear_alarm(CALENDAR_ENDS, SUBJECT)
        return False
    severity = Severity.CRITICAL if last < today else Severity.WARNING
    raise_alarm(CALENDAR_ENDS, SUBJECT, ENDS, severity, {"day": str(last)})
    return True
