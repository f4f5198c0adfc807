"""Commands of an account that no gateway is there to carry out: the caller takes the lease, does them, gives it back.

Orders and cancels wait for a gateway. Where one runs, it has been woken and the command is left to it.
"""

import time

from accounts.leases import LeaseLostError, holder_name, take
from quantsite.common.errors import ConflictError
from trading.account_models import TradingAccount
from trading.account_verbs import carry_out
from trading.choices import CommandKind, CommandStatus
from trading.keeper import Keeper
from trading.order_models import AccountCommand

LEASE_SECONDS = 10.0
WAIT_SECONDS = 3.0
"""How long the caller of a verb waits for a gateway to carry it out, before it answers that it is on its way."""
POLL_SECONDS = 0.02

ORDERLY = (CommandKind.PLACE, CommandKind.CANCEL)


def lease_of(account: TradingAccount) -> str:
    """The name of the lease that makes its holder the account's one writer."""
    return f"gateway:{account.code}"


def apply_now(account: TradingAccount, command: AccountCommand | None = None) -> AccountCommand:
    """Have the account's waiting commands carried out, and give the one asked about as it stands then.

    By the running gateway, which is waited for a little, or here. Without ``command``: the newest one.
    """
    asked = command or AccountCommand.objects.filter(account=account).order_by("-pk")[:1].get()
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            held = take(lease_of(account), f"{holder_name()} (verb)", LEASE_SECONDS)
        except ConflictError:  # a gateway runs, or another verb is at it
            asked.refresh_from_db()
            if asked.status != CommandStatus.QUEUED or time.monotonic() > deadline:
                return asked
            time.sleep(POLL_SECONDS)
            continue
        try:
            _carry_out_all(account, held.epoch)
        except LeaseLostError:
            continue
        finally:
            held.release()
        asked.refresh_from_db()
        return asked


def _carry_out_all(account: TradingAccount, epoch: int) -> None:
    keeper = Keeper(account, epoch)
    keeper.claim()
    keeper.load()
    waiting = AccountCommand.objects.filter(account=account, status=CommandStatus.QUEUED).exclude(kind__in=ORDERLY)
    for command in waiting.select_related("actor").order_by("pk"):
        carry_out(keeper, command)
        keeper.commit()
