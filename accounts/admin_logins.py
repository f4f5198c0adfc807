"""Pages of stored logins: what is secret is asked for, kept sealed by a verb, and never shown again."""

from typing import Any

from django import forms
from django.contrib.admin import ModelAdmin
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget

from accounts.admin_base import AuditedModelAdmin
from quantsite.common.errors import RuleError


class SecretField(forms.CharField):
    """Asked for, never shown: left empty, what is stored stays."""

    def __init__(self, label: Any) -> None:
        widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}, render_value=False)
        super().__init__(label=label, required=False, strip=False, widget=widget, help_text=_("Empty: as it is."))


class LoginForm(forms.ModelForm[Any]):
    """The columns of a login with its secrets; the verb's refusal stands at the field that it names."""

    new_password = SecretField(_("Password"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "fronts" in self.fields:
            self.fields["fronts"].widget.attrs["rows"] = 3

    def verb_fields(self) -> dict[str, Any]:
        """What the verb takes."""
        given = {name.removeprefix("new_"): value for name, value in self.cleaned_data.items() if name != self.key}
        return {**given, "fronts": given["fronts"].splitlines()}

    key = ""
    """The column that names the login."""

    def clean(self) -> dict[str, Any] | None:
        """Try it on a row that is thrown away."""
        cleaned = super().clean()
        if self.errors or cleaned is None:
            return cleaned
        draft = type(self.instance)(**{self.key: getattr(self.instance, self.key, None) or cleaned.get(self.key)})
        try:
            draft.take({name: value for name, value in self.verb_fields().items() if name in TAKEN})
        except RuleError as error:
            for name, told in (error.fields or {"__all__": error.text}).items():
                self.add_error(next((each for each in (name, f"new_{name}") if each in self.fields), None), told)
        return cleaned


TAKEN = ("fronts", "broker_id", "user_id", "app_id", "product_info", "password", "auth_code")


def shown_fronts(_page: Any, login: Any) -> str:
    """The addresses on one line."""
    return ", ".join(login.fronts.splitlines())


class LoginAdmin(AuditedModelAdmin):
    """Saved by a verb, which writes the trail: of a secret only that it was entered."""

    form = LoginForm

    def save_model(self, request: HttpRequest, obj: models.Model, form: Any, change: bool) -> None:
        """Have the verb do it."""
        raise NotImplementedError

    def log_addition(self, request: HttpRequest, obj: models.Model, message: Any) -> Any:
        """Django's log only."""
        return ModelAdmin.log_addition(self, request, obj, message)

    def log_change(self, request: HttpRequest, obj: models.Model, message: Any) -> Any:
        """Django's log only."""
        return ModelAdmin.log_change(self, request, obj, message)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """It goes with its account, and is changed until then."""
        return False
