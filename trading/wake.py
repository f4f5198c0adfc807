"""Short messages that wake: a gateway for its inbox, a web process for an account's events.

They carry no facts (the rows do) and may be lost: who waits looks by itself once a second. With ``REDIS_URL`` they go
by publish and subscribe, else they stay in this process.
"""

import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

log = structlog.get_logger(__name__)

INBOX = "qs:inbox:"
EVENTS = "qs:events"
"""Every account's news: the account's number as text."""

SECONDS = 0.5
"""How long a silent server may hold up whoever wakes."""
PAUSE_SECONDS = 1.0

Listener = Callable[[str], None]

_quiet_until = 0.0
_listeners: dict[str, set[Listener]] = {}
_lock = threading.Lock()


def wake_gateway(account: int) -> None:
    """There is something in the inbox of this account."""
    _tell(f"{INBOX}{account}", "")


def announce(account: int) -> None:
    """There are new events of this account."""
    _tell(EVENTS, str(account))


def _tell(channel: str, text: str) -> None:
    if settings.REDIS_URL:
        _publish(channel, text)
        return
    with _lock:
        listeners = list(_listeners.get(channel, ()))
    for listener in listeners:
        listener(text)


def _publish(channel: str, text: str) -> None:
    """Tell it once; after a failure the server is left alone for a moment, for many may wait behind each other."""
    global _quiet_until  # noqa: PLW0603 - one server, one process
    if time.monotonic() < _quiet_until:
        return
    try:
        _client(settings.REDIS_URL).publish(channel, text)
    except redis.RedisError as error:  # the row is the truth: it is found within a second
        _quiet_until = time.monotonic() + PAUSE_SECONDS
        log.warning("not woken", channel=channel, reason=str(error))


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
        self._pubsub: Any = None
        self._thread: threading.Thread | None = None

    def start(self) -> "Bell":
        """Begin to listen; gives itself."""
        if settings.REDIS_URL:
            self._thread = threading.Thread(target=self._listen, name=f"bell {self._channel}", daemon=True)
            self._thread.start()
        else:
            with _lock:
                _listeners.setdefault(self._channel, set()).add(self._listener)
        return self

    def close(self) -> None:
        """Listen no more."""
        self._done.set()
        with _lock:
            _listeners.get(self._channel, set()).discard(self._listener)
        if self._thread is not None:
            self._thread.join(2 * PAUSE_SECONDS)

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
            self._listener("")  # whatever came before the subscription
            while not self._done.is_set():
                message = pubsub.get_message(timeout=PAUSE_SECONDS)
                if message is not None:
                    self._listener(message["data"].decode())
