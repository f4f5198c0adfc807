"""The race for a reader: a row for each engine, then how fast it is beside the limit and why a PnL differs."""

from collections.abc import Iterator, Sequence
from typing import Any

Line = dict[str, Any]

HEAD = (
    f"{'case':10}{'engine':16}{'bars':>10}{'seconds':>11}{'without':>11}{'first':>8}{'bars/s':>14}"
    f"{'fills':>10}{'PnL':>17}{'peak MB':>9}{'run MB':>8}"
)
"""``without``: the seconds without statistics; ``first``: of the first run, with what is loaded and compiled once."""


def row(line: Line) -> str:
    """One measurement."""
    without, grown = line["engine_seconds"], line["run_mb"]
    return (
        f"{line['name']:10}{line['engine']:16}{line['bars']:>10,}{line['seconds']:>11.5f}"
        f"{'' if without is None else f'{without:.5f}':>11}{line['first_seconds']:>8.2f}"
        f"{line['bars_per_second']:>14,.0f}{line['fills']:>10,}{line['pnl']:>17,.3f}"
        f"{line['peak_mb']:>9.0f}{'' if grown is None else f'{grown:.1f}':>8}"
    )


def verdict(lines: Sequence[Line], limit: str) -> Iterator[str]:
    """For each engine its version, its time beside the limit's, and its PnL beside the first engine's."""
    bare = next((line["seconds"] for line in lines if line["engine"] == limit), None)
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
