"""The process (or thread) of one account: takes the lease, turns the account's loop, and begins anew after trouble."""

import threading
from collections.abc import Sequence
from contextlib import suppress

import structlog
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connection

from accounts.leases import LeaseKeeper, LeaseLostError, holder_name, take_over
from marketdata.heartbeat import beat, still
from marketdata.stream import UnreachableError
from quantsite.common.errors import ConflictError
from trading.account_models import AccountState, TradingAccount
from trading.apply import epoch_of, lease_of
from trading.runner import AccountLoop

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.2
"""So often a gateway looks whether it is to end."""
AGAIN_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
"""Between attempts of a gateway that fails again and again for a reason of its own."""

AWAY = (OperationalError, InterfaceError)


class AccountGateway:
    """Runs one account until told to stop; after a database that was away it begins anew from the rows."""

    def __init__(self, code: str) -> None:
        self.code = code
        self._spoilt: set[int] = set()
        self._one_by_one = False

    def run(self, stop: threading.Event) -> None:
        """Hold the account until ``stop``. Raises ``ConflictError`` ``lease_taken`` where another gateway has it."""
        account = TradingAccount.objects.select_related("desk", "control_group").get(code=self.code)
        pause = AGAIN_SECONDS
        try:
            while not stop.is_set():
                try:
                    self._hold(account, stop)
                except (*AWAY, UnreachableError) as error:
                    reason = " ".join(str(error).split())
                    log.warning("gateway begins anew", account=self.code, reason=reason)
                    connection.close()
                    stop.wait(AGAIN_SECONDS)
                except LeaseLostError as error:
                    log.error("gateway lost its account", account=self.code, reason=str(error))
                    stop.wait(AGAIN_SECONDS)
                except ConflictError:
                    raise
                except Exception:  # no command and no tick may stop an account for good
                    log.exception("gateway failed", account=self.code, again_after_s=pause)
                    connection.close()
                    stop.wait(pause)
                    pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        finally:
            connection.close()
            still(f"gateway-{self.code}")

    def _hold(self, account: TradingAccount, stop: threading.Event) -> None:
        lost = threading.Event()
        held = take_over(lease_of(account), holder_name(), above=epoch_of(account), stop=stop)
        keeper = LeaseKeeper(held, lambda _reason: lost.set()).start()
        log.info("gateway begins", account=self.code, epoch=held.epoch)
        try:
            with AccountLoop(account, held.epoch, keeper, self._spoilt, one_by_one=self._one_by_one) as loop:
                try:
                    while not stop.is_set() and not lost.is_set():
                        beat(f"gateway-{self.code}")
                        loop.turn(LOOK_SECONDS)
                except (*AWAY, UnreachableError, LeaseLostError):
                    raise
                except Exception:
                    self._suspect(loop.suspects)
                    raise
        finally:
            keeper.stop()
            with suppress(DatabaseError):  # else it ends by itself, some seconds later
                AccountState.objects.filter(account=account, epoch=held.epoch).update(gateway="stopped")
                held.release()
        log.info("gateway ends", account=self.code, epoch=held.epoch)

    def _suspect(self, commands: Sequence[int]) -> None:
        """One of these commands cannot be carried out: it is refused next time, once it is known which."""
        self._one_by_one = len(commands) > 1
        if len(commands) == 1:
            self._spoilt.update(commands)
