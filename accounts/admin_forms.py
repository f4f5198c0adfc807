"""Forms of the console's pages about people, roles and alarms."""

from typing import Any

from django import forms
from django.contrib.auth.models import Group, Permission
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm, BaseDialogForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts import services
from accounts.admin_base import find_row
from accounts.models import User
from accounts.roles import shown_role

PERMISSIONS = {"add": _("Can add"), "change": _("Can change"), "delete": _("Can delete"), "view": _("Can view")}


class ConsoleLoginForm(AuthenticationForm):  # type: ignore[misc]
    """The login page; who proves to be somebody but has no role learns that, not that the password is wrong."""

    def confirm_login_allowed(self, user: Any) -> None:
        """Refuse people without a role.

        Raises:
            forms.ValidationError: the person may not enter the console.
        """
        if user.is_active and not user.is_staff:
            raise forms.ValidationError(
                _("This account has no role yet. An administrator can give it one."), code="no_role"
            )
        super().confirm_login_allowed(user)


class ReasonForm(BaseDialogForm):  # type: ignore[misc]
    """A dialog that asks why; the answer lands in the audit trail."""

    reason = forms.CharField(
        label=_("Reason"), max_length=500, widget=UnfoldAdminTextareaWidget({"rows": 3, "autofocus": ""})
    )


class RoleChoiceField(forms.ModelMultipleChoiceField[Group]):
    """Groups to tick, the four roles in the reader's language."""

    def label_from_instance(self, obj: Any) -> str:
        """The name as people read it."""
        return shown_role(obj.name)


class PermissionChoiceField(forms.ModelMultipleChoiceField[Permission]):
    """Permissions to choose from, in the reader's language; the tables hold them in English."""

    def label_from_instance(self, obj: Any) -> str:
        """Kind of row, and what may be done with it."""
        verb, _separator, model = obj.codename.partition("_")
        text = PERMISSIONS[verb] if verb in PERMISSIONS and model == obj.content_type.model else gettext(obj.name)
        return f"{obj.content_type} | {text}"


class RolesForm(ReasonForm):
    """The roles that a person is to have."""

    roles = RoleChoiceField(
        label=_("Roles"),
        queryset=Group.objects.order_by("name"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    field_order = ["roles", "reason"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["roles"].initial = find_row(User, str(self.object_id)).groups.all()


class NewPasswordForm(BaseDialogForm):  # type: ignore[misc]
    """A new password for somebody who has lost theirs."""

    password = forms.CharField(
        label=_("New password"),
        strip=False,
        max_length=256,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )


class NoteForm(BaseDialogForm):  # type: ignore[misc]
    """What the one who takes an alarm says about it."""

    note = forms.CharField(
        label=_("What will you do?"), max_length=500, widget=UnfoldAdminTextareaWidget({"rows": 3, "autofocus": ""})
    )


class NewUserForm(forms.ModelForm[User]):
    """A person made by an administrator, active at once."""

    username = forms.CharField(label=_("Username"), max_length=150, widget=UnfoldAdminTextInputWidget)
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=256,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )
    roles = RoleChoiceField(
        label=_("Roles"),
        queryset=Group.objects.order_by("name"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    class Meta:
        model = User
        fields = ["username", "email"]


class OwnPasswordForm(AdminOwnPasswordChangeForm):  # type: ignore[misc]
    """The console's page for one's own password, through the same verb as the API's."""

    def save(self, commit: bool = True) -> User:  # noqa: ARG002
        """Change it; every other session and token of the person ends."""
        user: User = self.user
        services.change_password(user, self.cleaned_data["old_password"], self.cleaned_data["new_password1"])
        user.refresh_from_db()
        return user
