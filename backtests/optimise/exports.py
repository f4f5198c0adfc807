"""All trials of an optimisation as a file: CSV line by line, Parquet in row groups; never all in memory."""

import csv
from collections.abc import Iterator
from io import BytesIO, StringIO
from typing import Any

from backtests.optimise.batches import FETCH, batched
from backtests.optimise.models import OptimizationRun, Trial
from backtests.run_document import money

FIXED = ("number", "net_profit", "fills", "result_hash", "feasible", "error")


def columns_of(run: OptimizationRun) -> list[str]:
    """The columns: number, parameters, then figures; statistics are those of the first trial."""
    first = run.trials.filter(error="").order_by("number").first()
    parameters = list(first.parameters) if first else list(run.space)
    statistics = [name for name in first.statistics if name not in FIXED] if first else []
    return ["number", *parameters, *FIXED[1:5], *statistics, "error"]


def rows_of(run: OptimizationRun, columns: list[str]) -> Iterator[list[Any]]:
    """One row a trial, in the order of the numbers."""
    for trial in run.trials.order_by("number").iterator(FETCH):
        values = _values(trial)
        yield [values.get(name) for name in columns]


def csv_lines(run: OptimizationRun) -> Iterator[str]:
    """The file in pieces of text."""
    columns, file = columns_of(run), StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    for number, row in enumerate(rows_of(run, columns), 1):
        writer.writerow(row)
        if number % 1_000 == 0:
            yield file.getvalue()
            file.seek(0)
            file.truncate()
    yield file.getvalue()


def parquet_bytes(run: OptimizationRun) -> bytes:
    """The file, unrounded; the texts of parameters stay texts, all numbers are doubles but for counts."""
    import pyarrow as pa  # noqa: PLC0415 - slow to load and seldom needed
    import pyarrow.parquet as pq  # noqa: PLC0415

    columns = columns_of(run)
    schema = pa.schema([(name, _kind(run, name, pa)) for name in columns])
    file = BytesIO()
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for rows in batched(rows_of(run, columns)):
            columnar = dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))
            writer.write_table(pa.Table.from_pydict(columnar, schema=schema))
    return file.getvalue()


def _kind(run: OptimizationRun, name: str, pa: Any) -> Any:
    """The Parquet type of a column."""
    if name in {"number", "fills"}:
        return pa.int64()
    if name in {"result_hash", "error"}:
        return pa.string()
    if name == "feasible":
        return pa.bool_()
    first = run.trials.filter(error="").order_by("number").first()
    value = first.parameters.get(name) if first else None
    kinds = {bool: pa.bool_(), int: pa.int64(), str: pa.string()}
    return kinds.get(type(value), pa.float64())


def _values(trial: Trial) -> dict[str, Any]:
    own = {
        "number": trial.number,
        "net_profit": money(trial.net_profit),
        "fills": trial.fills,
        "result_hash": trial.result_hash,
        "feasible": trial.feasible,
        "error": trial.error,
    }
    return {**trial.statistics, **own, **trial.parameters}
