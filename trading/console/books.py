"""The console's pages about an account's books: statements, deposits and withdrawals, commands; and desks."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateFilter
from unfold.decorators import display

from accounts.admin_base import AuditedModelAdmin
from quantsite.web.retold import retold
from trading.account_models import ControlGroup, Desk
from trading.choices import CommandKind
from trading.console.account_page import account_url
from trading.console.base import AccountRowAdmin, VisibleAccountFilter
from trading.console.figures import NOTHING, moment, money, percent, signed, tone
from trading.console.statement_page import page_context
from trading.ledger_models import BalanceSnapshot, CashEntry
from trading.order_models import AccountCommand


@admin.register(BalanceSnapshot)
class StatementAdmin(AccountRowAdmin):
    """Statements, one a trading day. Nobody edits one: a wrong one is undone while the next day is not open."""

    list_display = [
        "shown_day",
        "shown_account",
        "shown_before",
        "shown_moved",
        "shown_net",
        "shown_commission",
        "shown_balance",
        "shown_risk",
        "settled_by",
        "shown_state",
    ]
    list_display_links = ["shown_day"]
    list_filter = [VisibleAccountFilter, ("trading_day", RangeDateFilter)]
    list_select_related = ["account", "settled_by"]
    search_fields = ["account__code"]
    search_help_text = _("Account")
    ordering = ["-trading_day", "-id"]
    change_form_template = "admin/trading/balancesnapshot/change_form.html"

    @display(description=_("Trading day"), ordering="trading_day")
    def shown_day(self, row: BalanceSnapshot) -> str:
        """The day that it ends."""
        return row.trading_day.isoformat()

    @display(description=_("Account"), ordering="account__code")
    def shown_account(self, row: BalanceSnapshot) -> str:
        """Whose."""
        return row.account.code

    @display(description=_("Balance before, yuan"), ordering="pre_balance")
    def shown_before(self, row: BalanceSnapshot) -> SafeString:
        """Brought forward."""
        return _number(money(row.pre_balance))

    @display(description=_("In and out, yuan"))
    def shown_moved(self, row: BalanceSnapshot) -> SafeString:
        """Deposits less withdrawals."""
        return _number(signed(row.deposit - row.withdraw))

    @display(description=_("Profit, yuan"))
    def shown_net(self, row: BalanceSnapshot) -> SafeString:
        """Closed and open, before commission."""
        profit = row.close_profit + row.position_profit
        return _number(signed(profit), tone(profit))

    @display(description=_("Commission, yuan"), ordering="commission")
    def shown_commission(self, row: BalanceSnapshot) -> SafeString:
        """What trading cost."""
        return _number(money(row.commission))

    @display(description=_("Balance, yuan"), ordering="balance")
    def shown_balance(self, row: BalanceSnapshot) -> SafeString:
        """At the end."""
        return _number(money(row.balance))

    @display(description=_("Risk degree"), ordering="risk_degree")
    def shown_risk(self, row: BalanceSnapshot) -> SafeString:
        """Margin over balance."""
        return _number("∞" if row.risk_degree is None else percent(row.risk_degree))

    @display(description=_("State"), ordering="undone_at")
    def shown_state(self, row: BalanceSnapshot) -> SafeString:
        """Whether it counts."""
        if row.undone_at is None:
            return format_html('<span class="qs-state qs-state-succeeded">{}</span>', _("counts"))
        return format_html('<span class="qs-state qs-state-cancelled">{}</span>', _("undone"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """The statement as a sheet that adds up."""
        context = dict(extra_context or {})
        row = self.get_object(request, object_id)
        if row is not None:
            context |= page_context(row)
            context |= {"title": f"{row.account.code} · {row.trading_day}"}
            context |= {"account_url": account_url("change", row.account_id)}
        return super().change_view(request, object_id, form_url, context)


@admin.register(CashEntry)
class CashEntryAdmin(AccountRowAdmin):
    """Money in and out. A wrong entry is set right by another one."""

    list_display = ["shown_account", "kind", "shown_amount", "note", "trading_day", "source", "actor", "shown_time"]
    list_filter = [VisibleAccountFilter, ("kind", ChoicesDropdownFilter), ("trading_day", RangeDateFilter)]
    list_select_related = ["account", "actor"]
    search_fields = ["account__code", "note"]
    ordering = ["-id"]

    @display(description=_("Account"), ordering="account__code")
    def shown_account(self, row: CashEntry) -> str:
        """Whose."""
        return row.account.code

    @display(description=_("Amount, yuan"), ordering="amount")
    def shown_amount(self, row: CashEntry) -> SafeString:
        """With its sign."""
        return _number(f"{row.amount if row.kind == 'deposit' else -row.amount:+,.2f}")

    @display(description=_("Time"), ordering="created_at")
    def shown_time(self, row: CashEntry) -> SafeString | str:
        """By our own clock."""
        return moment(row.created_at, parts="%Y-%m-%d %H:%M:%S")


@admin.register(AccountCommand)
class AccountCommandAdmin(AccountRowAdmin):
    """What gateways were asked to do, and what became of it."""

    list_display = [
        "id",
        "shown_account",
        "kind",
        "shown_order",
        "status",
        "shown_reason",
        "actor",
        "shown_asked",
        "shown_done",
    ]
    list_filter = [VisibleAccountFilter, ("kind", ChoicesDropdownFilter), ("status", ChoicesDropdownFilter)]
    list_select_related = ["account", "actor", "order__instrument"]
    search_fields = ["=id", "account__code", "=order__id", "request_id"]
    ordering = ["-id"]

    def get_exclude(self, _request: HttpRequest, obj: Any = None) -> list[str]:
        """What became of an order stands with the order; here it may name one of an account that is not seen."""
        return ["result"] if obj is not None and obj.kind == CommandKind.PLACE else []

    @display(description=_("Account"), ordering="account__code")
    def shown_account(self, row: AccountCommand) -> str:
        """Whose."""
        return row.account.code

    @display(description=pgettext_lazy("trading", "Order"), ordering="order")
    def shown_order(self, row: AccountCommand) -> str:
        """The order that it is about, a dash where it is about none."""
        order = row.order
        if order is None:
            return NOTHING
        side = f"{order.get_direction_display()} {order.get_offset_display()}"
        return f"#{order.pk} {side} {order.volume} {order.instrument.code}"

    @display(description=pgettext_lazy("order", "Reason"))
    def shown_reason(self, row: AccountCommand) -> str:
        """Why it was refused."""
        return retold(row.reason_text) or row.reason_code

    @display(description=_("Asked"), ordering="created_at")
    def shown_asked(self, row: AccountCommand) -> SafeString | str:
        """By our own clock."""
        return moment(row.created_at)

    @display(description=_("Done"), ordering="done_at")
    def shown_done(self, row: AccountCommand) -> SafeString | str:
        """By our own clock."""
        return moment(row.done_at)


class GroupingAdmin(AuditedModelAdmin):
    """Names under which accounts stand together."""

    list_display = ["code", "name", "shown_accounts"]
    search_fields = ["code", "name"]

    def get_readonly_fields(self, _request: HttpRequest, obj: Any = None) -> list[str]:
        """The code is given once."""
        return ["code"] if obj else []

    @display(description=_("Accounts"))
    def shown_accounts(self, row: Any) -> str:
        """Which stand in it."""
        return ", ".join(row.accounts.order_by("code").values_list("code", flat=True)) or "–"


@admin.register(Desk)
class DeskAdmin(GroupingAdmin):
    """Desks."""


@admin.register(ControlGroup)
class ControlGroupAdmin(GroupingAdmin):
    """Groups of accounts under one actual control."""


def _number(text: str, css: str = "") -> SafeString:
    return format_html('<span class="qs-number {}">{}</span>', css, text)
