"""The loop that runs strategies: one thread, one queue, and every step's outcome in one transaction.

What comes are frames of the market, news of orders, answers of processes and warmed-up hosts. After each of them what
instances want is stored (``journal.py``); where nothing was decided, within a second, beside the loop (``aside.py``),
and within fifteen where there were only ticks. Whoever takes the lease next restores from the rows, and reads streams
and events from where they stand.
"""

import gc
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, Full, SimpleQueue
from threading import Event
from typing import NamedTuple

import structlog

from accounts.leases import LeaseKeeper, LeaseLostError
from marketdata.heartbeat import beat
from marketdata.stream import UnreachableError
from strategies.metrics import ASIDE, BEHIND, EVENT_SECONDS, QUEUE, STATE_AGE
from strategies.running.alone import NOBODYS, each_alone
from strategies.running.aside import Aside
from strategies.running.duty import Duty
from strategies.running.ending import Ending
from strategies.running.feeding import Feeding, Frame, time_behind
from strategies.running.guard import Guard
from strategies.running.inputs import Told
from strategies.running.instance import BEHIND_SECONDS, Instance
from strategies.running.isolated import Gone, Isolated
from strategies.running.journal import Journal
from strategies.running.limits import Limits
from strategies.running.making import Maker
from strategies.running.opening import store_openings
from strategies.running.pictures import Pictures
from strategies.running.rolls import Rolls
from strategies.running.silence import Silence
from strategies.running.state import (
    Values,
    instance_of,
    note_stored,
    parts_of,
    state_values,
    store_states,
    store_values,
)
from strategies.running.telling import AccountNews, Listener, read_news
from strategies.running.warm_starts import Warmed, WarmStarts
from strategies.wake import CHANNEL
from trading.loop.market import Market
from trading.loop.streams import Follower, starting_points
from trading.wake import Bell

log = structlog.get_logger(__name__)

SPARED_GROWTH = 1.2
STORE_SECONDS = 1.0
"""A state that has changed is stored after so long; one that only ticks have changed ``QUIET_SECONDS`` later."""
STORE_AT_ONCE = 5
"""States stored in one statement between two inputs: nobody waits for more."""
MOST_BESIDE = 4
"""Writes that wait beside the loop: behind more of them no instance's state is put."""
LOOK_SECONDS = 1.0
ROUNDS = 20
"""A refusal may lead to another order; so often in one step, then it is a loop."""
MOST_FRAMES = 512
IDLE_SECONDS = 0.05
TEND_SECONDS = 0.02
"""Processes and states are looked through no more often than this: there may be a thousand."""
AWAY_SECONDS = 1.0


class Answer(NamedTuple):
    """What a process of a strategy has said."""

    child: Isolated
    told: Told | Gone


class Rung(NamedTuple):
    """Somebody has changed an instance."""


class Beside(NamedTuple):
    """Something that was done beside the loop is to be taken in."""


Item = Frame | AccountNews | Answer | Warmed | Rung | Beside


