"""One instance in the runner's hands: what it is given, what came of it and is not stored yet, and how far it has read.

Its host lives here or in a process of its own; this file does not care which. Nothing here reads or writes a row.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from marketdata.domain.bars import Bar
from marketdata.domain.contract import Contract
from marketdata.domain.market_hours import open_at
from marketdata.domain.ticks import BarMessage, Tick
from marketdata.models import Instrument
from quantsite.common.errors import RuleError
from strategies.domain.hosting.gather import BarGatherer, Gathered
from strategies.domain.hosting.intents import Place
from strategies.domain.hosting.news import News, NewsKind
from strategies.domain.hosting.terms import TICKS
from strategies.domain.hosting.virtual import VirtualBook
from strategies.event_models import SECOND_PART
from strategies.instance_models import StrategyInstance
from strategies.running.days import DayCount, add_to_day, day_row, keep_days
from strategies.running.door import wrong_with
from strategies.running.hosts import Host, Wanted
from strategies.running.inputs import BarsIn, ClockIn, DayIn, Fault, Input, StandIn, TickIn, Told, news_in
from strategies.running.opening import Opening
from strategies.running.reports import Report
from strategies.running.telling import OrderNews

DOCUMENT_SECONDS = 1.0
"""So often a host elsewhere is asked for its state where it decides nothing."""
MOST_INPUTS = 64
"""Handed to a host elsewhere at once."""
BEHIND_SECONDS = 60.0
"""A host elsewhere that is so far behind decides on a market that is gone."""
ENDS = frozenset({NewsKind.REJECTED, NewsKind.CANCELLED})
QUIET_SECONDS = 14.0
"""A tick on which nothing was decided is read again in no time: the state after it is stored that much later."""
FAULTS_IN_A_ROW = 3
"""A strategy that raises at so many events one after the other has failed."""


@dataclass(frozen=True, slots=True)
class Leg:
    """A leg as the runner knows it: its row, and when and in what units its contract trades."""

    number: int
    instrument: Instrument
    contract: Contract


@dataclass(slots=True)
class SentOrder:
    """An order of the instance that may still fill: signed lots that are ``left``, and whether it ``closes``.

    ``decision_price`` is what its decision saw, None where it saw none.
    """

    leg: int
    contract: str
    left: int
    closes: bool
    decision_price: float | None


@dataclass(slots=True)
class _Batch:
    """Inputs of one step for a host elsewhere, and how far the runner had read when they were all that there was."""

    inputs: list[Input]
    events: list[int]
    late: bool
    frames: dict[str, str]
    seq: int
    parts: dict[str, Any]
    since: float = field(default_factory=time.monotonic)
    last: bool = True
    """Of its step: a state behind an earlier part stands nowhere in the streams."""
    told: bool = False
    """Its state is asked for whatever happens."""


@dataclass(eq=False)
class Instance:
    """See the module. ``row`` is renewed by the watch; everything else is the runner's own thread's."""

    row: StrategyInstance
    legs: list[Leg]
    book: VirtualBook
    gatherer: BarGatherer
    account: int
    host: Host | None = None
    document: dict[str, Any] | None = None
    parts: dict[str, Any] = field(default_factory=dict)
    frames: dict[str, str] = field(default_factory=dict)
    seq: int = 0
    day: int = 0
    day_before: int = 0
    """The trading day that it has seen before ``day``, 0 where it has seen none."""
    host_day: int = 0
    at: int = 0
    ticked: int = 0
    signals: int = 0
    number: int = 0
    paused: bool = False
    parameters_version: int = 1
    sent: dict[int, SentOrder] = field(default_factory=dict)
    half_ended: dict[int, list[str]] = field(default_factory=dict)
    wanted: list[Wanted] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    in_a_row: int = 0
    dirty_since: float = 0.0
    count: DayCount = field(default_factory=DayCount)
    listens: frozenset[int] = frozenset()
    clock: bool = False
    late: bool = False
    urgent: bool = False
    """Its state must be stored with this step: news have their place among the ticks."""
    closing: bool = False
    unfit: str = ""
    """What it wants that nobody can do, or why its state cannot be written: it is stopped for it."""
    unreadable: str = ""
    """Why its stored document could not be read; empty where it could, or where that was told."""
    ending: bool = False
    """What its end changes in rows is being written beside the loop: until that is done nothing else becomes of it."""
    to_end: bool = False
    """Its row was stopped while nobody ran it: what the row says of orders and lots is still to be done."""
    opening: Opening | None = None
    """With what its host begins the trading day, for the evening's comparison; None once that is stored."""
    opened: int = 0
    """The newest trading day of which its host's opening was taken."""
    health: str = "off"
    gap_at: int = 0
    """How far it had come when it missed market data: see :attr:`come_to`."""
    gave_up: int = -1
    """How often it had been asked to close what it holds when that was given up."""
    flattened: int = 0
    """How often it was asked to close what it holds, as far as its host has been told."""
    slowest: int = 0
    others: dict[str, Leg] = field(default_factory=dict)
    """Contracts beside those of its legs that it may hold: of a roll, each with the leg that it is for."""
    also: list[Callable[[], None]] = field(default_factory=list)
    """Rows that are written in the transaction of its next stored state."""
    reports: list[Report | None] = field(default_factory=list)
    """What a host elsewhere has told beside its intents, an answer each."""
    _waiting: deque[_Batch] = field(default_factory=deque)
    _step: _Batch | None = None
    _under_way: _Batch | None = None
    _documented: float = 0.0
    _untold: bool = False
    """Whether a host elsewhere was given something since it told its state."""
    _ready: float = 0.0

    def __post_init__(self) -> None:
        self.pk: int = self.row.pk
        """The number of its row, which is asked for with every tick."""

    @property
    def interval(self) -> str:
        """Of its bars, or ``tick``."""
        return self.row.interval

    @property
    def on_ticks(self) -> bool:
        """Whether it decides on every tick."""
        return self.row.interval == TICKS

    @property
    def hosted(self) -> bool:
        """Whether a strategy decides here; else only its lots and orders are followed."""
        return self.host is not None

    @property
    def come_to(self) -> int:
        """The newest bar that it was given, or tick where it decides on those (ns UTC)."""
        return self.ticked if self.on_ticks else self.gatherer.told

    @property
    def gone_on(self) -> bool:
        """Whether bars or ticks have come since it missed market data."""
        return self.come_to > self.gap_at

    # --- what it is given -------------------------------------------------------------------------------------

    def tick(self, leg: int, tick: Tick, event_at: int) -> None:
        """A sound tick of a leg's contract."""
        if tick.trading_day > self.day:
            self._begin_day(tick.trading_day, event_at)
        change = self.book.mark(tick.instrument, tick.last, tick.pre_settlement)
        if change and self.day_before:
            self.also.append(partial(add_to_day, self.pk, self.day_before, change))
            self.urgent = True
        if self.host is not None and self.host_day != self.day:
            self._open(self.day, tick.time, event_at)
            self.host_day = self.day
            self.give(DayIn(self.day), event_at)
        self.count.ticks += 1
        self.ticked = tick.time
        self.at = max(self.at, tick.time)
        if self.host is not None and (leg in self.listens or self.on_ticks):
            self.give(TickIn(leg, tick), event_at)

    def bar(self, leg: int, message: BarMessage, at: int, event_at: int) -> None:
        """A closed bar of a leg, of the instance's own interval; ``at`` is the market's time."""
        bar = bar_of(message)
        self._decide(self.gatherer.take(leg, bar, at), at, event_at)

    def minds_clock(self, day: int) -> bool:
        """Whether a clock of that trading day may be more to it than the time."""
        return self.clock or bool(self.gatherer) or (0 < self.day < day and not self.count.ended)

    def on_clock(self, now: int, event_at: int) -> bool:
        """The market clock has come to ``now``; gives whether that was anything to its host."""
        self.at = max(self.at, now)
        gathered = self.gatherer.on_clock(now) if self.gatherer else ()
        self._decide(gathered, now, event_at)
        if self.clock:
            self.give(ClockIn(now), event_at)
        return bool(gathered) or self.clock

    def end_day(self, day: int, event_at: int) -> bool:
        """Whether the market is in a later trading day than the instance: nothing more comes of its own then."""
        if not self.day or day <= self.day or self.count.ended:
            return False
        self._decide(self.gatherer.finish(), self.at, event_at)
        self.count.ended = True
        self.give(DayIn(self.day, ends=True), event_at)
        return True

    def news(self, told: OrderNews, event_at: int) -> None:
        """News of one of its orders: booked here, then told to its host."""
        news = told.news
        sent = self.sent.get(news.number)
        if news.kind is NewsKind.FILLED:
            self._fill(told, sent)
        elif news.kind is NewsKind.REJECTED:
            self.count.refusals += 1
        if told.ended:
            self.sent.pop(news.number, None)
        self.tell(news, event_at)
        self.touch()
        self.urgent = True

    def tell(self, news: News, event_at: int) -> None:
        """Hand news to the host; of an order that went out as two it hears one end, when both have ended."""
        number = news.number % SECOND_PART
        other = number if news.number >= SECOND_PART else number + SECOND_PART
        if news.kind in ENDS and other in self.sent:
            self.half_ended[number] = [news.kind.value, news.reason]
            return
        self.give(news_in(news._replace(number=number)), event_at)
        held_back = self.half_ended.get(number)
        if held_back is not None and news.number not in self.sent:
            del self.half_ended[number]
            if news.kind is NewsKind.FILLED:
                kind, reason = held_back
                self.give(news_in(News(number, NewsKind(kind), news.at, reason=reason)), event_at)

    def parts_of(self, place: Place, code: str) -> list[tuple[int, int, bool]]:
        """The orders that a wish becomes: number, lots, and whether it closes what the instance holds.

        No order of an account both closes and opens. What works already to close something is not there to be closed.
        """
        sign = int(place.direction)
        at_work = sum(-sign * sent.left for sent in self.sent.values()
                      if sent.closes and sent.contract == code and sent.left * sign > 0)  # fmt: skip
        closable = max(0, -sign * self.book.lots(code) + at_work)
        closing = min(place.lots, closable)
        if not closing:
            return [(place.number, place.lots, False)]
        rest = place.lots - closing
        return [(place.number, closing, True), *([(place.number + SECOND_PART, rest, False)] if rest else [])]

    def give(self, given: Input, event_at: int) -> None:
        """Hand something to the host; what comes of it is in ``wanted`` sooner or later."""
        host = self.host
        if host is None:
            return
        if host.remote:
            self.touch()
            if self._step is None:
                self._step = _Batch([], [], self.late, {}, 0, {})
            self._step.inputs.append(given)
            self._step.events.append(event_at)
            return
        known = len(self.wanted)
        fault = host.give(given, self.wanted, event_at, late=self.late)
        self._look_at(known)
        self.touch(QUIET_SECONDS if type(given) is TickIn and not self.wanted else 0.0)
        self.slowest = max(self.slowest, host.took)
        if fault is None:
            self.in_a_row = 0
        else:
            self.faults.append(fault)
            self.in_a_row += 1
        self.listens, self.clock = host.listening()

    def _look_at(self, first: int) -> None:
        """Of what is wanted from the place ``first`` on nothing is done where one part cannot be."""
        wrong = next((why for each in self.wanted[first:] if (why := wrong_with(each.intent, self))), "")
        if wrong:
            self.unfit = self.unfit or wrong
            del self.wanted[first:]

    # --- a host elsewhere -------------------------------------------------------------------------------------

    def end_step(self, frames: Mapping[str, str], seq: int, parts: Callable[[], dict[str, Any]]) -> None:
        """All inputs of the step are here: note how far that is read, and send what the host can take.

        ``parts`` gives what the runner keeps beside the host's state: both must be of the same moment.
        """
        step, self._step = self._step, None
        if step is not None:
            step.frames, step.seq, step.parts = dict(frames), seq, parts()
            self._waiting += _split(step)
        self.pump()

    def pump(self) -> None:
        """Hand the oldest step over to a host elsewhere that has nothing to do."""
        host = self.host
        if host is not None and host.remote and self._waiting and self._under_way is None and host.free:
            self._under_way = self._waiting.popleft()
            aged = time.monotonic() - self._documented > DOCUMENT_SECONDS
            host.feed(self._under_way.inputs, document=aged or self._under_way.told)

    def told(self, told: Told) -> None:
        """What a host elsewhere has made of the step that is under way.

        Its first word (number 0) is about none: a step may have been handed over before that one was taken.
        """
        if told.number == 0:
            self._ready = time.monotonic()
            return
        step, self._under_way = self._under_way, None
        if step is None or len(told.intents) != len(step.events):
            self.unfit = "an answer to something else"
            return
        known = len(self.wanted)
        for found, event_at in zip(told.intents, step.events, strict=True):
            self.wanted += [Wanted(intent, event_at, step.late) for intent in found]
        self._look_at(known)
        self.faults += told.faults
        raised = {fault.index for fault in told.faults}
        for index in range(len(step.inputs)):
            self.in_a_row = self.in_a_row + 1 if index in raised else 0
        if told.standing is not None and self.opening is not None:
            self.opening.document = told.standing
        self.slowest = max(self.slowest, told.slowest)
        self.listens, self.clock = frozenset(told.listens), told.clock
        self.reports.append(told.report)
        if told.document is not None and step.last:
            self.document, self.frames, self.seq, self.parts = told.document, step.frames, step.seq, step.parts
            self._documented = time.monotonic()
            self._untold = False
        else:
            self._untold = True

    @property
    def waiting(self) -> int:
        """Inputs that its host has not taken in yet."""
        under_way = 0 if self._under_way is None else len(self._under_way.inputs)
        return under_way + sum(len(step.inputs) for step in self._waiting)

    @property
    def behind(self) -> float:
        """For how many seconds the oldest of those has waited, not counting the start of its process."""
        return time.monotonic() - max(self._waiting[0].since, self._ready) if self._waiting and self._ready else 0.0

    @property
    def idle(self) -> bool:
        """Whether its host has taken in all that it was given."""
        return not self.waiting and self._step is None

    @property
    def documented(self) -> bool:
        """Whether all of it is in the document: what led to no decision may have been counted by the strategy."""
        return self.idle and not self._untold

    def ask_document(self, frames: Mapping[str, str], seq: int, parts: Callable[[], dict[str, Any]]) -> None:
        """Have a host elsewhere that nothing is given any more tell what it has become since its last document."""
        if self._untold and self._step is None and self._under_way is None and not self._waiting:
            self._waiting.append(_Batch([], [], self.late, dict(frames), seq, parts(), told=True))
            self.pump()

    def forget_host(self) -> None:
        """It is hosted no more; what waits is for nobody."""
        self.host = self._step = self._under_way = self.opening = None
        self._waiting.clear()
        self._untold = False
        self.host_day = self.opened = 0
        self._ready = 0.0
        self.listens, self.clock, self.in_a_row = frozenset(), False, 0
        self.wanted.clear()
        self.reports.clear()

    # --- its own books ----------------------------------------------------------------------------------------

    def touch(self, later: float = 0.0) -> None:
        """Its stored state is not the newest any more, and may stay so for so many seconds more than others."""
        since = time.monotonic() + later
        self.dirty_since = min(self.dirty_since or since, since)

    def shut_legs(self, at: int) -> tuple[int, ...]:
        """The legs whose market does not go on at ``at`` (ns UTC)."""
        return tuple(leg.number for leg in self.legs if not open_at(leg.contract.table, at))

    def _begin_day(self, day: int, event_at: int) -> None:
        if self.day:
            self.end_day(day, event_at)
            self.also.append(partial(keep_days, [day_row(self)]))
            self.urgent = True
        self.day, self.day_before = day, self.day
        self.count = DayCount()
        self.book.begin_day(day)

    def _open(self, day: int, now: int, event_at: int) -> None:
        """Before the first that its host is given of the day, which happens at ``now``: keep how it stands."""
        host = self.host
        if host is None or self.closing or self.opened == day:
            return
        self.opened = day
        at = min(self.at, now - 1) if self.at else now - 1
        self.opening = Opening(day, at, self.row.source_hash, self.parameters_version, self.gatherer.document())
        if host.remote:
            self.give(StandIn(), event_at)
        else:
            try:
                self.opening.document = host.document()
            except RuleError as error:
                self.opening, self.unfit = None, error.text

    def _decide(self, gathered: Sequence[Gathered], at: int, event_at: int) -> None:
        for bars in gathered:
            self.count.bars += 1
            if self.host is not None and not self.on_ticks:
                if not self.host_day:
                    self._open(next(bar.trading_day for bar in bars if bar is not None), at, event_at)
                self.give(BarsIn(bars, at, self.shut_legs(at)), event_at)

    def _fill(self, told: OrderNews, sent: SentOrder | None) -> None:
        news = told.news
        self.book.fill(told.instrument, told.sign * news.lots, news.price, told.commission)
        paid = 0.0
        if sent is not None:
            sent.left -= told.sign * news.lots
        if sent is not None and sent.decision_price is not None:
            paid = told.sign * (news.price - sent.decision_price) * news.lots * self.multiplier(told.instrument)
        self.count.filled(news.lots * news.price * self.multiplier(told.instrument), paid, told.commission)

    def multiplier(self, code: str) -> float:
        """Units of goods in a lot of one of its contracts."""
        found = [leg.contract.multiplier for leg in self.legs if leg.instrument.code == code]
        if code in self.others:
            return self.others[code].contract.multiplier
        return found[0] if found else self.legs[0].contract.multiplier

    def leg_of(self, code: str) -> int | None:
        """The leg that trades an instrument; None where none does."""
        named = [*self.legs, *self.others.values()]
        return next((leg.number for leg in named if leg.instrument.code == code), None)


def _split(step: _Batch) -> list[_Batch]:
    """Parts that are not too long to be waited for; the state is that of the last one."""
    starts = range(0, len(step.inputs), MOST_INPUTS)
    if len(starts) < 2:
        return [step]
    parts = [
        replace(step, inputs=step.inputs[at : at + MOST_INPUTS], events=step.events[at : at + MOST_INPUTS], last=False)
        for at in starts
    ]
    parts[-1].last = parts[-1].told = True
    return parts


def bar_of(message: BarMessage) -> Bar:
    """A closed bar of the stream as strategies take it."""
    return Bar(
        message.start,
        message.trading_day,
        message.open,
        message.high,
        message.low,
        message.close,
        message.volume,
        message.turnover,
        message.open_interest,
    )
