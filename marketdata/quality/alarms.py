"""The alarm about poor data of a main contract; docs/runbook.md says what to do about it."""

from collections.abc import Iterable
from datetime import date

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts.alarms import clear_alarm, raise_alarm, register_kind
from accounts.models import Alarm, Severity
from marketdata.domain.quality_score import is_poor
from marketdata.live_models import DayQuality
from marketdata.quality.rows import RECENT, main_contracts, of_recent_days

DATA_POOR = register_kind("data_poor", _("The data of a main contract are poor"))
POOR = gettext_noop(
    "The data of %(instrument)s of %(day)s score %(score)s of 1: what is wrong stands under Data quality."
)


def watch_main_contracts(today: date) -> int:
    """Raise the alarm for each main contract whose newest judged day is poor, clear it for the others.

    Only the last days count: of older ones nobody can do anything tonight. Gives how many are raised.
    """
    main = main_contracts(today - RECENT, today)
    poor = {row.instrument.code: row for row in _newest(main.keys(), today) if is_poor(row.score)}
    for code, row in poor.items():
        about = {"instrument": code, "day": str(row.trading_day), "score": f"{row.score:.2f}"}
        raise_alarm(DATA_POOR, code, POOR, Severity.WARNING, about)
    for subject in Alarm.objects.open().filter(code=DATA_POOR).values_list("subject", flat=True):
        if subject not in poor:
            clear_alarm(DATA_POOR, subject)
    return len(poor)


def _newest(instruments: Iterable[int], today: date) -> list[DayQuality]:
    """Of each instrument the row of its newest judged day, of several intervals the worst."""
    rows = of_recent_days(today).filter(instrument__in=list(instruments)).select_related("instrument")
    newest: dict[int, DayQuality] = {}
    for row in rows.order_by("instrument", "-trading_day", "score"):
        newest.setdefault(row.instrument_id, row)
    return list(newest.values())
