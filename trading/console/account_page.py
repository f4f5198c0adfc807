"""The page of one account: funds first, then what it holds and works on, its days, its money, and who may see it."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Case, F, FloatField, Min, Q, Sum, Value, When
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.roles import shown_role
from marketdata.live_models import FeedState, InstrumentFeed
from trading.account_models import (
    FUND,
    SETTLE,
    SHARE,
    AccountQuerySet,
    AccountState,
    TradingAccount,
    TradingAccountGroupObjectPermission,
    TradingAccountUserObjectPermission,
)
from trading.books_models import BookAdoption
from trading.choices import AccountKind, CashKind, CashSource
from trading.console.figures import NOTHING, decimals, money, percent, price, signed, tone
from trading.console.forms import LEVELS, CashForm, GrantForm, TermsForm, free_lots
from trading.console.risk_account import risk_context
from trading.ledger_models import BalanceSnapshot, CashEntry, Position
from trading.order_models import Fill, Order
from trading.permissions import may_reduce
from trading.risk_permissions import LIMIT
from trading.verbs.peak import standing_peak

LATEST = 10
MOST_POINTS = 1_000
CALL, HIGH = 1.0, 0.8
"""Risk degrees: from the first on the broker calls for margin; from the second on it is near."""
SILENCE = timedelta(seconds=3)
"""A feed tells its state once a second."""
ENDLESS = 1e9
"""In the place of an infinite risk degree, for sorting."""
WORST = Case(
    When(state__risk_degree=None, state__margin__gt=0, then=Value(ENDLESS)),
    default=Coalesce(F("state__risk_degree"), 0.0),
    output_field=FloatField(),
)
VERBS = ("live", "cash", "grant", "revoke", "activity", "terms", "peak", "settlement", "undo")


def account_url(name: str, account_id: int) -> str:
    """The address of a page of the console about one account."""
    return reverse(f"admin:trading_tradingaccount_{name}", args=[account_id])


def page_context(account: TradingAccount, user: User) -> dict[str, Any]:
    """Everything that the account's page needs beside the theme's own context."""
    may_share = user.has_perm(f"trading.{SHARE}")
    may_change = user.has_perm("trading.change_tradingaccount")
    return {
        **live_context(account, user),
        "statements": [statement_line(row) for row in _statements(account).order_by("-trading_day")[:LATEST]],
        "cash": [_cash_line(row) for row in _latest_cash(account)],
        "cash_form": CashForm() if user.has_perm(f"trading.{FUND}") else None,
        "grants": grants_of(account) if may_share else [],
        "grant_form": GrantForm(account) if may_share else None,
        "may_settle": user.has_perm(f"trading.{SETTLE}"),
        "may_change": may_change,
        "terms_form": TermsForm(account) if may_change else None,
        "peak": _peak(account, user),
        "may_see_books": user.has_perm("trading.view_balancesnapshot"),
        "terms": _terms(account),
        "equity": equity_of(account),
        "lists": {name: f"{reverse(f'admin:trading_{name}_changelist')}?account={account.code}" for name in LISTS},
    }


LISTS = ("order", "fill", "cashentry", "balancesnapshot")


def live_context(account: TradingAccount, user: User) -> dict[str, Any]:
    """The part of the page that is read anew while it is open."""
    state = account.state
    orders = Order.objects.filter(account=account).working().select_related("account", "instrument").order_by("-pk")
    fills = Fill.objects.filter(account=account).select_related("instrument").order_by("-pk")[:LATEST]
    positions = Position.objects.filter(account=account).select_related("account", "account__state", "instrument")
    return {
        "account": account,
        "state": state,
        "urls": {name: account_url(name, account.pk) for name in VERBS},
        "broker_url": account_url("broker", account.pk) if _sees_broker(account, user) else "",
        "risk": risk_of(state),
        "silent_since": silent_since(account),
        "day_profit": state.close_profit + state.position_profit,
        "day_profit_tone": tone(state.close_profit + state.position_profit),
        "frozen": state.frozen_margin + state.frozen_commission,
        "positions": [position_line(row) for row in positions.order_by("instrument__code", "side")],
        "orders": list(orders),
        "fills": [fill_line(row) for row in fills],
        "may_reduce": may_reduce(user, account),
        **risk_context(account, user),
    }


def _sees_broker(account: TradingAccount, user: User) -> bool:
    return account.kind == AccountKind.CTP and user.has_perm("trading.view_brokercomparison")


def silent_since(account: TradingAccount) -> datetime | None:
    """Since when a source of prices of what is held or worked on has told nothing, by our clock; None while all do."""
    rows = Order.objects.filter(account=account).working().values("instrument")
    held = Position.objects.filter(account=account).values("instrument")
    feeds = InstrumentFeed.objects.filter(Q(instrument__in=rows) | Q(instrument__in=held)).values("source")
    told: datetime | None = FeedState.objects.filter(source__in=feeds).aggregate(at=Min("updated_at"))["at"]
    return told if told is not None and timezone.now() - told > SILENCE else None


def risk_of(state: AccountState) -> dict[str, Any]:
    """The risk degree as a page shows it: text, a level, and how much money is left to a margin call."""
    degree = state.risk_degree
    if degree is None:
        endless = state.margin > 0
        return {"text": "∞" if endless else percent(0), "level": "critical" if endless else "", "value": int(endless)}
    level = "critical" if degree >= CALL else "warning" if degree >= HIGH else ""
    return {
        "text": percent(degree),
        "level": level,
        "value": min(degree, 1.0),
        "room": money(state.balance - state.margin),
    }


def worst_first(accounts: AccountQuerySet) -> AccountQuerySet:
    """By risk degree, an infinite one before all others."""
    return accounts.order_by(WORST.desc(), "code")


def account_line(account: TradingAccount) -> dict[str, Any]:
    """One line of a table of accounts; reads ``state``."""
    state = account.state
    profit = state.close_profit + state.position_profit
    return {
        "account": account,
        "risk": risk_of(state),
        "balance": money(state.balance),
        "available": money(state.available),
        "profit": signed(profit),
        "tone": tone(profit),
    }


def position_line(row: Position) -> dict[str, Any]:
    """One line of the table of positions."""
    tick = row.instrument.price_tick
    return {
        "row": row,
        "key": f"{row.account.code}|{row.instrument.code}|{row.side}",
        "digits": decimals(tick),
        "free": free_lots(row),
        "open_price": price(row.open_price, tick),
        "last_price": price(row.last_price, tick),
        "profit": signed(row.position_profit),
        "tone": tone(row.position_profit),
        "open_profit": signed(row.open_profit),
        "open_tone": tone(row.open_profit),
        "margin": money(row.margin),
        "url": reverse("admin:trading_position_change", args=[row.pk]),
    }


def fill_line(row: Fill) -> dict[str, Any]:
    """One line of a table of fills."""
    opened = row.offset == "open"
    return {
        "row": row,
        "price": price(row.price, row.instrument.price_tick),
        "commission": money(row.commission),
        "profit": NOTHING if opened else signed(row.close_profit),
        "tone": "" if opened else tone(row.close_profit),
    }


def statement_line(row: BalanceSnapshot) -> dict[str, Any]:
    """One line of a table of statements."""
    profit = row.close_profit + row.position_profit - row.commission
    return {
        "row": row,
        "url": reverse("admin:trading_balancesnapshot_change", args=[row.pk]),
        "net": signed(profit),
        "tone": tone(profit),
        "balance": money(row.balance),
        "risk": percent(row.risk_degree),
        "moved": signed(row.deposit - row.withdraw) if row.deposit != row.withdraw else NOTHING,
    }


def equity_of(account: TradingAccount) -> dict[str, Any]:
    """The equity curve: the balance at the end of each settled day and now, beside the money paid in until then."""
    rows = _statements(account).order_by("-trading_day").values("trading_day", "balance", "seq")[:MOST_POINTS]
    points = [(row["trading_day"].isoformat(), row["balance"], row["seq"]) for row in rows][::-1]
    state = account.state
    today = state.trading_day.isoformat() if state.trading_day else ""
    if today and (not points or points[-1][0] < today):
        points.append((today, state.balance, state.last_seq))
    paid = _paid_in(account, [seq for _day, _balance, seq in points])
    return {
        "days": [day for day, _balance, _seq in points],
        "balance": [float(balance) for _day, balance, _seq in points],
        "paidIn": [float(amount) for amount in paid],
        "texts": {"balance": _("Balance"), "paidIn": _("Paid in"), "net": _("Earned")},
    }


def _paid_in(account: TradingAccount, seqs: list[int]) -> list[Decimal]:
    """Deposits less withdrawals up to each of these events, with what an adoption of a broker's figures brought."""
    rows = CashEntry.objects.filter(account=account).values_list("seq", "kind", "amount")
    entries = [(seq, amount if kind == CashKind.DEPOSIT else -amount) for seq, kind, amount in rows]
    entries += [(row.seq, _brought(row)) for row in BookAdoption.objects.filter(account=account)]
    entries.sort(key=lambda entry: entry[0])
    found, total, place = [], Decimal(0), 0
    for seq in seqs:
        while place < len(entries) and entries[place][0] <= seq:
            total += entries[place][1]
            place += 1
        found.append(total)
    return found


