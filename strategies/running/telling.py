"""What accounts tell of strategies' orders: a thread that reads the rows of events, and what a row says to a host."""

import re
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from math import nan
from typing import Any, NamedTuple

import structlog
from django.db import connection

from quantsite.common.times import utc_to_ns
from quantsite.web.database import DATABASE_AWAY
from strategies.domain.hosting.news import News, NewsKind
from trading.account_models import AccountState
from trading.choices import FINAL_STATUSES
from trading.order_models import AccountEvent
from trading.wake import EVENTS, Bell

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 1.0
"""So long a lost wake-up costs."""
PAGE = 2_000
KINDS: Mapping[str, NewsKind] = {
    "accepted": NewsKind.ACCEPTED,
    "traded": NewsKind.FILLED,
    "rejected": NewsKind.REJECTED,
    "cancelled": NewsKind.CANCELLED,
    "expired": NewsKind.CANCELLED,
}
"""Events of which a strategy hears; the others are between the account and its exchange."""
OURS = re.compile(r"s(\d+)-(\d+)")
"""The client order ids that the runner gives out: instance and number."""


class OrderNews(NamedTuple):
    """What happened to one order of an instance: the news for its host, and the commission (yuan) of a fill.

    ``at`` of the news is market time, ``seq`` the number of the event within its account, ``instrument`` a code.
    ``ended``: nothing more can come of the order.
    """

    account: int
    seq: int
    instance: int
    instrument: str
    sign: int
    news: News
    commission: float = 0.0
    ended: bool = False


class AccountNews(NamedTuple):
    """The news of an account up to the event ``seq``."""

    account: int
    seq: int
    news: list[OrderNews]


def news_of(account: int, seq: int, kind: str, body: Mapping[str, Any], at: datetime | None) -> OrderNews | None:
    """What an event says of an order of a strategy; None where it says nothing to one."""
    order = body.get("order")
    told = KINDS.get(kind)
    named = OURS.fullmatch(order["client_order_id"]) if order and told else None
    if order is None or told is None or named is None:
        return None
    instance, number = int(named[1]), int(named[2])
    moment = 0 if at is None else utc_to_ns(at)
    sign = 1 if order["direction"] == "buy" else -1
    if told is not NewsKind.FILLED:
        reason = "expired" if kind == "expired" else order["reason_code"]
        news = News(number, told, moment, reason=reason)
        return OrderNews(account, seq, instance, order["instrument"], sign, news, ended=told is not NewsKind.ACCEPTED)
    fills = body["fills"]  # of one trade: over several lots of the position it has several parts
    lots = sum(fill["volume"] for fill in fills)
    price = fills[0]["price"] if fills else nan
    commission = sum(fill["commission"] for fill in fills)
    news = News(number, told, moment, price, lots)
    ended = order["status"] in FINAL_STATUSES
    return OrderNews(account, seq, instance, order["instrument"], sign, news, commission, ended)


def read_news(account: int, after: int) -> AccountNews | None:
    """What the account has told behind the event ``after``; None where that is nothing at all.

    Numbers are given in the order of the commits, so that nothing below the account's last one can still come.
    """
    newest = AccountState.objects.filter(account=account).values_list("last_seq", flat=True).first() or 0
    if newest <= after:
        return None
    rows = AccountEvent.objects.filter(account=account, seq__gt=after, seq__lte=newest, kind__in=list(KINDS))
    chosen = rows.order_by("seq").values_list("seq", "kind", "body", "market_time")[:PAGE]
    found = list(chosen)
    if len(found) == PAGE:
        newest = found[-1][0]
    told = (news_of(account, *row) for row in found)
    return AccountNews(account, newest, [news for news in told if news is not None])


class Listener:
    """Reads the news of accounts in a thread of its own, from given numbers on, and hands them to ``tell``."""

    def __init__(self, tell: Callable[[AccountNews], None]) -> None:
        self._tell = tell
        self._asked = threading.Event()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._seqs: dict[int, int] = {}
        self._due: set[int] = set()
        self._bell = Bell(EVENTS, self._ring)
        self._thread = threading.Thread(target=self._run, name="strategy news", daemon=True)

    def start(self) -> "Listener":
        """Begin to listen; gives itself."""
        self._bell.start()
        self._thread.start()
        return self

    def follow(self, account: int, after: int) -> None:
        """Read this account too, from behind the event ``after``; one that is read already goes on as it was."""
        with self._lock:
            self._seqs.setdefault(account, after)
            self._due.add(account)
        self._asked.set()

    def close(self) -> None:
        """Listen no more."""
        self._stop.set()
        self._asked.set()
        self._bell.close()
        self._thread.join(2 * SWEEP_SECONDS)

    def _ring(self, text: str) -> None:
        with self._lock:
            self._due.update([int(text)] if text else self._seqs)
        self._asked.set()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                rung = self._asked.wait(SWEEP_SECONDS)
                self._asked.clear()
                with self._lock:
                    due = self._due & self._seqs.keys() if rung else set(self._seqs)
                    self._due = set()
                self._read(due)
        finally:
            connection.close()

    def _read(self, accounts: set[int]) -> None:
        for account in accounts:
            try:
                while not self._stop.is_set() and (found := read_news(account, self._seqs[account])) is not None:
                    self._seqs[account] = found.seq
                    self._tell(found)
            except DATABASE_AWAY as error:  # the sweep asks again
                log.warning("news of an account unread", account=account, reason=" ".join(str(error).split()))
                connection.close()
