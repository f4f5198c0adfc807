"""Commands of an account that no gateway is there to carry out: the caller takes the lease, does them, gives it back.

Orders and cancels wait for a gateway. Where one runs, it has been woken and the command is left to it.
"""

import time

import structlog
from django.utils.translation import gettext_noop, override

from accounts.leases import LeaseLostError, holder_name, take
from quantsite.common.errors import ConflictError, RuleError
from quantsite.web.database import DATABASE_AWAY
from trading.account_models import LEASE_PREFIX, AccountState, TradingAccount
from trading.choices import CommandKind, CommandStatus
from trading.ledger.keeper import Keeper
from trading.ledger.verbs import carry_out
from trading.order_models import AccountCommand

LEASE_SECONDS = 10.0
WAIT_SECONDS = 3.0
"""How long the caller of a verb waits for a gateway to carry it out, before it answers that it is on its way."""
POLL_SECONDS = 0.02

ORDERLY = (CommandKind.PLACE, CommandKind.CANCEL, CommandKind.ADOPT, CommandKind.CONFIRM)
"""What only a gateway can do: it waits for one."""

SPOILT = ("internal_error", gettext_noop("The platform failed to do this: its log tells administrators why."))

log = structlog.get_logger(__name__)


def lease_of(account: TradingAccount) -> str:
    """The name of the lease that makes its holder the account's one writer."""
    return f"{LEASE_PREFIX}{account.code}"


def epoch_of(account: TradingAccount) -> int:
    """The epoch of whoever wrote the account last: a new holder's is higher."""
    return AccountState.objects.filter(account=account).values_list("epoch", flat=True).first() or 0


def apply_now(account: TradingAccount, command: AccountCommand | None = None) -> AccountCommand:
    """Have the account's waiting commands carried out, and give the one asked about as it stands then.

    By the running gateway, which is waited for a little, or here. Without ``command``: the newest one.
    """
    asked = command or AccountCommand.objects.filter(account=account).order_by("-pk")[:1].get()
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            held = take(lease_of(account), f"{holder_name()} (verb)", LEASE_SECONDS, above=epoch_of(account))
        except ConflictError:  # a gateway runs, or another verb is at it
            asked.refresh_from_db()
            if asked.status != CommandStatus.QUEUED or time.monotonic() > deadline:
                return asked
            time.sleep(POLL_SECONDS)
            continue
        try:
            with override("en"):  # what is refused is stored as gateways store it, and told to each reader (`retold`)
                _carry_out_all(account, held.epoch)
        except LeaseLostError:
            continue
        finally:
            held.release()
        asked.refresh_from_db()
        return asked


def _carry_out_all(account: TradingAccount, epoch: int) -> None:
    keeper = _keeper(account, epoch)
    waiting = AccountCommand.objects.filter(account=account, status=CommandStatus.QUEUED).exclude(kind__in=ORDERLY)
    for command in waiting.select_related("actor").order_by("pk"):
        try:
            carry_out(keeper, command)
            keeper.commit()
        except (LeaseLostError, *DATABASE_AWAY):
            raise
        except Exception:  # one command must not keep those behind it waiting for ever
            log.exception("command given up", account=account.code, command=command.pk, kind=command.kind)
            keeper = _keeper(account, epoch)
            keeper.refuse(command, RuleError(*SPOILT))
            keeper.commit()


def _keeper(account: TradingAccount, epoch: int) -> Keeper:
    keeper = Keeper(account, epoch)
    keeper.claim()
    keeper.load()
    return keeper
