"""Messages of ``/ws/trading/``, each encoded once for all that get it."""

from collections.abc import Sequence
from typing import Any

import orjson

from quantsite.common.times import iso_utc
from quantsite.web.direct import TEXT, frame
from quantsite.web.renderers import dumps
from trading.hub.rows import EventRow

ACCOUNTS = "accounts"
"""The channel of every account that one may see."""
ACCOUNT = "account:"
RISK = "risk"
"""The channel of the risk of every account that one may see."""


class Message:
    """One message; its WebSocket frame is made when the first connection asks for it, and kept."""

    __slots__ = ("_frame", "seq", "text")

    def __init__(self, text: bytes, seq: int = 0) -> None:
        self.text = text
        self.seq = seq
        self._frame: bytes | None = None

    @property
    def frame(self) -> bytes:
        """The whole frame."""
        if self._frame is None:
            self._frame = frame(TEXT, self.text)
        return self._frame


class Bundle:
    """Messages that leave together: one write for a connection that takes frames."""

    __slots__ = ("_frames", "messages")

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = messages
        self._frames: bytes | None = None

    @property
    def frames(self) -> bytes:
        """All of their frames, one after the other."""
        if self._frames is None:
            self._frames = b"".join([message.frame for message in self.messages])
        return self._frames


def update(code: str, event: EventRow) -> Message:
    """An event as the socket tells it: its kind and market time, and what changed, as it is stored."""
    moment = None if event.market_time is None else iso_utc(event.market_time)
    data = orjson.dumps({"kind": event.kind, "market_time": moment})
    changed = event.body.strip().encode()
    if changed != b"{}":
        data = data[:-1] + b"," + changed[1:]
    head = b'{"type":"update","channel":"%b%b","seq":%d,"data":' % (ACCOUNT.encode(), code.encode(), event.seq)
    return Message(head + data + b"}", event.seq)


def snapshot(code: str, seq: int, data: Any) -> Message:
    """An account as it stood after event ``seq``."""
    return Message(_body("snapshot", ACCOUNT + code, seq, data), seq)


def listing(kind: str, codes: Sequence[str]) -> Message:
    """Which accounts one may see: a ``snapshot`` at first, an ``update`` when they are others."""
    return Message(_body(kind, ACCOUNTS, None, {"accounts": codes}))


def risk_update(body: bytes) -> Message:
    """The risk of one account; ``body`` is its JSON."""
    return Message(b'{"type":"update","channel":"%b","seq":null,"data":%b}' % (RISK.encode(), body))


def risk_snapshot(bodies: Sequence[bytes]) -> Message:
    """The risk of every account that one may see."""
    data = b'{"accounts":[%b]}' % b",".join(bodies)
    return Message(b'{"type":"snapshot","channel":"%b","seq":null,"data":%b}' % (RISK.encode(), data))


def risk_gone(code: str) -> Message:
    """One may see the risk of this account no longer."""
    return Message(_body("update", RISK, None, {"account": code, "gone": True}))


def refusal(channel: str, code: str, detail: str) -> Message:
    """There is no such channel for the listener, or no longer."""
    return Message(_body("error", channel, None, {"code": code, "detail": detail, "fields": {}}))


def _body(kind: str, channel: str, seq: int | None, data: Any) -> bytes:
    return dumps({"type": kind, "channel": channel, "seq": seq, "data": data})
