"""What an order would do to an account: margin, risk degree, fee and limits before and after. It never trades."""

import math
from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts.admin_base import actor_of
from accounts.models import User
from quantsite.common.errors import MissingError, RefusedError, RuleError
from trading import services
from trading.choices import DirectionName, OffsetName, OrderTypeName
from trading.console.risk_desk import page_context
from trading.console.risk_figures import LimitUse
from trading.console.risk_words import gain, level_of, limit_title, scope_word, share_text, used_of, yuan
from trading.domain.balance import risk_degree
from trading.domain.risk.figures import AccountView
from trading.domain.risk.levels import Usage
from trading.domain.risk.limits import DEFAULT
from trading.domain.risk.rules import RULES
from trading.domain.risk.what_if import Compared
from trading.permissions import visible_accounts
from trading.verbs.new_order import NewOrder
from trading.verbs.what_if import Foreseen

MOST_CHOICES = 500


class WhatIfForm(forms.Form):
    """An order that is not placed; the address carries it."""

    account = forms.ChoiceField(label=_("Account"))
    instrument = forms.CharField(label=_("Instrument"), max_length=24)
    direction = forms.ChoiceField(label=_("Direction"), choices=DirectionName.choices)
    offset = forms.ChoiceField(label=_("Offset"), choices=OffsetName.choices)
    type = forms.ChoiceField(label=_("Type"), choices=OrderTypeName.choices)
    price = forms.FloatField(label=_("Price"), required=False, min_value=0)
    stop_price = forms.FloatField(label=_("Stop price"), required=False, min_value=0)
    volume = forms.IntegerField(label=_("Lots"), min_value=1, max_value=1_000_000)
    strategy_key = forms.CharField(label=_("Strategy"), required=False, max_length=80)

    def __init__(self, user: User, data: Mapping[str, Any] | None, **given: Any) -> None:
        super().__init__(data, **given)
        accounts = visible_accounts(user).filter(is_active=True).order_by("code")[:MOST_CHOICES]
        self.fields["account"].choices = [(account.code, str(account)) for account in accounts]  # type: ignore[attr-defined]
        self.fields["price"].widget.attrs["step"] = self.fields["stop_price"].widget.attrs["step"] = "any"

    def to_order(self) -> NewOrder:
        """The order, under a name that none has: it is never stored."""
        data = {name: value for name, value in self.cleaned_data.items() if name not in {"account", "strategy_key"}}
        return NewOrder(**data, client_order_id="what-if")


def what_if_page(request: HttpRequest) -> HttpResponse:
    """The form, and below it what its order would do."""
    user = actor_of(request)
    asked = "volume" in request.GET
    form = WhatIfForm(user, request.GET if asked else None, initial=_first(request))
    context: dict[str, Any] = {"title": _t("What if"), "form": form}
    if asked and form.is_valid():
        try:
            data = form.cleaned_data
            seen = services.what_if_order(user, data["account"], form.to_order(), strategy_key=data["strategy_key"])
            context |= _shown(seen, data["account"])
        except RefusedError:
            raise
        except (MissingError, RuleError) as error:
            context["wrong"] = error.text
    return render(request, "admin/trading/risk/what_if.html", page_context(request, context))


def _first(request: HttpRequest) -> dict[str, Any]:
    """What the form begins with: what the address says of it, else a buy that opens one lot."""
    told = {name: request.GET[name] for name in WhatIfForm.base_fields if request.GET.get(name)}
    return {"direction": "buy", "offset": "open", "type": "limit", "volume": 1, **told}


def _shown(seen: Foreseen, account: str) -> dict[str, Any]:
    outcome = seen.outcome
    before, after = outcome.before, outcome.after
    fee = before.balance - after.balance
    reasons = [reason.text for reason in (seen.stop, outcome.reason) if reason is not None]
    degrees = [_degree(view) for view in (before, after)]
    return {
        "of": account,
        "reasons": reasons,
        "first": degrees[1],
        "level": level_of(degrees[1] if math.isfinite(degrees[1]) else None),
        "first_text": _percent(degrees[1]),
        "rows": [
            (_t("Risk degree"), _percent(degrees[0]), _percent(degrees[1]), _points(*degrees)),
            _row(_t("Margin, yuan"), before.margin + before.frozen_margin, after.margin + after.frozen_margin),
            _row(_t("Available, yuan"), before.available, after.available),
            _row(_t("Balance, yuan"), before.balance, after.balance),
            _row(_t("Value of all positions, yuan"), before.notional, after.notional),
        ],
        "fee": f"{fee:,.2f}",
        "limits": [_limit(row) for row in outcome.limits],
    }


def _degree(view: AccountView) -> float:
    return risk_degree(view.margin + view.frozen_margin, view.balance)


def _percent(degree: float) -> str:
    return share_text(degree) if math.isfinite(degree) else "∞"


def _points(before: float, after: float) -> str:
    return f"{(after - before) * 100:+.1f}" if math.isfinite(before) and math.isfinite(after) else ""


def _row(name: str, before: float, after: float) -> tuple[str, str, str, str]:
    known = [value if math.isfinite(value) else None for value in (before, after)]
    return name, yuan(known[0]), yuan(known[1]), gain(after - before) if None not in known else ""


def _limit(row: Compared) -> dict[str, Any]:
    """One limit without and with the order, as a bar of the latter."""
    after = _use(row.after)
    return {
        "title": limit_title(after),
        "from": scope_word(after.scope, default=after.scope == DEFAULT),
        "before": share_text(row.before.share) if row.before else "",
        "after": share_text(row.after.share),
        "level": level_of(row.after.share),
        "meter": f"{min(row.after.share or 0.0, 1.0):.4f}",
        "of": used_of(after),
    }


def _use(usage: Usage) -> LimitUse:
    limit, spec = usage.limit, RULES[usage.limit.rule]
    used = usage.value if math.isfinite(usage.value) else None
    return LimitUse(
        rule=limit.rule.value,
        scope=limit.scope,
        subject=usage.subject,
        used=used,
        maximum=limit.maximum,
        share=usage.share,
        unit=spec.unit.value,
        floor=spec.floor,
        action=limit.action.value,
    )
