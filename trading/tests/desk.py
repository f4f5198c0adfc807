"""An account with a row of everything, for tests of who sees what: a grant decides, not a role."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from accounts.models import User
from marketdata.instruments import ensure_instrument
from trading import services
from trading.account_models import TRADE, AccountState, TradingAccount
from trading.ledger_models import Position
from trading.order_models import AccountCommand, Fill, Order

CODE = "rb2501.SHFE"
DAY = date(2024, 12, 2)
NOON = datetime(2024, 12, 2, 4, 0, 0, 250_000, UTC)


@dataclass
class Desk:
    """One account and the newest row of each kind."""

    account: TradingAccount
    order: Order
    fill: Fill
    position: Position
    command: AccountCommand


def make_desk(code: str, trader: User | None = None, *, orders: int = 1, instrument: str = CODE) -> Desk:
    """An account of a million yuan, granted to ``trader``, with so many working orders, each with a fill, and a lot."""
    account = services.add_account(None, code, capital=Decimal(1_000_000), name=f"canary-{code}")
    if trader is not None:
        services.grant_account(None, code, trader, TRADE)
    row = ensure_instrument(instrument, DAY)
    placed = [_order(account, row.pk, number) for number in range(orders)]
    fills = [_fill(order) for order in placed]
    position = Position.objects.create(
        account=account, instrument=row, side="long", volume=orders, today=1, open_price=3312, base_price=3300.5
    )
    AccountState.objects.filter(account=account).update(market_time=NOON, trading_day=DAY, risk_degree=0.125)
    return Desk(account, placed[-1], fills[-1], position, account.commands.latest("pk"))


def _order(account: TradingAccount, instrument_id: int, number: int) -> Order:
    values: dict[str, Any] = {
        "client_order_id": f"c-{number}",
        "direction": "buy" if number % 2 else "sell",
        "offset": "open",
        "type": "limit" if number % 3 else "market",
        "price": Decimal(3_312 + number) if number % 3 else None,
        "volume": 3 + number,
        "traded": 1,
        "average_price": Decimal("3312.5"),
        "status": ("partially_filled", "filled", "cancelled", "accepted")[number % 4],
        "reason_text": 'told "why" \\ \n\u4e0d' if number % 5 == 0 else "",
        "trading_day": DAY if number % 2 else None,
        "frozen_margin": Decimal("1234.567891"),
        "submitted_at": NOON if number % 2 else None,
        "finished_at": NOON.replace(microsecond=0) if number % 4 == 1 else None,
        "strategy_key": "" if number % 4 else "double_ma",
        "updated_seq": number,
    }
    return Order.objects.create(account=account, instrument_id=instrument_id, **values)


def _fill(order: Order) -> Fill:
    return Fill.objects.create(
        account_id=order.account_id,
        order=order,
        instrument_id=order.instrument_id,
        trading_day=DAY,
        trade_id=f"t-{order.pk}",
        direction=order.direction,
        offset=order.offset,
        price=Decimal("3312"),
        volume=1,
        commission=Decimal("3.312"),
        traded_at=NOON,
        seq=order.updated_seq,
    )
