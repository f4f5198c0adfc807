"""What beat sends for this app; pure data, merged in ``quantsite/celery.py``."""

from typing import Any

SWEEP_SECONDS = 3.0
DRIFT_SECONDS = 300.0

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "backtests-sweep": {
        "task": "backtests.sweep",
        "schedule": SWEEP_SECONDS,
        # While the only worker is busy, sweeps do not pile up behind its run.
        "options": {"expires": SWEEP_SECONDS},
    },
    # Every five minutes: a day is compared once it is over, whatever its exchange's hours.
    "backtests-drift": {"task": "backtests.drift", "schedule": DRIFT_SECONDS, "options": {"expires": DRIFT_SECONDS}},
}
