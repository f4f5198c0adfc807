"""The console's pages about people and roles."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.forms import ChoiceField, ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget

from accounts import rules, services
from accounts.admin_base import AuditedModelAdmin, actor_of, find_row, nobody, run_dialog
from accounts.admin_forms import NewPasswordForm, NewUserForm, PermissionChoiceField, ReasonForm, RolesForm
from accounts.admin_leases import LeaseAdmin
from accounts.admin_proposals import ProposalAdmin
from accounts.admin_watch import AccessAttemptAdmin, AlarmAdmin, AuditEntryAdmin
from accounts.models import User
from accounts.roles import ROLES, shown_role
from quantsite.common.errors import RefusedError

__all__ = [
    "AccessAttemptAdmin",
    "AlarmAdmin",
    "AuditEntryAdmin",
    "GroupAdmin",
    "LeaseAdmin",
    "ProposalAdmin",
    "UserAdmin",
]

# Tokens are credentials: nobody reads or edits those rows here.
for model in (OutstandingToken, BlacklistedToken, Group):
    admin.site.unregister(model)

APPROVE = {"title": _("Let this person in"), "form_class": ReasonForm, "form_submit_text": _("Approve")}
DEACTIVATE = {
    "title": _("Shut this person out at once"),
    "description": _("Sessions end and tokens are refused. Orders and strategies are not touched."),
    "form_class": ReasonForm,
    "form_submit_text": _("Deactivate"),
}
SET_ROLES = {"title": _("Roles of this person"), "form_class": RolesForm, "form_submit_text": _("Set roles")}
RESET_PASSWORD = {
    "title": _("A new password"),
    "description": _("Sessions and tokens of this person end."),
    "form_class": NewPasswordForm,
    "form_submit_text": _("Set password"),
}


class RoleFilter(admin.RelatedFieldListFilter):
    """People of one role, the roles in the reader's language."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        """Primary key and name of each group."""
        return [(key, shown_role(str(name))) for key, name in super().field_choices(field, request, model_admin)]


