"""A whole step of the runner as one statement of PostgreSQL, which is one message and one transaction.

The rows are those that ``journal.py`` writes one by one. The statement asks itself whether everything may be written:
the rights of owners, the accounts, and the lease by the states' epoch. Where anything is against it, it breaks off by a
division by zero and nothing is stored; the other road then says what it is.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import cache, partial

from django.db import DataError, connection, transaction

from quantsite.web import request_id
from quantsite.web.json_rows import as_json, names, row_values, rows_of, values_as_json
from quantsite.web.prepared import run_prepared
from strategies.event_models import Signal, StrategyOrder
from strategies.running.state import Values, storing, storing_values
from trading.ledger.placed_together import allowed, placing, placing_values
from trading.order_models import Order
from trading.wake import wake_soon

Asked = Sequence[tuple[StrategyOrder, Order | None]]
"""Rows of orders as instances asked for them, each with the account's; None for one that was refused at once."""


def write_at_once(signals: Sequence[Signal], asked: Asked, states: Sequence[Values], epoch: int) -> bool:
    """Store all of it or nothing; False where something is against it. Raises ``IntegrityError``."""
    orders = [order for _mine, order in asked if order is not None]
    values = {
        **placing_values(orders, request_id.current()[:64]),
        "asked_mine": _mine(asked),
        "asked_signals": as_json(signals),
        "states": len(states),
        **storing_values(states, epoch),
    }
    try:
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            run_prepared(_statement(), values)
    except DataError:
        return False
    for account in {order.account_id for order in orders}:
        transaction.on_commit(partial(wake_soon, account))
    return True


def _mine(asked: Asked) -> str:
    """In the place of an order's number stands its place among the orders, which have none yet."""
    places = iter(range(1, len(asked) + 1))
    rows = [{**row_values(mine), "order_id": None if order is None else next(places)} for mine, order in asked]
    return values_as_json(rows)


@cache
def _statement() -> str:
    mine, signal = StrategyOrder._meta.db_table, Signal._meta.db_table
    return f"""
WITH {placing()}, mine AS (
  INSERT INTO {mine} ({names(StrategyOrder, "id")})
  SELECT {names(StrategyOrder, "id", given={"order_id": "ordered.id"})}
  FROM ({rows_of(StrategyOrder, "asked_mine")}) given LEFT JOIN ordered ON ordered.n = given.order_id ORDER BY given.n
), decided AS (
  INSERT INTO {signal} ({names(Signal, "id")})
  SELECT {names(Signal, "id", given={})} FROM ({rows_of(Signal, "asked_signals")}) given ORDER BY n
), {storing()}
SELECT 1 / ({allowed()} AND (SELECT count(*) FROM stored) = %(states)s)::int"""  # noqa: S608 - the models' own names