def _brought(row: BookAdoption) -> Decimal:
    """By how much an adoption changed the balance: nobody earned that here."""
    moved = next((line for line in row.changes if line["what"] == "balance"), None)
    return Decimal(0) if moved is None else Decimal(str((moved["after"] or 0) - (moved["before"] or 0)))


def grants_of(account: TradingAccount) -> list[dict[str, Any]]:
    """Who was let in, with what a form needs to take it back."""
    words = dict(LEVELS)
    people = TradingAccountUserObjectPermission.objects.filter(content_object=account)
    groups = TradingAccountGroupObjectPermission.objects.filter(content_object=account)
    found = [
        (f"user:{row.user_id}", row.user.get_username(), row.permission.codename)
        for row in people.select_related("user", "permission").order_by("user__username")
    ]
    found += [
        (f"group:{row.group_id}", shown_role(row.group.name), row.permission.codename)
        for row in groups.select_related("group", "permission").order_by("group__name")
    ]
    return [{"key": key, "name": name, "level": level, "word": words.get(level, level)} for key, name, level in found]


def money_between(account: TradingAccount, after: int, until: int) -> dict[str, Decimal]:
    """Deposits and withdrawals of the events after one and up to another."""
    rows = CashEntry.objects.filter(account=account, seq__gt=after, seq__lte=until)
    sums = rows.aggregate(
        deposit=Sum("amount", filter=Q(kind=CashKind.DEPOSIT)), withdraw=Sum("amount", filter=Q(kind=CashKind.WITHDRAW))
    )
    return {name: value or Decimal(0) for name, value in sums.items()}


