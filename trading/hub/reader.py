"""The one reader of events that a hub has: a query an account and wake-up for all who listen, and who they may be.

Who may see an account is asked after its events are read and before they are handed on. So whatever is told was
committed before a moment at which the listener was allowed to see it: nothing that happens after a right was taken
away reaches anybody, however the two commits fall.
"""

import time
from asyncio import AbstractEventLoop
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog

from trading.hub import rows
from trading.hub.messages import Message, update
from trading.hub.opener import Opened
from trading.hub.worker import Worker
from trading.wake import EVENTS, Bell

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 1.0
"""Without any word, rows and rights are looked at so often."""
PAGE = 1_000
"""Events read at a time."""


@dataclass(frozen=True, slots=True)
class News:
    """What one look brought: events after number ``seq``, and who of those ``asked`` about may see the account.

    ``opened`` are subscriptions that begin: they come after the events. ``written_at`` is the last event's.
    """

    account: int
    seq: int
    events: Sequence[Message]
    asked: frozenset[int]
    allowed: frozenset[int]
    opened: Sequence[Opened] = ()
    written_at: datetime | None = None


@dataclass(slots=True)
class _Watch:
    """An account that is read, up to event ``seq``. ``question`` asks which of ``users`` may see it."""

    code: str
    seq: int
    users: frozenset[int] = frozenset()
    question: rows.Question | None = None
    opened: list[Opened] = field(default_factory=list)


class Reader(Worker):
    """Reads what is new on accounts, and hands it to ``on_news``; ``on_sights`` hears which accounts people see."""

    def __init__(
        self,
        loop: AbstractEventLoop,
        on_news: Callable[[News], None],
        on_sights: Callable[[dict[int, frozenset[str]]], None],
    ) -> None:
        super().__init__("trading-events", loop)
        self._on_news = on_news
        self._on_sights = on_sights
        self._bell = Bell(EVENTS, self.wake)
        self._watches: dict[int, _Watch] = {}
        self._every: frozenset[int] = frozenset()
        self._due: set[int] = set()
        self._sweep_at = 0.0
        self._question: rows.Question | None = None

    # --- called from anywhere ------------------------------------------------------------------------------

    def wake(self, text: str) -> None:
        """There may be news of the account with this number; '': of any."""
        if not text:
            self.call(self._sweep_now)
        elif int(text) in self._watches:
            self.call(partial(self._due.add, int(text)))

    def admit(self, opened: Opened) -> None:
        """A subscription begins: look whether it may, and hand it on behind what is new."""
        self.call(partial(self._admit, opened))

    def follow(self, account: int, code: str, seq: int, users: frozenset[int]) -> None:
        """These people listen to an account; one that was not read before is read from ``seq`` on."""
        self.call(partial(self._follow, account, code, seq, users))

    def forget(self, account: int) -> None:
        """Nobody listens to it any more."""
        self.call(partial(self._forget, account))

    def follow_every(self, users: frozenset[int]) -> None:
        """These people want to know which accounts they see; it is looked at once."""
        self.call(partial(self._follow_every, users))

    # --- in the thread -------------------------------------------------------------------------------------

    def opened(self) -> None:
        """Hear who rings."""
        self._bell.start()

    def closed(self) -> None:
        """Ring no more."""
        self._bell.close()

    def patience(self) -> float:
        """Until the next sweep."""
        return max(0.0, self._sweep_at - time.monotonic())

    def work(self) -> None:
        """Read what is due. What fails stays due."""
        if time.monotonic() >= self._sweep_at:
            self._sweep()
            self._sweep_at = time.monotonic() + SWEEP_SECONDS
        for account in list(self._due):
            watch = self._watches.get(account)
            if watch is not None:
                self._read(account, watch)
            self._due.discard(account)

    def _sweep_now(self) -> None:
        self._sweep_at = 0.0

    def _follow_every(self, users: frozenset[int]) -> None:
        self._every = users
        self._sweep_now()

    def _follow(self, account: int, code: str, seq: int, users: frozenset[int]) -> None:
        if account not in self._watches:
            self._watches[account] = _Watch(code, seq)
            self._due.add(account)
        self._watches[account].users = users
        self._watches[account].question = None

    def _forget(self, account: int) -> None:
        watch = self._watches.get(account)
        if watch is not None and not watch.opened:
            del self._watches[account]

    def _admit(self, opened: Opened) -> None:
        account = opened.subscription.account
        watch = self._watches.get(account)
        if watch is None:
            watch = self._watches[account] = _Watch(opened.subscription.code, opened.last)
        watch.opened.append(opened)
        self._due.add(account)

    def _read(self, account: int, watch: _Watch) -> None:
        """Hand on all that is new on one account, and the subscriptions to it that begin."""
        begins = frozenset(opened.subscription.listener.user_id for opened in watch.opened)
        if watch.question is None or not begins <= watch.users:
            watch.users |= begins
            watch.question = rows.make_question(watch.users, account)
        while True:
            events = rows.events_after(account, watch.seq, PAGE)
            last = len(events) < PAGE
            if not events and not watch.opened:
                self._tell_refused(account, watch, rows.viewers(watch.question, account))
                return
            allowed = rows.viewers(watch.question, account)
            told = [update(watch.code, event) for event in events]
            opened = watch.opened if last else []
            written_at = events[-1].created_at if events else None
            news = News(account, watch.seq, told, watch.users, allowed, opened, written_at)
            watch.seq = events[-1].seq if events else watch.seq
            if last:
                watch.opened = []
            self.tell(self._on_news, news)
            if last:
                return

    def _tell_refused(self, account: int, watch: _Watch, allowed: frozenset[int]) -> None:
        if not watch.users <= allowed:
            self.tell(self._on_news, News(account, watch.seq, [], watch.users, allowed))

    def _sweep(self) -> None:
        """Find what no word came of: events, rights that ended, accounts that somebody may see now."""
        people = self._every.union(*(watch.users for watch in self._watches.values()))
        if not people:
            return
        self._due |= {
            account for account, seq in rows.last_seqs(list(self._watches)).items() if seq > self._watches[account].seq
        }
        if self._question is None or self._question.users != people:
            self._question = rows.make_question(people)
        sights = rows.sights(self._question)
        for account, watch in self._watches.items():
            if account not in self._due:
                allowed = {user for user in watch.users if sights[user] & {account, rows.EVERY}}
                self._tell_refused(account, watch, frozenset(allowed))
        if self._every:
            codes = rows.codes()
            every = frozenset(codes.values())
            shown = {
                user: every
                if rows.EVERY in sights[user]
                else frozenset(codes[account] for account in sights[user] & codes.keys())
                for user in self._every
            }
            self.tell(self._on_sights, shown)
