"""What a worker does about market data."""

from celery import shared_task
from celery.signals import worker_ready

from marketdata.alarms import check_calendar


@shared_task(name="marketdata.check_calendar")
def check_calendar_end() -> bool:
    """See ``alarms.check_calendar``."""
    return check_calendar()


@worker_ready.connect
def check_at_start(**_kwargs: object) -> None:
    """A worker looks once by itself when it starts: beat would wait for the morning."""
    check_calendar_end.delay()
