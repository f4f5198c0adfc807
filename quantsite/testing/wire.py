"""A wire between processes and their database that a test cuts, or has swallow what is said, and mends again."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings

BYTES = 1 << 16


class Wire:
    """Passes bytes on between those who connect to its ``port`` and a server."""

    def __init__(self, server: str | tuple[str, int]) -> None:
        self._server = server
        self._flows = threading.Event()
        self._flows.set()
        self._cut = False
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Every connection breaks, and new ones do at once."""
        self._cut = True
        self._break_all()

    def swallow(self) -> None:
        """Connections stay open, and new ones are taken, but nothing gets through."""
        self._flows.clear()

    def mend(self) -> None:
        """New connections work; what was said into a wire that swallowed it is lost with its connection."""
        self._break_all()
        self._cut = False
        self._flows.set()

    def close(self) -> None:
        """End it."""
        self._listener.close()
        self.cut()
        self._flows.set()

    def _break_all(self) -> None:
        with self._lock:
            for end in self._ends:
                with suppress(OSError):  # the other side has gone
                    end.shutdown(socket.SHUT_RDWR)
            self._ends.clear()

    def _accept(self) -> None:
        while True:
            try:
                near, _address = self._listener.accept()
                if self._cut:
                    near.close()
                    continue
                far = self._connect()
            except OSError:
                return
            with self._lock:
                self._ends |= {near, far}
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _connect(self) -> socket.socket:
        if not isinstance(self._server, str):
            return socket.create_connection(self._server)
        far = socket.socket(socket.AF_UNIX)
        far.connect(self._server)
        return far

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(BYTES):
                self._flows.wait()
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):  # the other direction has done it
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def database_wire() -> Iterator[tuple[Wire, str]]:
    """A wire to the server of the test's database, and the ``DATABASE_URL`` of whoever is to go by it."""
    of: dict[str, Any] = settings.DATABASES["default"]
    port = int(of["PORT"] or 5432)
    folder = of["HOST"].startswith("/")
    wire = Wire(str(Path(of["HOST"]) / f".s.PGSQL.{port}") if folder else (of["HOST"] or "127.0.0.1", port))
    user = ":".join(quote(word, safe="") for word in (of["USER"], of["PASSWORD"]) if word)
    try:
        yield wire, f"postgres://{user}@127.0.0.1:{wire.port}/{of['NAME']}"
    finally:
        wire.close()
