"""What beat sends for this app; pure data, merged in ``quantsite/celery.py``."""

from typing import Any

from celery.schedules import crontab

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    # Times are UTC: 04:50 in Shanghai, between the last night session and the morning.
    "trading-prune-marks": {"task": "trading.prune_marks", "schedule": crontab(hour="20", minute="50")},
    "trading-prune-comparisons": {"task": "trading.prune_comparisons", "schedule": crontab(hour="20", minute="55")},
    # Twice the time after which a picture of an account's risk counts as old.
    "trading-sweep-risk": {"task": "trading.sweep_risk", "schedule": 60.0},
}
