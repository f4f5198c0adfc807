"""The two API classes of the binding, without a network: requests go to a front, callbacks come on a foreign thread.

What the real library punishes with the end of the process (Release twice or in a callback, SystemExit in a
callback, a Spi that was dropped, a flow folder that does not exist) ends it here too; a test in the same
process replaces :data:`punish` and gets the offence as text.
"""

import _thread
import os
import signal
import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

from quantsite.testing.ctp.structs import PREFIX, STRUCTS, Struct, empty, filled, read, table

VERSION = "v6.7.11_20250617 16:22:00.10369"
NO_DAY = "19800100"
CALLS = {tuple(words[:3]): words[3:] for words in map(str.split, table("calls"))}
Values = Sequence[Any]


class Line(Protocol):
    """What a front sees of an API: its kind, its front addresses, and the way to its callbacks."""

    kind: str
    fronts: list[str]
    topics: dict[str, int]

    def deliver(self, callback: str, values: Values) -> None: ...


class FrontSide(Protocol):
    """What an API needs of a front, in this process or behind a socket."""

    def attach(self, line: Line) -> None: ...
    def detach(self, line: Line) -> None: ...
    def request(self, line: Line, method: str, fields: Any, request: int) -> int: ...
    def info(self, line: Line) -> dict[str, Any]: ...


