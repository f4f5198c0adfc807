"""Rows handed to one statement of PostgreSQL as JSON, a list for each table: many rows, one value, one plan."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import orjson
from django.db import connection, models

from quantsite.web.prepared import run_prepared


def as_json(rows: Sequence[models.Model]) -> str:
    """Rows of one model as a list of JSON objects by column, for :func:`rows_of`."""
    return values_as_json([row_values(row) for row in rows])


def values_as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """The same of rows that are no objects of a model."""
    return orjson.dumps(rows, default=str).decode()


@cache
def blank(model: type[models.Model]) -> Mapping[str, Any]:
    """The columns of a row of which nothing is said. Do not change it."""
    return row_values(model())


def row_values(row: models.Model) -> dict[str, Any]:
    """The columns of a row; numbers that are exact become text."""
    return {str(field.column): getattr(row, field.attname) for field in row._meta.concrete_fields}


def rows_of(model: type[models.Model], value: str) -> str:
    """A query of the rows of :func:`as_json`, as they come in the value of that name, each with its place ``n``."""
    table = connection.ops.quote_name(model._meta.db_table)
    return (
        f"SELECT given.*, given.ordinality AS n FROM jsonb_populate_recordset(NULL::{table}, %({value})s::jsonb)"  # noqa: S608
        " WITH ORDINALITY AS given"
    )


def names(model: type[models.Model], *without: str, given: Mapping[str, str] | None = None) -> str:
    """The columns of a table, those of ``given`` by what they are made from."""
    columns = [str(field.column) for field in model._meta.concrete_fields if field.column not in without]
    source = {} if given is None else given
    quote = connection.ops.quote_name
    plain = "given." if given is not None else ""
    return ", ".join(source.get(column, f"{plain}{quote(column)}") for column in columns)


def upsert(
    model: type[models.Model], rows: Sequence[models.Model], *, unique: Sequence[str], changes: Sequence[str]
) -> None:
    """Insert rows, or change these columns of those that are there: pictures, which a crash of the server may cost.

    On PostgreSQL by one statement whose plan is kept, and whose commit does not wait for the disk.
    """
    if not rows:
        return
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        run_prepared(_upsert(model, tuple(unique), tuple(changes)), {"given_rows": as_json(rows)})
    else:
        manager = model._default_manager
        manager.bulk_create(rows, update_conflicts=True, unique_fields=unique, update_fields=changes)


@cache
def _upsert(model: type[models.Model], unique: Sequence[str], changes: Sequence[str]) -> str:
    quote, field = connection.ops.quote_name, model._meta.get_field
    columns = [quote(str(field(name).column)) for name in changes]  # type: ignore[union-attr]
    keys = ", ".join(quote(str(field(name).column)) for name in unique)  # type: ignore[union-attr]
    return f"""
WITH written AS (
  INSERT INTO {quote(model._meta.db_table)} ({names(model, "id")})
  SELECT {names(model, "id", given={})} FROM ({rows_of(model, "given_rows")}) given
  ON CONFLICT ({keys}) DO UPDATE SET {", ".join(f"{name} = EXCLUDED.{name}" for name in columns)} RETURNING 1
)
SELECT count(*), set_config('synchronous_commit', 'off', true) FROM written"""  # noqa: S608 - the models' own names
