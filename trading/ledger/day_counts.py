"""What was sent and withdrawn on a trading day, by instrument: counted from rows, and from then on event by event.

A cancel is an order that was withdrawn because somebody asked for it: what the exchange itself ends of a FAK, FOK or
market order is none, nor is the end of the day (docs/decisions/0017-risk-counters.md).
"""

from collections import Counter
from collections.abc import Collection
from datetime import date

from django.db.models import Count, F

from trading.choices import StatusName
from trading.domain import events
from trading.domain.risk.figures import DayCounts
from trading.order_models import Order


class DayCounters:
    """The counts of one account, or of several together, on one trading day."""

    def __init__(self) -> None:
        self.day: date | None = None
        self._sent: Counter[str] = Counter()
        self._withdrawn: dict[str, dict[int, int]] = {}  # by instrument: the order's number, and the lots it had left
        self._large: dict[tuple[str, float], int] = {}  # what was counted of them before, until one more comes

    def begin(self, day: date | None) -> None:
        """Count ``day`` from now on; what was counted of another one is gone."""
        if day != self.day:
            self.day = day
            self._sent.clear()
            self._withdrawn.clear()
            self._large.clear()

    def load(self, accounts: Collection[int], day: date | None) -> None:
        """Count the stored orders of these accounts on a trading day, one question each of orders and of cancels."""
        self.begin(None)
        self.begin(day)
        if day is None or not accounts:
            return
        sent = Order.objects.filter(account__in=accounts, trading_day=day, submitted_at__isnull=False).order_by()
        self._sent.update(dict(sent.values_list("instrument__code").annotate(Count("pk"))))
        gone = sent.filter(status=StatusName.CANCELLED, reason_code="")
        for code, order, left in gone.values_list("instrument__code", "pk", F("volume") - F("traded")):
            self._withdrawn.setdefault(code, {})[order] = left

    def note(self, row: Order, event: events.Event) -> None:
        """Take in what happened to an order, whose row shows it already."""
        if row.trading_day != self.day or row.submitted_at is None:
            return
        code = row.instrument.code
        if isinstance(event, events.Submitting):
            self._sent[code] += 1
        elif row.status == StatusName.CANCELLED and not row.reason_code:  # a late fill leaves it fewer lots
            self._withdrawn.setdefault(code, {})[row.pk] = row.left
            self._large.clear()

    def of(self, code: str, large: float) -> DayCounts:
        """The counts of an instrument; a cancel of ``large`` lots or more is a large one."""
        withdrawn = self._withdrawn.get(code)
        if not withdrawn:
            return DayCounts(self._sent[code])
        many = self._large.get((code, large))
        if many is None:
            many = self._large[code, large] = sum(left >= large for left in withdrawn.values())
        return DayCounts(self._sent[code], len(withdrawn), many)

    def codes(self) -> set[str]:
        """The instruments in which anything was sent or withdrawn."""
        return {*self._sent, *self._withdrawn}
