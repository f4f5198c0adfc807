"""The report on programmatic trading: what each control group sent to each exchange on a trading day, from rows.

Orders, cancels and bursts are what was sent, as for the limit on bursts (``ledger/day_actions.py``; DOMAIN.md 1,
"Programmatic trading"). What is held against the thresholds of abnormal trading are cancels that withdrew something, as
for the limits on cancels (``ledger/day_counts.py``). Self-trades are those that this platform refused: none was sent.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from django.db.models import QuerySet

from marketdata.models import Instrument
from trading.account_models import ControlGroup
from trading.domain.risk.actions import Action
from trading.domain.risk.bursts import PER_SECOND, ProgrammeDay, programme_days
from trading.domain.risk.figures import DayCounts
from trading.domain.risk.rules import LARGE, Rule
from trading.ledger.day_actions import actions_in
from trading.ledger.day_counts import DayCounters
from trading.order_models import AccountEvent, Order

CANCELS, LARGE_CANCELS, SELF_TRADES = 500, 50, 5
"""From so many on a client, contract and day the exchanges call it abnormal (DOMAIN.md 1, "Abnormal trading")."""


@dataclass(frozen=True)
class ProgrammeRow:
    """One line of the report. ``most_cancels`` and ``most_large`` are of the one contract that has most of them.

    ``counts.cancels`` were sent, the others have withdrawn an order; a large one, many lots.
    """

    trading_day: date
    group: ControlGroup
    counts: ProgrammeDay
    most_cancels: int
    most_large: int
    large: int
    self_trades: int
    by_strategy: int
    flags: tuple[str, ...] = field(default=())


def reported_days(first: date | None, last: date | None, most: int) -> list[date]:
    """The trading days with orders that were sent, newest first."""
    rows = Order.objects.filter(submitted_at__isnull=False, trading_day__isnull=False)
    if first is not None:
        rows = rows.filter(trading_day__gte=first)
    if last is not None:
        rows = rows.filter(trading_day__lte=last)
    days = rows.order_by("-trading_day").values_list("trading_day", flat=True).distinct()[:most]
    return [day for day in days if day is not None]


def programme_rows(days: Iterable[date], group: str = "") -> Iterator[ProgrammeRow]:
    """The lines of these days: by day, control group and exchange."""
    for day in days:
        sent = Order.objects.filter(trading_day=day, submitted_at__isnull=False).order_by()
        groups = ControlGroup.objects.filter(pk__in=sent.values("account__control_group")).order_by("code")
        for row in groups.filter(code=group) if group else groups:
            yield from _group_rows(day, row, sent.filter(account__control_group=row))


def actions_of(group: ControlGroup, day: date) -> list[Action]:
    """Every order and cancel that the group's accounts sent on a trading day."""
    return actions_in(AccountEvent.objects.filter(account__control_group=group), day)


def _group_rows(day: date, group: ControlGroup, sent: QuerySet[Order]) -> Iterator[ProgrammeRow]:
    withdrawn = _withdrawn(group, day)
    refused = Counter(_self_trades(group, day))
    exchange = "instrument__product__exchange"
    computed = Counter(sent.exclude(strategy_key="").values_list(exchange, flat=True))
    for counts in programme_days(actions_of(group, day), PER_SECOND):
        name = counts.exchange
        row = ProgrammeRow(
            day,
            group,
            counts,
            max((each.cancels for each in withdrawn[name]), default=0),
            max((each.large_cancels for each in withdrawn[name]), default=0),
            sum(each.large_cancels for each in withdrawn[name]),
            refused[name],
            computed[name],
        )
        yield ProgrammeRow(**{**vars(row), "flags": flags_of(row)})


def flags_of(row: ProgrammeRow) -> tuple[str, ...]:
    """Why the day must be looked at: ``a`` and ``b`` of the rules on programmatic trading, and what is abnormal.

    ``a``: ten bursts or more; ``b``: orders that a strategy decided on in full.
    """
    found = {
        "a": row.counts.reportable,
        "b": row.by_strategy > 0,
        "cancels": row.most_cancels >= CANCELS,
        "large_cancels": row.most_large >= LARGE_CANCELS,
        "self_trades": row.self_trades >= SELF_TRADES,
    }
    return tuple(name for name, holds in found.items() if holds)


def _withdrawn(group: ControlGroup, day: date) -> dict[str, list[DayCounts]]:
    """What the limits on cancels count of each instrument, by exchange."""
    counters = DayCounters()
    counters.load(group.accounts.values_list("pk", flat=True), day)
    found: dict[str, list[DayCounts]] = defaultdict(list)
    rows = Instrument.objects.filter(code__in=counters.codes()).values_list("code", "product__exchange")
    for code, exchange in rows:
        found[exchange].append(counters.of(code, LARGE))
    return found


def _self_trades(group: ControlGroup, day: date) -> QuerySet[Order, str]:
    """The exchanges of the orders that were refused because they would have met one of the group."""
    rows = Order.objects.filter(account__control_group=group, trading_day=day, reason_code=Rule.SELF_TRADE.value)
    return rows.order_by().values_list("instrument__product__exchange", flat=True)
