"""What an account's gateway is asked to do: rows of a queue, and a message that wakes it after the commit."""

from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import transaction

from quantsite.web import request_id
from trading.choices import CommandKind
from trading.order_models import AccountCommand, Order
from trading.wake import wake_gateway

if TYPE_CHECKING:
    from accounts.models import User
    from trading.account_models import TradingAccount


def enqueue(
    actor: "User | None",
    account: "TradingAccount",
    kind: CommandKind,
    *,
    order: Order | None = None,
    payload: dict[str, Any] | None = None,
    client_id: str = "",
) -> AccountCommand:
    """Put one command at the end of the account's inbox; call it inside the transaction of what it belongs to."""
    command = AccountCommand.objects.create(
        account=account,
        kind=kind,
        order=order,
        payload=payload or {},
        client_id=client_id,
        actor=actor,
        request_id=request_id.current()[:64],
    )
    transaction.on_commit(partial(wake_gateway, account.pk))
    return command
