"""System checks with ids: what no single setting can refuse. ``manage.py check`` and every start run them.

W001 servers without Redis, W002 a broker on the file system beside a server database, E001 pages would not
tell the market's time, E002 a live desk on the embedded default. What an app alone can refuse stands with it
(``marketdata/checks.py``: E003, ``strategies/checks.py``: E004, W003).
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register


@register("quantsite")
def two_sizes(app_configs: Sequence[Any] | None, **_options: Any) -> list[CheckMessage]:  # noqa: ARG001 - Django's hook
    """Settings that belong to different sizes."""
    found: list[CheckMessage] = []
    on_files = settings.CELERY_BROKER_URL.startswith("filesystem")
    if not settings.EMBEDDED and not settings.REDIS_URL:
        found.append(
            checks.Warning(
                "DATABASE_URL is set, REDIS_URL is not: cache, lockouts and live messages stay within one process.",
                hint="Set REDIS_URL, for example redis://127.0.0.1:6379/0.",
                id="quantsite.W001",
            )
        )
    if not settings.EMBEDDED and on_files:
        found.append(
            checks.Warning(
                "The Celery broker lies on this machine's disk: workers on other machines get no tasks.",
                hint="Set REDIS_URL or CELERY_BROKER_URL.",
                id="quantsite.W002",
            )
        )
    if settings.EMBEDDED and settings.ENVIRONMENT == "live":
        found.append(
            Error(
                "QUANTSITE_ENVIRONMENT is live on the embedded default, which knows the simulated exchange only.",
                hint="Set DATABASE_URL and REDIS_URL, or QUANTSITE_ENVIRONMENT=paper.",
                id="quantsite.E002",
            )
        )
    return found


@register("quantsite")
def market_time(app_configs: Sequence[Any] | None, **_options: Any) -> list[CheckMessage]:  # noqa: ARG001 - Django's hook
    """Pages show the market's wall clock."""
    if settings.USE_TZ and settings.TIME_ZONE == "Asia/Shanghai":
        return []
    return [
        Error(
            f"Pages would show the time of {settings.TIME_ZONE}: the exchanges' clock is Asia/Shanghai, with USE_TZ.",
            id="quantsite.E001",
        )
    ]
