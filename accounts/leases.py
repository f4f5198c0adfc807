"""Leases: the right to do what only one process may do, for some seconds at a time, by the database's clock.

A lease is a row. Taking it raises its ``epoch``, so that what an earlier holder still writes can be told from what
the present one does. Whoever holds one renews it each second (:class:`LeaseKeeper`) and stops before it ends.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Greatest, Now
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Lease
from quantsite.common.errors import ConflictError
from quantsite.web.patient import answers_within

log = structlog.get_logger(__name__)

SECONDS = 10.0
"""How long a lease lasts unless renewed: what a restart after a kill waits at most."""

RENEW_SECONDS = 1.0
MARGIN_SECONDS = 2.0
"""A holder that cannot renew stops this long before the end: clocks drift, and a write may be under way."""

ANSWER_SECONDS = 4.0
"""So long a renewal waits for a database that says nothing: there is time for another one on a new connection."""

WATCH_SECONDS = 0.2


class LeaseLostError(ConflictError):
    """Somebody else holds the lease now: whoever gets this stops at once."""


@dataclass(frozen=True)
class Held:
    """A lease in our hands; ``epoch`` stands in everything that its holder writes."""

    name: str
    holder: str
    epoch: int
    seconds: float = SECONDS

    def renew(self) -> None:
        """Have it for ``seconds`` more from now on. Raises :class:`LeaseLostError` where it is not ours any more."""
        ours = Lease.objects.filter(name=self.name, epoch=self.epoch, expires_at__isnull=False)
        if not ours.update(expires_at=_ends(self.seconds)):
            text = _("The lease %(name)s was taken over by another process.") % {"name": self.name}
            raise LeaseLostError("lease_lost", text)

    def release(self) -> bool:
        """Give it back, so that the next one need not wait; False where it was not ours any more."""
        ours = Lease.objects.filter(name=self.name, epoch=self.epoch)
        return bool(ours.update(expires_at=None, holder=""))


def holder_name() -> str:
    """This process, as people find it: host and process number."""
    return f"{socket.gethostname()}:{os.getpid()}"


def take(name: str, holder: str, seconds: float = SECONDS, *, above: int = 0) -> Held:
    """The lease, ours for ``seconds``; its epoch is higher than every earlier one and than ``above``.

    Raises ``ConflictError`` ``lease_taken``, which says who holds it and until when.
    """
    Lease.objects.get_or_create(name=name)
    free = Lease.objects.filter(name=name).filter(Q(expires_at=None) | Q(expires_at__lte=Now()))
    with transaction.atomic():
        # The row stays locked until the commit: the epoch that we read is the one that we made.
        if free.update(holder=holder, epoch=Greatest(F("epoch"), above) + 1, expires_at=_ends(seconds), taken_at=Now()):
            return Held(name, holder, Lease.objects.values_list("epoch", flat=True).get(name=name), seconds)
        raise _taken(Lease.objects.get(name=name))


def take_over(
    name: str,
    holder: str,
    seconds: float = SECONDS,
    *,
    above: int = 0,
    stop: threading.Event | None = None,
) -> Held:
    """As :func:`take`, but waits for the end of a lease whose holder renews it no more: it was killed.

    Raises ``ConflictError`` ``lease_taken`` as soon as the other one has renewed it, or ``stop`` is set.
    """
    seen: tuple[int, datetime] | None = None
    while True:
        try:
            return take(name, holder, seconds, above=above)
        except ConflictError:
            row = Lease.objects.get(name=name)
            now = None if row.expires_at is None else (row.epoch, row.expires_at)
            # Another one's who came in between is waited for anew: a short deed takes it and gives it back.
            renewed = seen is not None and now is not None and now[0] == seen[0] and now[1] > seen[1]
            if renewed or (stop is not None and stop.is_set()):
                raise
            seen = now
            time.sleep(WATCH_SECONDS)


def _ends(seconds: float) -> object:
    return Now() + timedelta(seconds=seconds)


def _taken(row: Lease) -> ConflictError:
    until = timezone.localtime(row.expires_at).strftime("%H:%M:%S") if row.expires_at else "-"
    text = _("The lease %(name)s is held by %(holder)s until %(until)s.")
    return ConflictError("lease_taken", text % {"name": row.name, "holder": row.holder, "until": until})


class LeaseKeeper:
    """Renews a lease each second in a thread of its own, and calls ``on_lost`` once when it must be given up.

    That is when somebody else has it, or when no renewal has succeeded until :data:`MARGIN_SECONDS` before its
    end. A second thread watches the time, for a database that does not answer holds the first one up.
    """

    def __init__(self, held: Held, on_lost: Callable[[str], None]) -> None:
        self.held = held
        self.lost = ""
        self._on_lost = on_lost
        self._margin = min(MARGIN_SECONDS, held.seconds / 4)
        self._until = time.monotonic() + held.seconds - self._margin
        self._done = threading.Event()
        self._once = threading.Lock()
        self._threads = [
            threading.Thread(target=work, name=f"lease {held.name}", daemon=True) for work in (self._renew, self._watch)
        ]

    @property
    def valid(self) -> bool:
        """Whether the lease is ours for certain, by our own clock."""
        return not self.lost and time.monotonic() < self._until

    def start(self) -> "LeaseKeeper":
        """Begin to renew; gives itself."""
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """Renew no more; the lease itself is left to ``release`` or to its end."""
        self._done.set()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(self.held.seconds)

    def _renew(self) -> None:
        try:
            with answers_within(min(ANSWER_SECONDS, self.held.seconds / 2)):
                while not self._done.wait(min(RENEW_SECONDS, self.held.seconds / 4)):
                    self._try()
        finally:
            connection.close()

    def _try(self) -> None:
        began = time.monotonic()
        try:
            self.held.renew()
        except LeaseLostError as error:
            self._give_up(str(error))
        except DatabaseError as error:
            log.warning("lease not renewed", lease=self.held.name, reason=" ".join(str(error).split()))
            connection.close()  # a broken connection heals by a new one
        else:
            # Counted from before the question: the row's end is that late at least.
            self._until = began + self.held.seconds - self._margin

    def _watch(self) -> None:
        while not self._done.wait(min(WATCH_SECONDS, self.held.seconds / 10)):
            if time.monotonic() >= self._until:
                self._give_up(f"The lease {self.held.name} could not be renewed in time.")

    def _give_up(self, reason: str) -> None:
        with self._once:
            if self.lost or self._done.is_set():
                return
            self.lost = reason
        log.error("lease lost", lease=self.held.name, epoch=self.held.epoch, reason=reason)
        self._done.set()
        self._on_lost(reason)
