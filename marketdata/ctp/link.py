"""One API instance of the broker's library: its callbacks into a queue of ours, our requests into it.

Callbacks come on one foreign thread. There nothing happens but that the struct is copied, put and somebody woken: a
slow callback holds up all that follow, a struct read later is empty, an exception is swallowed, ``SystemExit`` kills.
"""

import atexit
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import structlog

from marketdata.ctp import library
from marketdata.ctp.fields import copied, filled
from marketdata.ctp.heard import FAULT, Heard, HeardQueue, Refusal
from marketdata.ctp.library import Kind
from marketdata.ctp.metrics import CALLBACK_FAULTS

log = structlog.get_logger(__name__)

NOT_CONNECTED = -1
"""What the library answers where there is no connection, and we where there is no library."""
RELEASE_SECONDS = 3.0
"""So long the end of an instance may take: a process must end within five."""

_open: set["Link"] = set()
"""Links that are started and not closed: the library holds no reference to the object it calls back."""
_kept_for_ever: list[Any] = []
"""Of a forked child: proxies of a library that is the parent's; their end must not end it."""


class Link:
    """One API instance at a time; after :meth:`close` it may be started anew, which makes a new one.

    One thread calls everything here but :meth:`close`. ``wake`` is called in the library's thread after each record.
    """

    def __init__(
        self, api: Kind, flow: Path, fronts: Sequence[str], wake: Callable[[], None], *, production: bool = True
    ) -> None:
        self.api, self.flow, self.fronts, self.wake = api, flow, tuple(fronts), wake
        self.heard = HeardQueue()
        self._production = production
        self._requests = count(1)
        self._library: Any = None
        self._spi: Any = None
        self._callback_thread: int | None = None
        self._closing = threading.Lock()

    @property
    def started(self) -> bool:
        """Whether there is an instance."""
        return self._library is not None

    def start(self) -> None:
        """Make the instance and let it connect; nothing changes where there is one. The preflight must have passed.

        What an earlier instance has told and nobody has taken is dropped: the next login tells all of the day again.
        """
        if self._library is not None:
            return
        self.heard.taken()
        api = library.create(self.api, f"{self.flow}/", production=self._production)
        self._library, self._spi = api, self._listener()
        _open.add(self)
        api.RegisterSpi(self._spi)
        if self.api == "td":
            restart = library.module_of("td").THOST_TERT_RESTART
            api.SubscribePrivateTopic(restart)
            api.SubscribePublicTopic(restart)
        for front in self.fronts:
            api.RegisterFront(front)
        api.Init()

    def request(self, method: str, struct: str, fields: Mapping[str, Any]) -> tuple[int, int]:
        """Call a ``Req...`` method; gives the library's answer and the number of the request.

        Raises :class:`RuleError` ``ctp_field`` for a field that cannot be sent, ``ctp_request`` for a request that the
        library does not have.
        """
        number = next(self._requests)
        api = self._library
        if api is None:
            return NOT_CONNECTED, number
        asked = getattr(api, method, None)
        if asked is None:
            raise library.unknown(method)
        return int(asked(filled(library.struct_class(self.api, struct)(), fields), number)), number

    def subscribe(self, symbols: Iterable[str]) -> int:
        """Ask for the quotes of instruments; gives the library's answer."""
        return self._subscription("SubscribeMarketData", symbols)

    def unsubscribe(self, symbols: Iterable[str]) -> int:
        """Ask for them no more; gives the library's answer."""
        return self._subscription("UnSubscribeMarketData", symbols)

    def front_info(self) -> dict[str, Any]:
        """What the front says of itself: FrontAddr, QryFreq, FTDPkgFreq; empty where there is no connection."""
        if self._library is None or self.api == "md":  # the API for quotes has nothing to say
            return {}
        struct = library.struct_class(self.api, "FrontInfoField")()
        self._library.GetFrontInfo(struct)
        return copied(struct) or {}

    def trading_day(self) -> str:
        """The library's own trading day; a dummy (19800100) before a login."""
        return "" if self._library is None else str(self._library.GetTradingDay())

    def turn_fronts(self) -> None:
        """The next start begins with the next front."""
        self.fronts = (*self.fronts[1:], *self.fronts[:1])

    def close(self) -> None:
        """End the instance: once, never in a callback, within seconds. Nothing changes where there is none.

        Raises ``RuntimeError`` in a callback, where it would kill the process.
        """
        if threading.get_ident() == self._callback_thread:
            raise RuntimeError("a link cannot be closed in a callback of its own")
        with self._closing:
            api, self._library = self._library, None
        if api is None:
            return
        released = threading.Thread(target=_release, args=(api,), name=f"release {self.api}", daemon=True)
        released.start()
        released.join(RELEASE_SECONDS)
        if released.is_alive():
            log.error("the CTP library does not end", api=self.api, flow=str(self.flow))
        else:
            self._spi = None  # only now: a callback may have been under way
        self._callback_thread = None
        _open.discard(self)

    def forget(self) -> None:
        """After a fork, in the child: this process has no instance; it is not ended, for it is the parent's."""
        if self._library is not None:
            _kept_for_ever.append((self._library, self._spi))
        self._library = self._spi = None

    def _subscription(self, method: str, symbols: Iterable[str]) -> int:
        names = [symbol.encode("ascii") for symbol in symbols]
        if self._library is None:
            return NOT_CONNECTED
        return int(getattr(self._library, method)(names, len(names))) if names else 0

    def _listener(self) -> Any:
        base = library.spi_class(self.api)
        callbacks = {name: _callback(name, self) for name in dir(base) if name.startswith("On")}
        return type("Listener", (base,), callbacks)()

    def take(self, name: str, arguments: tuple[Any, ...]) -> None:
        """In the library's thread: keep a callback. Nothing may be raised from here."""
        try:
            self._callback_thread = threading.get_ident()
            self.heard.put(_record(name, arguments))
            self.wake()
        except BaseException as error:  # noqa: BLE001  (SystemExit would abort the process)
            self._tell_fault(name, error)

    def _tell_fault(self, name: str, error: BaseException) -> None:
        CALLBACK_FAULTS.labels(self.api).inc()
        log.exception("callback failed", api=self.api, callback=name)
        fields = {"callback": name, "error": f"{type(error).__name__}: {error}"}
        self.heard.put(Heard(FAULT, fields, None, 0, last=True, at=time.time_ns()))


