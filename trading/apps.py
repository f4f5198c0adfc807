"""Django's handle on the app."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

PARTS = ("metrics", "alarms", "hub.metrics")


class TradingConfig(AppConfig):
    """Names the app; docs/architecture.md says what it holds."""

    name = "trading"
    verbose_name = _("Trading")

    def ready(self) -> None:
        """Let ``/metrics`` tell about orders and accounts, and name the app's alarms."""
        for part in PARTS:
            import_module(f"trading.{part}")
