"""Trials into their table: PostgreSQL takes them by COPY, SQLite by one prepared INSERT."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from backtests.optimise.models import Trial

COLUMNS = (
    "run_id",
    "number",
    "parameters",
    "net_profit",
    "fills",
    "result_hash",
    "sharpe",
    "score",
    "objectives",
    "feasible",
    "generation",
    "statistics",
    "error",
)


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One trial as it is stored, of an optimisation and generation that its chunk knows."""

    number: int
    parameters: dict[str, Any]
    net_profit: float | None = None
    fills: int | None = None
    result_hash: str = ""
    sharpe: float | None = None
    scores: list[float | None] = field(default_factory=list)
    feasible: bool = False
    statistics: dict[str, Any] = field(default_factory=dict)
    error: str = ""


def store_trials(run_id: int, generation: int, trials: Iterable[TrialRow]) -> None:
    """Insert the trials. Raises ``IntegrityError`` for a number that is there already."""
    rows = [_values(run_id, generation, trial) for trial in trials]
    table = connection.ops.quote_name(Trial._meta.db_table)
    listed = ", ".join(connection.ops.quote_name(name) for name in COLUMNS)
    with connection.wrap_database_errors, connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({listed}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join(["%s"] * len(COLUMNS))
            cursor.executemany(f"INSERT INTO {table} ({listed}) VALUES ({marks})", rows)  # noqa: S608 - our own names


def _values(run_id: int, generation: int, trial: TrialRow) -> tuple[Any, ...]:
    return (
        run_id,
        trial.number,
        _json(trial.parameters),
        trial.net_profit,
        trial.fills,
        trial.result_hash,
        trial.sharpe,
        trial.scores[0] if trial.scores else None,
        _json(trial.scores),
        trial.feasible,
        generation,
        _json(trial.statistics),
        trial.error,
    )


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
