"""Two accounts that are asked for the same things at the same moments: one meets with deaths, the other does not."""

from collections import defaultdict
from typing import Any

from trading import services
from trading.account_models import AccountState, TradingAccount
from trading.choices import CommandStatus
from trading.ledger.gateway_events import BEGAN, ENDED
from trading.ledger_models import BalanceSnapshot, CashEntry, Position
from trading.order_models import AccountCommand, AccountEvent, Fill, Order
from trading.shapes import FUNDS, Shape, fill_shape, funds_shape, order_shape, position_shape

OF_ITS_OWN = ("id", "account", "order", "seq", "updated_seq", "created_at")
"""What two accounts cannot have in common."""
OF_THE_MOMENT = (
    *("submitted_at", "finished_at", "traded_at"),
    *("last_price", "position_profit", "open_profit", "balance", "available", "risk_degree"),
    "reason_text",  # it may tell what is available
)
"""What moves with the market."""


def picture(account: TradingAccount, *, moment: bool = True) -> dict[str, Any]:
    """Everything that an account has to show, so that two can be compared.

    Without ``moment`` what depends on the instant of the market is left out.
    """
    left_out = OF_ITS_OWN if moment else (*OF_ITS_OWN, *OF_THE_MOMENT)

    def plain(shape: Shape) -> Shape:
        return {name: value for name, value in shape.items() if name not in left_out}

    orders = {row.pk: row for row in Order.objects.filter(account=account).select_related("account", "instrument")}
    fills = Fill.objects.filter(account=account).select_related("account", "instrument").order_by("pk")
    told: dict[str, list[str]] = defaultdict(list)
    for event in AccountEvent.objects.filter(account=account).exclude(kind__in=("mark", BEGAN, ENDED)).order_by("seq"):
        order = orders.get(event.order_id or 0)
        told[order.client_order_id if order else ""].append(event.kind)
    state = AccountState.objects.get(account=account)
    return {
        "orders": {row.client_order_id: {**plain(order_shape(row)), "parts": row.parts} for row in orders.values()},
        "fills": {
            f"{orders[row.order_id or 0].client_order_id} {row.trade_id.partition('-')[2]} {row.part}": {
                name: value for name, value in plain(fill_shape(row)).items() if name != "trade_id"
            }
            for row in fills
        },
        "positions": {
            (row.instrument.code, row.side): plain(position_shape(row))
            for row in Position.objects.filter(account=account).select_related("account", "instrument")
        },
        "funds": plain(funds_shape(state)),
        "cash": [(row.kind, row.amount, row.note) for row in CashEntry.objects.filter(account=account).order_by("pk")],
        "statements": [
            [row.trading_day, row.undone_at is None, row.prices, *(getattr(row, name, None) for name in FUNDS)]
            for row in BalanceSnapshot.objects.filter(account=account).order_by("pk")
        ],
        "events": dict(told),
    }


def wrongs(account: TradingAccount) -> list[str]:
    """Commands that wait, gaps in the numbers of events, orders without their fills, rows that differ from entries."""
    queued = AccountCommand.objects.filter(account=account, status=CommandStatus.QUEUED)
    found = [f"command {pk} waits: {kind}" for pk, kind in queued.values_list("pk", "kind")]
    numbers = list(AccountEvent.objects.filter(account=account).order_by("seq").values_list("seq", flat=True))
    last = AccountState.objects.get(account=account).last_seq
    found += [f"events {numbers} up to {last}"] if numbers != list(range(1, last + 1)) else []
    for order in Order.objects.filter(account=account):
        filled = sum(order.fills.values_list("volume", flat=True))
        found += [f"{order} tells {order.traded} and has {filled}"] if order.traded != filled else []
    return [*found, *(str(row) for row in services.reconcile(None, account.code))]


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Where two pictures differ, a line each."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*one, *other}, key=str)
        return [line for key in keys for line in differences(one.get(key), other.get(key), f"{path}/{key}")]
    return [] if one == other else [f"{path}: {one} != {other}"]
