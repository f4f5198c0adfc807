"""The console's pages about commission and margin: saving proposes, a second person approves."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from accounts.admin_base import AuditedModelAdmin, actor_of, nobody
from marketdata.admin_columns import both_terms
from marketdata.models import FeeRate, MarginRate
from marketdata.rate_proposals import propose_rate, rate_names

OWN_FIELDS = ("remove", "reason")


class RateForm(ModelForm):  # type: ignore[type-arg]
    """A rate as it is to be, and why; instead it may be taken away."""

    remove = forms.BooleanField(
        label=_("Take these rates away"), required=False, widget=UnfoldBooleanWidget, help_text=_("Earlier ones hold.")
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=1_000,
        widget=UnfoldAdminTextareaWidget({"rows": 2}),
        help_text=_("For the second person, who has to approve this change."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance.pk:
            self.fields.pop("remove", None)


class RateAdmin(AuditedModelAdmin):
    """Dated rates of a product (default) or of one instrument. Nothing is stored here: each save is a proposal."""

    form = RateForm
    list_filter = [
        "product__exchange",
        ("product", AutocompleteSelectFilter),
        ("instrument", AutocompleteSelectFilter),
        ("valid_from", RangeDateFilter),
    ]
    list_filter_submit = True
    list_select_related = ["product", "instrument"]
    autocomplete_fields = ["product", "instrument"]
    search_fields = ["product__code", "instrument__code"]
    list_display_links = ["shown_owner"]
    has_delete_permission = nobody  # a row is taken away as it is changed: by two

    @display(description=_("Of"))
    def shown_owner(self, row: FeeRate | MarginRate) -> str:
        """The instrument, or the product for which it is the default."""
        return str(row.instrument or row.product)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Whose rates from which day, the rates, and for who may change them why."""
        found = [
            (None, {"fields": ["product", "instrument", "valid_from"]}),
            (_("Rates"), {"fields": rate_names(self.model)}),
        ]
        may = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        if may:
            found.append((_("Proposal"), {"fields": list(OWN_FIELDS) if obj else ["reason"]}))
        return found

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The columns of the table; the form has the rest itself."""
        names = flatten_fieldsets(self.get_fieldsets(request, obj))
        kwargs["fields"] = [name for name in names if name not in OWN_FIELDS]
        return super().get_form(request, obj, change, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], _change: bool) -> None:
        """Propose it."""
        asked = form.cleaned_data
        proposal = propose_rate(actor_of(request), obj, asked["reason"], remove=asked.get("remove", False))
        told = _t("Proposal %(number)d waits for a second person: until then nothing changes.")
        messages.success(request, told % {"number": proposal.pk})

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """There is nothing to relate to a proposal."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The proposal has its own trace."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The proposal has its own trace."""

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """Back to the list: there is no new row to go to."""
        del request, obj, post_url_continue
        return self._to_list()

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Back to the list, which shows what holds."""
        del request, obj
        return self._to_list()

    def _to_list(self) -> HttpResponse:
        return HttpResponseRedirect(reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"))


@admin.register(FeeRate)
class FeeRateAdmin(RateAdmin):
    """Commission."""

    list_display = ["shown_owner", "valid_from", "shown_open", "shown_close", "shown_close_today", "origin"]
    shown_open = both_terms("open", pgettext_lazy("offset", "Open"))
    shown_close = both_terms("close", pgettext_lazy("offset", "Close"))
    shown_close_today = both_terms("close_today", pgettext_lazy("offset", "Close today"))


@admin.register(MarginRate)
class MarginRateAdmin(RateAdmin):
    """Margin."""

    list_display = ["shown_owner", "valid_from", "shown_long", "shown_short", "origin"]
    shown_long = both_terms("long", _("Long"))
    shown_short = both_terms("short", _("Short"))
