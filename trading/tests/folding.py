"""What a client of the trading socket knows: a snapshot, and the events folded over it; and what the rows say."""

from typing import Any

from trading.account_models import AccountState
from trading.choices import FINAL_STATUSES, StatusName
from trading.hub.rows import one_moment
from trading.ledger_models import Position
from trading.order_models import Fill, Order
from trading.shapes import Shape, fill_shape, funds_shape, order_shape, position_shape


class Fold:
    """One account as a client sees it. ``gaps``: numbers that did not follow the one before."""

    def __init__(self) -> None:
        self.seq = -1
        self.snapshots = 0
        self.gaps: list[tuple[int, int]] = []
        self.orders: dict[int, Shape] = {}
        self.fills: dict[int, Shape] = {}
        self.positions: dict[tuple[str, str], Shape] = {}
        self.funds: Shape = {}

    def hear(self, message: dict[str, Any]) -> None:
        """Take a snapshot or an update."""
        data = message["data"]
        if message["type"] == "snapshot":
            self.snapshots += 1
            self.orders, self.fills, self.positions = {}, {}, {}
            for order in data["orders"]:
                self.orders[order["id"]] = order
        elif message["seq"] != self.seq + 1:
            self.gaps.append((self.seq, message["seq"]))
        self.seq = message["seq"]
        if "order" in data:
            self.orders[data["order"]["id"]] = data["order"]
        self.fills |= {fill["id"]: fill for fill in data.get("fills", [])}
        self.positions |= {(row["instrument"], row["side"]): row for row in data.get("positions", [])}
        self.funds = data.get("funds", self.funds)

    def view(self) -> Shape:
        """What it shows of the running day. An order that the gateway has not taken yet has no event: left out."""
        day = self.funds["trading_day"]
        return {
            "orders": {number: order for number, order in self.orders.items() if _shown(order, day)},
            "fills": {number: fill for number, fill in self.fills.items() if fill["trading_day"] == day},
            "positions": {side: row for side, row in self.positions.items() if row["volume"]},
            "funds": self.funds,
        }


def _shown(order: Shape, day: str) -> bool:
    if order["status"] == StatusName.PENDING:
        return False
    return order["status"] not in FINAL_STATUSES or order["trading_day"] == day


def truth(account: int) -> tuple[int, Shape]:
    """The same from the rows, read at one moment, and the last event then."""
    with one_moment():
        state = AccountState.objects.get(pk=account)
        orders = Order.objects.filter(account=account).select_related("account", "instrument")
        fills = Fill.objects.filter(account=account).select_related("account", "instrument")
        positions = Position.objects.filter(account=account).select_related("account", "instrument")
        fold = Fold()
        fold.funds = funds_shape(state)
        fold.orders = {order.pk: order_shape(order) for order in orders}
        fold.fills = {fill.pk: fill_shape(fill) for fill in fills}
        fold.positions = {(row.instrument.code, row.side): position_shape(row) for row in positions}
        return state.last_seq, fold.view()
