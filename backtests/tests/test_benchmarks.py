"""The benchmark of a backtest runs as its users call it, and what it compares comes to the same money."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.race import entries, peers, table

ROOT = Path(__file__).resolve().parents[2]
BARS = 2_000
KEYS = {"name", "engine", "bars", "seconds", "fills", "pnl", "value", "unit", "bars_per_second", "peak_mb"}

PROFIT = {"double_ma": (157, -3863.872), "grid": (97, 1363.325)}
"""Fills and PnL of the first 2,000 bars as vn.py, backtesting.py and backtrader make them, to the cent."""


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    words = ["benchmarks/backtest.py", "--json", "--bars", str(BARS), "--seconds", "0"]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_line_for_every_form_and_the_limit(lines: list[dict[str, Any]]) -> None:
    assert [(line["name"], line["engine"]) for line in lines] == [
        ("double_ma", "target"), ("double_ma", "plain"), ("double_ma", "numba_limit"),
        ("grid", "event"), ("grid", "plain"), ("grid", "numba_limit"),
        ("pairs200", "target"), ("pairs200", "numba_limit"),
    ]  # fmt: skip
    for line in lines:
        assert line.keys() >= KEYS
        assert (line["bars"], line["unit"], line["value"]) == (BARS, "s", line["seconds"])


@pytest.mark.parametrize("name", ["double_ma", "grid", "pairs200"])
def test_forms_and_bare_loop_make_the_same_money(name: str, lines: list[dict[str, Any]]) -> None:
    first, *others = [line for line in lines if line["name"] == name]
    for line in others:
        assert line["fills"] == first["fills"], line["engine"]
        assert line["pnl"] == pytest.approx(first["pnl"], abs=1e-6), line["engine"]


@pytest.mark.parametrize("name", sorted(PROFIT))
def test_the_bars_are_the_same_on_every_machine(name: str, lines: list[dict[str, Any]]) -> None:
    for line in lines:
        if line["name"] == name:
            assert (line["fills"], round(line["pnl"], 3)) == PROFIT[name], line["engine"]


def test_every_peer_has_an_environment_of_exact_versions() -> None:
    pinned = peers.sections(peers.PINS.read_text())
    chosen = [entry for case in entries.CASES for entry in entries.entries(case, BARS, peers=True)]
    others = {"fastapi"}  # what benchmarks/reads.py compares with
    assert {entry.home for entry in chosen} == {"", *(pinned.keys() - others)}
    assert others <= pinned.keys()
    assert all(line.count("==") == 1 and line[-1].isalnum() for lines in pinned.values() for line in lines)


@pytest.mark.parametrize(
    ("difference", "explained", "agrees", "said"),
    [
        (0.0, 0.0, True, "PnL equal"),
        (-0.001, -0.001, True, "PnL differs by -0.001000, all of it explained (-0.001000)"),
        (7.0, -0.001, False, "PnL DIFFERS by +7.000000, of which -0.001000 is explained"),
    ],
)
def test_a_difference_in_money_is_said(difference: float, explained: float, *, agrees: bool, said: str) -> None:
    line = {
        "engine": "peer", "seconds": 3.0, "version": "1.2", "note": "whole units",
        "difference": difference, "explained": explained, "agrees": agrees,
    }  # fmt: skip
    bare = line | {"engine": entries.LIMIT, "seconds": 0.5}
    assert f"  peer: 6.0 x limit; 1.2; {said}; whole units" in list(table.verdict([bare, line]))