class Inbox:
    """The one queue; as the queue of a stream's reader it stamps frames and is full at times."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Item] = SimpleQueue()

    def put(self, item: tuple[str, str, bytes] | None, timeout: float = 0.0) -> None:
        """A frame of the follower. Raises ``Full``."""
        if self._queue.qsize() >= MOST_FRAMES:
            time.sleep(timeout)
            raise Full
        if item is not None:
            self._queue.put(Frame(*item, time.time_ns()))

    def add(self, item: Item) -> None:
        """Anything else."""
        self._queue.put(item)

    def get(self, seconds: float) -> Item | None:
        """The next one; None where there is none for so long."""
        with suppress(Empty):
            return self._queue.get(timeout=seconds) if seconds > 0 else self._queue.get_nowait()
        return None

    def __len__(self) -> int:
        return self._queue.qsize()


class StrategyLoop:
    """All instances of a shard in hand, for the holder of the lease with that ``epoch``.

    In a process of its own it spares the collector of garbage the hosts: looking through a thousand takes 80 ms.
    """

    def __init__(self, epoch: int, lease: LeaseKeeper | None = None, *, own_process: bool = False) -> None:
        self.epoch = epoch
        self.inbox = Inbox()
        self.market = Market()
        self.feeding = Feeding(self.market)
        self.instances: dict[int, Instance] = {}
        self._lease = lease
        self._own_process = own_process
        self._spared = 0
        self._guard = Guard()
        self._children: dict[Isolated, Instance] = {}
        maker = Maker(self._guard, lambda child, told: self.inbox.add(Answer(child, told)))
        self.aside = Aside(lambda: self.inbox.add(Beside()))
        self.journal = Journal(epoch)
        self.rolls = Rolls(self)
        self.ending = Ending(self)
        self.starts = WarmStarts(maker, self.inbox.add)
        self.duty = Duty(self, maker, self.starts, self.ending)
        self.pictures = Pictures(lambda write, about: self.aside.do(write, about=about))
        self.limits = Limits()
        self.silence = Silence(self.feeding)
        self._listener: Listener | None = None
        self._looked = self._tended = 0.0
        self._to_store = False
        self._chores: list[Callable[[], None]] = []
        """What is to be looked at once a second, one thing after each input: nobody waits for all of it."""
        self._away = False

    def __enter__(self) -> "StrategyLoop":
        self.market.look()
        self.duty.restore()
        points = self._points()
        self._read_news()
        self._follower = Follower(self.inbox, points, self.market.read).start()  # type: ignore[arg-type]
        self._listener = Listener(self.inbox.add).start()
        for account in self.feeding.seqs:
            self._listener.follow(account, self.feeding.known(account))
        self._bell = Bell(CHANNEL, lambda _text: self.inbox.add(Rung())).start()
        return self

    def __exit__(self, *_error: object) -> None:
        for closing in (self.aside, self._bell, self._listener, self._follower, self.starts, self._guard):
            if closing is not None:
                closing.close()
        for instance in self.instances.values():
            if instance.host is not None:
                instance.host.close()
        for child in self._children:
            child.join()

    def turn(self, seconds: float) -> None:
        """Wait at most ``seconds`` for something to do, and do it; then what time asks for."""
        if self._away and self._follower.found.is_set():
            self._join()
        item = self.inbox.get(min(seconds, IDLE_SECONDS) if self._to_store else seconds)
        while item is not None:
            self.take(item)
            self.end_step()
            if time.monotonic() - self._looked >= LOOK_SECONDS:
                break
            item = self.inbox.get(0.0)
        self._tend()

    def take(self, item: Item) -> None:
        """One thing that has come; what it leads to waits for :meth:`end_step`."""
        match item:
            case Frame():
                self._take_frame(item)
            case AccountNews():
                self.feeding.take_news(item, time.time_ns())
            case Answer():
                self._take_answer(item.child, item.told)
            case Warmed():
                self.duty.warmed(item)
            case Rung():
                self.duty.look()
                self.rolls.look()
            case Beside():
                self.aside.take()

    def end_step(self) -> None:
        """Store what instances want after what they were given, until nothing more follows from it."""
        for _round in range(ROUNDS):
            touched = [each for each in self.feeding.touched.values() if each.pk in self.instances]
            self.feeding.touched.clear()
            for instance in touched:
                self._look_at(instance)
            self._store_openings([each for each in touched if each.opening is not None])
            self._write_all([each for each in touched if (each.wanted or each.urgent) and not each.ending])
            if not self.feeding.touched:
                return
        log.error("strategies go on ordering what is refused", instances=list(self.feeding.touched))

    def settle(self) -> None:
        """Wait for all that is under way beside the loop, and take in what comes of it."""
        while len(self.aside):
            self.aside.wait()
            self.aside.take()
            self.end_step()

    def touch(self, instance: Instance) -> None:
        """It was given something outside the market and the accounts."""
        self.feeding.touched[instance.pk] = instance

    def take_in(self, instance: Instance) -> None:
        """Follow an instance's legs and account from now on."""
        self.instances[instance.pk] = instance
        self.feeding.add(instance)
        seq = self.feeding.follow(instance.account, instance.seq)
        if self._listener is not None:
            self._listener.follow(instance.account, seq)

    def let_go(self, instance: Instance) -> None:
        """Follow it no more."""
        self.feeding.remove(instance)
        self.instances.pop(instance.pk, None)

    def market_time(self, instance: Instance) -> int:
        """Where the market of its first leg is (ns UTC), as its stream has told it; 0 where nobody tells it."""
        code = instance.legs[0].instrument.code
        return self.feeding.times.get(self.market.sources_of([code]).get(code, ""), 0) or self.market.now(code) or 0

    def own(self, child: Isolated, instance: Instance) -> None:
        """What this process says is about that instance."""
        self._children[child] = instance

    def _take_frame(self, frame: Frame) -> None:
        if self.feeding.skips(frame):
            self.duty.missed({frame.source: self.feeding.time_of(frame)})
            self.end_step()
        self.feeding.take_frame(frame)
        self.starts.tap(frame)
        if self.feeding.set_back:
            self.feeding.set_back.clear()
            self.duty.begin_days_anew()

    def _take_answer(self, child: Isolated, told: Told | Gone) -> None:
        instance = self._children.get(child)
        if isinstance(told, Gone):
            self._children.pop(child, None)
        if instance is None or instance.host is None or getattr(instance.host, "child", None) is not child:
            return
        if isinstance(told, Gone):
            self.ending.gone(instance, told)
        else:
            instance.told(told)
            self.duty.answered(instance, told)
        self.touch(instance)

    def _alone(self, work: Callable[[Sequence[Instance]], None], instances: Sequence[Instance]) -> None:
        """Do it for all of these, but for whoever it fails for."""

        def done(chosen: Sequence[Instance]) -> list[None]:
            work(chosen)
            return []

        each_alone(done, instances, self.ending.blame)

    def _look_at(self, instance: Instance) -> None:
        if instance.ending:
            return
        try:
            self._follow_up(instance)
        except NOBODYS:
            raise
        except Exception as error:  # noqa: BLE001 - whatever comes of one strategy is not the others' trouble
            self.ending.blame(instance, error)

    def _follow_up(self, instance: Instance) -> None:
        self.rolls.follow_up(instance)
        if instance.host is not None and instance.host.remote:
            instance.end_step(*self.feeding.read_by(instance), partial(parts_of, instance))
        if instance.slowest:
            EVENT_SECONDS.observe(instance.slowest / 1e9)
        if instance.faults or instance.unfit or instance.slowest > instance.row.budget_ms * 1_000_000:
            self.ending.heard(instance)
        instance.slowest = 0
        self.duty.follow_up(instance)

    def _store_openings(self, instances: list[Instance]) -> None:
        if instances:
            self.aside.wait_for([each.pk for each in instances])
            self._alone(store_openings, instances)

    def _write_all(self, instances: list[Instance]) -> None:
        """Those that want something in one transaction, before anything else; where the others stand, beside."""
        alone = [each for each in instances if not each.wanted and not each.also]
        if not alone or len(self.aside) > MOST_BESIDE:
            self._write(instances)
        else:
            self._write([each for each in instances if each.wanted or each.also])
            self._store_beside(alone)

    def _write(self, instances: list[Instance]) -> None:
        if not instances:
            return
        self._demand_lease()
        self.aside.wait_for([each.pk for each in instances])
        arrived = time.time_ns()
        read_by = self.feeding.read_by
        refused = each_alone(lambda chosen: self.journal.write(chosen, read_by), instances, self.ending.blame)
        for instance, news, error in refused:
            self.ending.refused(instance, news.number, error)
            instance.count.refusals += 1
            instance.sent.pop(news.number, None)
            instance.tell(news, arrived)
            self.touch(instance)

    def _demand_lease(self) -> None:
        if self._lease is not None and not self._lease.valid:
            raise LeaseLostError("lease_lost", self._lease.lost or "the lease of strategies was not renewed in time")

    # --- time -------------------------------------------------------------------------------------------------

    def _tend(self) -> None:
        now = time.monotonic()
        if now - self._tended >= TEND_SECONDS:
            self._tended = now
            self.watch_processes()
            self._store_some(now)
            if not len(self.aside):
                self.pictures.look(list(self.instances.values()))
        if now - self._looked >= LOOK_SECONDS and not self._chores:
            self._looked = now
            self._chores = [
                self._say,
                self._look_at_market,
                self._look_at_duty,
                self._look_at_rolls,
                self._look_at_losses,
                self._spare,
            ]
        if self._chores:
            self._chores.pop(0)()

    def _say(self) -> None:
        beat("strategies")
        QUEUE.set(len(self.inbox))
        ASIDE.set(len(self.aside))
        BEHIND.set(sum(instance.waiting for instance in self._children.values()))

    def _look_at_market(self) -> None:
        self.market.look(LOOK_SECONDS)

    def _look_at_duty(self) -> None:
        self.duty.look()
        self.end_step()

    def _spare(self) -> None:
        """Once all that are to begin have begun, and again when there are many more of them."""
        hosted = sum(instance.hosted for instance in self.instances.values())
        if self._own_process and hosted > self._spared * SPARED_GROWTH and not len(self.starts):
            self._spared = hosted
            gc.collect()
            gc.freeze()

    def _look_at_rolls(self) -> None:
        self.rolls.look()
        self.end_step()

    def _look_at_losses(self) -> None:
        self.limits.look(list(self.instances.values()))
        self.silence.look(self.instances.values())

    def watch_processes(self) -> None:
        """End the processes that have used up their time; their end comes as an answer."""
        for child, instance in list(self._children.items()):
            child.overdue()
            if instance.behind > BEHIND_SECONDS and instance.pk in self.instances:
                self.ending.fell_behind(instance)

    def _store_some(self, now: float) -> None:
        """The states that have waited longest, a few at a time."""
        dirty = self._dirty()
        self._to_store = bool(dirty)
        due = [each for each in dirty if now - each.dirty_since > STORE_SECONDS]
        oldest = min((each.dirty_since for each in due), default=now)
        STATE_AGE.set(max(0.0, now - oldest))
        if len(self.aside):  # there is enough to do, or the database is slow
            return
        chosen = sorted(due, key=lambda each: each.dirty_since)[:STORE_AT_ONCE]
        for instance in chosen:
            instance.ask_document(*self.feeding.read_by(instance), partial(parts_of, instance))
        self._store_beside(chosen)

    def _dirty(self) -> list[Instance]:
        return [each for each in self.instances.values() if each.dirty_since and not each.ending]

    def store_all(self) -> None:
        """Every state that has changed: before an end in good order."""
        self.settle()
        self._alone(lambda chosen: store_states(chosen, self.feeding.read_by, self.epoch), self._dirty())

    def show_all(self) -> None:
        """Every picture that has changed, at once."""
        self.settle()
        self.pictures.look(list(self.instances.values()), every=True)
        self.settle()

    def _store_beside(self, instances: Sequence[Instance]) -> None:
        """Where these stand now, written beside the loop: a step of one of them waits for that (:meth:`_write`)."""
        self._demand_lease()
        values = each_alone(partial(state_values, read_by=self.feeding.read_by), instances, self.ending.blame)
        if values:
            about = [instance_of(each) for each in values]
            note_stored(self.instances[pk] for pk in about)
            self.aside.do(partial(_store_each, values, self.epoch), self._blame_each, about=about)

    def _blame_each(self, refused: Sequence[tuple[int, Exception]]) -> None:
        for pk, error in refused:
            if pk in self.instances:
                self.ending.blame(self.instances[pk], error)

    # --- streams ----------------------------------------------------------------------------------------------

    def _points(self) -> dict[str, str] | None:
        """From which id on each stream is read; None where nobody can tell."""
        kept = self.feeding.frames
        try:
            points, lost = starting_points(kept, resume=True, market=self.market)
        except UnreachableError as error:
            log.warning("streams unreachable", reason=" ".join(str(error).split()))
            self._away = True
            return None
        self.feeding.begin(points, self.feeding.seqs)
        self.duty.missed({source: time_behind(source, points[source]) for source in lost})
        return points

    def _read_news(self) -> None:
        """What accounts have told so far is here before the first frame: it has its place among them."""
        for account in list(self.feeding.seqs):
            while (found := read_news(account, self.feeding.known(account))) is not None:
                self.feeding.take_news(found, time.time_ns())

    def _join(self) -> None:
        """The streams could not be reached when the loop began, and now perhaps can."""
        points = self._points()
        if points is None:
            self._follower.found.clear()
        else:
            self._away = False
            self._follower.begin(points)

    def run(self, stop: Event, lost: Event) -> None:
        """Turn until ``stop`` or the lease is ``lost``; then store what has changed."""
        while not stop.is_set() and not lost.is_set():
            self.turn(LOOK_SECONDS / 5)
        if not lost.is_set():
            self.store_all()


def _store_each(values: Sequence[Values], epoch: int) -> list[tuple[int, Exception]]:
    """Beside the loop: store these states; gives those instances whose own cannot be."""
    refused: list[tuple[int, Exception]] = []

    def store(chosen: Sequence[Values]) -> list[None]:
        store_values(chosen, epoch)
        return []

    each_alone(store, values, lambda each, error: refused.append((instance_of(each), error)))
    return refused
