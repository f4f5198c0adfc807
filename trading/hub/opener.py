"""What a subscription begins with: a snapshot, or the events after the number that the other end has.

Read by a thread of its own, for large ones take a while; :class:`~trading.hub.reader.Reader` asks once more who may see
them, and hands them to the hub.
"""

from asyncio import AbstractEventLoop
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from django.db import connection

from trading.hub import rows
from trading.hub.figures import FIGURES
from trading.hub.listener import Subscription
from trading.hub.messages import Message, snapshot, update
from trading.hub.worker import Worker

log = structlog.get_logger(__name__)

PAGE = 500
"""Events of the past that are sent at a time."""
REMEMBERED = 100
"""Snapshots kept for the next one who asks, of accounts where nothing has happened since."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The beginning of a subscription, up to event ``seq`` of ``last`` that there are."""

    subscription: Subscription
    messages: Sequence[Message]
    seq: int
    last: int

    @property
    def whole(self) -> bool:
        """Whether the past has no more than this."""
        return self.seq >= self.last


class Opener(Worker):
    """Opens subscriptions: those to the same account that come at once share one snapshot."""

    def __init__(
        self, loop: AbstractEventLoop, opened: Callable[[Opened], None], refused: Callable[[Subscription], None]
    ) -> None:
        """``opened`` is called in this thread, ``refused`` on the hub's loop."""
        super().__init__("trading-opener", loop)
        self._done = opened
        self._refused = refused
        self._waiting: list[Subscription] = []
        self._views: dict[int, tuple[rows.Stamp, Message]] = {}

    def ask(self, subscription: Subscription) -> None:
        """Open it."""
        self.call(lambda: self._waiting.append(subscription))

    def work(self) -> None:
        """Open what waits. What fails waits for the next attempt."""
        asked = [subscription for subscription in self._waiting if not subscription.listener.closed]
        self._waiting = asked
        if not asked:
            return
        for account, those in self._visible(asked).items():
            made: Message | None = None
            for subscription in those:
                opened = self._past(account, subscription)
                if opened is None:
                    made = made or self._view(account, subscription.code)
                    opened = Opened(subscription, [made], made.seq, made.seq)
                self._waiting.remove(subscription)
                self._done(opened)
        connection.close()

    def _visible(self, asked: Sequence[Subscription]) -> dict[int, list[Subscription]]:
        """By account, those whose listener may see it; the others are told, alike for accounts that there are not."""
        numbers = rows.numbers_of({subscription.code for subscription in asked})
        seen = rows.sights(rows.make_question({subscription.listener.user_id for subscription in asked}))
        found: dict[int, list[Subscription]] = defaultdict(list)
        for subscription in asked:
            number = numbers.get(subscription.code)
            if number is None or not seen[subscription.listener.user_id] & {number, rows.EVERY}:
                self._waiting.remove(subscription)
                self.tell(self._refused, subscription)
            else:
                subscription.account = number
                found[number].append(subscription)
        return found

    def _past(self, account: int, subscription: Subscription) -> Opened | None:
        """The events that the other end lacks; None where they are not all there, and it needs a snapshot."""
        seq = subscription.from_seq
        if seq is None:
            return None
        last = rows.last_seqs([account]).get(account)
        if last == seq:
            return Opened(subscription, [], seq, seq)
        events = rows.events_after(account, seq, PAGE)
        if last is None or not events or events[-1].seq != seq + len(events):  # a mark between them is gone
            return None
        told = [update(subscription.code, event) for event in events]
        return Opened(subscription, told, told[-1].seq, last)

    def _view(self, account: int, code: str) -> Message:
        """A snapshot as of now; one that was made before serves again where nothing has happened since."""
        kept = self._views.pop(account, None)
        if kept is None or kept[0] != rows.stamp(account):
            view = rows.view_of(account)
            FIGURES.views += 1
            kept = view.stamp, snapshot(code, view.stamp.seq, view.data)
        self._views[account] = kept
        while len(self._views) > REMEMBERED:
            del self._views[next(iter(self._views))]
        return kept[1]
