"""Django's handle on the app."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BacktestsConfig(AppConfig):
    """Names the app; docs/architecture.md says what it holds."""

    name = "backtests"
    verbose_name = _("Backtests")

    def ready(self) -> None:
        """Let ``/metrics`` tell about backtests, and name the app's alarms."""
        import_module("backtests.metrics")
        import_module("backtests.alarms")
        import_module("backtests.console.drift_block")
        import_module("backtests.console.strategy_chart")
        import_module("backtests.optimise.admin")
        import_module("backtests.optimise.admin_walk")
