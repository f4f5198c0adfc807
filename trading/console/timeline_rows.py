"""What happened on a trading day of an account or a desk, from every table that tells of it, in the order of time.

A day runs from the settlement of the day before to its own settlement: what is done between two settlements belongs to
the later one. Lines stand in the order of our own clock; what has a moment on the market clock shows that too.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from heapq import merge
from typing import Any

from django.db.models import CharField, Max, Min, Q, QuerySet
from django.db.models.functions import Cast
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.audit_words import verb_word
from accounts.models import Alarm, AuditEntry, User
from quantsite.web.retold import retold
from trading.account_models import TradingAccount
from trading.console.figures import price
from trading.console.limit_page import history_url, values_text
from trading.console.order_page import KINDS as ORDER_WORDS
from trading.console.risk_event_page import VERBS
from trading.console.stop_page import scope_text
from trading.domain.risk.rules import Rule
from trading.domain.risk.scopes import ScopeKind
from trading.ledger.gateway_events import BEGAN, ENDED, Why
from trading.ledger_models import BalanceSnapshot
from trading.limit_models import KillSwitch, RiskLimitChange, ScopedRow, SwitchEffect
from trading.order_models import AccountEvent, Order
from trading.risk_choices import RuleName
from trading.risk_models import RiskEvent, RiskNote
from trading.risk_permissions import has, visible_risk_events, visible_scoped

CHUNK = 500
MONEY = ("deposit", "withdraw", "settled", "settlement_undone", "adopted", "rates_told")
KINDS = {"traded": "fill", BEGAN: "gateway", ENDED: "gateway", **dict.fromkeys(MONEY, "money")}
"""Events of an account that are none of an order's own, as the filter names them."""
GATEWAY_WORDS = {
    Why.STOPPED: gettext_lazy("it was stopped"),
    Why.LOST: gettext_lazy("it lost the account to another one, or could not keep it"),
    Why.AWAY: gettext_lazy("database or streams were away"),
    Why.FAILED: gettext_lazy("it failed"),
    Why.UNTOLD: gettext_lazy("the one before ended without a word"),
}
QUIET = ("mark",)
SHARED = (ScopeKind.PLATFORM, ScopeKind.PRODUCT, ScopeKind.STRATEGY, ScopeKind.USER)
"""Scopes that may hold for any account."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened: ``at`` by our clock, ``market`` by the market's, ``kind`` as the filter names it."""

    at: datetime
    kind: str
    account: str
    who: str
    text: str
    market: datetime | None = None
    url: str = ""


@dataclass(frozen=True)
class Span:
    """Whose day it is: accounts of one desk, from after ``begin`` until ``end``; None: from or to the edge."""

    accounts: tuple[TradingAccount, ...]
    day: date
    begin: datetime | None
    end: datetime | None

    def within(self, rows: QuerySet[Any], column: str) -> QuerySet[Any]:
        """The rows of the day, in the order of time."""
        if self.begin is not None:
            rows = rows.filter(**{f"{column}__gt": self.begin})
        if self.end is not None:
            rows = rows.filter(**{f"{column}__lte": self.end})
        return rows.order_by(column, "pk")

    @property
    def codes(self) -> list[str]:
        """Of the accounts."""
        return [account.code for account in self.accounts]

    def concerns(self, row: ScopedRow) -> bool:
        """Whether a limit or stop may hold for one of the accounts."""
        if row.scope.kind in SHARED:
            return True
        if row.scope.kind is ScopeKind.DESK:
            return row.scope_key in {account.desk.code for account in self.accounts}
        return row.scope_key.partition("/")[0] in self.codes


def span_of(accounts: Iterable[TradingAccount], day: date) -> Span:
    """The day of these accounts; of several it lasts from the first one's beginning to the last one's end."""
    found = tuple(accounts)
    settled = BalanceSnapshot.objects.filter(account__in=found, undone_at=None).order_by()
    ends = settled.filter(trading_day__gte=day).values("account").annotate(end=Min("created_at"))
    begins = settled.filter(trading_day__lt=day).values("account").annotate(begin=Max("created_at"))
    begin = [row["begin"] for row in begins]
    end = [row["end"] for row in ends]
    return Span(
        found,
        day,
        min(begin) if len(begin) == len(found) and begin else None,
        max(end) if len(end) == len(found) and end else None,
    )


