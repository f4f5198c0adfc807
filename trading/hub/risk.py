"""The channel ``risk``: the picture of each account's risk that one may see, and then whatever changes.

The rows of ``AccountRisk`` are read once a second for all who listen. Who may see what is asked after they are read and
before they are handed on, as for events: what changes after a right was taken away reaches nobody. A picture replaces
the one before, so a slow reader gets the newest one when there is room, and misses none that counts.
"""

import time
from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping, Set
from datetime import datetime
from functools import partial
from typing import NamedTuple

from trading.hub import rows
from trading.hub.figures import FIGURES
from trading.hub.listener import Listener
from trading.hub.messages import Message, risk_gone, risk_snapshot, risk_update
from trading.hub.worker import Worker
from trading.risk_models import AccountRisk

LOOK_SECONDS = 1.0

Sights = Mapping[int, Set[int]]
"""By person, the numbers of the accounts that they see; ``rows.EVERY`` among them stands for all."""


class Picture(NamedTuple):
    """One account's figures as they are stored; ``message`` tells them as an update."""

    code: str
    at: datetime
    body: bytes
    message: Message


Pictures = Mapping[int, Picture]


class RiskReader(Worker):
    """Reads pictures and rights once a second, and hands both to ``on_pictures``."""

    def __init__(self, loop: AbstractEventLoop, on_pictures: Callable[[Pictures, Sights], None]) -> None:
        super().__init__("trading-risk", loop)
        self._on_pictures = on_pictures
        self._pictures: dict[int, Picture] = {}
        self._users: frozenset[int] = frozenset()
        self._question: rows.Question | None = None
        self._look_at = 0.0

    def follow(self, users: frozenset[int]) -> None:
        """These people listen; it is looked at once."""
        self.call(partial(self._follow, users))

    def patience(self) -> float:
        """Until the next look."""
        return max(0.0, self._look_at - time.monotonic())

    def work(self) -> None:
        """Look, where it is time."""
        if time.monotonic() < self._look_at or not self._users:
            return
        self._look_at = time.monotonic() + LOOK_SECONDS
        self._read()
        if self._question is None or self._question.users != self._users:
            self._question = rows.make_question(self._users)
        self.tell(self._on_pictures, dict(self._pictures), rows.sights(self._question))

    def _follow(self, users: frozenset[int]) -> None:
        self._users = users
        self._look_at = 0.0

    def _read(self) -> None:
        """Read those that have changed."""
        stamps = dict(AccountRisk.objects.values_list("pk", "updated_at"))
        old = [
            number for number, at in stamps.items() if number not in self._pictures or self._pictures[number].at != at
        ]
        self._pictures = {number: picture for number, picture in self._pictures.items() if number in stamps}
        for number, code, at, body in rows.risk_rows(old):
            self._pictures[number] = Picture(code, at, body, risk_update(body))


class RiskChannel:
    """Who listens to ``risk``, and what each has been told. All but the reader runs on the hub's event loop."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._told: dict[Listener, dict[int, datetime] | None] = {}
        self._codes: dict[int, str] = {}
        self._reader: RiskReader | None = None
        self._ending: RiskReader | None = None

    def join(self, listener: Listener) -> None:
        """Send everything that there is, and then what changes; joining again begins anew."""
        self._told[listener] = None
        if self._reader is None:
            self._reader = RiskReader(self._loop, self._on_pictures)
            self._reader.start()
        self._follow()

    def leave(self, listener: Listener) -> None:
        """Tell this one no more; with the last one the reader ends."""
        if listener not in self._told:
            return
        del self._told[listener]
        if self._told:
            self._follow()
        elif self._reader is not None:
            self._reader.stop()
            self._ending, self._reader = self._reader, None

    def rests(self, seconds: float) -> bool:
        """Wait for the reader to end, off the loop; whether it has. Nobody may listen."""
        return self._ending is None or self._ending.join(seconds)

    def _follow(self) -> None:
        if self._reader is not None:
            self._reader.follow(frozenset(listener.user_id for listener in self._told))

    def _on_pictures(self, pictures: Pictures, sights: Sights) -> None:
        self._codes |= {number: picture.code for number, picture in pictures.items()}
        for listener, told in list(self._told.items()):
            seen = sights.get(listener.user_id)
            if seen is None or not listener.clear:
                continue  # he came after the question was put, or is still at what he has: at the next look
            shown = {number: each for number, each in pictures.items() if number in seen or rows.EVERY in seen}
            if told is None:
                listener.send(risk_snapshot([each.body for each in shown.values()]), bounded=False)
                FIGURES.risks += len(shown)
            else:
                self._tell(listener, told, shown)
            if listener in self._told:
                self._told[listener] = {number: each.at for number, each in shown.items()}

    def _tell(self, listener: Listener, told: Mapping[int, datetime], shown: Pictures) -> None:
        for number in told.keys() - shown.keys():
            listener.send(risk_gone(self._codes[number]))
        for number, picture in shown.items():
            if told.get(number) != picture.at:
                listener.send(picture.message)
                FIGURES.risks += 1
