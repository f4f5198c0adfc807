"""Orders, positions and accounts as fast reads: ``visible_to`` and ``shapes`` in SQL, held against both by tests."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from django.contrib.auth.models import Permission

from accounts.fast_caller import caller, holds
from accounts.models import User
from marketdata.models import Instrument
from quantsite.web.fast_lists import FastList, Filter, Page, code_filter, day, flag, moment, number, plain, record, text
from quantsite.web.pagination import NewestFirstCursor
from trading.account_api import CodeCursor
from trading.account_models import (
    TRADE,
    VIEW,
    VIEW_EVERY,
    AccountState,
    ControlGroup,
    Desk,
    TradingAccount,
    TradingAccountGroupObjectPermission,
    TradingAccountUserObjectPermission,
)
from trading.api import PositionCursor
from trading.choices import DirectionName, SideName, StatusName
from trading.filters import WORKING, statuses
from trading.ledger_models import Position
from trading.order_models import Order
from trading.shapes import FUNDS

ACCOUNT_TABLE, STATE_TABLE = TradingAccount._meta.db_table, AccountState._meta.db_table
ORDER_TABLE, POSITION_TABLE = Order._meta.db_table, Position._meta.db_table
INSTRUMENT_TABLE, PERMISSION_TABLE = Instrument._meta.db_table, Permission._meta.db_table

_GRANTED = f"p.codename IN ('{VIEW}', '{TRADE}')"
_SEES, _SEES_EVERY = f"trading.{VIEW}", f"trading.{VIEW_EVERY}"


def _visible(permission: str) -> str:
    """Who calls, whether they see every account, and which are granted to them otherwise; ``visible_to`` in SQL."""
    return f"""
{caller(permission, _SEES, _SEES_EVERY)},
sees AS MATERIALIZED (SELECT caller.id, {holds(_SEES_EVERY)} AS every FROM caller WHERE {holds(_SEES)}),
granted AS MATERIALIZED (
  SELECT g.content_object_id AS id
  FROM sees JOIN {TradingAccountUserObjectPermission._meta.db_table} g ON g.user_id = sees.id
  JOIN {PERMISSION_TABLE} p ON p.id = g.permission_id WHERE NOT sees.every AND {_GRANTED}
  UNION
  SELECT g.content_object_id
  FROM sees JOIN {User.groups.through._meta.db_table} m ON m.user_id = sees.id
  JOIN {TradingAccountGroupObjectPermission._meta.db_table} g ON g.group_id = m.group_id
  JOIN {PERMISSION_TABLE} p ON p.id = g.permission_id WHERE NOT sees.every AND {_GRANTED}
)"""


_ORDER = record(
    {
        "id": number("o.id"),
        "account": plain("a.code"),
        "client_order_id": text("o.client_order_id"),
        "instrument": plain("i.code"),
        "direction": plain("o.direction"),
        "offset": plain('o."offset"'),
        "type": plain("o.type"),
        "price": number("o.price"),
        "stop_price": number("o.stop_price"),
        "volume": number("o.volume"),
        "traded": number("o.traded"),
        "average_price": number("o.average_price"),
        "status": plain("o.status"),
        "cancel_requested": flag("o.cancel_requested"),
        "reason_code": text("o.reason_code"),
        "reason_text": text("o.reason_text"),
        "trading_day": day("o.trading_day"),
        "frozen_margin": number("o.frozen_margin"),
        "frozen_commission": number("o.frozen_commission"),
        "strategy_key": text("o.strategy_key"),
        "created_at": moment("o.created_at"),
        "submitted_at": moment("o.submitted_at"),
        "finished_at": moment("o.finished_at"),
        "updated_seq": number("o.updated_seq"),
    }
)
_POSITION = record(
    {
        "account": plain("a.code"),
        "instrument": plain("i.code"),
        "side": plain("o.side"),
        **{name: number(f"o.{name}") for name in ("volume", "today", "frozen", "frozen_today")},
        **{name: number(f"o.{name}") for name in ("open_price", "base_price", "last_price", "margin")},
        **{name: number(f"o.{name}") for name in ("position_profit", "open_profit", "position_cost", "open_cost")},
    }
)
_FUNDS = record(
    {
        "trading_day": day("s.trading_day"),
        **{name: number(f"s.{name}") for name in FUNDS},
        "risk_degree": number("s.risk_degree"),
    }
)
_ACCOUNT = record(
    {
        "code": plain("a.code"),
        "name": text("a.name"),
        "kind": plain("a.kind"),
        "desk": plain("d.code"),
        "control_group": plain("c.code"),
        "is_active": flag("a.is_active"),
        "gateway": text("s.gateway"),
        "market_time": moment("s.market_time"),
        "funds": _FUNDS,
        "last_seq": number("s.last_seq"),
    }
)


def _of_accounts(permission: str, table: str, line: str, page: Page, *, newest_first: bool) -> str:
    """Rows of accounts by id: straight along the table for those who see every account, else account by account.

    Along the table somebody with one quiet account would read the orders of all others; account by account somebody
    with a thousand of them would read a page of each.
    """
    way, most = "DESC" if newest_first else "ASC", page.size + 1
    where = page.where("o.id", newest_first=newest_first, without="account")
    of_one = f"SELECT o.id FROM {table} o WHERE o.account_id = a.id{where} ORDER BY o.id {way} LIMIT {most}"
    picked = (
        f"SELECT o.id FROM {ACCOUNT_TABLE} a CROSS JOIN LATERAL ({of_one}) o WHERE a.id IN (SELECT id FROM granted)"
    )
    if named := page.conditions.get("account"):
        picked += f" AND {named} OR (SELECT every FROM sees) AND {named}"
    else:
        along = f"SELECT o.id FROM {table} o WHERE (SELECT every FROM sees){where} ORDER BY o.id {way} LIMIT {most}"
        picked = f"({along}) UNION ALL ({picked})"
    return f"""{_visible(permission)},
    page AS (
      SELECT o.id AS key, {line} AS line
      FROM (SELECT id FROM ({picked}) found ORDER BY id {way} LIMIT {most}) picked
      JOIN {table} o ON o.id = picked.id
      JOIN {ACCOUNT_TABLE} a ON a.id = o.account_id JOIN {INSTRUMENT_TABLE} i ON i.id = o.instrument_id
    )"""


def _orders(page: Page) -> str:
    return _of_accounts("trading.view_order", ORDER_TABLE, _ORDER, page, newest_first=True)


def _positions(page: Page) -> str:
    return _of_accounts("trading.view_position", POSITION_TABLE, _POSITION, page, newest_first=False)


def _accounts(page: Page) -> str:
    where = page.where("a.code", newest_first=False)
    return f"""{_visible(_SEES)},
    page AS (
      SELECT a.code AS key, {_ACCOUNT} AS line
      FROM (
        SELECT * FROM {ACCOUNT_TABLE} a
        WHERE ((SELECT every FROM sees) OR a.id IN (SELECT id FROM granted)){where}
        ORDER BY a.code LIMIT {page.size + 1}
      ) a JOIN {STATE_TABLE} s ON s.account_id = a.id
      JOIN {Desk._meta.db_table} d ON d.id = a.desk_id
      JOIN {ControlGroup._meta.db_table} c ON c.id = a.control_group_id
    )"""


def _status(given: str) -> list[str] | None:
    return sorted(statuses([given])) if given == WORKING or given in StatusName.values else None


def _day(given: str) -> date | None:
    try:
        return date.fromisoformat(given) if re.fullmatch(r"\d{4}-\d\d-\d\d", given) else None
    except ValueError:
        return None


def _one_of(values: list[str]) -> Any:
    return lambda given: given if given in values else None


_BY_ACCOUNT: Mapping[str, Filter] = {
    "account": code_filter("a.code = %(account)s"),
    "instrument": code_filter(f"o.instrument_id = (SELECT id FROM {INSTRUMENT_TABLE} WHERE code = %(instrument)s)"),
}

READS = [
    FastList(
        "/api/v1/orders/",
        "order-list",
        NewestFirstCursor,
        _orders,
        holds("trading.view_order"),
        newest_first=True,
        filters={
            **_BY_ACCOUNT,
            "status": Filter("o.status = ANY(%(status)s)", _status),
            "direction": Filter("o.direction = %(direction)s", _one_of(DirectionName.values)),
            "trading_day": Filter("o.trading_day = %(trading_day)s", _day),
            "strategy_key": code_filter("o.strategy_key = %(strategy_key)s"),
        },
    ).to_read(),
    FastList(
        "/api/v1/positions/",
        "position-list",
        PositionCursor,
        _positions,
        holds("trading.view_position"),
        filters={**_BY_ACCOUNT, "side": Filter("o.side = %(side)s", _one_of(SideName.values))},
    ).to_read(),
    FastList(
        "/api/v1/trading-accounts/",
        "trading-account-list",
        CodeCursor,
        _accounts,
        holds(_SEES),
        key=re.compile(r"[\w\-]{1,32}", re.ASCII),
    ).to_read(),
]
