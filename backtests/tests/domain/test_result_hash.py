"""The fingerprint of a result: written out, and what changes it."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backtests.domain.engine import ENGINE_VERSION, RunConfig, run
from backtests.domain.result import RunResult
from backtests.domain.result_hash import canonical, cents, result_hash
from backtests.tests.domain.series import CODE, HOUR_NS, Scripted, bar_series, flat_costs

COSTS = flat_costs(slippage_ticks=1.0)
ROWS = [(1, 100.0, 100.5, 1.0), (1, 101.0, 101.5, 1.0), (2, 102.0, 102.5, 1.0)]


@pytest.fixture
def result() -> RunResult:
    return run(bar_series(ROWS), Scripted([1]), RunConfig(CODE, "1h", 1e6, 1.0, COSTS))


def hashed(result: RunResult, **changes: Any) -> str:
    given: dict[str, Any] = {
        "parameters": {"slow": 30, "fast": 10},
        "costs": COSTS,
        "data_hash": "d" * 64,
        "fills": result.fills,
        "end_equity": result.end_equity,
    }
    return result_hash(**(given | changes))


def test_the_document_is_as_written_down(result: RunResult) -> None:
    zeros = {f"{verb}_by_{unit}": 0.0 for verb in ("open", "close", "close_today") for unit in ("money", "volume")}
    margins = {"long_by_money": 0.1, "long_by_volume": 0.0, "short_by_money": 0.1, "short_by_volume": 0.0}
    document = {
        "parameters": {"fast": 10, "slow": 30},
        "costs": {
            "multiplier": 10.0,
            "price_tick": 1.0,
            "slippage_ticks": 1.0,
            "fees": [{"valid_from": "0001-01-01", **zeros}],
            "margins": [{"valid_from": "0001-01-01", **margins}],
        },
        "data": "d" * 64,
        "engine": ENGINE_VERSION,
        "fills": [[2 * HOUR_NS, 1, 0, 102, 1]],
        "end_equity": 100_000_500,  # 1,000,005.00: (102.5 - 102) x 10 gained
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    assert hashed(result) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("equity", "expected"),
    [
        (972533.7050000014, 97253370),  # one exact sum, 972533.705, added up in two orders
        (972533.7049999995, 97253370),
        (972533.715, 97253372),
        (972533.7049, 97253370),
        (972533.7051, 97253371),
        (-0.015, -2),
        (1e15, 10**17),
    ],
)
def test_half_a_cent_does_not_depend_on_the_order_of_the_sums(equity: float, expected: int) -> None:
    assert cents(equity) == expected


def test_canonical_json_has_sorted_keys_no_spaces_and_shortest_numbers() -> None:
    assert (
        canonical({"b": [0.1, 1e-9], "a": {"d": True, "c": "螺"}}) == r'{"a":{"c":"\u87ba","d":true},"b":[0.1,1e-09]}'
    )
    with pytest.raises(ValueError, match="JSON"):
        canonical({"a": float("nan")})


def test_what_a_reader_could_not_tell_apart_does_not_change_it(result: RunResult) -> None:
    base = hashed(result)
    assert hashed(result, parameters={"fast": 10, "slow": 30}) == base
    assert hashed(result, end_equity=result.end_equity + 0.001) == base
    assert hashed(result, costs=replace(COSTS, multiplier=10, price_tick=1)) == base, "10 and 10.0 are one number"
    dust = replace(result.fills, price=result.fills.price + 1e-9)
    assert hashed(result, fills=dust) == base


def test_whatever_matters_changes_it(result: RunResult) -> None:
    fills = result.fills
    changed = [
        hashed(result),
        hashed(result, parameters={"fast": 11, "slow": 30}),
        hashed(result, data_hash="e" * 64),
        hashed(result, costs=replace(COSTS, slippage_ticks=2.0)),
        hashed(result, end_equity=result.end_equity + 0.01),
        hashed(result, fills=replace(fills, price=fills.price + 1)),
        hashed(result, fills=replace(fills, start=fills.start + 1)),
        hashed(result, fills=replace(fills, direction=-fills.direction)),
        hashed(result, fills=replace(fills, volume=fills.volume + 1)),
        hashed(result, fills=replace(fills, offset=fills.offset + np.int8(1))),
    ]
    assert len(set(changed)) == len(changed)


def test_the_order_of_dated_rows_does_not_matter(result: RunResult) -> None:
    first, second = COSTS.fees[0], replace(COSTS.fees[0], valid_from=COSTS.fees[0].valid_from.replace(year=2020))
    one, other = replace(COSTS, fees=(first, second)), replace(COSTS, fees=(second, first))
    assert hashed(result, costs=one) == hashed(result, costs=other) != hashed(result)
