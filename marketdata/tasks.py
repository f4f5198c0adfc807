"""What a worker does about market data."""

from typing import Any

from celery import shared_task
from celery.signals import worker_ready

from marketdata.alarms import check_calendar
from marketdata.main_contracts.nightly import run_nightly
from marketdata.publishing.alarms import check_feeds
from marketdata.publishing.instrument_silence import check_instruments
from marketdata.quality.services import check_changed
from marketdata.ticks.archive import archive_before


@shared_task(name="marketdata.check_calendar")
def check_calendar_end() -> bool:
    """See ``alarms.check_calendar``."""
    return check_calendar()


@shared_task(name="marketdata.check_feeds")
def check_living_feeds() -> list[str]:
    """See ``feed_alarms.check_feeds`` and ``instrument_silence.check_instruments``; gives the sources."""
    return sorted({*check_feeds(), *check_instruments()})


@shared_task(name="marketdata.check_quality")
def check_quality_of_days() -> int:
    """See ``quality.check_changed``; gives how many days were judged."""
    return sum(len(outcome.rows) for outcome in check_changed())


@shared_task(name="marketdata.decide_main_contracts")
def decide_main_contracts() -> dict[str, Any]:
    """See ``main_nightly.run_nightly``."""
    return run_nightly()


@shared_task(name="marketdata.archive_ticks")
def archive_old_ticks() -> dict[str, Any]:
    """See ``tick_archive.archive_before``; gives what was done."""
    run = archive_before()
    return {"days": run.days, "ticks": run.ticks, "bytes": run.bytes, "failed": len(run.failed)}


@worker_ready.connect
def check_at_start(**_kwargs: object) -> None:
    """A worker looks once by itself when it starts: beat would wait for the morning."""
    check_calendar_end.delay()
