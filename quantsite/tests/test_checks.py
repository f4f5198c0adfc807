"""System checks: settings that do not go together are named."""

from typing import Any

import pytest
from django.core.checks import run_checks

FILES, REDIS = "filesystem://localhost/", "redis://cache:6379/0"


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({"EMBEDDED": True, "REDIS_URL": "", "CELERY_BROKER_URL": FILES}, set()),
        ({"EMBEDDED": False, "REDIS_URL": REDIS, "CELERY_BROKER_URL": REDIS}, set()),
        ({"EMBEDDED": False, "REDIS_URL": "", "CELERY_BROKER_URL": FILES}, {"quantsite.W001", "quantsite.W002"}),
        ({"EMBEDDED": False, "REDIS_URL": REDIS, "CELERY_BROKER_URL": FILES}, {"quantsite.W002"}),
        ({"EMBEDDED": True, "ENVIRONMENT": "live"}, {"quantsite.E002"}),
        ({"TIME_ZONE": "UTC"}, {"quantsite.E001"}),
        ({"USE_TZ": False}, {"quantsite.E001"}),
        ({"BAR_INTERVALS": ["1m", "7m", "2h", "1d"]}, set()),
        ({"STRATEGIES": "backtests.reports"}, set()),
        ({"STRATEGIES": "/nowhere/at/all"}, {"quantsite.E004"}),
        ({"STRATEGIES": "no.such.package"}, {"quantsite.E004"}),
        ({"STRATEGIES": "json.decoder"}, {"quantsite.E004"}),  # a module is no package
        ({"TRUSTED_STRATEGIES": ["no_such_strategy"]}, {"quantsite.W003"}),
        ({"BAR_INTERVALS": []}, {"quantsite.E003"}),
        ({"BAR_INTERVALS": ["1m", "7x"]}, {"quantsite.E003"}),
        ({"BAR_INTERVALS": ["1m", "60m"]}, {"quantsite.E003"}),  # stored as 60m, asked for as 1h
    ],
)
def test_what_is_found(settings: Any, changes: dict[str, Any], ids: set[str]) -> None:
    for name, value in changes.items():
        setattr(settings, name, value)
    assert {message.id for message in run_checks(tags=["quantsite"])} == ids
