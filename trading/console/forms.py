"""Forms of the console's pages about trading. What they ask for is done by the verbs of ``services``."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib.auth.models import Group
from django.db.models import Q
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from accounts.models import User
from accounts.roles import shown_role
from trading.account_models import (
    REDUCE_EVERY,
    TRADE,
    TRADE_EVERY,
    VIEW,
    VIEW_EVERY,
    TradingAccount,
    TradingAccountGroupObjectPermission,
    TradingAccountUserObjectPermission,
)
from trading.ledger.prices import DayPrice
from trading.ledger_models import Position
from trading.order_models import OrderQuerySet
from trading.permissions import visible_orders
from trading.verbs.funding import HOUSE

BACKEND = "django.contrib.auth.backends.ModelBackend"
AT_LIMIT, AT_ANY = "limit", "any"
LEVELS = ((VIEW, _("may look")), (TRADE, _("may trade")))


class NewAccountForm(forms.ModelForm[TradingAccount]):
    """Everything that ``add_account`` takes."""

    capital = forms.DecimalField(
        label=_("Capital, yuan"),
        help_text=_("The first deposit."),
        min_value=0,
        max_digits=16,
        decimal_places=2,
        initial=Decimal(1_000_000),
        widget=UnfoldAdminDecimalFieldWidget,
    )
    desk_code = forms.SlugField(
        label=_("Desk"),
        help_text=_("A desk that does not exist is made."),
        max_length=32,
        initial=HOUSE,
        widget=UnfoldAdminTextInputWidget,
    )
    group_code = forms.SlugField(
        label=_("Control group"),
        help_text=_("Accounts under one actual control share one; left empty the account has one of its own."),
        max_length=32,
        required=False,
        widget=UnfoldAdminTextInputWidget,
    )

    class Meta:
        model = TradingAccount
        fields = [
            "code",
            "name",
            "kind",
            "margin_price",
            "profit_algorithm",
            "include_close_profit",
            "latency_ms",
            "queue_model",
        ]

    def terms(self) -> dict[str, Any]:
        """The columns of the account that are the broker's terms."""
        names = ("margin_price", "profit_algorithm", "include_close_profit", "latency_ms", "queue_model")
        return {name: self.cleaned_data[name] for name in names}


class TermsForm(forms.ModelForm[TradingAccount]):
    """What ``change_account`` changes of an account that is open."""

    desk = forms.SlugField(label=_("Desk"), help_text=_("A desk that does not exist is made."), max_length=32)
    control_group = forms.SlugField(
        label=_("Control group"), help_text=_("Of another one only while no order is at work."), max_length=32
    )

    class Meta:
        model = TradingAccount
        fields = ["name", "margin_price", "profit_algorithm", "include_close_profit", "cancel_when_blind"]

    def __init__(self, account: TradingAccount, data: Any = None) -> None:
        belongs = {"desk": account.desk.code, "control_group": account.control_group.code}
        super().__init__(data, instance=account, initial=belongs, auto_id="terms_%s")

    def _post_clean(self) -> None:
        """The verb writes: the row in hand, which the page shows, stays as it is."""

    @property
    def lines(self) -> list[Any]:
        """The fields that are no boxes to tick."""
        return [field for field in self if not isinstance(field.field, forms.BooleanField)]

    @property
    def boxes(self) -> list[Any]:
        """Those that are."""
        return [field for field in self if isinstance(field.field, forms.BooleanField)]


class CashForm(forms.Form):
    """Money in or out, and why."""

    kind = forms.ChoiceField(label=_("What"), choices=[("deposit", _("Deposit")), ("withdraw", _("Withdraw"))])
    amount = forms.DecimalField(
        label=_("Amount, yuan"), min_value=Decimal("0.01"), max_digits=16, decimal_places=2, localize=False
    )
    note = forms.CharField(label=_("Reason"), max_length=200)
    client_cash_id = forms.CharField(
        widget=forms.HiddenInput, max_length=64, required=False, initial=lambda: f"page-{uuid4().hex}"
    )
    """Of the page that was loaded: what it sends twice is done once."""


class ClosePositionForm(forms.Form):
    """How to close a position: how many lots, and at what price."""

    volume = forms.IntegerField(label=_("Lots"), min_value=1)
    how = forms.ChoiceField(
        label=pgettext_lazy("price", "At"),
        choices=[(AT_LIMIT, _("no worse than this price")), (AT_ANY, _("any price"))],
    )
    price = forms.DecimalField(label=_("Price"), required=False, max_digits=18, decimal_places=6)
    reason = forms.CharField(label=_("Reason"), max_length=200, required=False)

    def clean(self) -> dict[str, Any]:
        """A limit needs its price."""
        data = super().clean() or {}
        if data.get("how") == AT_LIMIT and data.get("price") is None and "price" not in self.errors:
            self.add_error("price", _t("Give the worst price that you accept, or choose any price."))
        return data

    def limit(self) -> float | None:
        """The price of the closing order; None for any."""
        return float(self.cleaned_data["price"]) if self.cleaned_data["how"] == AT_LIMIT else None


