"""When a gateway took an account and when it left it, as events of the account: for its day, and for who follows it.

A gateway that is killed tells nothing: the next one says so when it begins.
"""

from enum import StrEnum

from accounts.leases import Held
from trading.account_models import AccountState, TradingAccount
from trading.ledger.changes import tell

BEGAN, ENDED = "gateway_began", "gateway_ended"


class Why(StrEnum):
    """Why a gateway ended."""

    STOPPED = "stopped"
    LOST = "lost"
    AWAY = "away"
    FAILED = "failed"
    UNTOLD = "untold"
    """Nobody knows: it was killed, or could not write any more."""


def tell_began(account: TradingAccount, held: Held) -> None:
    """A gateway has the account; ``after`` says where the one before has not told its end."""
    running = AccountState.objects.filter(account=account, gateway="running").exists()
    body = {"holder": held.holder, "epoch": held.epoch, "after": Why.UNTOLD.value if running else ""}
    tell(account, BEGAN, gateway=body)


def tell_ended(account: TradingAccount, held: Held, why: Why) -> None:
    """It has left it, and the state says that none runs, unless a later one does."""
    AccountState.objects.filter(account=account, epoch=held.epoch).update(gateway="stopped")
    tell(account, ENDED, gateway={"holder": held.holder, "epoch": held.epoch, "why": why.value})
