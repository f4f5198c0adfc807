"""What every benchmark gives: figures with a name, a value and a unit, as a table or as JSON lines."""

import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """One measured number."""

    name: str
    value: float
    unit: str


def best_seconds(work: Callable[[], object], rounds: int = 5) -> float:
    """The shortest of several rounds: what disturbs a measurement only ever makes it longer."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def show(figures: Iterable[Figure]) -> None:
    """Print each figure as it comes; with ``--json`` on the command line one object a line."""
    for figure in figures:
        print(json.dumps(asdict(figure)) if "--json" in sys.argv else _row(figure), flush=True)


def _row(figure: Figure) -> str:
    number = f"{figure.value:,.0f}" if figure.value >= 1_000 else f"{figure.value:.4g}"
    return f"{figure.name:40} {number:>12} {figure.unit}"