def lines(user: User, span: Span, kinds: Iterable[str] = ()) -> Iterator[Line]:
    """Everything of the day that the person may see, read while it is asked for; ``kinds`` empty: all."""
    wanted = set(kinds) or {kind for made in SOURCES for kind in made[0]}
    readers = [read(user, span) for tells, read in SOURCES if wanted & set(tells)]
    return (line for line in merge(*readers, key=lambda line: line.at) if line.kind in wanted)


# --- the sources ----------------------------------------------------------------------------------------------


def _events(_user: User, span: Span) -> Iterator[Line]:
    rows = AccountEvent.objects.filter(account__in=span.accounts).exclude(kind__in=QUIET)
    told = rows.select_related("account", "order__instrument", "order__created_by")
    for event in span.within(told, "created_at").iterator(CHUNK):
        yield _event_line(event)


def _event_line(event: AccountEvent) -> Line:
    order = event.order
    kind = KINDS.get(event.kind, "order")
    text = _order_text(event, order) if order is not None else _other_text(event)
    who = order.created_by.get_username() if event.kind == "placed" and order and order.created_by else ""
    url = reverse("admin:trading_order_change", args=[order.pk]) if order is not None else ""
    return Line(event.created_at, kind, event.account.code, who, text, event.market_time, url)


def _order_text(event: AccountEvent, order: Order) -> str:
    tick = order.instrument.price_tick
    at = price(order.price, tick) if order.price is not None else order.get_type_display()
    side = f"{order.get_direction_display()} {order.get_offset_display()}"
    name = f"#{order.pk} {side} {order.volume} {order.instrument.code} @ {at}"
    fills = [f"{fill['volume']} @ {price(fill['price'], tick)}" for fill in event.body.get("fills", ())]
    shape = event.body.get("order", {})
    why = retold(shape.get("reason_text") or "") if event.kind in {"rejected", "cancelled", "held"} else ""
    words = [str(ORDER_WORDS.get(event.kind, event.kind)), *fills, why]
    return f"{name}: {' · '.join(filter(None, words))}"


def _other_text(event: AccountEvent) -> str:
    return _gateway_text(event) if KINDS.get(event.kind) == "gateway" else _money_text(event)


def _gateway_text(event: AccountEvent) -> str:
    told = event.body.get("gateway", {})
    word = _("gateway begins") if event.kind == BEGAN else _("gateway ends")
    why = GATEWAY_WORDS.get(told.get("after") or told.get("why"), "")
    return " · ".join(filter(None, [word, str(why), f"{told.get('holder', '')} #{told.get('epoch', '')}"]))


def _money_text(event: AccountEvent) -> str:
    words = {
        "deposit": _("deposit"),
        "withdraw": _("withdrawal"),
        "settled": _("day settled"),
        "settlement_undone": _("settlement undone"),
        "adopted": _("broker's figures adopted"),
        "rates_told": _("rates told by the broker"),
    }
    cash = event.body.get("cash", {})
    parts = [str(words.get(event.kind, event.kind)), str(event.body.get("instrument", ""))]
    parts += [f"{cash['amount']:,.2f}", str(cash.get("note", ""))] if "amount" in cash else []
    return " · ".join(filter(None, parts))


def _limits(user: User, span: Span) -> Iterator[Line]:
    if not has(user, "trading.view_risklimitchange"):
        return
    rows = visible_scoped(user, RiskLimitChange.objects.select_related("changed_by", "approved_by"))
    for row in span.within(rows, "created_at"):
        if span.concerns(row):
            rule = Rule(row.rule)
            change = f"{values_text(rule, row.before)} → {values_text(rule, row.after)}"
            text = f"{RuleName(rule).label} · {scope_text(row.scope)}: {change} · {row.reason}"
            names = [person.get_username() for person in (row.changed_by, row.approved_by) if person]
            yield Line(row.created_at, "limit", "", " + ".join(names), text, url=history_url(rule, row.scope))


def _stops(user: User, span: Span) -> Iterator[Line]:
    rows = visible_scoped(user, KillSwitch.objects.select_related("set_by", "released_by", "approved_by"))
    made = []
    for stop in filter(span.concerns, span.within(rows, "set_at")):
        who = stop.set_by.get_username() if stop.set_by else _("system")
        made.append(_stop_line(stop, stop.set_at, who, _("stop set"), stop.shown_reason))
    for stop in filter(span.concerns, span.within(rows.exclude(released_at=None), "released_at")):
        who = " + ".join(person.get_username() for person in (stop.released_by, stop.approved_by) if person)
        made.append(_stop_line(stop, stop.released_at or stop.set_at, who, _("stop released"), stop.release_reason))
    yield from sorted(made, key=lambda line: line.at)


