"""The process (or thread) that runs strategies: takes their lease, turns their loop, and begins anew after trouble."""

import threading
from contextlib import suppress

import structlog
from django.db import Error as DatabaseError
from django.db import connection
from django.utils.translation import override

from accounts.leases import Held, LeaseKeeper, LeaseLostError, holder_name, take_over
from marketdata.heartbeat import still
from quantsite.common.errors import ConflictError
from quantsite.web.database import DATABASE_AWAY
from quantsite.web.patient import answers_within
from strategies.instance_models import LEASE
from strategies.metrics import RESTARTS
from strategies.running.loop import StrategyLoop

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
ANSWER_SECONDS = 4.0
"""A database that says nothing for so long is away."""


class StrategyRunner:
    """Runs the strategies until told to stop; after trouble it begins anew from the rows."""

    def __init__(self, *, own_process: bool = False) -> None:
        self._own_process = own_process

    def run(self, stop: threading.Event) -> None:
        """Hold the lease until ``stop``. Raises ``ConflictError`` ``lease_taken`` where another runner has it."""
        pause = AGAIN_SECONDS
        try:
            while not stop.is_set():
                try:
                    self._hold(stop)
                except DATABASE_AWAY as error:
                    log.warning("strategies begin anew", reason=" ".join(str(error).split()))
                    RESTARTS.inc()
                    connection.close()
                    stop.wait(AGAIN_SECONDS)
                except LeaseLostError as error:
                    log.error("runner lost its strategies", reason=str(error))
                    RESTARTS.inc()
                    stop.wait(AGAIN_SECONDS)
                except ConflictError:
                    raise
                except Exception:  # no tick and no row may stop all strategies for good
                    log.exception("strategies failed", again_after_s=pause)
                    RESTARTS.inc()
                    connection.close()
                    stop.wait(pause)
                    pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        finally:
            connection.close()
            still("strategies")

    def _hold(self, stop: threading.Event) -> None:
        lost = threading.Event()
        held = take_over(LEASE, holder_name(), stop=stop)
        keeper = LeaseKeeper(held, lambda _reason: lost.set()).start()
        log.info("strategies begin", epoch=held.epoch)
        try:
            loop = StrategyLoop(held.epoch, keeper, own_process=self._own_process)
            with answers_within(ANSWER_SECONDS), override("en"), loop:
                loop.run(stop, lost)
        finally:
            keeper.stop()
            _give_back(held)
        log.info("strategies end", epoch=held.epoch)


def _give_back(held: Held) -> None:
    with suppress(DatabaseError):  # else it ends by itself, some seconds later
        held.release()
