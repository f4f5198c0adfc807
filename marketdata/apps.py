"""Django's handle on the app."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

PARTS = (
    "checks",
    "metrics",
    "alarms",
    "admin_daily",
    "admin_live",
    "admin_logins",
    "admin_rates",
    "ctp.metrics",
    "ctp.alarms",
    "rate_proposals",
    "main_contracts.metrics",
    "main_contracts.alarms",
    "main_contracts.admin",
    "quality.metrics",
    "quality.alarms",
    "quality.admin",
    "recording.metrics",
    "recording.alarms",
    "ticks.metrics",
    "ticks.alarms",
    "ticks.admin",
    "publishing.metrics",
    "publishing.alarms",
    "hub.metrics",
)
"""What registers itself when it is loaded: checks, metrics, alarms, pages."""


class MarketdataConfig(AppConfig):
    """Names the app; docs/architecture.md says what it holds."""

    name = "marketdata"
    verbose_name = _("Market data")

    def ready(self) -> None:
        """Let ``/metrics`` tell about bars, name the app's alarms, and register the pages beside ``admin.py``."""
        for part in PARTS:
            import_module(f"marketdata.{part}")
