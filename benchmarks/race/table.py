"""The race for a reader: a row for each engine, then how fast it is beside the limit and why a PnL differs."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from benchmarks.race.entries import LIMIT

Line = dict[str, Any]

HEAD = (
    f"{'case':10}{'engine':16}{'bars':>10}{'seconds':>11}{'without':>11}{'first':>8}{'bars/s':>14}"
    f"{'fills':>10}{'PnL':>17}{'peak MB':>9}{'run MB':>8}"
)
"""``without``: the seconds without statistics; ``first``: of the first run, with what is loaded and compiled once."""


class Printer:
    """Prints lines as they come: JSON objects, a table with its verdicts, or the rows of a document."""

    def __init__(self, form: Literal["json", "table", "markdown"]) -> None:
        self._form = form
        if form != "json":
            print(HEAD if form == "table" else MARKDOWN, flush=True)

    def show(self, lines: Iterable[Line]) -> list[Line]:
        """Print the lines of one case and give them back."""
        seen: list[Line] = []
        for line in lines:
            seen.append(line)
            if self._form != "markdown":
                print(json.dumps(line) if self._form == "json" else row(line), flush=True)
        if self._form != "json":
            print("\n".join(markdown(seen) if self._form == "markdown" else verdict(seen)), flush=True)
        return seen


def row(line: Line) -> str:
    """One measurement."""
    without, grown = line["engine_seconds"], line["run_mb"]
    return (
        f"{line['name']:10}{line['engine']:16}{line['bars']:>10,}{line['seconds']:>11.5f}"
        f"{'' if without is None else f'{without:.5f}':>11}{line['first_seconds']:>8.2f}"
        f"{line['bars_per_second']:>14,.0f}{line['fills']:>10,}{line['pnl']:>17,.3f}"
        f"{line['peak_mb']:>9.0f}{'' if grown is None else f'{grown:.1f}':>8}"
    )


MARKDOWN = (
    "| case | engine | bars | seconds | without statistics | CPU seconds | x limit | fills | PnL | peak MB |\n"
    "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"
)


def markdown(lines: Sequence[Line]) -> Iterator[str]:
    """The measurements of one case for a document, best seconds to three figures."""
    bare = next((line["seconds"] for line in lines if line["engine"] == LIMIT), None)
    for line in lines:
        without = "" if line["engine_seconds"] is None else f"{line['engine_seconds']:.3g}"
        times = f"{line['seconds'] / bare:,.1f}" if bare else ""
        cells = (
            *(line["name"], line["engine"], f"{line['bars']:,}", f"{line['seconds']:.3g}", without),
            *(f"{line['cpu_seconds']:.3g}", times, f"{line['fills']:,}", f"{line['pnl']:,.3f}"),
            f"{line['peak_mb']:.0f}",
        )
        yield f"| {' | '.join(cells)} |"


def verdict(lines: Sequence[Line]) -> Iterator[str]:
    """For each engine its version, its time beside the limit's, and its PnL beside the first engine's."""
    bare = next((line["seconds"] for line in lines if line["engine"] == LIMIT), None)
    for line in lines:
        times = f"{line['seconds'] / bare:,.1f} x limit; " if bare else ""
        yield f"  {line['engine']}: {times}{line['version']}; {_profit(line)}; {line['note']}"
    yield ""


def _profit(line: Line) -> str:
    if not line["agrees"]:
        return f"PnL DIFFERS by {line['difference']:+.6f}, of which {line['explained']:+.6f} is explained"
    if abs(line["explained"]) > 0:
        return f"PnL differs by {line['difference']:+.6f}, all of it explained ({line['explained']:+.6f})"
    return "PnL equal"
