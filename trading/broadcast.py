"""One hub a process and event loop: reads the events of accounts once, and sends each to all who may see it.

The rows of ``AccountEvent`` are the only source: a word from a gateway (``trading.wake``) makes the hub look at once,
and it looks once a second besides. It works while somebody is connected.
"""

import asyncio
from collections.abc import Iterable, Mapping

import structlog
from django.utils import timezone
from django.utils.translation import gettext as _

from trading.hub.channel import Channel
from trading.hub.figures import FIGURES, LAG
from trading.hub.listener import Listener, Subscription
from trading.hub.messages import ACCOUNT, listing, refusal
from trading.hub.opener import Opened, Opener
from trading.hub.reader import News, Reader
from trading.hub.risk import RiskChannel

log = structlog.get_logger(__name__)


class TradingHub:
    """The connections and accounts of one event loop. All but the two threads that ask the database runs on it.

    A subscription is opened in three steps, each of which may find that it was given up: the opener reads what it
    begins with, the reader asks who may see that and adds what is new, the hub sends both.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.listeners: set[Listener] = set()
        self.channels: dict[int, Channel] = {}
        self._reader = Reader(loop, self._on_news, self._on_sights)
        self._opener = Opener(loop, self._reader.admit, self._refuse)
        self.risk = RiskChannel(loop)
        self._begun = False

    # --- connections ---------------------------------------------------------------------------------------

    def join(self, listener: Listener) -> None:
        """A new connection; with the first one the work begins."""
        self.listeners.add(listener)
        if not self._begun:
            self._begun = True
            self._reader.start()
            self._opener.start()

    def part(self, listener: Listener) -> None:
        """The connection is gone, with the last one the work ends; doing it twice changes nothing."""
        if listener not in self.listeners:
            return
        self.leave(listener, list(listener.subscriptions), every=listener.every)
        self.risk.leave(listener)
        listener.ended()
        self.listeners.discard(listener)
        if not self.listeners:
            self._reader.stop()
            self._opener.stop()
            _hubs.pop(self._loop, None)

    def subscribe(self, listener: Listener, codes: Mapping[str, int | None], *, named: bool = True) -> None:
        """Send a snapshot of each account, or what followed the given number, and every event after it.

        ``named``: the listener asked for these, not for all accounts.
        """
        for code, from_seq in codes.items():
            self._close(listener, code)
            subscription = listener.subscriptions[code] = Subscription(listener, code, from_seq, named=named)
            listener.wanted.append(subscription)
        self.go_on(listener)

    def subscribe_every(self, listener: Listener, resume: Mapping[str, int]) -> None:
        """The same for all accounts that the listener may see, now and later."""
        listener.every, listener.seen, listener.resume = True, None, dict(resume)
        self._tell_every()

    def leave(self, listener: Listener, codes: Iterable[str], *, every: bool = False) -> None:
        """Listen no more to these accounts; ``every``: nor to those that came without being named."""
        for code in codes:
            self._close(listener, code)
        if every and listener.every:
            listener.every, listener.seen, listener.resume = False, None, {}
            for code in [code for code, one in listener.subscriptions.items() if not one.named]:
                self._close(listener, code)
            self._tell_every()
        self.go_on(listener)

    def go_on(self, listener: Listener) -> None:
        """Open the next subscription of a connection: one after the other, as it takes them."""
        while listener.opening is None and listener.wanted and listener.clear:
            subscription = listener.wanted.popleft()
            if listener.subscriptions.get(subscription.code) is subscription:
                listener.opening = subscription
                self._opener.ask(subscription)

    def _close(self, listener: Listener, code: str) -> None:
        subscription = listener.subscriptions.pop(code, None)
        channel = None if subscription is None else self.channels.get(subscription.account)
        if subscription is not None and channel is not None and channel.drop(listener) is not None:
            self._listened(subscription.account, channel)

    def _listened(self, account: int, channel: Channel) -> None:
        """Others listen to an account now: the reader must know whom to ask about."""
        if channel.listeners:
            self._reader.follow(account, channel.code, channel.seq, channel.users)
        else:
            del self.channels[account]
            self._reader.forget(account)

    def _tell_every(self) -> None:
        self._reader.follow_every(frozenset(listener.user_id for listener in self.listeners if listener.every))

    def rests(self, seconds: float) -> bool:
        """Wait for the threads to end, off the loop; whether they have. Nobody may be connected."""
        return self._reader.join(seconds) and self._opener.join(seconds) and self.risk.rests(seconds)

    # --- what the threads hand over --------------------------------------------------------------------------

    def _on_news(self, news: News) -> None:
        """Tell what is new to those who may see it; then begin the subscriptions that came with it."""
        channel = self.channels.get(news.account)
        if channel is None:
            if not news.opened:
                return  # nobody listens any more
            channel = self.channels[news.account] = Channel(news.opened[0].subscription.code, news.seq)
        before = channel.users
        for subscription in channel.drop_users(news.asked - news.allowed):
            self._refuse(subscription)
        # Those who came while the reader asked: it was not asked whether they may see this.
        self._open_again(channel, channel.drop_users(channel.users - news.asked))
        self._publish(channel, news)
        for opened in news.opened:
            self._begin(channel, opened, allowed=opened.subscription.listener.user_id in news.allowed)
        if channel.users != before or not channel.listeners:
            self._listened(news.account, channel)

    def _publish(self, channel: Channel, news: News) -> None:
        if not channel.publish(news.events):
            log.warning("events of an account are missing", account=channel.code, told=channel.seq, read=news.seq)
            self._open_again(channel, channel.drop_users(channel.users))
        if news.written_at is not None:
            FIGURES.events += len(news.events)
            LAG.observe(max(0.0, (timezone.now() - news.written_at).total_seconds()))

    def _open_again(self, channel: Channel, subscriptions: Iterable[Subscription]) -> None:
        """Open subscriptions anew from where their listeners stand."""
        for subscription in subscriptions:
            subscription.from_seq = channel.seq
            subscription.listener.wanted.append(subscription)
            self.go_on(subscription.listener)

    def _begin(self, channel: Channel, opened: Opened, *, allowed: bool) -> None:
        subscription = opened.subscription
        listener = subscription.listener
        if not self._open(subscription):
            return
        if not allowed:
            self._refuse(subscription)
            return
        for message in opened.messages:
            listener.send(message, bounded=False)
        missed = channel.since(opened.seq) if opened.whole else None
        if missed is None:  # there is more than is at hand
            subscription.from_seq = opened.seq
            listener.wanted.appendleft(subscription)
        else:
            for message in missed:
                listener.send(message)
            channel.add(subscription)
        self.go_on(listener)

    def _open(self, subscription: Subscription) -> bool:
        """Its turn is over; whether it is wanted still."""
        listener = subscription.listener
        if listener.opening is subscription:
            listener.opening = None
        if listener.subscriptions.get(subscription.code) is subscription and not listener.closed:
            return True
        self.go_on(listener)
        return False

    def _refuse(self, subscription: Subscription) -> None:
        """Say once that there is no such account for the listener, whether there is one or not."""
        listener = subscription.listener
        if not self._open(subscription):
            return
        del listener.subscriptions[subscription.code]
        FIGURES.refused += 1
        name = ACCOUNT + subscription.code
        detail = _("There is no channel %(name)s for you.") % {"name": repr(name)}
        listener.send(refusal(name, "unknown_channel", detail))
        if listener.seen is not None and subscription.code in listener.seen:
            listener.seen -= {subscription.code}
            listener.send(listing("update", sorted(listener.seen)))
        self.go_on(listener)

    def _on_sights(self, sights: Mapping[int, frozenset[str]]) -> None:
        """Open what those who listen to all their accounts may see now, and did not before."""
        for listener in list(self.listeners):
            codes = sights.get(listener.user_id)
            if not listener.every or codes is None or codes == listener.seen:
                continue
            listener.send(listing("snapshot" if listener.seen is None else "update", sorted(codes)))
            wanted = {**dict.fromkeys(sorted(codes - (listener.seen or frozenset()))), **listener.resume}
            listener.seen, listener.resume = codes, {}
            new = {code: seq for code, seq in wanted.items() if code not in listener.subscriptions}
            self.subscribe(listener, new, named=False)


_hubs: dict[asyncio.AbstractEventLoop, TradingHub] = {}


def hub() -> TradingHub:
    """The hub of the running event loop (a web process has one)."""
    loop = asyncio.get_running_loop()
    for ended in [other for other in _hubs if other.is_closed()]:
        del _hubs[ended]
    found = _hubs.get(loop)
    if found is None:
        found = _hubs[loop] = TradingHub(loop)
    return found


def hubs() -> list[TradingHub]:
    """Every hub of this process, for its figures."""
    return list(_hubs.values())
