"""The console's pages about positions: the list, and one position with the form that closes it."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from accounts.admin_base import actor_of
from accounts.admin_pages import attempt, denied
from accounts.audit import record
from quantsite.common.errors import RefusedError, RuleError
from trading import services
from trading.console.base import VisibleAccountFilter, first_error
from trading.console.figures import decimals, money, percent, price, signed, tone
from trading.console.forms import ClosePositionForm, free_lots
from trading.console.orders import InstrumentRowAdmin, order_url
from trading.ledger_models import Position
from trading.permissions import demand_reduce, may_reduce


@admin.register(Position)
class PositionAdmin(InstrumentRowAdmin):
    """What accounts hold. Positions change by fills only; closing one is an order."""

    list_display = [
        "shown_position",
        "shown_account",
        "shown_side",
        "shown_volume",
        "shown_free",
        "shown_open",
        "shown_last",
        "shown_profit",
        "shown_open_profit",
        "shown_margin",
    ]
    list_display_links = ["shown_position"]
    list_filter = [VisibleAccountFilter, "side", ("instrument", AutocompleteSelectFilter)]
    search_fields = ["instrument__code", "account__code"]
    search_help_text = _("Instrument or account")
    ordering = ["account__code", "instrument__code", "side"]
    list_before_template = "admin/trading/position/live.html"
    change_form_template = "admin/trading/position/change_form.html"

    @display(description=_("Instrument"), ordering="instrument__code")
    def shown_position(self, row: Position) -> str:
        """What is held."""
        return row.instrument.code

    @display(description=pgettext_lazy("position", "Side"), ordering="side")
    def shown_side(self, row: Position) -> SafeString:
        """Long or short, with an arrow."""
        return side_label(row)

    @display(description=_("Lots"), ordering="volume")
    def shown_volume(self, row: Position) -> SafeString:
        """All of them, and how many are of today."""
        return live_cell(row, "volume", f"{row.volume:,}")

    @display(description=_("Free to close"))
    def shown_free(self, row: Position) -> SafeString:
        """Lots that no working order holds."""
        return live_cell(row, "free", f"{free_lots(row):,}")

    @display(description=pgettext_lazy("position", "Open price"), ordering="open_price")
    def shown_open(self, row: Position) -> SafeString:
        """On average."""
        return live_cell(row, "open_price", price(row.open_price, row.instrument.price_tick))

    @display(description=_("Last"), ordering="last_price")
    def shown_last(self, row: Position) -> SafeString:
        """The price at which profits are counted."""
        return live_cell(row, "last_price", price(row.last_price, row.instrument.price_tick))

    @display(description=_("Profit today, yuan"), ordering="position_profit")
    def shown_profit(self, row: Position) -> SafeString:
        """By date: since the last settlement, or since opened today."""
        return live_cell(row, "position_profit", signed(row.position_profit), tone(row.position_profit))

    @display(description=_("Profit since opened, yuan"), ordering="open_profit")
    def shown_open_profit(self, row: Position) -> SafeString:
        """By trade."""
        return live_cell(row, "open_profit", signed(row.open_profit), tone(row.open_profit))

    @display(description=_("Margin, yuan"), ordering="margin")
    def shown_margin(self, row: Position) -> SafeString:
        """What it binds."""
        return live_cell(row, "margin", money(row.margin))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """One position with its figures and, where this person may, the form that closes it."""
        context = dict(extra_context or {})
        row = self.get_object(request, object_id)
        if row is not None:
            context |= self._page(request, row)
        return super().change_view(request, object_id, form_url, context)

    def _page(self, request: HttpRequest, row: Position) -> dict[str, Any]:
        tick = row.instrument.price_tick
        free = free_lots(row)
        start = {"volume": free, "price": price(row.last_price, tick).replace(",", "") if row.last_price else None}
        may_close = may_reduce(actor_of(request), row.account)
        return {
            "position": row,
            "title": f"{row.account.code} · {row.instrument.code} {row.get_side_display()}",
            "side": side_label(row),
            "key": position_key(row),
            "free": free,
            "step": f"{row.instrument.price_tick.normalize():f}",
            "figures": _figures(row),
            "form": ClosePositionForm(initial=start) if may_close and free else None,
            "close_url": reverse("admin:trading_position_close", args=[row.pk]),
            "account_url": reverse("admin:trading_tradingaccount_change", args=[row.account_id]),
        }

    def get_urls(self) -> list[URLPattern]:
        """The theme's addresses after our own."""
        view = self.admin_site.admin_view(require_POST(self.close_view))
        return [path("<int:position_id>/close/", view, name="trading_position_close"), *super().get_urls()]

    def close_view(self, request: HttpRequest, position_id: int) -> HttpResponseBase:
        """Place the closing order and go to its page, which shows how it gets on."""
        row: Position = self.row_or_404(request, position_id)
        actor = actor_of(request)
        try:
            demand_reduce(actor, row.account)
        except RefusedError as error:
            raise denied(error) from error
        form = ClosePositionForm(request.POST)
        there = reverse("admin:trading_position_change", args=[row.pk])
        if not form.is_valid():
            return attempt(request, lambda: _complain(form), there)
        placed: list[int] = []

        def work() -> str:
            volume = form.cleaned_data["volume"]
            with transaction.atomic():
                order = services.close_position(
                    actor, row.account.code, row.instrument.code, row.side, volume, price=form.limit()
                )
                told = {"instrument": row.instrument.code, "side": row.side, "volume": volume, "price": form.limit()}
                record(actor, "position.close", order, after={**told, "reason": form.cleaned_data["reason"]})
            placed.append(order.pk)
            return _t("Order #%(id)s closes %(volume)s lots.") % {"id": order.pk, "volume": volume}

        answer = attempt(request, work, there)
        if placed:
            answer["Location"] = order_url("change", placed[0])
        return answer


