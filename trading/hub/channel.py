"""One account that somebody listens to: the number that was told last, who gets what follows, and the newest events."""

from collections import Counter, deque
from collections.abc import Sequence, Set

from trading.hub.listener import Listener, Subscription
from trading.hub.messages import Bundle, Message

KEPT = 1_000
"""Newest events kept at hand: they bridge the moment between a snapshot's reading and its being sent."""


class Channel:
    """Everything here runs on the hub's event loop. Whoever is in ``listeners`` has been told event ``seq``."""

    def __init__(self, code: str, seq: int) -> None:
        self.code = code
        self.seq = seq
        self.listeners: dict[Listener, Subscription] = {}
        self._users: Counter[int] = Counter()
        self._kept: deque[Message] = deque(maxlen=KEPT)

    @property
    def users(self) -> frozenset[int]:
        """Who listens."""
        return frozenset(self._users)

    def add(self, subscription: Subscription) -> None:
        """From now on this one is told."""
        self.listeners[subscription.listener] = subscription
        self._users[subscription.listener.user_id] += 1

    def drop(self, listener: Listener) -> Subscription | None:
        """Tell this one no more; None where it was not told."""
        subscription = self.listeners.pop(listener, None)
        if subscription is not None:
            self._users[listener.user_id] -= 1
            if not self._users[listener.user_id]:
                del self._users[listener.user_id]
        return subscription

    def drop_users(self, users: Set[int]) -> list[Subscription]:
        """Tell these people no more, on whichever connection."""
        gone = [listener for listener in self.listeners if listener.user_id in users]
        return [subscription for listener in gone if (subscription := self.drop(listener)) is not None]

    def publish(self, events: Sequence[Message]) -> bool:
        """Tell all what they have not been told yet; False, and nothing is told, where events are missing between."""
        fresh = [event for event in events if event.seq > self.seq]
        if not fresh:
            return True
        if fresh[0].seq != self.seq + 1:
            return False
        bundle = Bundle(fresh)
        for listener in list(self.listeners):
            listener.take(bundle)
        self._kept.extend(fresh)
        self.seq = fresh[-1].seq
        return True

    def since(self, seq: int) -> list[Message] | None:
        """The events after ``seq``; None where they are not at hand any more."""
        if seq == self.seq:
            return []
        if not self._kept or not self._kept[0].seq <= seq + 1 <= self.seq:
            return None
        return [event for event in self._kept if event.seq > seq]
