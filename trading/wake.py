"""Short messages that wake: a gateway for its inbox, a web process for an account's events.

They carry no facts (the rows do) and may be lost: who waits looks by itself once a second. With ``REDIS_URL`` they go
by publish and subscribe, else they stay in this process.
"""

import atexit
import os
import threading
import time
from collections.abc import Callable, Sequence
from functools import cache
from queue import SimpleQueue
from typing import Any

import redis
import structlog
from django.conf import settings
from prometheus_client import Counter
from redis.backoff import NoBackoff
from redis.retry import Retry

from quantsite.web.metrics import REGISTRY

log = structlog.get_logger(__name__)

INBOX = "qs:inbox:"
EVENTS = "qs:events"
"""Every account's news: the account's number as text."""
RISK = "qs:risk"
"""Limits, stops, account terms or plans have changed: the new number of ``RiskRevision`` as text."""

SECONDS = 0.5
"""How long a silent server may hold up whoever wakes."""
PAUSE_SECONDS = 1.0

WAKE_FAILURES = Counter(
    "quantsite_wake_failures", "Messages that woke nobody: their readers look by themselves", registry=REGISTRY
)

Listener = Callable[[str], None]

_quiet_until = 0.0
_listeners: dict[str, set[Listener]] = {}
_lock = threading.Lock()


def wake_gateway(account: int) -> None:
    """There is something in the inbox of this account."""
    _tell(f"{INBOX}{account}", "")


def announce(account: int) -> None:
    """There are new events of this account; whoever has committed them does not wait for a server to be told."""
    if settings.REDIS_URL:
        _messenger(os.getpid()).put(((EVENTS, str(account)),))
    else:
        _tell(EVENTS, str(account))


def announce_risk(number: int) -> None:
    """Limits, stops, an account's terms or a plan have changed."""
    _tell(RISK, str(number))


def tell(channel: str, text: str) -> None:
    """A message on a channel of an upper app."""
    _tell(channel, text)


def wake_soon(account: int) -> None:
    """Both, without waiting for a server: for an event loop."""
    if settings.REDIS_URL:
        _messenger(os.getpid()).put(((f"{INBOX}{account}", ""), (EVENTS, str(account))))
    else:
        wake_gateway(account)
        announce(account)


def _tell(channel: str, text: str) -> None:
    if settings.REDIS_URL:
        _publish_all([(channel, text)])
        return
    with _lock:
        listeners = list(_listeners.get(channel, ()))
    for listener in listeners:
        listener(text)


def _publish_all(messages: Sequence[tuple[str, str]]) -> None:
    """Tell them once; after a failure the server is left alone for a moment, for many may wait behind each other."""
    global _quiet_until  # noqa: PLW0603 - one server, one process
    if time.monotonic() < _quiet_until:
        WAKE_FAILURES.inc(len(messages))
        return
    try:
        pipe = _client(settings.REDIS_URL).pipeline(transaction=False)
        for channel, text in messages:
            pipe.publish(channel, text)
        pipe.execute()
    except redis.RedisError as error:  # the row is the truth: it is found within a second
        _quiet_until = time.monotonic() + PAUSE_SECONDS
        WAKE_FAILURES.inc(len(messages))
        log.warning("not woken", channel=messages[0][0], reason=str(error))


@cache
def _messenger(_process: int) -> "SimpleQueue[Sequence[tuple[str, str]] | threading.Event]":
    """Whatever is put here is published by a thread of its own (a forked process has none yet); an event is set."""
    waiting: SimpleQueue[Sequence[tuple[str, str]] | threading.Event] = SimpleQueue()

    def carry() -> None:
        while True:
            item = waiting.get()
            if isinstance(item, threading.Event):
                item.set()
            else:
                _publish_all(item)

    def carry_the_last() -> None:  # of a command that ends
        done = threading.Event()
        waiting.put(done)
        done.wait(SECONDS)

    threading.Thread(target=carry, name="wake", daemon=True).start()
    atexit.register(carry_the_last)
    return waiting


@cache
def _client(url: str) -> Any:
    once_again = Retry(NoBackoff(), 1)  # a connection that the server has closed meanwhile
    return redis.Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS, retry=once_again)


class Bell:
    """Calls ``listener`` with the text of every message on a channel, from another thread, until closed."""

    def __init__(self, channel: str, listener: Listener) -> None:
        self._channel = channel
        self._listener = listener
        self._done = threading.Event()
        self._calling = threading.RLock()  # whoever closes it may be the one that is called

    def start(self) -> "Bell":
        """Begin to listen; gives itself."""
        if settings.REDIS_URL:
            threading.Thread(target=self._listen, name=f"bell {self._channel}", daemon=True).start()
        else:
            with _lock:
                _listeners.setdefault(self._channel, set()).add(self._listener)
        return self

    def close(self) -> None:
        """Listen no more: a call that is under way ends first. The thread finds out by itself within a second."""
        with self._calling:
            self._done.set()
        with _lock:
            _listeners.get(self._channel, set()).discard(self._listener)

    def _call(self, text: str) -> None:
        with self._calling:
            if not self._done.is_set():
                self._listener(text)

    def _listen(self) -> None:
        while not self._done.is_set():
            try:
                self._follow()
            except redis.RedisError as error:
                log.warning("bell lost its server", channel=self._channel, reason=str(error))
                self._done.wait(PAUSE_SECONDS)

    def _follow(self) -> None:
        with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=SECONDS) as client:
            pubsub = client.pubsub(ignore_subscribe_messages=True)
            pubsub.subscribe(self._channel)
            self._call("")  # whatever came before the subscription
            while not self._done.is_set():
                message = pubsub.get_message(timeout=PAUSE_SECONDS)
                if message is not None:
                    self._call(message["data"].decode())
