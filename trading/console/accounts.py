"""The console's pages about trading accounts: the list with funds, one account, a new one, and who may use it."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe
from unfold.decorators import display

from accounts.admin_base import AuditedModelAdmin, actor_of, nobody
from accounts.admin_pages import answered, attempt
from accounts.permissions import require
from quantsite.common.errors import RuleError
from trading import services
from trading.account_models import FUND, SHARE, TradingAccount
from trading.console.account_page import WORST, account_url, live_context, page_context, risk_of
from trading.console.base import AccountRowAdmin, first_error, outcome
from trading.console.broker_page import BrokerPages
from trading.console.figures import NOTHING, moment, money, signed, tone
from trading.console.forms import CashForm, GrantForm, NewAccountForm, TermsForm
from trading.console.orders import status_labels
from trading.console.settlement import SettlementPages
from trading.ledger_models import BalanceSnapshot
from trading.order_models import Order
from trading.permissions import demand

AccountView = Callable[[HttpRequest, TradingAccount], HttpResponseBase]


@admin.register(TradingAccount)
class TradingAccountAdmin(SettlementPages, BrokerPages, AccountRowAdmin):
    """Accounts by risk, the worst first. Money, grants and the day's end go through ``services``."""

    list_display = [
        "shown_account",
        "shown_risk",
        "shown_balance",
        "shown_available",
        "shown_profit",
        "shown_margin",
        "shown_working",
        "desk",
        "shown_settled",
        "shown_gateway",
    ]
    list_display_links = ["shown_account"]
    list_filter = ["desk", "control_group", "is_active", "kind"]
    search_fields = ["code", "name", "desk__code", "control_group__code"]
    search_help_text = _("Code, name, desk or control group")
    ordering = ["code"]
    account_path = "pk"
    list_before_template = "admin/trading/tradingaccount/live.html"
    change_form_template = "admin/trading/tradingaccount/change_form.html"

    def has_add_permission(self, request: HttpRequest, _obj: Any = None) -> bool:
        """Who may open accounts."""
        return bool(request.user.has_perm("trading.add_tradingaccount"))

    has_change_permission = nobody  # its columns are what was agreed; the verbs have forms of their own

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The accounts that this person may see, with their funds."""
        rows = super().get_queryset(request).select_related("desk", "control_group", "state", "created_by")
        mine = {"account": OuterRef("pk")}
        working = Order.objects.filter(**mine).working().order_by().values("account").annotate(count=Count("pk"))
        settled = BalanceSnapshot.objects.filter(**mine, undone_at=None).order_by("-trading_day")
        counted = Coalesce(Subquery(working.values("count")), 0)
        found: QuerySet[Any] = rows.annotate(working=counted, settled=Subquery(settled.values("trading_day")[:1]))
        return found

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Desks and control groups are named to those who may see them."""
        names = super().get_list_filter(request)
        return [name for name in names if name not in HIDDEN or request.user.has_perm(HIDDEN[name])]

    def get_ordering(self, _request: HttpRequest) -> Any:
        """Worst first."""
        return [WORST.desc()]  # the theme adds the key; a second name would be marked as what the list is sorted by

    # --- what is shown -------------------------------------------------------------------------------------

    @display(description=_("Account"), ordering="code")
    def shown_account(self, account: TradingAccount) -> SafeString | str:
        """Code and name; a closed one says so."""
        if account.is_active:
            return str(account)
        return format_html('{} <span class="qs-tag">{}</span>', account, pgettext("account", "closed"))

    @display(description=_("Risk degree"), ordering="state__risk_degree")
    def shown_risk(self, account: TradingAccount) -> SafeString:
        """Margin over balance, with a bar."""
        risk = risk_of(account.state)
        html = (
            '<span class="tr-risk tr-risk-{}" data-funds="{}" data-name="risk_degree">{}</span>'
            '<meter class="tr-meter" min="0" max="1" low="0.8" high="0.999" optimum="0" value="{}"'
            ' data-funds="{}" data-name="risk_bar"></meter>'
        )
        return format_html(html, risk["level"], account.code, risk["text"], f"{risk['value']:.4f}", account.code)

    @display(description=_("Balance, yuan"), ordering="state__balance")
    def shown_balance(self, account: TradingAccount) -> SafeString:
        """With floating profit."""
        return funds_cell(account, "balance", money(account.state.balance))

    @display(description=_("Available, yuan"), ordering="state__available")
    def shown_available(self, account: TradingAccount) -> SafeString:
        """For new orders."""
        return funds_cell(account, "available", money(account.state.available))

    @display(description=_("Profit today, yuan"))
    def shown_profit(self, account: TradingAccount) -> SafeString:
        """Closed and open, before commission."""
        profit = account.state.close_profit + account.state.position_profit
        return funds_cell(account, "profit", signed(profit), tone(profit))

    @display(description=_("Margin, yuan"), ordering="state__margin")
    def shown_margin(self, account: TradingAccount) -> SafeString:
        """What positions bind."""
        return funds_cell(account, "margin", money(account.state.margin))

    @display(description=_("Working orders"))
    def shown_working(self, account: Any) -> SafeString:
        """How many may still fill."""
        return format_html('<span class="qs-number">{}</span>', f"{account.working:,}")

    @display(description=_("Settled"), ordering="settled")
    def shown_settled(self, account: Any) -> str:
        """The last settled trading day."""
        return account.settled.isoformat() if account.settled else NOTHING

    @display(description=_("Gateway"), ordering="state__gateway")
    def shown_gateway(self, account: TradingAccount) -> SafeString:
        """Whether one runs, and how far its market clock is."""
        css, word = gateway_word(account)
        html = '<span class="qs-state qs-state-{}">{}</span> <span class="qs-soft">{}</span>'
        return format_html(html, css, word, moment(account.state.market_time))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The list, with the words that ``live.js`` writes."""
        return super().changelist_view(request, {**(extra_context or {}), "status_labels_json": status_labels()})

    # --- a new account -------------------------------------------------------------------------------------

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """For a new account what the verb takes."""
        if obj is None:
            kwargs["form"] = NewAccountForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002 - Django's signature
        """What it is, then the broker's terms."""
        if obj is not None:
            return [(None, {"fields": ["code"]})]
        terms = ["margin_price", "profit_algorithm", "include_close_profit"]
        return [
            (None, {"fields": ["code", "name", "kind", "capital"]}),
            (_("Belongs to"), {"fields": ["desk_code", "group_code"]}),
            (_("Terms of the broker"), {"fields": terms}),
            (_("Simulated exchange"), {"fields": ["latency_ms", "queue_model"]}),
        ]

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:  # noqa: ARG002
        """The account is made by the verb that the command uses too."""
        if not isinstance(form, NewAccountForm):
            raise TypeError(f"{form!r} does not open an account")
        data = form.cleaned_data
        made = services.add_account(
            actor_of(request),
            data["code"],
            kind=data["kind"],
            capital=data["capital"],
            name=data["name"],
            desk=data["desk_code"],
            control_group=data["group_code"],
            **form.terms(),
        )
        obj.__dict__.update(made.__dict__)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Django's log only: the verb has written its own audit entry."""
        return super(AuditedModelAdmin, self).log_addition(request, obj, message)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:  # noqa: ARG002
        """On to the account's page."""
        text = _t("Account %(code)s is open. Nobody but administrators and risk officers sees it until it is granted.")
        messages.success(request, text % {"code": obj.code})
        return HttpResponseRedirect(account_url("change", obj.pk))

    # --- pages about one account ---------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """The account's page."""
        context = dict(extra_context or {})
        account = self.get_object(request, object_id)
        if account is not None:
            context |= page_context(account, actor_of(request))
            context |= {"title": str(account), "status_labels_json": status_labels()}
            context["gateway"] = gateway_word(account)
        return super().change_view(request, object_id, form_url, context)

    def get_urls(self) -> list[URLPattern]:
        """The theme's addresses after our own."""
        own: dict[str, tuple[str, AccountView]] = {
            "live": ("live/", require_GET(self.live_view)),
            "cash": ("cash/", require_POST(self.cash_view)),
            "grant": ("grant/", require_POST(self.grant_view)),
            "revoke": ("revoke/", require_POST(self.revoke_view)),
            "activity": ("activity/", require_POST(self.activity_view)),
            "terms": ("terms/", require_POST(self.terms_view)),
            "peak": ("peak/", require_POST(self.peak_view)),
            "settlement": ("settlement/", require_http_methods(["GET", "POST"])(self.settlement_view)),
            "undo": ("settlement/undo/", require_POST(self.undo_view)),
            "broker": ("broker/", require_safe(self.broker_view)),
            "adopt": ("broker/adopt/", require_POST(self.adopt_view)),
            "confirm": ("broker/confirm/", require_POST(self.confirm_view)),
        }
        pages = [
            path(f"<int:account_id>/{tail}", self._page(view), name=f"trading_tradingaccount_{name}")
            for name, (tail, view) in own.items()
        ]
        return [*pages, *super().get_urls()]

    def _page(self, view: AccountView) -> Callable[..., HttpResponseBase]:
        """A view of one account: 404 where the person may not see it, 403 where they may not do it, else its page."""

        def inner(request: HttpRequest, account_id: int) -> HttpResponseBase:
            account = self.row_or_404(request, account_id)
            own_page = reverse("admin:trading_tradingaccount_change", args=[account.pk])
            return answered(request, lambda: view(request, account), own_page)

        page: Callable[..., HttpResponseBase] = self.admin_site.admin_view(inner)
        return page

    def live_view(self, request: HttpRequest, account: TradingAccount) -> HttpResponse:
        """Funds, positions, working orders and the latest fills as they stand, for the open page."""
        context = {**live_context(account, actor_of(request)), "gateway": gateway_word(account)}
        return render(request, "admin/trading/tradingaccount/figures.html", context)

    def cash_view(self, request: HttpRequest, account: TradingAccount) -> HttpResponseBase:
        """Deposit or withdraw."""
        actor = actor_of(request)
        demand(actor, FUND, account)
        form = CashForm(request.POST)

        def work() -> str:
            asked = _valid(form)
            verb = services.deposit if asked["kind"] == "deposit" else services.withdraw
            command = verb(actor, account.code, asked["amount"], asked["note"], asked["client_cash_id"])
            text = _t("%(amount)s yuan deposited.") if asked["kind"] == "deposit" else _t("%(amount)s yuan withdrawn.")
            return outcome(command, text % {"amount": money(asked["amount"])})

        return attempt(request, work, account_url("change", account.pk))

    def grant_view(self, request: HttpRequest, account: TradingAccount) -> HttpResponseBase:
        """Let a person or a group in."""
        actor = actor_of(request)
        demand(actor, SHARE, account)
        form = GrantForm(account, request.POST)

        def work() -> str:
            level = _valid(form)["level"]
            services.grant_account(actor, account.code, form.to_receiver(), level)
            return _t("%(name)s is let in.") % {"name": form.to_receiver()}

        return attempt(request, work, account_url("change", account.pk))

    def revoke_view(self, request: HttpRequest, account: TradingAccount) -> HttpResponseBase:
        """Take it back."""
        actor = actor_of(request)
        demand(actor, SHARE, account)
        form = GrantForm(account, request.POST)

        def work() -> str:
            level = _valid(form)["level"]
            services.revoke_account(actor, account.code, form.to_receiver(), level)
            return _t("Taken back from %(name)s.") % {"name": form.to_receiver()}

        return attempt(request, work, account_url("change", account.pk))

    def terms_view(self, request: HttpRequest, account: TradingAccount) -> HttpResponseBase:
        """Other terms, another desk or control group."""
        actor = actor_of(request)
        require(actor, "trading.change_tradingaccount")
        form = TermsForm(account, request.POST)

        def work() -> str:
            services.change_account(actor, account.code, **_valid(form))
            return _t("The terms hold now.")

        return attempt(request, work, account_url("change", account.pk))

    def peak_view(self, request: HttpRequest, account: TradingAccount) -> HttpResponseBase:
        """Propose that the drawdown counts from the balance of now."""
        actor = actor_of(request)

        def work() -> str:
            services.ask_reset(actor, account.code, request.POST.get("reason", ""))
            return _t("Proposed: the drawdown counts from here once a second person has approved it.")

        return attempt(request, work, account_url("change", account.pk))

    def activity_view(self, request: HttpRequest, account: TradingAccount) -> HttpResponseBase:
        """Open or close the account for orders."""
        actor = actor_of(request)
        require(actor, "trading.change_tradingaccount")
        active = request.POST.get("active") == "1"

        def work() -> str:
            services.set_active(actor, account.code, active=active)
            return _t("The account takes orders again.") if active else _t("The account takes no more orders.")

        return attempt(request, work, account_url("change", account.pk))


HIDDEN = {"desk": "trading.view_desk", "control_group": "trading.view_controlgroup"}


def funds_cell(account: TradingAccount, name: str, text: str, css: str = "") -> SafeString:
    """One figure of an account's funds, kept fresh by ``live.js``."""
    html = '<span class="qs-number {}" data-funds="{}" data-name="{}">{}</span>'
    return format_html(html, css, account.code, name, text)


def gateway_word(account: TradingAccount) -> tuple[str, str]:
    """The style and the word for whether the account's gateway runs."""
    if account.state.gateway == "running":
        return "running", _t("running")
    return "failed", _t("no gateway")


def _valid(form: Any) -> dict[str, Any]:
    """What a posted form says. Raises ``RuleError`` with what is wrong with it."""
    if not form.is_valid():
        raise RuleError("invalid_form", first_error(form))
    data: dict[str, Any] = form.cleaned_data
    return data
