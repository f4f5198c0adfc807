"""What instances have decided, into rows: signals, orders and where the instances stand, all in one transaction.

An order is committed together with the state that has decided on it: whatever dies, either both are there or neither,
and the successor decides again from where the rows stand.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from time import time_ns
from typing import TYPE_CHECKING, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from marketdata.domain.calendar import from_day_number
from marketdata.instruments import find_instrument
from marketdata.models import Instrument
from quantsite.common.errors import RuleError
from quantsite.common.times import ns_to_utc
from strategies.domain.hosting.intents import Cause, Decided, Place
from strategies.domain.hosting.news import News, NewsKind
from strategies.event_models import Signal, StrategyOrder, client_order_id
from strategies.metrics import DECIDED_TO_ORDER, EVENT_TO_ORDER, ORDERS, SIGNALS
from strategies.running.at_once import write_at_once
from strategies.running.hosts import Wanted
from strategies.running.instance import Instance, SentOrder
from strategies.running.state import ReadBy, note_stored, state_values, store_states
from trading.account_models import TradingAccount
from trading.choices import CommandKind
from trading.order_models import Order
from trading.verbs.inbox import enqueue
from trading.verbs.new_order import NewOrder
from trading.verbs.programs import OrderDesk

if TYPE_CHECKING:
    from accounts.models import User

Refusals = list[tuple[Instance, News, RuleError]]
_Ask = Callable[
    ["User | None", TradingAccount, Sequence[tuple[NewOrder, str]], int | None], Sequence[Order | RuleError]
]
LONGEST_REASON = 64
MONEY_DIGITS = 6


class _Part(NamedTuple):
    """One order of the account: a wish of an instance, or the part of one that closes or opens."""

    instance: Instance
    place: Place
    wanted: Wanted
    code: str
    closes: bool

    @property
    def owner(self) -> "User | None":
        """In whose name it goes out: the instance's owner's, but that of the platform where it closes what the instance
        holds because that was asked for, or because its policy says so: the right to trade may be gone then.
        """
        row = self.instance.row
        asked = self.instance.closing or row.flatten_asked > row.flatten_done
        return None if asked and self.closes and self.place.cause is Cause.FLATTEN else row.owner

    def order(self) -> NewOrder:
        """The order as the account takes it."""
        place = self.place
        return NewOrder(
            instrument=self.code,
            direction=place.direction.name.lower(),
            offset="auto" if self.closes else "open",
            type=str(place.type),
            volume=place.lots,
            client_order_id=client_order_id(self.instance.pk, place.number),
            price=place.price if isfinite(place.price) else None,
        )


class _Step(NamedTuple):
    """All that instances want to be stored together, beside where they stand."""

    wanted: Mapping[int, list[Wanted]]
    signals: list[Signal]
    placed: list[_Part]
    withdrawn: list[tuple[Instance, int]]


@dataclass(slots=True)
class _Before:
    """What an instance counted before something of it was to be stored."""

    instance: Instance
    wanted: list[Wanted]
    sent: dict[int, SentOrder]
    signals: int
    counted: tuple[int, int, int]

    @classmethod
    def of(cls, instance: Instance) -> "_Before":
        count = instance.count
        counted = (count.signals, count.orders, count.cancels)
        return cls(instance, instance.wanted, dict(instance.sent), instance.signals, counted)

    def put_back(self) -> None:
        """Nothing was stored: nothing of it is at work or counts; numbers of orders are not given out twice."""
        instance, count = self.instance, self.instance.count
        instance.wanted, instance.signals = self.wanted, self.signals
        instance.sent.clear()
        instance.sent.update(self.sent)
        count.signals, count.orders, count.cancels = self.counted


class Journal:
    """Writes for the holder of the lease with that epoch; ``at_once`` by one statement, where that is possible."""

    def __init__(self, epoch: int, *, at_once: bool = True) -> None:
        self.epoch = epoch
        self._by_statement = at_once and connection.vendor == "postgresql"
        self._desk = OrderDesk()
        self._instruments: dict[str, Instrument] = {}

    def write(self, instances: Sequence[Instance], read_by: ReadBy) -> Refusals:
        """Store all that these want and where they stand, by how far each has read; gives what was refused at once.

        Raises ``LeaseLostError``, and whatever comes of something that cannot be stored, as ``IntegrityError`` where a
        row is there already: nothing is stored then, and the instances want what they wanted before.
        """
        decided = time_ns()
        before = [_Before.of(instance) for instance in instances]
        try:
            step = self._gather(instances)
            refusals = self._at_once(instances, step, read_by) if self._by_statement else None
            if refusals is None:
                refusals = self._one_by_one(instances, step, read_by)
        except Exception:
            for each in before:
                each.put_back()
            raise
        self._count(step, refusals)
        self._tell_latency(step.placed, decided)
        return refusals

    def _gather(self, instances: Sequence[Instance]) -> _Step:
        step = _Step({instance.pk: instance.wanted for instance in instances}, [], [], [])
        for instance in instances:
            instance.wanted = []
            for each in step.wanted[instance.pk]:
                if isinstance(each.intent, Decided):
                    step.signals.append(self._signal(instance, each.intent, late=each.late))
                elif isinstance(each.intent, Place):
                    step.placed.extend(self._parts(instance, each, each.intent))
                else:
                    step.withdrawn.append((instance, each.intent.number))
        return step

    def _at_once(self, instances: Sequence[Instance], step: _Step, read_by: ReadBy) -> Refusals | None:
        """The step by one statement; None where it cannot be written so, and nothing was."""
        if step.withdrawn or any(instance.also for instance in instances):
            return None
        if not step.signals and not step.placed:
            store_states(instances, read_by, self.epoch)
            return []
        now = timezone.now()
        answers = list(self._answers(step.placed, self._desk.draft))
        asked = [
            (self._order_row(part, answer, now), None if isinstance(answer, RuleError) else answer)
            for part, answer in answers
        ]
        if not write_at_once(step.signals, asked, state_values(instances, read_by), self.epoch):
            return None
        note_stored(instances)
        return _refused(answers)

    def _one_by_one(self, instances: Sequence[Instance], step: _Step, read_by: ReadBy) -> Refusals:
        with transaction.atomic():
            Signal.objects.bulk_create(step.signals)
            refusals = self._place(step.placed)
            self._withdraw(step.withdrawn)
            store_states(instances, read_by, self.epoch)
            for instance in instances:
                for write in instance.also:
                    write()
        for instance in instances:
            instance.also = []
        return refusals

    def _signal(self, instance: Instance, decided: Decided, *, late: bool) -> Signal:
        instance.signals += 1
        instance.count.signals += 1
        return Signal(
            instance_id=instance.pk,
            number=instance.signals,
            leg=decided.leg,
            instrument=instance.legs[decided.leg].instrument,
            bar_start=None if instance.on_ticks else ns_to_utc(decided.bar_start),
            decided_at=ns_to_utc(decided.at),
            target=decided.target,
            position=decided.position,
            price=_money(decided.price),
            reason=decided.reason[:LONGEST_REASON],
            values={name: value if isfinite(value) else None for name, value in decided.values},
            late=late,
            parameters_version=instance.parameters_version,
            created_at=timezone.now(),
        )

    def _parts(self, instance: Instance, each: Wanted, place: Place) -> list[_Part]:
        """The orders that a wish becomes; they are at work from the moment that they are stored."""
        instance.number = max(instance.number, place.number)
        code = place.contract or instance.legs[place.leg].instrument.code
        parts = []
        for number, lots, closes in instance.parts_of(place, code):
            instance.count.orders += 1
            left = int(place.direction) * lots
            instance.sent[number] = SentOrder(place.leg, code, left, closes, _money(place.decision_price))
            parts.append(_Part(instance, place._replace(number=number, lots=lots), each, code, closes))
        return parts

    def _place(self, placed: Sequence[_Part]) -> Refusals:
        now = timezone.now()
        answers = list(self._answers(placed, self._desk.place))
        StrategyOrder.objects.bulk_create([self._order_row(part, answer, now) for part, answer in answers])
        return _refused(answers)

    @staticmethod
    def _answers(placed: Iterable[_Part], ask: _Ask) -> Iterator[tuple[_Part, Order | RuleError]]:
        for mine in _grouped(placed).values():
            first = mine[0]
            asked = [(part.order(), part.instance.row.key) for part in mine]
            market = max(part.instance.at for part in mine) or None
            yield from zip(mine, ask(first.owner, first.instance.row.account, asked, market), strict=True)

    def _order_row(self, part: _Part, answer: Order | RuleError, now: datetime) -> StrategyOrder:
        instance, place = part.instance, part.place
        refused = answer if isinstance(answer, RuleError) else None
        return StrategyOrder(
            instance_id=instance.pk,
            number=place.number,
            order=None if isinstance(answer, RuleError) else answer,
            leg=place.leg,
            instrument=self._instrument(instance, place),
            cause=str(place.cause),
            own=place.own,
            direction=place.direction.name.lower(),
            type=str(place.type),
            lots=place.lots,
            price=_money(place.price),
            decision_price=_money(place.decision_price),
            decided_at=ns_to_utc(place.decided_at),
            event_at=ns_to_utc(part.wanted.event_at),
            sent_at=now,
            trading_day=from_day_number(instance.day) if instance.day else None,
            refused_code=refused.code if refused else "",
            refused_text=refused.text if refused else "",
        )

    def _instrument(self, instance: Instance, place: Place) -> Instrument:
        leg = instance.legs[place.leg]
        if place.contract in ("", leg.instrument.code):
            return leg.instrument
        if place.contract not in self._instruments:
            self._instruments[place.contract] = find_instrument(place.contract)
        return self._instruments[place.contract]

    def _withdraw(self, withdrawn: Sequence[tuple[Instance, int]]) -> None:
        """Ask for the end of those that may still fill; of one that has ended the news are on their way."""
        names = {
            client_order_id(instance.pk, number): instance for instance, number in withdrawn if number in instance.sent
        }
        if not names:
            return
        rows = Order.objects.working().filter(client_order_id__in=names).select_related("account", "instrument")
        for order in rows.order_by("pk"):
            instance = names[order.client_order_id]
            if order.account_id == instance.account:
                instance.count.cancels += 1
                enqueue(instance.row.owner, order.account, CommandKind.CANCEL, order=order)

    @staticmethod
    def _count(step: _Step, refusals: Refusals) -> None:
        SIGNALS.inc(len(step.signals))
        ORDERS.labels("refused").inc(len(refusals))
        ORDERS.labels("placed").inc(len(step.placed) - len(refusals))

    def _tell_latency(self, placed: Iterable[_Part], decided: int) -> None:
        now = time_ns()
        for part in placed:
            if not part.wanted.late:
                seconds = max(0, now - part.wanted.event_at) / 1e9
                EVENT_TO_ORDER.observe(seconds)
                DECIDED_TO_ORDER.observe(max(0, now - decided) / 1e9)
                part.instance.count.took(seconds * 1e3)


def _refused(answers: Iterable[tuple[_Part, Order | RuleError]]) -> Refusals:
    return [
        (part.instance, News(part.place.number, NewsKind.REJECTED, part.instance.at, reason=answer.code), answer)
        for part, answer in answers
        if isinstance(answer, RuleError)
    ]


def _grouped(placed: Iterable[_Part]) -> dict[tuple[int, int], list[_Part]]:
    """By account and whose name they bear, accounts ascending: nobody waits for another in a circle."""
    found: dict[tuple[int, int], list[_Part]] = defaultdict(list)
    for part in placed:
        owner = part.owner
        found[part.instance.account, 0 if owner is None else owner.pk].append(part)
    return dict(sorted(found.items()))


def _money(value: float) -> float | None:
    return round(value, MONEY_DIGITS) if isfinite(value) else None
