"""The front for real processes: it stays in the test, and the drop-in in the other process talks to it over a socket.

In the test: ``with served(front, tmp_path) as environment:`` and start the process with those variables added
to its environment (PYTHONPATH names the drop-in, QUANTSITE_CTP_FAKE the socket). So the truth outlives a
gateway that is killed, and the test says what happens next by calling the front.
"""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from quantsite.testing.ctp.apis import FrontSide, Line, Values

DROPIN = Path(__file__).parent / "dropin"


class Remote:
    """The front as a drop-in in another process sees it: one connection for each API."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lines: dict[int, _Connection] = {}

    def attach(self, line: Line) -> None:
        self._lines[id(line)] = _Connection(self._path, line)

    def detach(self, line: Line) -> None:
        known = self._lines.pop(id(line), None)
        if known is not None:
            known.close()

    def request(self, line: Line, method: str, fields: Any, request: int) -> int:
        return int(self._lines[id(line)].ask(["request", method, fields, request]))

    def info(self, line: Line) -> dict[str, Any]:
        return dict(self._lines[id(line)].ask(["info"]))


class _Connection:
    """Asks one thing at a time and hands what the front says to the API."""

    def __init__(self, path: str, line: Line) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._line = line
        self._answers: SimpleQueue[Any] = SimpleQueue()
        self._asking = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()
        self.ask(["attach", line.kind, line.fronts, line.topics])

    def ask(self, said: list[Any]) -> Any:
        with self._asking:
            self._socket.sendall(_line(said))
            return self._answers.get(timeout=30)

    def _listen(self) -> None:
        with self._socket.makefile("rb") as lines:
            for text in lines:
                kind, *rest = json.loads(text)
                if kind == "answer":
                    self._answers.put(rest[0])
                else:
                    self._line.deliver(rest[0], rest[1])
        self._answers.put(0)  # the test is over: nobody answers any more

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def _line(said: Any) -> bytes:
    return json.dumps(said).encode() + b"\n"


def remote_front(path: str) -> Callable[[], FrontSide]:
    """What the drop-in asks for its front: one for the process."""
    made = Remote(path)
    return lambda: made


class _Served:
    """An API of another process, as a line of the front."""

    def __init__(self, to: socket.socket, kind: str, fronts: list[str], topics: dict[str, int]) -> None:
        self.kind, self.fronts, self.topics = kind, fronts, topics
        self._to, self._writing = to, threading.Lock()

    def deliver(self, callback: str, values: Values) -> None:
        self.write(["say", callback, list(values)])

    def write(self, said: list[Any]) -> None:
        with self._writing:
            try:
                self._to.sendall(_line(said))
            except OSError:  # the process is gone: its reader ends and detaches it
                return


def _serve(front: FrontSide, to: socket.socket) -> None:
    line: _Served | None = None
    with to, to.makefile("rb") as lines:
        for text in lines:
            kind, *rest = json.loads(text)
            if kind == "attach":
                line = _Served(to, *rest)
                front.attach(line)
                answer: Any = 0
            elif line is not None:
                answer = front.request(line, *rest) if kind == "request" else front.info(line)
            if line is not None:
                line.write(["answer", answer])
    if line is not None:
        front.detach(line)


def _accept(front: FrontSide, door: socket.socket) -> None:
    while True:
        try:
            to, _ = door.accept()
        except OSError:  # the door was closed: the test is over
            return
        threading.Thread(target=_serve, args=(front, to), daemon=True).start()


@contextmanager
def served(front: FrontSide, folder: Path) -> Iterator[dict[str, str]]:
    """Serve the front on a socket in ``folder``; gives what to add to the environment of a process."""
    path = folder / "front.sock"
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen()
        threading.Thread(target=_accept, args=(front, door), daemon=True).start()
        others = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
        paths = [str(DROPIN), str(DROPIN.parents[3]), *others]
        try:
            yield {"PYTHONPATH": os.pathsep.join(paths), "QUANTSITE_CTP_FAKE": str(path)}
        finally:
            door.shutdown(socket.SHUT_RDWR)
            path.unlink()
