"""The market and the accounts as instances meet them: every message to whom it concerns, each one once.

What instances have taken in is counted in whole frames of the streams and in events of the accounts. One that was
restored further on than the others passes over what it has had already.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from marketdata.domain.ticks import BarMessage, Clock, Message, Tick
from marketdata.stream import parse_id, readable, reader
from strategies.domain.hosting.news import NewsKind
from strategies.metrics import EVENTS
from strategies.running.instance import Instance
from strategies.running.telling import AccountNews, OrderNews
from trading.loop.market import BACK_NS, Market
from trading.loop.streams import CatchingUp


class Frame(NamedTuple):
    """One frame of a stream, and when it reached us (wall time, ns)."""

    source: str
    name: str
    data: bytes
    arrived: int


class Read(NamedTuple):
    """How far an instance has been given: the newest frame of each stream, and the last event of its account."""

    frames: Mapping[str, str]
    seq: int


class _Kept(NamedTuple):
    """News that wait for their moment of the past; ``of_tick``: a resting order was filled by a tick of its contract.

    All others, and the fill of an order that was accepted at the same time, came of a command behind that tick.
    """

    told: OrderNews
    of_tick: bool


class _Moment(NamedTuple):
    """A message of the past, which came when the market was at ``now`` (ns UTC), and which ticks came before it."""

    now: int
    message: Message
    ticked: Mapping[str, int]

    def is_behind(self, kept: _Kept) -> bool:
        """Whether the news were heard before it.

        At one time a tick's fills are told before the tick, and what came of commands behind it, before the next tick.
        """
        at, instrument, message = kept.told.news.at, kept.told.instrument, self.message
        if at != self.now:
            return at < self.now
        if not isinstance(message, Tick):
            return False
        return kept.of_tick if message.instrument == instrument else self.ticked.get(instrument) == at


class Feeding:
    """Who is given what. ``frames`` and ``seqs``: how far streams and accounts have been taken in, whole.

    ``touched`` are the instances that were given something since it was emptied.
    """

    def __init__(self, market: Market) -> None:
        self.market = market
        self.frames: dict[str, str] = {}
        self.seqs: dict[int, int] = {}
        self.times: dict[str, int] = {}
        self.days: dict[str, int] = {}
        self.touched: dict[int, Instance] = {}
        self.set_back: set[str] = set()
        self._instances: dict[int, Instance] = {}
        self._by_first: dict[str, list[Instance]] | None = None
        self._routes: dict[str, list[tuple[Instance, int]]] = {}
        self._behind: dict[int, dict[str, str]] = {}
        self._had: dict[int, int] = {}
        self._news: dict[int, deque[_Kept]] = defaultdict(deque)
        self._entered: dict[tuple[int, int], int] = {}
        self._ticked: dict[str, int] = {}
        self._told: dict[int, int] = {}
        self._past: CatchingUp | None = None
        self._read: set[str] = set()
        self._begun = False

    # --- who listens ------------------------------------------------------------------------------------------

    def add(self, instance: Instance) -> None:
        """Give it what concerns its legs from now on, and news of its orders behind those that it has had."""
        self._instances[instance.pk] = instance
        self.regroup()
        self._had[instance.pk] = instance.seq
        for leg in instance.legs:
            self._routes.setdefault(leg.instrument.code, []).append((instance, leg.number))

    def resume(self, instance: Instance) -> None:
        """Before :meth:`begin`: its host was restored, and goes on behind the frames that it had taken in."""
        self._behind[instance.pk] = dict(instance.frames)
        for source, name in instance.frames.items():
            known = self.frames.get(source, name)
            self.frames[source] = min(known, name, key=parse_id)

    def remove(self, instance: Instance) -> None:
        """Give it nothing more."""
        self._instances.pop(instance.pk, None)
        self.regroup()
        self._behind.pop(instance.pk, None)
        self._had.pop(instance.pk, None)
        for code in list(self._routes):
            left = [entry for entry in self._routes[code] if entry[0] is not instance]
            if left:
                self._routes[code] = left
            else:
                del self._routes[code]

    def follow(self, account: int, seq: int) -> int:
        """News of an account count from the event ``seq`` on; gives from where they are read."""
        known = self.seqs.get(account)
        if known is None or not self._begun:
            self.seqs[account] = self._told[account] = seq if known is None else min(known, seq)
        return self.seqs[account]

    def trade(self, instance: Instance, leg: int, code: str) -> None:
        """Give it the ticks of another contract for one of its legs too."""
        self._routes.setdefault(code, []).append((instance, leg))

    def leave(self, instance: Instance, code: str) -> None:
        """Give it ticks of this contract no more."""
        left = [entry for entry in self._routes.get(code, ()) if entry[0] is not instance]
        if left:
            self._routes[code] = left
        else:
            self._routes.pop(code, None)

    def begin(self, frames: dict[str, str], seqs: dict[int, int]) -> None:
        """Everything behind these has to be taken in; until the present is reached news keep their place in time."""
        self.frames, self.seqs = dict(frames), dict(seqs)
        self._told = dict(seqs)
        self._read.clear()
        self._begun = True
        past = CatchingUp(frames)
        self._past = None if past.over(frames) else past
        self._entered.clear()
        self._ticked.clear()

    @property
    def catching_up(self) -> bool:
        """Whether what is taken in now happened before the runner began."""
        return self._past is not None

    def codes(self) -> set[str]:
        """The instruments that somebody wants."""
        return set(self._routes)

    def skips(self, frame: Frame) -> bool:
        """Whether frames of the same publisher lie between this one and the last: the stream had lost them.

        Before the first one whoever began to read has asked what is lost.
        """
        if frame.source not in self._read:
            return False
        last, this = parse_id(self.frames[frame.source]), parse_id(frame.name)
        return this.epoch == last.epoch and this.number > last.number + 1

    def time_of(self, frame: Frame) -> int:
        """Where the market is by the first word of a frame (ns UTC), or by what was known before."""
        return _first_time(frame.source, frame.name, frame.data) or self.times.get(frame.source, 0)

    def read_by(self, instance: Instance) -> Read:
        """How far this one has been given streams and news: further than the others where it was restored so."""
        seq = max(self.seqs.get(instance.account, instance.seq), self._had.get(instance.pk, 0))
        behind = self._behind.get(instance.pk) if self._behind else None
        if behind is None:
            return Read(self.frames, seq)
        return Read(
            self.frames
            | {source: max(name, self.frames.get(source, ""), key=parse_id) for source, name in behind.items()},
            seq,
        )

    def known(self, account: int) -> int:
        """The event up to which an account's news are here, told or kept for their moment."""
        return self._told.get(account, 0)

    # --- what comes -------------------------------------------------------------------------------------------

    def take_frame(self, frame: Frame, only: Instance | None = None) -> None:
        """All messages of a frame, each to whom it concerns; ``only`` one instance where it had been waiting."""
        for message in readable(frame.source, frame.name, frame.data):
            if only is None:
                self._note(frame, message)
                if self._past is not None:
                    self._pass(frame, message)
            self._hand_on(frame, message, only)
        if only is None:
            self.frames[frame.source] = frame.name
            self._read.add(frame.source)
            if self._past is not None and self._past.over(self.frames):
                self._past = None
                self._deliver(None, frame.arrived)

    def take_news(self, told: AccountNews, arrived: int) -> None:
        """News of an account's orders; what is known already is left out."""
        known = self._told.get(told.account, 0)
        self._news[told.account].extend(self._kept(news for news in told.news if news.seq > known))
        self._told[told.account] = max(told.seq, known)
        if self._past is None or not self._past_matters():
            self._past = None
            self._deliver(None, arrived)

    def _kept(self, found: Iterable[OrderNews]) -> Iterator[_Kept]:
        for told in found:
            order, news = (told.instance, told.news.number), told.news
            if self._past is not None and news.kind is NewsKind.ACCEPTED:
                self._entered[order] = news.at
            yield _Kept(told, news.kind is NewsKind.FILLED and self._entered.get(order) != news.at)

    def _pass(self, frame: Frame, message: Message) -> None:
        """News from before a message of the past, which is given out next."""
        self._deliver(_Moment(self.times.get(frame.source, 0), message, self._ticked), frame.arrived)
        if isinstance(message, Tick):
            self._ticked[message.instrument] = message.time

    def _past_matters(self) -> bool:
        return self._past is not None and not self._past.over(self.frames)

    def _note(self, frame: Frame, message: Message) -> None:
        """Where the market is now, by the stream itself."""
        source = frame.source
        self.market.take(source, frame.name, message)
        if isinstance(message, Tick):
            if not message.flags:
                self.times[source] = max(self.times.get(source, 0), message.time)
        elif isinstance(message, Clock):
            if message.now < self.times.get(source, 0) - BACK_NS:
                self.times[source] = message.now
                self.set_back.add(source)
            self.times[source] = max(self.times.get(source, 0), message.now)
            self.days[source] = message.trading_day

    def _hand_on(self, frame: Frame, message: Message, only: Instance | None) -> None:
        if isinstance(message, Tick):
            if not message.flags and self._counts(frame.source, message.instrument):
                self._tick(frame, message, only)
        elif isinstance(message, BarMessage):
            if message.final and self._counts(frame.source, message.instrument):
                self._bar(frame, message, only)
        elif isinstance(message, Clock):
            self._clock(frame, message, only)

    def _counts(self, source: str, code: str) -> bool:
        return code in self._routes and self.market.comes_from(source, code)

    def _tick(self, frame: Frame, tick: Tick, only: Instance | None) -> None:
        routes = self._routes[tick.instrument]
        EVENTS.inc(len(routes))
        for instance, leg in routes:
            if (only is None or instance is only) and not self._has_had(instance, frame):
                instance.tick(leg, tick, frame.arrived)
                self.touched[instance.pk] = instance

    def _bar(self, frame: Frame, bar: BarMessage, only: Instance | None) -> None:
        at = self.times.get(frame.source, 0) or bar.start
        for instance, leg in self._routes[bar.instrument]:
            wanted = instance.interval == bar.interval and instance.legs[leg].instrument.code == bar.instrument
            if wanted and (only is None or instance is only) and not self._has_had(instance, frame):
                instance.bar(leg, bar, at, frame.arrived)
                self.touched[instance.pk] = instance

    def _clock(self, frame: Frame, clock: Clock, only: Instance | None) -> None:
        """To all whose first leg it is the market of: most have nothing to do with it but to know the time."""
        now, day = clock.now, clock.trading_day
        found: list[Instance] = []
        groups = self._firsts() if only is None else {only.legs[0].instrument.code: [only]}
        for first, instances in groups.items():
            if not self.market.comes_from(frame.source, first):
                continue
            for instance in instances:
                if not (self._behind and self._has_had(instance, frame)):
                    if instance.minds_clock(day):
                        found.append(instance)
                    elif instance.at < now:
                        instance.at = now
        for instance in sorted(found, key=_number):
            given = instance.on_clock(now, frame.arrived)
            if instance.end_day(day, frame.arrived) or given:
                self.touched[instance.pk] = instance

    def regroup(self) -> None:
        """Legs are others now."""
        self._by_first = None

    def _firsts(self) -> dict[str, list[Instance]]:
        """Instances by the contract of their first leg."""
        if self._by_first is None:
            self._by_first = {}
            for instance in self._instances.values():
                self._by_first.setdefault(instance.legs[0].instrument.code, []).append(instance)
        return self._by_first

    def _has_had(self, instance: Instance, frame: Frame) -> bool:
        behind = self._behind.get(instance.pk) if self._behind else None
        if behind is None:
            return False
        last = behind.get(frame.source, "")
        if last and parse_id(frame.name) <= parse_id(last):
            return True
        behind.pop(frame.source, None)
        if not behind:
            del self._behind[instance.pk]
        return False

    def _deliver(self, moment: "_Moment | None", arrived: int) -> None:
        """Hand out the news from before a moment of the past; None: all that there are."""
        for account, news in self._news.items():
            while news and (moment is None or moment.is_behind(news[0])):
                told = news.popleft().told
                self.seqs[account] = told.seq
                instance = self._instances.get(told.instance)
                if instance is not None and told.seq > self._had.get(instance.pk, 0):
                    EVENTS.inc()
                    instance.news(told, arrived)
                    self.touched[instance.pk] = instance
            if not news and account in self._told:
                self.seqs[account] = max(self.seqs.get(account, 0), self._told[account])


def _number(instance: Instance) -> int:
    return instance.pk


def time_behind(source: str, name: str) -> int:
    """Where the market is (ns UTC) by the first frame kept behind this one; 0 where there is none."""
    follow = reader(source, name)
    try:
        return next((_first_time(source, *found) for found in follow.read(0, 1)), 0)
    finally:
        follow.close()


def _first_time(source: str, name: str, data: bytes) -> int:
    """The first moment that a frame tells, 0 where it tells none."""
    for message in readable(source, name, data):
        if isinstance(message, Clock):
            return message.now
        if isinstance(message, Tick) and not message.flags:
            return message.time
    return 0
