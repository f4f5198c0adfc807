"""What beat sends for this app; pure data, merged in ``quantsite/celery.py``."""

from typing import Any

from celery.schedules import crontab

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    # Times are UTC: eight in the morning in Shanghai.
    "marketdata-check-calendar": {"task": "marketdata.check_calendar", "schedule": crontab(hour="0", minute="0")},
    # A feed that was killed tells nobody: the rows do, when its lease has ended.
    "marketdata-check-feeds": {"task": "marketdata.check_feeds", "schedule": 30.0},
    # 16:30 in Shanghai, after the last day session; again at 18:05, when what is still missing is an alarm.
    "marketdata-decide-main-contracts": {
        "task": "marketdata.decide_main_contracts",
        "schedule": crontab(hour="8", minute="30"),
    },
    "marketdata-late-main-contracts": {
        "task": "marketdata.decide_main_contracts",
        "schedule": crontab(hour="10", minute="5"),
    },
    # 16:45 in Shanghai: the sessions are over, bars and settlement prices are stored.
    "marketdata-check-quality": {"task": "marketdata.check_quality", "schedule": crontab(hour="8", minute="45")},
    # 04:30 in Shanghai, between the last night session and the morning.
    "marketdata-archive-ticks": {"task": "marketdata.archive_ticks", "schedule": crontab(hour="20", minute="30")},
}
