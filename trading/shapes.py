"""How orders, fills, positions and funds look to programs: one form for REST, for sockets and for the events kept.

Money and prices are numbers, times UTC with ``Z``, days ``YYYY-MM-DD``, what is undefined is null.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from quantsite.common.times import iso_utc
from trading.account_models import AccountState, TradingAccount
from trading.ledger_models import Position
from trading.order_models import Fill, Order

Shape = dict[str, Any]

FUNDS = (
    "pre_balance",
    "deposit",
    "withdraw",
    "close_profit",
    "position_profit",
    "commission",
    "balance",
    "margin",
    "frozen_margin",
    "frozen_commission",
    "available",
)
"""Columns of money of an account's state, in the order of a statement."""


def order_shape(order: Order) -> Shape:
    """One order; reads ``account`` and ``instrument`` (select them along)."""
    return {
        "id": order.pk,
        "account": order.account.code,
        "client_order_id": order.client_order_id,
        "instrument": order.instrument.code,
        "direction": order.direction,
        "offset": order.offset,
        "type": order.type,
        "price": number(order.price),
        "stop_price": number(order.stop_price),
        "volume": order.volume,
        "traded": order.traded,
        "average_price": number(order.average_price),
        "status": order.status,
        "cancel_requested": order.cancel_requested,
        "reason_code": order.reason_code,
        "reason_text": order.reason_text,
        "trading_day": day(order.trading_day),
        "frozen_margin": number(order.frozen_margin),
        "frozen_commission": number(order.frozen_commission),
        "strategy_key": order.strategy_key,
        "created_at": instant(order.created_at),
        "submitted_at": instant(order.submitted_at),
        "finished_at": instant(order.finished_at),
        "updated_seq": order.updated_seq,
    }


def fill_shape(fill: Fill) -> Shape:
    """One fill; reads ``account`` and ``instrument``."""
    return {
        "id": fill.pk,
        "account": fill.account.code,
        "order": fill.order_id,
        "instrument": fill.instrument.code,
        "trading_day": day(fill.trading_day),
        "trade_id": fill.trade_id,
        "direction": fill.direction,
        "offset": fill.offset,
        "price": number(fill.price),
        "volume": fill.volume,
        "commission": number(fill.commission),
        "close_profit": number(fill.close_profit),
        "close_profit_by_trade": number(fill.close_profit_by_trade),
        "traded_at": instant(fill.traded_at),
        "strategy_key": fill.strategy_key,
        "seq": fill.seq,
    }


def position_shape(position: Position) -> Shape:
    """One side of an instrument; reads ``account`` and ``instrument``. A volume of 0 in an event: it is gone."""
    return {
        "account": position.account.code,
        "instrument": position.instrument.code,
        "side": position.side,
        "volume": position.volume,
        "today": position.today,
        "frozen": position.frozen,
        "frozen_today": position.frozen_today,
        "open_price": number(position.open_price),
        "base_price": number(position.base_price),
        "last_price": number(position.last_price),
        "margin": number(position.margin),
        "position_profit": number(position.position_profit),
        "open_profit": number(position.open_profit),
        "position_cost": number(position.position_cost),
        "open_cost": number(position.open_cost),
    }


def funds_shape(state: AccountState) -> Shape:
    """The funds of an account."""
    money: Mapping[str, Any] = {name: number(getattr(state, name)) for name in FUNDS}
    return {"trading_day": day(state.trading_day), **money, "risk_degree": state.risk_degree}


def account_shape(account: TradingAccount) -> Shape:
    """One account with its funds; reads ``desk``, ``control_group`` and ``state``."""
    state = account.state
    return {
        "code": account.code,
        "name": account.name,
        "kind": account.kind,
        "desk": account.desk.code,
        "control_group": account.control_group.code,
        "is_active": account.is_active,
        "gateway": state.gateway,
        "market_time": instant(state.market_time),
        "funds": funds_shape(state),
        "last_seq": state.last_seq,
    }


def number(value: Decimal | float | None) -> float | None:
    """A column of money or prices as a number."""
    return None if value is None else float(value)


def instant(value: datetime | None) -> str | None:
    """A moment as text."""
    return None if value is None else iso_utc(value)


def day(value: date | None) -> str | None:
    """A trading day as text."""
    return None if value is None else value.isoformat()