def _statements(account: TradingAccount) -> Any:
    return BalanceSnapshot.objects.filter(account=account, undone_at=None)


def _latest_cash(account: TradingAccount) -> list[CashEntry]:
    return list(CashEntry.objects.filter(account=account).select_related("actor").order_by("-pk")[:LATEST])


def _cash_line(row: CashEntry) -> dict[str, Any]:
    amount = row.amount if row.kind == CashKind.DEPOSIT else -row.amount
    return {"row": row, "amount": f"{amount:+,.2f}", "who": cash_teller(row)}


def cash_teller(row: CashEntry) -> str:
    """Who says that the money moved."""
    if row.source == CashSource.BROKER:
        return str(row.get_source_display())
    return row.actor.get_username() if row.actor else _("system")


def _peak(account: TradingAccount, user: User) -> str:
    """From where the drawdown counts, for who may propose to set it anew; empty where there is no drawdown."""
    peak = standing_peak(account) if user.has_perm(LIMIT) else None
    return "" if peak is None or round(float(account.state.balance), 2) >= peak else money(Decimal(str(peak)))


def _terms(account: TradingAccount) -> list[tuple[str, str]]:
    """What was agreed with the broker, and how the simulated exchange treats the account."""
    return [
        (_("Desk"), str(account.desk)),
        (_("Control group"), str(account.control_group)),
        (_("Kind"), account.get_kind_display()),
        (_("Margin price"), account.get_margin_price_display()),
        (_("Available profit"), account.get_profit_algorithm_display()),
        (_("Close profit is available"), _("yes") if account.include_close_profit else _("no")),
        (_("Cancels everything when the database is away"), _("yes") if account.cancel_when_blind else _("no")),
        (_("Latency (ms)"), f"{account.latency_ms:g}"),
        (_("Queue"), account.get_queue_model_display()),
        (_("Made by"), account.created_by.get_username() if account.created_by else _("system")),
    ]
