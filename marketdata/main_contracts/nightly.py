"""What happens about main contracts after each day session."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from marketdata.instruments import trading_calendar
from marketdata.main_contracts.alarms import check_main_contracts
from marketdata.main_contracts.continuous import BuildOptions, build_continuous
from marketdata.main_contracts.services import decide_days, fill_opens, summary
from marketdata.main_contracts.state import FOLLOWED_SPAN, followed_products, last_finished_day

CATCH_UP_DAYS = 5
"""Trading days looked at each night: a machine that stood still for less loses no decision."""

OPENS_WITHIN = timedelta(days=30)
"""How long the first prices of a roll's day are waited for."""


def run_nightly(now: datetime | None = None) -> dict[str, Any]:
    """Decide what is not decided of the last trading days, complete the rolls, build the series, look for what lacks.

    Repeating it changes nothing. Gives counts for the task's answer.
    """
    now = now or timezone.now()
    calendar = trading_calendar()
    last = last_finished_day(calendar, now)
    first = calendar.between(last - FOLLOWED_SPAN, last)[-CATCH_UP_DAYS:][0]
    reports = decide_days(None, first, last, now=now)
    opens = fill_opens(last - OPENS_WITHIN, last)
    built = build_continuous(None, followed_products(last), options=BuildOptions(last=last), now=now)
    return {
        "days": [summary(report) for report in reports],
        "opens": opens,
        "bars": sum(row.stored for row in built),
        "differing": [asdict(row) for row in built if row.different],
        "late": check_main_contracts(now),
    }
