"""The console's pages about what is to be watched: the audit trail, alarms and failed logins."""

# mypy: disallow-untyped-decorators=False
# (the theme is untyped; pyproject.toml says the same of every admin.py)

import json
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, FieldTextFilter, RangeDateTimeFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.paginator import InfinitePaginator

from accounts import services
from accounts.admin_base import ReadOnlyModelAdmin, actor_of, find_row, run_dialog
from accounts.admin_forms import NoteForm
from accounts.alarms import KINDS, shown_subject
from accounts.audit_words import verb_word
from accounts.models import Alarm, AuditCheck, AuditEntry, Severity

# Axes keeps the forms that came with a login: its own pages would show them.
for model in (AccessAttempt, AccessLog, AccessFailureLog):
    admin.site.unregister(model)

ACKNOWLEDGE = {"title": _("Take this alarm"), "form_class": NoteForm, "form_submit_text": _("Acknowledge")}


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyModelAdmin):
    """The audit trail, newest first, with the result of the last check above it."""

    list_display = ["seq", "created_at", "actor_name", "shown_verb", "object_type", "object_text", "request_id"]
    list_filter = [
        ("created_at", RangeDateTimeFilter),
        ("verb", FieldTextFilter),
        ("actor_name", FieldTextFilter),
        ("object_type", FieldTextFilter),
    ]
    list_filter_submit = True
    search_fields = ["=actor_name", "verb", "object_text", "=object_id", "=request_id"]
    fields = [
        "seq",
        "created_at",
        "actor_name",
        "shown_verb",
        "verb",
        "object_type",
        "object_id",
        "object_text",
        "shown_before",
        "shown_after",
        "request_id",
        "hash",
        "prev_hash",
    ]
    readonly_fields = ["shown_verb", "shown_before", "shown_after"]
    # A count over millions of rows would cost more than the page.
    paginator = InfinitePaginator
    show_full_result_count = False
    list_before_template = "accounts/audit_state.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """The list, and what the last check said."""
        last = AuditCheck.objects.order_by("-id").first()
        return super().changelist_view(request, {"audit_check": last, **(extra_context or {})})  # type: ignore[no-any-return]

    @display(description=_("What"), ordering="verb")
    def shown_verb(self, entry: AuditEntry) -> SafeString:
        """The verb in words, with the verb itself to be found by."""
        return format_html('<span title="{}">{}</span>', entry.verb, verb_word(entry.verb))

    @display(description=_("Before"))
    def shown_before(self, entry: AuditEntry) -> SafeString:
        """The values as they were."""
        return _pretty(entry.before)

    @display(description=_("After"))
    def shown_after(self, entry: AuditEntry) -> SafeString:
        """The values as they are."""
        return _pretty(entry.after)


@admin.register(Alarm)
class AlarmAdmin(ReadOnlyModelAdmin):
    """Alarms, worst first."""

    list_display = [
        "shown_severity",
        "shown_title",
        "shown_subject",
        "sentence",
        "count",
        "first_at",
        "last_at",
        "shown_state",
    ]
    list_display_links = ["shown_severity", "shown_title"]
    list_filter = [("severity", ChoicesDropdownFilter), ("cleared_at", admin.EmptyFieldListFilter)]
    search_fields = ["code", "subject", "text"]
    fields = [
        "severity_word",
        "shown_title",
        "code",
        "shown_subject",
        "sentence",
        "count",
        "first_at",
        "last_at",
        "acknowledged_by",
        "acknowledged_at",
        "cleared_at",
    ]
    readonly_fields = ["severity_word", "shown_title", "shown_subject", "sentence"]
    list_select_related = ["acknowledged_by"]
    actions_detail = actions_row = ["acknowledge"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alarm]:
        """Worst first: the list keeps this order until a heading is clicked."""
        return super().get_queryset(request).worst_first()  # type: ignore[no-any-return]

    def has_acknowledge_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """For the action; not offered on an alarm that somebody has or that is over."""
        if not request.user.has_perm("accounts.acknowledge_alarm"):
            return False
        alarm = find_row(Alarm, object_id) if object_id else None
        return alarm is None or not (alarm.cleared_at or alarm.acknowledged_at)

    # Amber, never red: red is a rising price. The word and the mark carry the meaning.
    @display(description=_("Severity"), label={Severity.WARNING: "warning", Severity.CRITICAL: "warning"})
    def shown_severity(self, alarm: Alarm) -> tuple[str, str]:
        """The word, with marks that show without colour."""
        marks = {Severity.INFO: "", Severity.WARNING: "! ", Severity.CRITICAL: "!! "}
        return alarm.severity, marks[Severity(alarm.severity)] + alarm.get_severity_display()

    @display(description=_("Severity"))
    def severity_word(self, alarm: Alarm) -> str:
        """The same for an alarm's own page, which draws no labels."""
        _severity, word = self.shown_severity(alarm)
        return str(word)

    @display(description=_("Text"))
    def sentence(self, alarm: Alarm) -> str:
        """What is the matter, in the reader's language."""
        return alarm.shown_text

    @display(description=_("Subject"), ordering="subject")
    def shown_subject(self, alarm: Alarm) -> str:
        """What it is about."""
        return shown_subject(alarm)

    @display(description=_("Alarm"))
    def shown_title(self, alarm: Alarm) -> str:
        """What the code means."""
        return str(KINDS[alarm.code].title) if alarm.code in KINDS else alarm.code

    @display(description=_("State"))
    def shown_state(self, alarm: Alarm) -> str:
        """Cleared, with whom, or nobody's."""
        if alarm.cleared_at:
            return _t("cleared")
        if alarm.acknowledged_by:
            return _t("taken by %(name)s") % {"name": alarm.acknowledged_by.username}
        return _t("open")

    @action(
        description=_("Acknowledge"), permissions=["acknowledge"], dialog=ACKNOWLEDGE, variant=ActionVariant.PRIMARY
    )
    def acknowledge(self, request: HttpRequest, form: NoteForm, object_id: str) -> HttpResponse:
        """Take the alarm."""
        alarm = find_row(Alarm, object_id)

        def work() -> str:
            services.acknowledge_alarm(actor_of(request), alarm, form.cleaned_data["note"])
            return _t("You have taken this alarm.")

        return run_dialog(request, form, ACKNOWLEDGE, work=work, to=reverse("admin:accounts_alarm_changelist"))


@admin.register(AccessAttempt)
class AccessAttemptAdmin(ReadOnlyModelAdmin):
    """Failed logins that count towards a lockout; the forms that came with them are not shown."""

    list_display = ["attempt_time", "username", "ip_address", "path_info", "failures_since_start"]
    search_fields = ["username", "ip_address"]
    ordering = ["-attempt_time"]
    fields = ["attempt_time", "username", "ip_address", "user_agent", "path_info", "failures_since_start"]


def _pretty(values: Any) -> SafeString:
    if values is None:
        return format_html("{}", "-")
    return format_html("<pre>{}</pre>", json.dumps(values, indent=2, ensure_ascii=False, sort_keys=True))
