"""Django's handle on the app."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

PARTS = (
    "metrics",
    "alarms",
    "gateways.ctp.metrics",
    "hub.metrics",
    "verbs.limits",
    "verbs.switches",
    "verbs.live_trading",
    "verbs.peak",
    "verbs.reconciling",
    "risk_metrics",
    "broker_metrics",
)
"""What registers itself when it is loaded: metrics, alarms, what takes two persons."""


class TradingConfig(AppConfig):
    """Names the app; docs/architecture.md says what it holds."""

    name = "trading"
    verbose_name = _("Trading")

    def ready(self) -> None:
        """Let ``/metrics`` tell about orders and accounts, name the app's alarms and what takes two persons."""
        for part in PARTS:
            import_module(f"trading.{part}")
