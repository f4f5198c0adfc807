"""The process (or thread) of one account: takes the lease, turns the account's loop, and begins anew after trouble."""

import threading
from collections.abc import Sequence
from contextlib import suppress

import structlog
from django.db import Error as DatabaseError
from django.db import connection, transaction

from accounts.leases import Held, LeaseKeeper, LeaseLostError, holder_name, take_over
from marketdata.ctp.session import TraderSession
from marketdata.domain.ctp.exits import StartError
from marketdata.heartbeat import beat, still
from quantsite.common.errors import ConflictError
from quantsite.web.database import DATABASE_AWAY
from quantsite.web.patient import answers_within
from trading.account_models import TradingAccount
from trading.choices import AccountKind
from trading.gateways.ctp.opening import OpenSession
from trading.ledger.apply import epoch_of, lease_of
from trading.ledger.gateway_events import Why, tell_began, tell_ended
from trading.loop.account_loop import AccountLoop
from trading.metrics import DATABASE_LOST, FAILURES

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.2
"""So often a gateway looks whether it is to end."""
AGAIN_SECONDS = 1.0
ANSWER_SECONDS = 4.0
"""A database that says nothing for so long is away. Whatever moment it falls silent at: it was heard of a second before
at most, when the lease was renewed, and is asked for something within the next second. So two seconds of the lease are
left by its holder's own reckoning, in which what rests can be withdrawn."""
LONGEST_PAUSE_SECONDS = 30.0
"""Between attempts of a gateway that fails again and again for a reason of its own."""


class AccountGateway:
    """Runs one account until told to stop; after a database that was away it begins anew from the rows."""

    def __init__(self, code: str) -> None:
        self.code = code
        self._spoilt: set[int] = set()
        self._withdrawn: list[int] = []  # what was withdrawn while the rows could not be told of it
        self._one_by_one = False
        self._broker: OpenSession | None = None  # outlives the loops: the rows may be away while the broker is not
        self._left: tuple[TradingAccount, Held, Why] | None = None  # a lease that could not be given back

    def run(self, stop: threading.Event) -> None:
        """Hold the account until ``stop``.

        Raises ``ConflictError`` ``lease_taken`` where another gateway has it, ``StartError`` where this process must
        not load the library of its broker.
        """
        pause = AGAIN_SECONDS
        failures = FAILURES.labels(self.code)  # told as 0 from now on: an alert asks how many there have been since
        DATABASE_LOST.labels(self.code)
        try:
            while not stop.is_set():
                try:
                    self._hold(stop)
                except DATABASE_AWAY as error:
                    DATABASE_LOST.labels(self.code).inc()
                    reason = " ".join(str(error).split())
                    log.warning("gateway begins anew", account=self.code, reason=reason)
                    connection.close()
                    stop.wait(AGAIN_SECONDS)
                except LeaseLostError as error:
                    log.error("gateway lost its account", account=self.code, reason=str(error))
                    stop.wait(AGAIN_SECONDS)
                except (ConflictError, StartError):
                    raise
                except Exception:  # no command and no tick may stop an account for good
                    log.exception("gateway failed", account=self.code, again_after_s=pause)
                    failures.inc()
                    connection.close()
                    stop.wait(pause)
                    pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        finally:
            self._hang_up()
            connection.close()
            still(f"gateway-{self.code}")

    def _hold(self, stop: threading.Event) -> None:
        lost = threading.Event()
        self._give_back()
        account = self._account()
        held = take_over(lease_of(account), holder_name(), above=epoch_of(account), stop=stop)
        keeper = LeaseKeeper(held, lambda _reason: lost.set()).start()
        log.info("gateway begins", account=self.code, epoch=held.epoch)
        why = Why.FAILED
        try:
            tell_began(account, held)
            while not stop.is_set() and not lost.is_set():
                with self._loop(account, held.epoch, keeper) as loop:
                    self._turn(loop, stop, lost)
                account = self._account()
            why = Why.LOST if lost.is_set() else Why.STOPPED
        except LeaseLostError:
            why = Why.LOST
            raise
        except DATABASE_AWAY:
            why = Why.AWAY
            raise
        finally:
            keeper.stop()
            self._left = account, held, why
            with suppress(DatabaseError):  # else when it answers again, or the lease ends by itself some seconds later
                self._give_back()
        log.info("gateway ends", account=self.code, epoch=held.epoch)

    def _loop(self, account: TradingAccount, epoch: int, lease: LeaseKeeper) -> AccountLoop:
        session = self._session(account)
        return AccountLoop(account, epoch, lease, self._spoilt, one_by_one=self._one_by_one, session=session)

    def _session(self, account: TradingAccount) -> TraderSession | None:
        """The session at the account's broker: the one that is open, unless somebody has given it another login."""
        if account.kind != AccountKind.CTP:
            self._hang_up()
            return None
        if self._broker is not None and not self._broker.renewed(account):
            self._hang_up()
        if self._broker is None:
            self._broker = OpenSession(account)
        return self._broker.session

    def _hang_up(self) -> None:
        if self._broker is not None:
            self._broker.close()
            self._broker = None

    def _give_back(self) -> None:
        """The lease that this gateway held before, with a word why, so that nobody waits for its end."""
        if self._left is not None:
            account, held, why = self._left
            with transaction.atomic():
                if held.release() or why is not Why.AWAY:  # after a database that was away another one may have it
                    tell_ended(account, held, why)
            self._left = None

    def _account(self) -> TradingAccount:
        return TradingAccount.objects.select_related("desk", "control_group").get(code=self.code)

    def _turn(self, loop: AccountLoop, stop: threading.Event, lost: threading.Event) -> None:
        """Until somebody changes the account's terms: whoever goes on then must have read them."""
        try:
            with answers_within(ANSWER_SECONDS):
                self._withdraw_again(loop)
                while not stop.is_set() and not lost.is_set() and not loop.outdated:
                    beat(f"gateway-{self.code}")
                    loop.turn(LOOK_SECONDS)
        except DATABASE_AWAY:
            self._withdraw_blind(loop)
            raise
        except LeaseLostError:
            raise
        except Exception:
            self._suspect(loop.commands.suspects)
            raise

    def _withdraw_blind(self, loop: AccountLoop) -> None:
        """The database is away: while the account is ours for certain, nothing of it is left resting if it says so."""
        if not (loop.account.cancel_when_blind and loop.commands.ours):
            return
        self._withdrawn = loop.withdraw_blind()
        log.error("withdrawn without the database", account=self.code, orders=len(self._withdrawn))

    def _withdraw_again(self, loop: AccountLoop) -> None:
        """The rows are back: what was withdrawn without them is asked for once more, and told."""
        if self._withdrawn:
            loop.withdraw(self._withdrawn)
            self._withdrawn = []

    def _suspect(self, commands: Sequence[int]) -> None:
        """One of these commands cannot be carried out: it is refused next time, once it is known which."""
        self._one_by_one = len(commands) > 1
        if len(commands) == 1:
            self._spoilt.update(commands)
