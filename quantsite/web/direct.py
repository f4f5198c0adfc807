"""Sockets that take complete frames: what many clients get is framed once and written to each connection as it stands.

A server that speaks :class:`DirectProtocol` puts a :class:`DirectWriter` into ``scope["extensions"]``. The library
below writes every frame of its own whole and at once, on the same event loop, so that ours never lands inside one;
and it is asked before each write whether the connection is open still, so that none follows a close frame.
"""

import socket
from asyncio.transports import BaseTransport
from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from quantsite.web.admission import admission

EXTENSION = "quantsite.direct"

HIGH_WATER = 64 * 1024
LOW_WATER = 16 * 1024
"""Bytes waiting here for one connection: above the first it counts as slow, below the second as caught up."""
SEND_BUFFER = 64 * 1024
"""Asked of the kernel for one connection (Linux takes twice that). By itself it would grow to megabytes, and a slow
reader would go through all of it before it saw a new price."""
MOST_BEFORE_TURN = 16
"""Reads of a connection that are kept until its handshake's turn comes; more than one hardly ever happens."""
CLOSE_SECONDS = 5.0
"""How long a connection that was closed may take to drain before it is cut."""

TEXT = 0x81
BINARY = 0x82
_OPEN = State.OPEN


def frame(opcode: int, payload: bytes) -> bytes:
    """One whole, unmasked, uncompressed frame of a server (RFC 6455); ``opcode`` is ``TEXT`` or ``BINARY``."""
    size = len(payload)
    if size < 126:
        head = bytes((opcode, size))
    elif size < 65_536:
        head = bytes((opcode, 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((opcode, 127)) + size.to_bytes(8, "big")
    return head + payload


class Flow(Protocol):
    """Whoever wants to know when a connection gets slow, and when it has caught up."""

    def paused(self) -> None:
        """More than ``HIGH_WATER`` waits to be sent."""

    def resumed(self) -> None:
        """Less than ``LOW_WATER`` waits."""


class DirectWriter:
    """The way to one connection past the ASGI queue. All methods belong to the connection's event loop."""

    def __init__(self, protocol: "DirectProtocol") -> None:
        self._protocol = protocol
        self._transport = protocol.transport
        self._connection = protocol.conn
        self.flow: Flow | None = None

    def write(self, complete: bytes) -> None:
        """Send complete frames (:func:`frame`); nothing is sent once the connection is closing."""
        if self._connection.state is _OPEN and not self._transport.is_closing():
            self._transport.write(complete)

    @property
    def waiting(self) -> int:
        """Bytes that this process still holds for the connection."""
        return self._transport.get_write_buffer_size()

    def close(self, code: int, reason: str) -> None:
        """Send a close frame behind what is waiting; the connection is cut when that does not get through."""
        self._protocol.close_directly(code, reason)

    def admitted(self) -> None:
        """The application knows who this is: the next one may shake hands."""
        admission().leave(self._protocol)

    def abort(self) -> None:
        """Cut the connection and forget what is waiting."""
        self._transport.abort()


class DirectProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol, with small buffers and its writer in the scope."""

    def connection_made(self, transport: BaseTransport) -> None:
        """Bound what a slow reader may pile up, here and in the kernel."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(HIGH_WATER, LOW_WATER)
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self.direct = DirectWriter(self)
        self.closed_directly = False
        self._before_turn: list[bytes] | None = None

    def data_received(self, data: bytes) -> None:
        """The first bytes are the request for a socket: it is looked at when its turn comes."""
        if self.handshake_initiated:
            super().data_received(data)
        elif self._before_turn is None:
            self._before_turn = [data]
            admission().enter(self, self._shake_hands)
        elif len(self._before_turn) < MOST_BEFORE_TURN:
            self._before_turn.append(data)
        else:  # a client that shakes hands waits for the answer
            self.transport.abort()

    def _shake_hands(self) -> None:
        waited, self._before_turn = self._before_turn or [], []
        if self.transport.is_closing():
            admission().leave(self)
        else:
            super().data_received(b"".join(waited))

    async def run_asgi(self) -> None:
        """Hand the writer to the application with the scope."""
        cast(dict[str, Any], self.scope)["extensions"][EXTENSION] = self.direct
        try:
            await super().run_asgi()
        finally:
            admission().leave(self)

    def pause_writing(self) -> None:
        """The transport's word that too much is waiting."""
        super().pause_writing()
        if self.direct.flow is not None:
            self.direct.flow.paused()

    def resume_writing(self) -> None:
        """The transport's word that enough has left."""
        super().resume_writing()
        if self.direct.flow is not None:
            self.direct.flow.resumed()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is sent to a connection that is gone; the application hears of it in its turn."""
        self.direct.flow = None
        self.disconnected = True
        self.stop_keepalive()
        admission().leave(self)
        admission().end(partial(super().connection_lost, exc))

    def shutdown(self) -> None:
        """The server stops: close with 1012, unless the connection is gone and only waits to be tidied up."""
        if not self.disconnected:
            super().shutdown()

    def keepalive_timeout(self) -> None:
        """A peer that answers no ping takes no close frame either: uvicorn would wait for ever for it to drain."""
        super().keepalive_timeout()
        self.transport.abort()

    async def send(self, message: Any) -> None:
        """As uvicorn does; a closed connection that does not drain is cut, and takes nothing more."""
        if self.closed_directly:
            return
        await super().send(message)
        if message["type"] == "websocket.close":
            self._cut_later()

    def close_directly(self, code: int, reason: str) -> None:
        """Close without waiting for room in the buffer; the application hears of it as of any disconnect."""
        if self.conn.state is not _OPEN or self.transport.is_closing():
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = self.closed_directly = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self._cut_later()

    def _cut_later(self) -> None:
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)


def writer_of(scope: Mapping[str, Any]) -> DirectWriter | None:
    """The connection's writer; None under a server that has none."""
    found: DirectWriter | None = scope.get("extensions", {}).get(EXTENSION)
    return found