def _stop_line(stop: KillSwitch, at: datetime, who: str, word: str, why: str) -> Line:
    text = f"#{stop.pk} {word}: {stop.get_strength_display()} · {scope_text(stop.scope)} · {why}"
    return Line(at, "stop", "", who, text, url=reverse("admin:trading_killswitch_change", args=[stop.pk]))


def _gateways(user: User, span: Span) -> Iterator[Line]:
    """What the gateways did about stops, and what was raised as an alarm about them."""
    made = []
    effects = SwitchEffect.objects.filter(account__in=span.accounts).select_related("account", "switch")
    for effect in span.within(effects, "seen_at"):
        url = reverse("admin:trading_killswitch_change", args=[effect.switch_id])
        text = _("stop #%(id)s seen, %(count)d orders to end") % {"id": effect.switch_id, "count": effect.working}
        made.append(Line(effect.seen_at, "gateway", effect.account.code, "", text, url=url))
        if effect.last_cancel_at is not None:
            text = _("stop #%(id)s: %(ended)d of %(count)d orders ended")
            text %= {"id": effect.switch_id, "ended": effect.cancelled, "count": effect.working}
            made.append(Line(effect.last_cancel_at, "gateway", effect.account.code, "", text, url=url))
    if user.has_perm("accounts.view_alarm"):
        for alarm in span.within(Alarm.objects.filter(subject__in=span.codes), "first_at"):
            url = reverse("admin:accounts_alarm_change", args=[alarm.pk])
            made.append(Line(alarm.first_at, "gateway", alarm.subject, "", alarm.shown_text, url=url))
    yield from sorted(made, key=lambda line: line.at)


def _risk(user: User, span: Span) -> Iterator[Line]:
    rows = visible_risk_events(user).filter(Q(account__in=span.accounts) | Q(account=None))
    made = [_risk_line(event) for event in span.within(rows, "created_at") if event.account_id or span.concerns(event)]
    if has(user, "trading.view_risknote"):
        notes = RiskNote.objects.filter(event__in=rows.order_by()).select_related("author", "event__account")
        told = span.within(notes, "created_at")
        made += [_note_line(note) for note in told if note.event.account_id or span.concerns(note.event)]
    yield from sorted(made, key=lambda line: line.at)


def _risk_line(event: RiskEvent) -> Line:
    parts = [event.get_kind_display(), event.shown_text, f"× {event.count}" if event.count > 1 else ""]
    url = reverse("admin:trading_riskevent_change", args=[event.pk])
    code = event.account.code if event.account else ""
    return Line(event.created_at, "risk", code, "", " · ".join(filter(None, parts)), event.market_time, url)


def _note_line(note: RiskNote) -> Line:
    text = f"#{note.event_id} {VERBS.get(note.verb, note.verb)} {note.text}".rstrip()
    code = note.event.account.code if note.event.account else ""
    who = note.author.get_username() if note.author else _("system")
    url = reverse("admin:trading_riskevent_change", args=[note.event_id])
    return Line(note.created_at, "risk", code, who, text, url=url)


def _actions(user: User, span: Span) -> Iterator[Line]:
    """What people did, from the audit trail: about these accounts, their orders, and changes at their scopes."""
    if not user.has_perm("accounts.view_auditentry"):
        return
    accounts = [str(account.pk) for account in span.accounts]
    orders = Order.objects.filter(account__in=span.accounts).annotate(key=Cast("pk", CharField())).values("key")
    about = Q(object_type="trading.tradingaccount", object_id__in=accounts)
    about |= Q(object_type="trading.order", object_id__in=orders)
    for key in {*span.codes, *(account.desk.code for account in span.accounts)}:
        about |= Q(verb__startswith="proposal.", object_text__contains=key)
    rows = AuditEntry.objects.filter(about)
    for entry in span.within(rows, "created_at").iterator(CHUNK):
        url = reverse("admin:accounts_auditentry_change", args=[entry.pk])
        text = f"{verb_word(entry.verb)} {entry.object_text}".rstrip()
        yield Line(entry.created_at, "action", "", entry.actor_name, text, url=url)


Reader = Callable[[User, Span], Iterator[Line]]
SOURCES: tuple[tuple[tuple[str, ...], Reader], ...] = (
    (("order", "fill", "money", "gateway"), _events),
    (("limit",), _limits),
    (("stop",), _stops),
    (("gateway",), _gateways),
    (("risk",), _risk),
    (("action",), _actions),
)
