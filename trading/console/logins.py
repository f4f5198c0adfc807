"""The console's page about logins at brokers."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin_base import actor_of
from accounts.admin_logins import LoginAdmin, LoginForm, SecretField, shown_fronts
from trading import services
from trading.account_models import TradingAccount
from trading.broker_models import BrokerLogin
from trading.choices import AccountKind
from trading.verbs.broker_login import POLICIES


class BrokerLoginForm(LoginForm):
    """Everything that ``set_broker_login`` takes."""

    key = "account"
    new_auth_code = SecretField(_("Authentication code"))

    class Meta:
        model = BrokerLogin
        fields = ["account", "fronts", "broker_id", "user_id", "app_id", "product_info", *POLICIES]


@admin.register(BrokerLogin)
class BrokerLoginAdmin(LoginAdmin):
    """One a CTP account. A gateway takes a changed login over when it is started again."""

    form = BrokerLoginForm
    list_display = ["account", "broker_id", "user_id", "shown_fronts", "app_id", "confirm", "changed_at"]
    list_select_related = ["account"]
    search_fields = ["account__code", "broker_id", "user_id"]
    shown_fronts = display(description=_("Fronts"))(shown_fronts)
    fieldsets = [
        (None, {"fields": ["account", "fronts", "broker_id", "user_id", "new_password"]}),
        (_("Program"), {"fields": ["app_id", "new_auth_code", "product_info"]}),
        (_("What it does by itself"), {"fields": list(POLICIES)}),
    ]

    def get_readonly_fields(self, _request: HttpRequest, obj: Any = None) -> Any:
        """A login stays with its account."""
        return ["account"] if obj is not None else []

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Accounts at brokers that have no login yet."""
        kwargs["queryset"] = TradingAccount.objects.filter(kind=AccountKind.CTP, login=None)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm[Any], change: bool) -> None:  # noqa: ARG002
        """By the verb."""
        services.set_broker_login(actor_of(request), obj.account.code, **form.verb_fields())  # type: ignore[attr-defined]
