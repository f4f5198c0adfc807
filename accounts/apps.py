"""Django's handle on the app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Names the app; docs/architecture.md says what it holds."""

    name = "accounts"
    verbose_name = _("People")
