"""What beat sends for this app; pure data, merged in ``quantsite/celery.py``."""

from typing import Any

from celery.schedules import crontab

LOOK_SECONDS = 15.0

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    # UTC: 05:00 in Shanghai, between the last night session and the morning.
    "strategies-prune": {"task": "strategies.prune", "schedule": crontab(hour="21", minute="0")},
    # A runner that was killed, or hangs, tells nobody: the rows do.
    "strategies-check-runner": {
        "task": "strategies.check_runner",
        "schedule": LOOK_SECONDS,
        "options": {"expires": LOOK_SECONDS},
    },
    "strategies-paper-days": {"task": "strategies.show_paper_days", "schedule": 600.0},
}
