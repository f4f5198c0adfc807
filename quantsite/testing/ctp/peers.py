"""Peers on the loopback for the vendor's own library: one that says nothing, one that hangs up, one that talks rubbish.

``with peer("silent") as other:`` gives one with an ``address``; ``vacant()`` an address where nobody listens.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

Manner = Literal["silent", "closing", "rubbish"]
RUBBISH = bytes(range(256)) * 4


class Peer:
    """Takes connections, counts them, and treats each in its manner."""

    def __init__(self, manner: Manner) -> None:
        self.manner, self.taken = manner, 0
        self._door = socket.create_server(("127.0.0.1", 0))
        self._kept: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self._door.getsockname()[1]}"

    def _serve(self) -> None:
        with suppress(OSError):  # the door was closed: the test is over
            while True:
                to, _ = self._door.accept()
                self.taken += 1
                self._treat(to)

    def _treat(self, to: socket.socket) -> None:
        if self.manner == "silent":
            self._kept.append(to)
            return
        with to, suppress(OSError):  # the other side may be gone already
            if self.manner == "rubbish":
                to.sendall(RUBBISH)
                to.recv(1)

    def close(self) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        for kept in self._kept:
            kept.close()


@contextmanager
def peer(manner: Manner) -> Iterator[Peer]:
    """A peer until the end of the block."""
    made = Peer(manner)
    try:
        yield made
    finally:
        made.close()


def vacant() -> str:
    """An address of the loopback where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        return f"tcp://127.0.0.1:{door.getsockname()[1]}"
