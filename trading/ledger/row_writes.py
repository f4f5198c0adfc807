"""Rows written without the machinery of a save, many in one round trip: what every step of an account waits for."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple

import orjson
from django.db import connection, models

Ready = Callable[[Any], Any]

ONE_MESSAGE = 16
"""Rows written together at most; more are sent one behind the other by the driver."""


class Step(NamedTuple):
    """A statement, and the values for each time that it is run."""

    statement: str
    values: list[list[Any]]


def updated(model: type[models.Model], rows: Sequence[models.Model], columns: Iterable[str]) -> Step:
    """Update these columns of rows that are stored already; columns are named as fields or with their ``_id``."""
    statement, ready = _update(model, tuple(columns), connection.vendor)
    return Step(statement, [[*(make(row) for make in ready), row.pk] for row in rows])


def inserted(model: type[models.Model], rows: Sequence[models.Model]) -> Step:
    """Insert rows whose keys and times have been set; nothing comes back."""
    statement, ready = _insert(model, connection.vendor)
    return Step(statement, [[make(row) for make in ready] for row in rows])


def write_rows(*steps: Step) -> None:
    """Run them in this order; a few rows go to a server in one message, so that it is waited for once."""
    runs = [(step.statement, values) for step in steps for values in step.values]
    if 1 < len(runs) <= ONE_MESSAGE and connection.vendor == "postgresql" and _binds_here():
        with connection.cursor() as cursor:
            together = "; ".join(statement for statement, _values in runs)
            cursor.execute(together, [value for _statement, values in runs for value in values])
        return
    for statement, values in steps:
        _run(statement, values)


def update_returning(model: type[models.Model], assigned: str, where: str, row: models.Model, returned: str) -> Any:
    """Update one row by a statement's own words, with the values of ``row`` that they name as ``%(column)s``.

    Gives the column ``returned`` as it stands then, None where no row is such.
    """
    table = connection.ops.quote_name(model._meta.db_table)
    names = {field.column: make for field, make in columns_of(model, connection.vendor)}
    words = f"UPDATE {table} SET {assigned} WHERE {where} RETURNING {returned}"  # noqa: S608 - our own words
    with connection.cursor() as cursor:
        cursor.execute(words, {column: make(row) for column, make in names.items() if f"%({column})s" in words})
        found = cursor.fetchone()
    return None if found is None else found[0]


def row_exists(model: type[models.Model], **columns: int | str) -> bool:
    """Whether there is a row with these values."""
    quote = connection.ops.quote_name
    where = " AND ".join(f"{quote(name)} = %s" for name in columns)
    with connection.cursor() as cursor:
        table = quote(model._meta.db_table)
        cursor.execute(f"SELECT 1 FROM {table} WHERE {where} LIMIT 1", list(columns.values()))  # noqa: S608 - names
        return cursor.fetchone() is not None


def _binds_here() -> bool:
    """Whether values are put into the text of a statement: several go in one message only then."""
    return not connection.settings_dict["OPTIONS"].get("server_side_binding")


def _run(statement: str, values: list[list[Any]]) -> None:
    if not values:
        return
    with connection.cursor() as cursor:
        if len(values) == 1:
            cursor.execute(statement, values[0])
        else:
            cursor.executemany(statement, values)


@cache
def _update(model: type[models.Model], names: tuple[str, ...], vendor: str) -> tuple[str, list[Ready]]:
    quote = connection.ops.quote_name
    of = {name: (field, make) for field, make in columns_of(model, vendor) for name in (field.name, field.attname)}
    chosen = [of[name] for name in names]
    assigned = ", ".join(f"{quote(field.column)} = %s" for field, _make in chosen)
    statement = f"UPDATE {quote(model._meta.db_table)} SET {assigned} WHERE {quote('id')} = %s"  # noqa: S608 - names
    return statement, [make for _field, make in chosen]


@cache
def _insert(model: type[models.Model], vendor: str) -> tuple[str, list[Ready]]:
    quote = connection.ops.quote_name
    columns = columns_of(model, vendor)
    names = ", ".join(quote(field.column) for field, _make in columns)
    places = ", ".join(["%s"] * len(columns))
    statement = f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ({places})"  # noqa: S608 - names
    return statement, [make for _field, make in columns]


@cache
def columns_of(model: type[models.Model], vendor: str) -> list[tuple[Any, Ready]]:
    """The columns of a table, and how each value is had from a row as the database's driver takes it."""
    return [(field, _ready(field, vendor)) for field in model._meta.concrete_fields]


def _ready(field: Any, vendor: str) -> Ready:
    value = attrgetter(field.attname)
    if isinstance(field, models.JSONField):
        return lambda row: orjson.dumps(value(row)).decode()
    if vendor == "postgresql":  # its driver knows numbers, times and texts by itself
        return value
    return lambda row: field.get_db_prep_save(value(row), connection)
