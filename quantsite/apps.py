"""The project's own app (wiring only) and the console's admin site."""

import gc
from importlib import import_module

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from quantsite.common.texts import use_translator


class QuantsiteConfig(AppConfig):
    """Holds templates, static files, checks and the commands that start processes."""

    name = "quantsite"
    label = "quantsite"
    verbose_name = "quantsite"

    def ready(self) -> None:
        """Load the Celery app (so that ``current_app`` is ours) and the checks; let the rules speak by gettext."""
        use_translator(gettext)
        import_module("quantsite.celery")
        import_module("quantsite.checks")


class ConsoleConfig(AdminConfig):
    """Django's admin with our site in place of the default one."""

    default_site = "quantsite.admin_site.ConsoleSite"
    verbose_name = _("Console")

    def ready(self) -> None:
        """Load every app's pages, the last of what loads. All that stays: no search for garbage walks through it."""
        super().ready()
        gc.freeze()
        gc.enable()  # off since `manage.py` began
