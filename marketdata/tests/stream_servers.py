"""A Redis that tests may kill and start again, and a wire that loses answers."""

import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import redis

from quantsite.testing.binaries import redis_program
from quantsite.web.ports import free_port

SECONDS = 60.0


class RestartableRedis:
    """One server on one port; with ``keeps`` it writes each command to its file before it answers."""

    def __init__(self, folder: Path, *, keeps: bool) -> None:
        self.folder = folder
        self.keeps = keeps
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run it until it answers."""
        keeping = ["--appendonly", "yes", "--appendfsync", "always"] if self.keeps else ["--appendonly", "no"]
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder), *keeping]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen([redis_program("any"), *arguments], stdout=log, stderr=log)
        wait_until(self._answers, "Redis answers")

    def kill(self) -> None:
        """SIGKILL: it has no time to tidy up."""
        if self._server:
            self._server.kill()
            self._server.wait()
            self._server = None

    def restart(self, pause: float = 0.3) -> None:
        """Kill it, stay away for ``pause`` seconds, start it again."""
        self.kill()
        time.sleep(pause)
        self.start()

    def _answers(self) -> bool:
        with redis.Redis(port=self.port, socket_connect_timeout=1, socket_timeout=1) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False


class Wire:
    """Passes bytes on to a server; while ``lose_answers`` is set, what the server says is dropped and the line cut."""

    def __init__(self, port: int) -> None:
        self.lose_answers = False
        self.cut = 0
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _address = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._carry, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._carry, args=(far, near, True), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                if answers and self.lose_answers:
                    self.cut += 1
                    self.lose_answers = False
                    break
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            with suppress(OSError):  # the other direction has done it
                end.shutdown(socket.SHUT_RDWR)


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Ask until it is so."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {SECONDS:.0f} s: {what}")
        time.sleep(0.005)