@admin.register(User)
class UserAdmin(AuditedModelAdmin):
    """People. Roles, state and passwords change by actions, never by a form field."""

    list_display = ["username", "shown_state", "shown_roles", "email", "last_login"]
    list_filter = ["is_active", ("groups", RoleFilter)]
    search_fields = ["username", "first_name", "last_name", "email"]
    ordering = ["username"]
    fieldsets = [
        (None, {"fields": ["username", "state_word", "shown_roles"]}),
        (_("About"), {"fields": ["first_name", "last_name", "email", "language"]}),
        (_("Dates"), {"fields": ["date_joined", "approved_at", "last_login"]}),
    ]
    add_fieldsets = [(None, {"fields": ["username", "email", "password", "roles"]})]
    readonly_fields = ["username", "state_word", "shown_roles", "date_joined", "approved_at", "last_login"]
    actions_detail = ["approve", "deactivate", "set_roles", "reset_password"]
    has_delete_permission = nobody  # what a person did stays theirs

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """No filter by what is not shown: a list narrowed by the start of a hash would give the hash away."""
        hidden = lookup.startswith(("password", "login_epoch"))
        return not hidden and bool(super().lookup_allowed(lookup, value, request))

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Roles come with the people."""
        return super().get_queryset(request).prefetch_related("groups")  # type: ignore[no-any-return]

    def get_readonly_fields(self, _request: HttpRequest, obj: User | None = None) -> list[str]:
        """The name is given once."""
        return self.readonly_fields if obj else []

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:
        """A new person needs a password and roles."""
        if obj is None:
            kwargs["form"] = NewUserForm
        return super().get_form(request, obj, change, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The language is one of those that the platform speaks, or the browser's."""
        if db_field.name != "language":
            return super().formfield_for_dbfield(db_field, request, **kwargs)
        choices = [("", "---------"), *settings.LANGUAGES]
        return ChoiceField(
            label=db_field.verbose_name,
            help_text=db_field.help_text,
            choices=choices,
            required=False,
            widget=UnfoldAdminSelectWidget,
        )

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:
        """A new person is made by the verb that the shell uses too."""
        if change:
            super().save_model(request, obj, form, change)
            return
        data = form.cleaned_data
        roles = rules.names(data["roles"])
        made = services.create_user(actor_of(request), data["username"], data["password"], roles, data["email"])
        obj.__dict__.update(made.__dict__)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Django's log only: the verb has written its own audit entry."""
        return super(AuditedModelAdmin, self).log_addition(request, obj, message)

    def has_approve_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """For the action; not offered on somebody active."""
        return request.user.has_perm("accounts.approve_user") and _is_active(object_id) is not True

    def has_deactivate_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """For the action; not offered on somebody inactive."""
        return request.user.has_perm("accounts.deactivate_user") and _is_active(object_id) is not False

    def has_assign_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """For the action; not offered on oneself."""
        return request.user.has_perm("accounts.assign_groups") and str(request.user.pk) != str(object_id)

    def has_reset_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """For the action; one's own password has a page of its own that asks for the old one."""
        return request.user.has_perm("accounts.change_user") and str(request.user.pk) != str(object_id)

    @display(description=_("State"), label={"active": "success", "waiting": "warning"})
    def shown_state(self, user: User) -> tuple[str, str]:
        """Active, waiting or inactive."""
        words = {"active": _t("active"), "waiting": _t("waiting for approval"), "inactive": _t("inactive")}
        return user.state, words[user.state]

    @display(description=_("State"))
    def state_word(self, user: User) -> str:
        """The same for a person's own page, which draws no labels."""
        _state, word = self.shown_state(user)
        return str(word)

    @display(description=_("Roles"))
    def shown_roles(self, user: User) -> str:
        """Names of the groups, a dash for none."""
        return ", ".join(map(shown_role, rules.names(user.groups.all()))) or "-"

    @action(description=_("Approve"), permissions=["approve"], dialog=APPROVE, variant=ActionVariant.PRIMARY)
    def approve(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        """Let somebody in."""
        user = find_row(User, object_id)

        def work() -> str:
            services.approve_user(actor_of(request), user, form.cleaned_data["reason"])
            return _t("%(name)s may log in now.") % {"name": user.username}

        return run_dialog(request, form, APPROVE, work=work, to=_page(user))

    @action(description=_("Deactivate"), permissions=["deactivate"], dialog=DEACTIVATE)
    def deactivate(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        """Shut somebody out."""
        user = find_row(User, object_id)

        def work() -> str:
            services.deactivate_user(actor_of(request), user, form.cleaned_data["reason"])
            return _t("%(name)s is shut out.") % {"name": user.username}

        return run_dialog(request, form, DEACTIVATE, work=work, to=_page(user))

    @action(description=_("Set roles"), permissions=["assign"], dialog=SET_ROLES)
    def set_roles(self, request: HttpRequest, form: RolesForm, object_id: str) -> HttpResponse:
        """Give exactly these roles."""
        user = find_row(User, object_id)

        def work() -> str:
            roles = rules.names(form.cleaned_data["roles"])
            services.set_groups(actor_of(request), user, roles, form.cleaned_data["reason"])
            shown = ", ".join(map(shown_role, roles)) or "-"
            return _t("Roles of %(name)s: %(roles)s.") % {"name": user.username, "roles": shown}

        return run_dialog(request, form, SET_ROLES, work=work, to=_page(user))

    @action(description=_("Reset password"), permissions=["reset"], dialog=RESET_PASSWORD)
    def reset_password(self, request: HttpRequest, form: NewPasswordForm, object_id: str) -> HttpResponse:
        """A new password for somebody who has lost theirs."""
        user = find_row(User, object_id)

        def work() -> str:
            services.reset_password(actor_of(request), user, form.cleaned_data["password"])
            return _t("%(name)s has a new password.") % {"name": user.username}

        return run_dialog(request, form, RESET_PASSWORD, work=work, to=_page(user))


@admin.register(Group)
class GroupAdmin(AuditedModelAdmin):
    """Roles and what they may do; nobody edits a role that they have themselves."""

    list_display = ["shown_name", "members"]
    search_fields = ["name"]
    ordering = ["name"]
    filter_horizontal = ["permissions"]

    def get_readonly_fields(self, _request: HttpRequest, obj: Group | None = None) -> list[str]:
        """The four roles keep their names: the platform looks them up by name."""
        return ["name"] if obj and obj.name in ROLES else []

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Who holds the permission, is not in the group, and may do all that the group may."""
        if not super().has_change_permission(request, obj):
            return False
        if not isinstance(obj, Group):
            return True
        return request.user not in obj.user_set.all() and not rules.beyond(actor_of(request), [obj])

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Not the four roles, and none with people in it."""
        needed = isinstance(obj, Group) and (obj.name in ROLES or obj.user_set.exists())
        return obj is not None and not needed and bool(super().has_delete_permission(request, obj))

    def save_related(self, request: HttpRequest, form: ModelForm[Group], formsets: Any, change: bool) -> None:
        """Nobody gives a role what they may not do themselves. Raises ``RefusedError``."""
        super().save_related(request, form, formsets, change)
        if rules.beyond(actor_of(request), [form.instance]):
            raise RefusedError("above_you", rules.above_text())

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Permissions with their models, one query, not one a line; in the reader's language."""
        kwargs["form_class"] = PermissionChoiceField
        kwargs["queryset"] = db_field.remote_field.model.objects.select_related("content_type")
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    @display(description=_("name"), ordering="name")
    def shown_name(self, group: Group) -> str:
        """The role in the reader's language."""
        return shown_role(group.name)

    @display(description=_("People"))
    def members(self, group: Group) -> str:
        """Who has the role."""
        return ", ".join(group.user_set.order_by("username").values_list("username", flat=True)) or "-"


def _is_active(object_id: str | None) -> bool | None:
    """Whether the person is active; None where no person is meant."""
    return find_row(User, object_id).is_active if object_id else None


def _page(user: User) -> str:
    return reverse("admin:accounts_user_change", args=[user.pk])
