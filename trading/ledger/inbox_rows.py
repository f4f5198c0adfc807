"""What waits in an account's inbox, read with every order: to have the question made by the query set takes longer."""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

from django.db import connection, models

from trading.account_models import TradingAccount
from trading.choices import CommandStatus
from trading.order_models import AccountCommand, Order, RowT

Read = Callable[[Any], Any]


def waiting_commands(
    account: TradingAccount, most: int, but_of: Sequence[int] = (), but: Sequence[int] = ()
) -> list[AccountCommand]:
    """The first ``most`` commands that wait, oldest first, each with its account as it stands now, and its order.

    Those about the orders ``but_of`` are left out, and the commands ``but`` themselves.
    """
    with connection.cursor() as cursor:
        values: list[int | str] = [account.pk, CommandStatus.QUEUED.value, *but_of, *but, most]
        cursor.execute(_question(len(but_of), len(but)), values)
        return [_command(row) for row in cursor.fetchall()]


def _command(row: Sequence[Any]) -> AccountCommand:
    of_account = len(AccountCommand._meta.concrete_fields)
    of_order = of_account + len(TradingAccount._meta.concrete_fields)
    command = _made(AccountCommand, row[:of_account])
    command.account = _made(TradingAccount, row[of_account:of_order])
    if command.order_id is not None:
        command.order = _made(Order, row[of_order:])
    return command


def _made(model: type[RowT], row: Sequence[Any]) -> RowT:
    names, reads = _columns(model, connection.vendor)
    values = [value if read is None else read(value) for value, read in zip(row, reads, strict=True)]
    return model.from_db(None, names, values)


@cache
def _columns(model: type[models.Model], _vendor: str) -> tuple[list[str], list[Read | None]]:
    """The names of the columns, and how each value is had from what the driver gives; None where it is that."""
    fields = model._meta.concrete_fields
    return [field.attname for field in fields], [_read(field) for field in fields]


def _read(field: Any) -> Read | None:
    column = field.get_col(field.model._meta.db_table)
    steps = [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
    if not steps:
        return None

    def read(value: Any) -> Any:
        for step in steps:
            value = step(value, column, connection)
        return value

    return read


@lru_cache(64)
def _question(left_out: int, commands: int) -> str:
    quote = connection.ops.quote_name
    columns = [
        f"{alias}.{quote(str(field.column))}"
        for alias, model in (("c", AccountCommand), ("a", TradingAccount), ("o", Order))
        for field in model._meta.concrete_fields
    ]
    others = f"AND (c.order_id IS NULL OR c.order_id NOT IN ({_places(left_out)}))" if left_out else ""
    others += f" AND c.id NOT IN ({_places(commands)})" if commands else ""
    return f"""
SELECT {", ".join(columns)} FROM {AccountCommand._meta.db_table} c
JOIN {TradingAccount._meta.db_table} a ON a.id = c.account_id
LEFT JOIN {Order._meta.db_table} o ON o.id = c.order_id
WHERE c.account_id = %s AND c.status = %s {others} ORDER BY c.id LIMIT %s"""  # noqa: S608 - the models' own names


def _places(number: int) -> str:
    return ", ".join(["%s"] * number)
