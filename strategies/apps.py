"""Django's handle on the app."""

from importlib import import_module

from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from strategies import loading
from strategies.loading_places import Places


class StrategiesConfig(AppConfig):
    """Names the app; docs/architecture.md says what it holds."""

    name = "strategies"
    verbose_name = _("Strategies")

    def ready(self) -> None:
        """Say where users' strategies lie, name metrics and alarms; nobody looks there before the first question."""
        for part in ("checks", "metrics", "alarms"):
            import_module(f"strategies.{part}")
        loading.use(Places(settings.STRATEGIES, frozenset(settings.TRUSTED_STRATEGIES)))
