"""What beat sends for this app; pure data, merged in ``quantsite/celery.py``."""

from typing import Any

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    # An expired proposal is refused whoever looks; this only tidies the list.
    "accounts-expire-proposals": {"task": "accounts.expire_proposals", "schedule": 60.0},
}
