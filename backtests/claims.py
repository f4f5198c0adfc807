"""A worker's claim on a run: taken, renewed and given up by guarded updates of the row, on the database's clock.

Whoever finds that a guarded update changed no row has lost the run: somebody else holds it or it was ended.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import structlog
from django.db import DatabaseError, connection, models, transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from backtests.models import LEASE, BacktestRun, RunQuerySet, RunStatus

log = structlog.get_logger(__name__)


class LeaseLostError(Exception):
    """The claim is no longer ours; whatever was computed must not be written."""


class CancelledError(Exception):
    """Somebody asked for the run to be cancelled."""


def worker_name() -> str:
    """A name for one claimant that no other process can have, readable in a log."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"


KEEP_SECONDS = 10.0
"""How often a claim is renewed during a step that reports no progress: two renewals may fail."""


class Leased:
    """A claim on some row, valid while :meth:`row` finds it."""

    __slots__ = ()

    def row(self) -> models.QuerySet[Any]:
        """The row while the claim holds, else nothing: every write of a worker goes through here."""
        raise NotImplementedError

    def extend(self, **columns: Any) -> bool:
        """A new lease, with other columns; False where the claim is lost."""
        return bool(self.row().update(lease_until=Now() + LEASE, **columns))

    @contextmanager
    def kept(self, every: float = KEEP_SECONDS) -> Iterator[None]:
        """Renew the lease in a thread while one long step runs that cannot report (reading millions of bars)."""
        done = Event()
        thread = Thread(target=self._keep, args=(done, every), name=f"lease of {self}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _keep(self, done: Event, every: float) -> None:
        try:
            while not done.wait(every):
                self.extend()
        except DatabaseError:  # the step itself will meet it too; until then the lease holds
            log.warning("lease could not be renewed", claim=str(self), exc_info=True)
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class Claim(Leased):
    """The right to write to one run: valid while the row still carries this worker and this attempt."""

    run_id: int
    worker: str
    attempt: int

    def row(self) -> RunQuerySet:
        """The run while the claim holds, else nothing."""
        return BacktestRun.objects.all().held_by(self.run_id, self.worker, self.attempt)

    def renew(self, progress: float) -> None:
        """Write the progress (0 to 1) and a new lease. Raises ``LeaseLostError`` or ``CancelledError``."""
        cancelled = self.row().values_list("cancel_requested", flat=True).first()
        if cancelled:
            raise CancelledError
        if cancelled is None or not self.extend(progress=progress):
            raise LeaseLostError(f"backtest run {self.run_id} is no longer held by {self.worker}")


def claim(run_id: int, worker: str) -> Claim | None:
    """Take a queued run, or one left by a silent worker. ``None`` where it is not to be had."""
    with transaction.atomic():
        taken = (
            BacktestRun.objects.all()
            .claimable()
            .filter(pk=run_id)
            .update(
                status=RunStatus.RUNNING,
                claimed_by=worker,
                lease_until=Now() + LEASE,
                attempt=F("attempt") + 1,
                progress=0.0,
                woken_at=None,  # the message did its work: if this worker dies, the next one is due at once
                started_at=Coalesce("started_at", Now()),
            )
        )
        if not taken:
            return None
        attempt = BacktestRun.objects.values_list("attempt", flat=True).get(pk=run_id)
    return Claim(run_id, worker, attempt)
