"""The console's page about logins of feeds."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin_base import actor_of
from accounts.admin_logins import LoginAdmin, LoginForm, shown_fronts
from marketdata.feed_logins import set_feed_login
from marketdata.live_models import FeedLogin


class FeedLoginForm(LoginForm):
    """Everything that ``set_feed_login`` takes."""

    key = "source"

    class Meta:
        model = FeedLogin
        fields = ["source", "fronts", "broker_id", "user_id", "around_the_clock"]


@admin.register(FeedLogin)
class FeedLoginAdmin(LoginAdmin):
    """One a source of market data. A feed takes a changed login over when it is started again."""

    form = FeedLoginForm
    list_display = ["source", "broker_id", "user_id", "shown_fronts", "changed_at"]
    search_fields = ["source", "broker_id", "user_id"]
    shown_fronts = display(description=_("Fronts"))(shown_fronts)
    fieldsets = [(None, {"fields": ["source", "fronts", "broker_id", "user_id", "new_password", "around_the_clock"]})]

    def get_readonly_fields(self, _request: HttpRequest, obj: Any = None) -> Any:
        """A login stays with its source."""
        return ["source"] if obj is not None else []

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm[Any], change: bool) -> None:  # noqa: ARG002
        """By the verb."""
        set_feed_login(actor_of(request), obj.source, **form.verb_fields())  # type: ignore[attr-defined]
