"""The end of a trading day in the console: its prices and where they are from, what it would book, settle, undo."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.admin_base import actor_of
from accounts.admin_pages import attempt
from quantsite.common.errors import RefusedError, RuleError
from trading import services
from trading.account_models import SETTLE, TradingAccount
from trading.console.account_page import account_url
from trading.console.base import first_error, outcome
from trading.console.figures import price
from trading.console.forms import SettlementForm
from trading.console.statement_page import position_line, source_word, sum_lines, total
from trading.ledger_models import BalanceSnapshot, Position
from trading.permissions import demand
from trading.verbs.settling import Preview


class SettlementPages:
    """The pages of :class:`TradingAccountAdmin` about the end of a day."""

    admin_site: Any
    opts: Any

    def settlement_view(self, request: HttpRequest, account: TradingAccount) -> HttpResponseBase:
        """Prices and preview; a POST with ``settle`` ends the day, any other one looks again with other prices."""
        actor = actor_of(request)
        demand(actor, SETTLE, account)
        preview = services.settlement_preview(actor, account.code)
        marks = _marks(account)
        form = SettlementForm([row.instrument for row in preview.prices], _given(request, preview, marks))
        if request.method == "POST" and not form.is_valid():
            messages.error(request, first_error(form))
        elif request.method == "POST":
            if "settle" in request.POST and request.POST.get("seen") == form.seen():
                return self._settle(request, account, form)
            if "settle" in request.POST:
                messages.warning(request, _("The prices are not those of the preview: look at it again."))
            try:
                preview = services.settlement_preview(actor, account.code, form.given())
            except RefusedError:
                raise
            except RuleError as error:
                messages.error(request, error.text)
        return self._show(request, account, preview, form, marks)

    def undo_view(self, request: HttpRequest, account: TradingAccount) -> HttpResponseBase:
        """Take the last settlement back."""
        actor = actor_of(request)
        demand(actor, SETTLE, account)

        def work() -> str:
            command = services.undo_settlement(actor, account.code)
            return outcome(command, _("The settlement is undone: the day runs on."))

        return attempt(request, work, account_url("settlement", account.pk))

    def _settle(self, request: HttpRequest, account: TradingAccount, form: SettlementForm) -> HttpResponseBase:
        actor, day = actor_of(request), form.cleaned_data["day"]

        def work() -> str:
            command = services.settle(actor, account.code, form.given(), day)
            return outcome(command, _("%(day)s is settled.") % {"day": day})

        answer = attempt(request, work, account_url("settlement", account.pk))
        made = BalanceSnapshot.objects.filter(account=account, trading_day=day, undone_at=None).first()
        if made is not None:
            return HttpResponseRedirect(reverse("admin:trading_balancesnapshot_change", args=[made.pk]))
        return answer

    def _show(
        self,
        request: HttpRequest,
        account: TradingAccount,
        preview: Preview,
        form: SettlementForm,
        marks: dict[str, str],
    ) -> HttpResponse:
        last = BalanceSnapshot.objects.filter(account=account, undone_at=None).order_by("-seq").first()
        settled = last is not None and preview.trading_day is not None and last.trading_day >= preview.trading_day
        statement = preview.statement
        lines = form.lines(preview.prices)
        for line in lines:
            found = line["price"]
            line["mark"] = marks.get(line["code"], "–")
            line["source"] = source_word(found.source) if found else ""
            line["shown"] = "–" if found is None or found.price is None else price(found.price, 1)
        prices = {row.instrument: {"source": row.source} for row in preview.prices}
        context = {
            **self.admin_site.each_context(request),
            "title": _("Settlement of %(code)s") % {"code": account.code},
            "opts": self.opts,
            "account": account,
            "preview": preview,
            "form": form,
            "seen": form.seen(),
            "price_lines": lines,
            "lines": sum_lines(statement) if statement else [],
            "total": total(statement) if statement else None,
            "positions": [position_line(line, prices) for line in statement["rows"]] if statement else [],
            "last": last,
            "last_url": reverse("admin:trading_balancesnapshot_change", args=[last.pk]) if last else "",
            "settled": settled,
            "account_url": account_url("change", account.pk),
            "undo_url": account_url("undo", account.pk),
        }
        return render(request, "admin/trading/tradingaccount/settlement.html", context)


def _marks(account: TradingAccount) -> dict[str, str]:
    """Code -> where what is held is marked."""
    held = Position.objects.filter(account=account, last_price__isnull=False).select_related("instrument")
    return {row.instrument.code: price(row.last_price, row.instrument.price_tick) for row in held}


def _given(request: HttpRequest, preview: Preview, marks: dict[str, str]) -> dict[str, Any]:
    """What the form is filled with: what was posted, with the last prices in the place of missing ones if asked for."""
    if request.method != "POST":
        return {"day": preview.trading_day.isoformat() if preview.trading_day else ""}
    posted = {name: str(value) for name, value in request.POST.items()}
    if "last" in posted:
        for number, row in enumerate(preview.prices):
            if row.price is None and not posted.get(f"price_{number}"):
                posted[f"price_{number}"] = marks.get(row.instrument, "").replace(",", "")
    return posted
