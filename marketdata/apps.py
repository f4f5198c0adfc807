"""Django's handle on the app."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MarketdataConfig(AppConfig):
    """Names the app; docs/architecture.md says what it holds."""

    name = "marketdata"
    verbose_name = _("Market data")

    def ready(self) -> None:
        """Let ``/metrics`` tell about bars, name the app's alarms, and register the pages beside ``admin.py``."""
        import_module("marketdata.metrics")
        import_module("marketdata.alarms")
        import_module("marketdata.admin_daily")
        import_module("marketdata.metrics_recorder")
        import_module("marketdata.alarms_recorder")
        for part in ("metrics_main", "main_alarms", "admin_main", "metrics_quality", "quality_alarms", "admin_quality"):
            import_module(f"marketdata.{part}")
        for part in ("metrics_archive", "archive_alarms", "admin_files"):
            import_module(f"marketdata.{part}")
        for part in ("metrics_feed", "feed_alarms", "admin_live"):
            import_module(f"marketdata.{part}")
        import_module("marketdata.metrics_sockets")
