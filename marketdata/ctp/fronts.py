"""Why no front answers: what a plain connection to each address finds. Asked beside the session, never in its way."""

import socket
import threading
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from quantsite.common.texts import say, sentences

SECONDS = 3.0


class Finding(NamedTuple):
    """What a connection to an address came to: whether somebody took it, and a sentence about it."""

    taken: bool
    text: str


def look_at(front: str) -> Finding:
    """What is found at a front's address."""
    try:
        parts = urlsplit(front)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port:
        return Finding(taken=False, text=say("%(front)s is no address: write tcp://host:port.", front=front))
    try:
        with socket.create_connection((host, port), SECONDS):
            text = say("%(front)s takes the connection and then says nothing: is it a CTP front?", front=front)
            return Finding(taken=True, text=text)
    except ConnectionRefusedError:
        return Finding(taken=False, text=say("Nothing listens at %(front)s.", front=front))
    except socket.gaierror:
        return Finding(taken=False, text=say("The host of %(front)s is unknown.", front=front))
    except OSError as error:
        return Finding(taken=False, text=say("%(front)s cannot be reached: %(reason)s.", front=front, reason=error))


class Probe:
    """Describes fronts in a thread of its own, one at a time."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._told = ""

    def start(self, fronts: Sequence[str]) -> None:
        """Ask anew, unless an earlier question is under way."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._ask, args=(tuple(fronts),), name="fronts", daemon=True)
            self._thread.start()

    def told(self) -> str:
        """What the last question found; empty before its end."""
        return self._told

    def _ask(self, fronts: tuple[str, ...]) -> None:
        self._told = sentences(*(look_at(front).text for front in fronts))