def _callback(name: str, link: Link) -> Callable[..., None]:
    def handle(_spi: Any, *arguments: Any, **named: Any) -> None:
        link.take(name, (*arguments, *named.values()))

    return handle


def _record(name: str, arguments: tuple[Any, ...]) -> Heard:
    """A callback as a record: which argument is what follows from the callback's name."""
    at = time.time_ns()
    if name.startswith("OnRtn"):
        return Heard(name, copied(arguments[0]), None, 0, last=True, at=at)
    if name.startswith("OnErrRtn"):
        return Heard(name, copied(arguments[0]), _refusal(arguments[1]), 0, last=True, at=at)
    if name == "OnRspError":
        return Heard(name, None, _refusal(arguments[0]), int(arguments[1]), last=bool(arguments[2]), at=at)
    if name.startswith("OnRsp"):
        struct, info, request, last = arguments
        return Heard(name, copied(struct), _refusal(info), int(request), last=bool(last), at=at)
    number = int(arguments[0]) if arguments else 0  # OnFrontConnected, OnFrontDisconnected, OnHeartBeatWarning
    return Heard(name, None, None, number, last=True, at=at)


def _refusal(info: Any) -> Refusal | None:
    if info is None or not info.ErrorID:
        return None
    fields = copied(info) or {}
    return Refusal(int(info.ErrorID), str(fields.get("ErrorMsg", "")))


def _release(api: Any) -> None:
    api.RegisterSpi(None)
    api.Release()


def _forget_all() -> None:
    """In a forked child the library's threads do not exist: requests there shall not pass for handed over."""
    for link in _open:
        link.forget()
    _open.clear()


os.register_at_fork(after_in_child=_forget_all)


@atexit.register
def _close_all() -> None:
    """An interpreter that ends must not be called back."""
    for link in list(_open):
        link.close()