def kill(offence: str) -> None:
    """End the process as the vendor's library does."""
    sys.stderr.write(f"openctp_ctp (fake): {offence}\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGSEGV)


def nobody() -> FrontSide:
    raise RuntimeError("no front is set: use the fixture ctp_front, or name a socket in QUANTSITE_CTP_FAKE")


class Surroundings:
    """What a process (or a test) sets once: where requests go and what an offence costs."""

    punish: Callable[[str], None] = staticmethod(kill)
    front: Callable[[], FrontSide] = staticmethod(nobody)


class Spi:
    """Base of both Spi classes; its methods do nothing."""

    def __init__(self) -> None:
        self._born = True


class Api:
    """One instance: ``Init`` starts the thread that makes the callbacks, ``Release`` ends it."""

    kind = "td"
    holder = "CThostFtdcTraderApi"

    def __init__(self, *_: Any, **__: Any) -> None:
        raise AttributeError("No constructor defined - class is abstract")

    @classmethod
    def _create(cls, prefix: str = "") -> "Api":
        made = cls.__new__(cls)
        made._prefix = prefix
        made.fronts, made.topics = [], {}
        made._state, made._day = "created", NO_DAY
        made._spi = lambda: None
        made._waiting, made._over = SimpleQueue(), threading.Event()
        made._write("DialogRsp", "QueryRsp", "TradingDay")
        return made

    _prefix: str
    _state: str
    _day: str
    _spi: Callable[[], Any]
    _waiting: "SimpleQueue[tuple[str, Values] | None]"
    _over: threading.Event
    _thread = 0
    _front: FrontSide
    fronts: list[str]
    topics: dict[str, int]

    def _write(self, *names: str) -> None:
        try:
            for name in names:
                Path(f"{self._prefix}{name}.con").touch()
        except OSError as trouble:
            Surroundings.punish(f"flow file: {trouble}")

    @staticmethod
    def GetApiVersion() -> str:
        return VERSION

    def RegisterFront(self, address: str) -> None:
        if not isinstance(address, str):
            raise TypeError(f"in method '{self.holder}_RegisterFront', argument 2 of type 'char *'")
        self.fronts.append(address)

    def RegisterSpi(self, spi: Any) -> None:
        if spi is not None and not getattr(spi, "_born", False):
            raise TypeError(f"in method '{self.holder}_RegisterSpi', argument 2 of type '{self.holder[:-3]}Spi *'")
        self._spi = (lambda: None) if spi is None else _held(spi)

    def Init(self) -> None:
        self._alive("Init")
        self._front, self._state = Surroundings.front(), "running"
        self._write(*(f"{name}" for name in self.topics))
        _thread.start_new_thread(self._run, ())
        self._front.attach(self)

    def Join(self) -> int:
        self._over.wait()
        return 1

    def GetTradingDay(self) -> str:
        return self._day

    def Release(self) -> None:
        if _thread.get_ident() == self._thread:
            Surroundings.punish("Release in a callback")
            return
        self._alive("Release a second time")
        running, self._state = self._state == "running", "released"
        if running:
            self._front.detach(self)
            self._waiting.put(None)
        self._over.set()

    def _alive(self, act: str) -> None:
        if self._state == "released":
            Surroundings.punish(f"{act} after Release")

    def deliver(self, callback: str, values: Values) -> None:
        """Queue one callback; any thread."""
        self._waiting.put((callback, values))

    def _run(self) -> None:
        self._thread = _thread.get_ident()
        while (said := self._waiting.get()) is not None and self._state == "running":
            callback, values = said
            if callback == "OnRspUserLogin" and values[0] and not values[1]:
                self._day = values[0]["TradingDay"]
            self._call(callback, values)

    def _call(self, callback: str, values: Values) -> None:
        spi = self._spi()
        if spi is None:
            return
        arguments = [_argument(kind, value) for kind, value in zip(self._kinds(callback), values, strict=True)]
        try:
            getattr(spi, callback)(*arguments)
        except SystemExit:
            Surroundings.punish(f"SystemExit in {callback}")
        except BaseException:  # noqa: BLE001 - the binding prints and swallows every one, KeyboardInterrupt too
            traceback.print_exc()
        for argument in arguments:
            if isinstance(argument, Struct):
                empty(argument)

    def _kinds(self, callback: str) -> list[str]:
        return CALLS[self.kind, "spi", callback]

    def _ask(self, method: str, struct: Any, request: int) -> int:
        self._alive(method)
        wanted = CALLS[self.kind, "api", method][0]
        if type(struct).__name__ != wanted or not isinstance(request, int):
            number, kind = (2, f"{wanted} *") if type(struct).__name__ != wanted else (3, "int")
            raise TypeError(f"in method '{self.holder}_{method}', argument {number} of type '{kind}'")
        return -1 if self._state != "running" else self._front.request(self, method, read(struct), request)


def _held(spi: Any) -> Callable[[], Any]:
    """The Spi for as long as its owner keeps it: the library does not."""
    known = weakref.ref(spi)

    def there() -> Any:
        found = known()
        if found is None:
            Surroundings.punish("callback into a Spi that was garbage-collected")
        return found

    return there


def _argument(kind: str, value: Any) -> Any:
    if not kind.startswith(PREFIX):
        return value
    return None if value is None else filled(kind.removeprefix(PREFIX), value)


class TraderApi(Api):
    """``CThostFtdcTraderApi``."""

    @staticmethod
    def CreateFtdcTraderApi(prefix: str = "", production: bool = True) -> "Api":
        return TRADER_API._create(prefix)

    def SubscribePrivateTopic(self, mode: int) -> None:
        self.topics["Private"] = mode

    def SubscribePublicTopic(self, mode: int) -> None:
        self.topics["Public"] = mode

    def GetFrontInfo(self, info: Any) -> None:
        if self._state == "running":
            for name, value in self._front.info(self).items():
                setattr(info, name, value)


class MdApi(Api):
    """``CThostFtdcMdApi``."""

    kind = "md"
    holder = "CThostFtdcMdApi"

    @staticmethod
    def CreateFtdcMdApi(prefix: str = "", udp: bool = False, multicast: bool = False, production: bool = True) -> "Api":
        return MD_API._create(prefix)

    def SubscribeMarketData(self, names: list[bytes], count: int) -> int:
        return self._symbols("SubscribeMarketData", names, count)

    def UnSubscribeMarketData(self, names: list[bytes], count: int) -> int:
        return self._symbols("UnSubscribeMarketData", names, count)

    def _symbols(self, method: str, names: list[bytes], count: int) -> int:
        if not isinstance(names, list):
            raise TypeError("not a list")
        if not all(isinstance(name, bytes) for name in names):
            raise TypeError("list must contain strings")
        self._alive(method)
        if self._state != "running":
            return -1
        return self._front.request(self, method, [name.decode() for name in names[:count]], 0)


def _requests(kind: str) -> dict[str, Callable[[Any, Any, int], int]]:
    def asking(method: str) -> Callable[[Any, Any, int], int]:
        return lambda self, struct, request: self._ask(method, struct, request)

    return {
        name: asking(name) for (side, holder, name) in CALLS if (side, holder) == (kind, "api") and name[:3] == "Req"
    }


def _unbuilt(kind: str, base: type[Api]) -> dict[str, Callable[..., Any]]:
    """Methods of the binding that the fake has not: calling one says so."""

    def refusing(method: str) -> Callable[..., Any]:
        def refuse(*_: Any) -> Any:
            raise NotImplementedError(f"the fake of openctp_ctp has no {method}")

        return refuse

    names = [name for (side, holder, name) in CALLS if (side, holder) == (kind, "api")]
    return {name: refusing(name) for name in names if not hasattr(base, name) and name[:3] != "Req"}


def _spi(kind: str) -> dict[str, Callable[..., None]]:
    def quiet(count: int) -> Callable[..., None]:
        def heard(self: Any, *arguments: Any) -> None:
            if len(arguments) != count:
                raise TypeError(f"expected {count} arguments, got {len(arguments)}")

        return heard

    return {name: quiet(len(kinds)) for (side, holder, name), kinds in CALLS.items() if (side, holder) == (kind, "spi")}


TRADER_API: type[TraderApi] = type(
    "CThostFtdcTraderApi", (TraderApi,), {**_requests("td"), **_unbuilt("td", TraderApi)}
)
MD_API: type[MdApi] = type("CThostFtdcMdApi", (MdApi,), {**_requests("md"), **_unbuilt("md", MdApi)})
TRADER_SPI = type("CThostFtdcTraderSpi", (Spi,), _spi("td"))
MD_SPI = type("CThostFtdcMdSpi", (Spi,), _spi("md"))
__all__ = ["MD_API", "MD_SPI", "STRUCTS", "TRADER_API", "TRADER_SPI", "Surroundings"]
