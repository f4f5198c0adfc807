"""Many new orders, their events and their commands as parts of one larger statement of PostgreSQL.

The rows are those of :mod:`trading.ledger.placed`, in the same order: orders first, then the numbers from the accounts'
rows of state (accounts ascending: nobody waits for another in a circle), then events and commands. They are handed over
as JSON, a list for each table. :func:`allowed` says in the same statement whether they may be placed at this moment.
"""

from collections.abc import Sequence

from marketdata.live_models import Subscription
from quantsite.web.json_rows import as_json, blank, names, rows_of, values_as_json
from trading.account_models import AccountState, TradingAccount
from trading.choices import CommandKind
from trading.ledger.placed import PLACED
from trading.order_models import AccountCommand, AccountEvent, Order
from trading.permissions import standing_rule
from trading.shapes import order_shape


def placing() -> str:
    """The parts ``asked`` (the orders, each with its place ``n``), ``placed`` and what follows from them.

    They take the values of :func:`placing_values`.
    """
    order, state = Order._meta.db_table, AccountState._meta.db_table
    event, command = AccountEvent._meta.db_table, AccountCommand._meta.db_table
    return f"""
asked AS MATERIALIZED (
  {rows_of(Order, "asked_orders")}
), placed AS (
  INSERT INTO {order} ({names(Order, "id")}) SELECT {names(Order, "id")} FROM asked ORDER BY n
  RETURNING id, account_id, client_order_id
), ordered AS MATERIALIZED (
  SELECT placed.id, placed.account_id, asked.n,
    row_number() OVER (PARTITION BY placed.account_id ORDER BY asked.n) AS nth
  FROM placed JOIN asked ON asked.account_id = placed.account_id AND asked.client_order_id = placed.client_order_id
), held AS MATERIALIZED (
  SELECT state.account_id, counted.orders
  FROM (SELECT account_id, count(*) AS orders FROM ordered GROUP BY account_id) counted
  JOIN {state} state ON state.account_id = counted.account_id
  ORDER BY state.account_id FOR UPDATE OF state
), numbered AS (
  UPDATE {state} state SET last_seq = last_seq + held.orders FROM held WHERE state.account_id = held.account_id
  RETURNING state.account_id, state.last_seq - held.orders AS before
), told AS (
  INSERT INTO {event} ({names(AccountEvent)})
  SELECT {names(AccountEvent, given=_OF_EVENT)}
  FROM ({rows_of(AccountEvent, "asked_events")}) given
  JOIN ordered USING (n) JOIN numbered ON numbered.account_id = ordered.account_id ORDER BY n
), queued AS (
  INSERT INTO {command} ({names(AccountCommand, "id")})
  SELECT {names(AccountCommand, "id", given={"order_id": "ordered.id"})}
  FROM ({rows_of(AccountCommand, "asked_commands")}) given JOIN ordered USING (n) ORDER BY n
), followed AS (
  INSERT INTO {Subscription._meta.db_table} (owner, instrument_id, position, created_at)
  SELECT DISTINCT 'account:' || asked.account_id, asked.instrument_id, 0, asked.created_at FROM asked
  WHERE NOT EXISTS (SELECT FROM {Subscription._meta.db_table} known
    WHERE known.owner = 'account:' || asked.account_id AND known.instrument_id = asked.instrument_id)
  ON CONFLICT DO NOTHING
)"""  # noqa: S608 - the models' own names


def allowed() -> str:
    """Whether all of ``asked`` may be placed now: the rights of who asks, accounts that are open and have a state."""
    account, state = TradingAccount._meta.db_table, AccountState._meta.db_table
    return f"""NOT EXISTS (
  SELECT FROM (SELECT DISTINCT account_id, created_by_id FROM asked) who WHERE NOT (
    (who.created_by_id IS NULL OR {standing_rule("who.created_by_id", "who.account_id")})
    AND EXISTS (SELECT FROM {account} account WHERE account.id = who.account_id AND account.is_active)
    AND EXISTS (SELECT FROM {state} state WHERE state.account_id = who.account_id)
  )
)"""  # noqa: S608 - the models' own names


def placing_values(orders: Sequence[Order], request_id: str) -> dict[str, str]:
    """The values of :func:`placing`: of orders that have no number yet."""
    events = [
        {
            **blank(AccountEvent),
            "account_id": order.account_id,
            "kind": PLACED,
            "created_at": order.created_at,
            "body": {"order": order_shape(order)},
        }
        for order in orders
    ]
    commands = [
        {
            **blank(AccountCommand),
            "account_id": order.account_id,
            "kind": CommandKind.PLACE.value,
            "actor_id": order.created_by_id,
            "request_id": request_id,
            "created_at": order.created_at,
        }
        for order in orders
    ]
    return {
        "asked_orders": as_json(orders),
        "asked_events": values_as_json(events),
        "asked_commands": values_as_json(commands),
    }


_OF_EVENT = {
    "seq": "numbered.before + ordered.nth",
    "order_id": "ordered.id",
    "body": "jsonb_set(given.body, '{order,id}', to_jsonb(ordered.id))",
}