class CancelAllForm(forms.Form):
    """Which working orders to cancel: all that one may, or those of an account, an instrument, a strategy."""

    account = forms.CharField(required=False, max_length=32)
    instrument = forms.CharField(required=False, max_length=24)
    strategy = forms.CharField(required=False, max_length=80)

    def narrowed(self) -> dict[str, Any]:
        """As ``cancel_all`` takes it. ``strategy`` is ``-`` for orders by hand."""
        data = self.cleaned_data if self.is_valid() else {}
        found: dict[str, Any] = {"account_code": data.get("account", ""), "instrument": data.get("instrument", "")}
        if data.get("strategy"):
            found["strategy_key"] = "" if data["strategy"] == "-" else data["strategy"]
        return found

    def orders(self, actor: User) -> OrderQuerySet:
        """The working orders that ``cancel_all`` would ask for."""
        asked = self.narrowed()
        rows = visible_orders(actor).working().order_by("pk")
        if not any(actor.has_perm(f"trading.{name}") for name in (REDUCE_EVERY, TRADE_EVERY)):
            able = TradingAccount.objects.granted(actor, TRADE) if actor.has_perm(f"trading.{TRADE}") else ()
            rows = rows.filter(account__in=able)
        if asked["account_code"]:
            rows = rows.filter(account__code=asked["account_code"])
        if asked["instrument"]:
            rows = rows.filter(instrument__code=asked["instrument"])
        if "strategy_key" in asked:
            rows = rows.filter(strategy_key=asked["strategy_key"])
        return rows


class GrantForm(forms.Form):
    """Whom to let see or trade on an account: those whose role allows it at all and who do not see all anyway."""

    receiver = forms.ChoiceField(label=_("Person or group"))
    level = forms.ChoiceField(label=_("What"), choices=LEVELS)

    def __init__(self, account: TradingAccount, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Whoever was named once can be taken off again, whatever the role has become.
        told_people = TradingAccountUserObjectPermission.objects.filter(content_object=account).values("user")
        told_groups = TradingAccountGroupObjectPermission.objects.filter(content_object=account).values("group")
        see_all = User.objects.with_perm(f"trading.{VIEW_EVERY}", backend=BACKEND).values("pk")
        able = User.objects.with_perm(f"trading.{VIEW}", backend=BACKEND).exclude(pk__in=see_all)
        people = User.objects.filter(Q(pk__in=able.values("pk")) | Q(pk__in=told_people)).order_by("username")
        all_seeing = Group.objects.filter(permissions__codename=VIEW_EVERY)
        groups = Group.objects.filter(~Q(pk__in=all_seeing.values("pk")) | Q(pk__in=told_groups)).order_by("name")
        receivers = self.fields["receiver"]
        if isinstance(receivers, forms.ChoiceField):
            receivers.choices = [
                (_("People"), [(f"user:{user.pk}", user.get_username()) for user in people]),
                (_("Groups"), [(f"group:{group.pk}", shown_role(group.name)) for group in groups]),
            ]

    def to_receiver(self) -> User | Group:
        """The person or group, once valid."""
        kind, _colon, key = self.cleaned_data["receiver"].partition(":")
        return User.objects.get(pk=key) if kind == "user" else Group.objects.get(pk=key)


class SettlementForm(forms.Form):
    """Settlement prices that go before those that are stored; one left empty is taken from there."""

    day = forms.DateField(widget=forms.HiddenInput)

    def __init__(self, codes: Sequence[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.codes = list(codes)
        for number, code in enumerate(self.codes):
            self.fields[f"price_{number}"] = forms.DecimalField(
                label=code, required=False, min_value=Decimal("0.000001"), max_digits=18, decimal_places=6
            )

    def given(self) -> dict[str, float]:
        """Code -> price of those that were written in."""
        found = {code: self.cleaned_data.get(f"price_{number}") for number, code in enumerate(self.codes)}
        return {code: float(price) for code, price in found.items() if price is not None}

    def seen(self) -> str:
        """The prices written in as one text: what a preview was made of."""
        return json.dumps(self.given() if self.is_valid() else {}, sort_keys=True)

    def lines(self, prices: Sequence[DayPrice]) -> list[dict[str, Any]]:
        """Each instrument with its input, its price and where that comes from."""
        by_code = {row.instrument: row for row in prices}
        return [
            {"code": code, "input": self[f"price_{number}"], "price": by_code.get(code)}
            for number, code in enumerate(self.codes)
        ]


def free_lots(position: Position) -> int:
    """Lots that no working order holds."""
    return position.volume - position.frozen
