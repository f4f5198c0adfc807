"""A new order, its event, and the command that hands it to the gateway, as one statement of PostgreSQL.

The rows are those that ``verbs.placing`` writes one by one, in the same order: the order first (its unique name makes
others wait who place the same), then the number from the account's one row of state, then the event and the command.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson
from django.db import connection, models

from trading.account_models import AccountState
from trading.choices import CommandKind
from trading.ledger.row_writes import columns_of
from trading.order_models import AccountCommand, AccountEvent, Order
from trading.shapes import order_shape

PLACED = "placed"
"""The event of a new order, before any gateway has seen it."""


@cache
def placed_statement() -> str:
    """The statement; it gives the order's number, or none and an error where a constraint is against it."""
    order, event, command = (_names(model) for model in (Order, AccountEvent, AccountCommand))
    return f"""
WITH placed AS (
  INSERT INTO {Order._meta.db_table} ({order[0]}) VALUES ({order[1]}) RETURNING id, account_id
), numbered AS (
  UPDATE {AccountState._meta.db_table} state SET last_seq = last_seq + 1 FROM placed
  WHERE state.account_id = placed.account_id RETURNING last_seq
), told AS (
  INSERT INTO {AccountEvent._meta.db_table} ({event[0]}) SELECT {event[1]} FROM placed CROSS JOIN numbered
), queued AS (
  INSERT INTO {AccountCommand._meta.db_table} ({command[0]}) SELECT {command[1]} FROM placed CROSS JOIN numbered
)
SELECT placed.id FROM placed CROSS JOIN numbered"""  # noqa: S608 - the models' own names


def placed_values(order: Order, request_id: str) -> dict[str, Any]:
    """The values of the statement: those of the order, which has no number yet, and of what goes with it."""
    event = AccountEvent(account=order.account, kind=PLACED, created_at=order.created_at)
    command = AccountCommand(
        account=order.account,
        kind=CommandKind.PLACE.value,
        actor_id=order.created_by_id,
        request_id=request_id,
        created_at=order.created_at,
    )
    values = {"body": orjson.dumps({"order": order_shape(order)}).decode()}
    for row in (order, event, command):
        table = row._meta.db_table
        for field, make in columns_of(type(row), connection.vendor):
            values[f"{table}_{field.column}"] = make(row)
    return values


def _names(model: type[models.Model]) -> tuple[str, str]:
    """The columns of an insertion and where their values come from."""
    columns, sources = [], []
    for field, _make in columns_of(model, connection.vendor):
        source = _BY_DATABASE.get((model, field.column), f"%({model._meta.db_table}_{field.column})s")
        if source:
            columns.append(connection.ops.quote_name(field.column))
            sources.append(source)
    return ", ".join(columns), ", ".join(sources)


_BY_DATABASE: Mapping[tuple[type[models.Model], str], str] = {
    (Order, "id"): "",
    (AccountCommand, "id"): "",
    (AccountEvent, "seq"): "numbered.last_seq",
    (AccountEvent, "order_id"): "placed.id",
    (AccountCommand, "order_id"): "placed.id",
    (AccountEvent, "body"): "jsonb_set(%(body)s::jsonb, '{order,id}', to_jsonb(placed.id))",
}
"""What is not known before: an expression, or nothing where the database counts by itself."""
