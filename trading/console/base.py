"""What the console's pages about trading share: rows seen with their account, filters, posted verbs."""

from collections.abc import Sequence
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import QuerySet
from django.forms import Script
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from accounts.admin_base import ReadOnlyModelAdmin, actor_of
from accounts.audit import record_refusal
from quantsite.common.errors import RuleError
from quantsite.web.retold import retold
from trading.choices import CommandStatus
from trading.filters import WORKING
from trading.order_models import AccountCommand, Order
from trading.permissions import visible_accounts

MOST_CHOICES = 200
BY_HAND = "-"
"""Stands in addresses for orders without a strategy."""

Row = TypeVar("Row", bound=models.Model)


class AccountRowAdmin(ReadOnlyModelAdmin):
    """Rows of accounts: shown to whoever may see the account, written by its gateway only."""

    list_per_page = 50
    show_full_result_count = False
    list_filter_submit = True
    account_path = "account"

    class Media:
        css = {"all": ["trading/desk.css"]}
        js = [Script("trading/live.js", type="module")]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows that this person may see."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.filter(**{f"{self.account_path}__in": visible_accounts(actor_of(request))})

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Who holds the permission; for one row also who sees its account."""
        if not super().has_view_permission(request, obj):
            return False
        return obj is None or self.get_queryset(request).filter(pk=obj.pk).exists()

    def demand_view(self, request: HttpRequest) -> None:
        """Raises ``PermissionDenied`` (audited) for whose role does not include these rows."""
        if not super().has_view_permission(request):
            record_refusal(request.user, f"{request.method} {request.path}"[:200], self.opts.label_lower)
            raise PermissionDenied

    def row_or_404(self, request: HttpRequest, key: int) -> Any:
        """The row of an address of our own. Raises ``Http404`` for one that this person may not see."""
        self.demand_view(request)
        found = self.get_queryset(request).filter(pk=key).first() if key < 2**63 else None
        if found is None:
            raise Http404
        return found


def outcome(command: AccountCommand, done: str) -> str:
    """What to say of a command that an account was asked to carry out. Raises ``RuleError`` where it was refused."""
    if command.status == CommandStatus.FAILED:
        raise RuleError(command.reason_code, retold(command.reason_text))
    if command.status == CommandStatus.DONE:
        return done
    return _t("The gateway of the account has been asked, and has not answered yet.")


def first_error(form: Any) -> str:
    """What is wrong with a posted form, as one sentence that names the field."""
    name, errors = next(iter(form.errors.items()))
    field = form.fields.get(name)
    return f"{field.label}: {errors[0]}" if field is not None else str(errors[0])


def way_back(request: HttpRequest, fallback: str) -> str:
    """The page that a verb was asked for on, if it is one of ours."""
    came = request.headers.get("Referer", "")
    ours = url_has_allowed_host_and_scheme(came, {request.get_host()}, require_https=request.is_secure())
    return came if ours else fallback


def no_content() -> HttpResponse:
    """For scripts that asked for a verb and need no page."""
    return HttpResponse(status=204)


class VisibleAccountFilter(DropdownFilter):  # type: ignore[misc]
    """One of the accounts that the person may see; the names of others are nobody's business."""

    title = _("account")
    parameter_name = "account"

    def lookups(self, request: HttpRequest, _page: Any) -> Sequence[tuple[str, str]]:
        """Codes and names."""
        accounts = visible_accounts(actor_of(request)).order_by("code")[:MOST_CHOICES]
        return [(account.code, str(account)) for account in accounts]

    def queryset(self, _request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the chosen account."""
        return rows.filter(account__code=self.value()) if self.value() else rows


class StatusFilter(DropdownFilter):  # type: ignore[misc]
    """Orders by where they stand; the first choice names all that may still fill."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, _request: HttpRequest, _page: Any) -> Sequence[tuple[str, Any]]:
        """Working, then each status."""
        return [(WORKING, _("working")), *Order._meta.get_field("status").flatchoices]

    def queryset(self, _request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the chosen status."""
        if self.value() == WORKING:
            return rows.working()  # type: ignore[attr-defined,no-any-return]
        return rows.filter(status=self.value()) if self.value() else rows


class StrategyFilter(DropdownFilter):  # type: ignore[misc]
    """Rows of one strategy, or those by hand."""

    title = _("strategy")
    parameter_name = "strategy"

    def lookups(self, request: HttpRequest, page: Any) -> Sequence[tuple[str, Any]]:
        """The strategies of the rows that the person may see."""
        rows = page.get_queryset(request).exclude(strategy_key="").order_by("strategy_key")
        keys = rows.values_list("strategy_key", flat=True).distinct()[:MOST_CHOICES]
        return [(BY_HAND, _("by hand")), *((key, key) for key in keys)]

    def queryset(self, _request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the chosen strategy."""
        if not self.value():
            return rows
        return rows.filter(strategy_key="" if self.value() == BY_HAND else self.value())