def side_label(row: Position) -> SafeString:
    """Long or short with an arrow and the colour of its direction."""
    arrow, css = ("▲", "buy") if row.side == "long" else ("▼", "sell")
    return format_html('<span class="tr-side tr-{}">{} {}</span>', css, arrow, row.get_side_display())


def position_key(row: Position) -> str:
    """By what ``live.js`` finds a position again."""
    return f"{row.account.code}|{row.instrument.code}|{row.side}"


def live_cell(row: Position, name: str, text: str, css: str = "") -> SafeString:
    """One figure of a position, kept fresh by ``live.js``; ``data-digits`` are the decimals of its prices."""
    html = '<span class="qs-number {}" data-position="{}" data-name="{}" data-digits="{}">{}</span>'
    return format_html(html, css, position_key(row), name, decimals(row.instrument.price_tick), text)


def _figures(row: Position) -> list[tuple[str, SafeString]]:
    tick = row.instrument.price_tick
    share = percent(float(row.margin / row.account.state.balance)) if row.account.state.balance > 0 else "–"
    opened = live_cell(row, "open_profit", signed(row.open_profit), tone(row.open_profit))
    return [
        (_t("Lots"), live_cell(row, "volume", f"{row.volume:,}")),
        (_t("of today"), live_cell(row, "today", f"{row.today:,}")),
        (_t("Free to close"), live_cell(row, "free", f"{free_lots(row):,}")),
        (_t("Average open price"), live_cell(row, "open_price", price(row.open_price, tick))),
        (_t("Average price by date"), live_cell(row, "base_price", price(row.base_price, tick))),
        (_t("Last"), live_cell(row, "last_price", price(row.last_price, tick))),
        (_t("Profit since opened, yuan"), opened),
        (_t("Margin, yuan"), live_cell(row, "margin", money(row.margin))),
        (_t("Margin over balance"), format_html('<span class="qs-number">{}</span>', share)),
    ]


def _complain(form: ClosePositionForm) -> str:
    raise RuleError("invalid_close", first_error(form))
