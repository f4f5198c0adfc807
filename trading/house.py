"""The gateways of every open simulated account in one process, a thread each; ``supervisor`` has those at brokers."""

import threading

import structlog
from django.db import Error as DatabaseError
from django.db import close_old_connections

from quantsite.common.errors import ConflictError
from quantsite.web.database import room_for
from trading.account_models import TradingAccount
from trading.choices import AccountKind
from trading.runner import AccountGateway

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
OF_THE_HOUSE, OF_AN_ACCOUNT = 4, 2
"""Connections to the database: an account's loop has one, and so has the thread that renews its lease."""
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0


class GatewayHouse:
    """Starts a gateway for each open simulated account as it appears, and anew with a growing pause where one fails."""

    def __init__(self) -> None:
        self._threads: dict[str, threading.Thread] = {}

    def run(self, stop: threading.Event) -> None:
        """Until ``stop``; then every gateway has ended in good order."""
        try:
            while not stop.is_set():
                self._look(stop)
                stop.wait(LOOK_SECONDS)
        finally:
            for thread in self._threads.values():
                thread.join()

    def _look(self, stop: threading.Event) -> None:
        codes = open_accounts(AccountKind.SIMULATED)
        if codes is None:
            return
        room_for(OF_THE_HOUSE + OF_AN_ACCOUNT * len({*codes, *self._threads}))
        for code in codes:
            if code not in self._threads:
                thread = threading.Thread(target=_keep_running, args=(code, stop), name=f"gateway {code}", daemon=True)
                self._threads[code] = thread
                thread.start()


def open_accounts(kind: AccountKind) -> set[str] | None:
    """The codes of the open accounts of a kind; None where the rows cannot be read now."""
    try:
        return set(TradingAccount.objects.filter(is_active=True, kind=kind).values_list("code", flat=True))
    except DatabaseError as error:
        log.warning("accounts unknown", reason=" ".join(str(error).split()))
        return None
    finally:
        close_old_connections()


def _keep_running(code: str, stop: threading.Event) -> None:
    pause = FIRST_PAUSE_SECONDS
    while not stop.is_set():
        try:
            AccountGateway(code).run(stop)
        except ConflictError as error:
            log.warning("gateway runs elsewhere", account=code, reason=error.text)
            stop.wait(pause)
        except Exception:  # the house outlives whatever one account meets
            log.exception("gateway failed", account=code, again_after_s=pause)
            stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        finally:
            close_old_connections()
