"""Django's handle on the app."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Names the app; docs/architecture.md says what it holds."""

    name = "accounts"
    verbose_name = _("People")

    def ready(self) -> None:
        """Connect the receivers of login signals, and the alarms to ``/metrics``."""
        import_module("accounts.audit_signals")
        import_module("accounts.alarms")
        import_module("accounts.schema")
