"""When something was, of a time of day that CTP tells: dates of messages differ by exchange at night."""

from datetime import date, datetime, time

from quantsite.common.times import SHANGHAI, utc_to_ns

EVENING, MORNING = 17, 6
"""Hours: from the evening on a time is of the night before the trading day, till the morning of its second half."""


def instant_on(day: date, before: date, text: str) -> int | None:
    """The instant (ns UTC) of ``HH:MM:SS`` on a trading day; ``before`` is the trading day before it.

    The night of a Monday is that of Friday, and reaches into Saturday. None where the text is no time.
    """
    try:
        at = time.fromisoformat(text.strip())
    except ValueError:
        return None
    if at.hour >= EVENING:
        on = before
    elif at.hour < MORNING:
        on = date.fromordinal(before.toordinal() + 1)
    else:
        on = day
    return utc_to_ns(datetime.combine(on, at, tzinfo=SHANGHAI))
